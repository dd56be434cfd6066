//! Merging, rebasing and validating branches, and deciding their conflicts.

use std::collections::BTreeSet;

use branch::{
    BranchFault, Cause, ChangeSet, Conflict, ConflictId, ConflictSide, Keep, MergeCheck, Op,
    Touched, View,
};
use engine::Instance;
use model::permission::{Action, GlobalAction, Place};
use model::{ObjectId, Seq};
use serde_json::{Value as Json, json};

use crate::diff::word;
use crate::{Service, ServiceError};

/// What a merge did.
pub(crate) struct MergeDone {
    /// As JSON.
    pub(crate) told: Json,
    /// What went with targets that main no longer has.
    pub(crate) ended: Touched,
}

/// The targets of a branch's own instances.
pub(crate) fn targets_of(view: &View) -> Result<BTreeSet<ObjectId>, ServiceError> {
    let instances = Instance::all(view)?;
    Ok(instances.iter().filter_map(|instance| instance.target).collect())
}

impl Service {
    /// Where a branch and main changed the same to something else, and what was decided of it.
    pub fn branch_conflicts(&self, name: &str) -> Result<Json, ServiceError> {
        self.may_look()?;
        let conflicts = self.database.branch_conflicts(name)?;
        let open = conflicts.iter().filter(|conflict| conflict.is_open()).count();
        let told: Vec<Json> = conflicts.iter().map(shown).collect();
        Ok(json!({"branch": name, "open": open, "conflicts": told}))
    }

    /// Decides which side of a conflict stands: `main` or `branch`; without one the decision goes.
    pub fn branch_resolve(&self, id: &str, keep: Option<&str>) -> Result<Json, ServiceError> {
        self.may_branch(Action::Update)?;
        let missing = || branch::BranchError::from(BranchFault::NoConflict { id: id.to_owned() });
        let conflict: ConflictId = id.parse().map_err(|_bad| missing())?;
        let keep = keep
            .map(|text| {
                Keep::parse(text).ok_or_else(|| ServiceError::Request {
                    code: "bad-side",
                    message: format!("`{text}` is no side of a conflict; keep `main` or `branch`"),
                })
            })
            .transpose()?;
        Ok(shown(&self.database.branch_resolve(conflict, keep, self.caller.author())?))
    }

    /// Whether a branch can be merged: its conflicts, the rules that would be broken, and what main
    /// would get. Changes nothing.
    pub fn branch_validate(&self, name: &str) -> Result<Json, ServiceError> {
        self.may_look()?;
        let check = self.database.branch_validate(name)?;
        self.validated(name, &check)
    }

    /// Brings what a branch changed to main and freezes the branch. What generators made for targets
    /// that main no longer has goes.
    pub fn branch_merge(&self, name: &str) -> Result<Json, ServiceError> {
        self.caller.check_global(GlobalAction::MergeBranch, Place::Default)?;
        Ok(self.merge_as_of(name, None)?.told)
    }

    /// The same; with a commit, only if nothing of the branch was changed after it.
    pub(crate) fn merge_as_of(
        &self,
        name: &str,
        as_of: Option<Seq>,
    ) -> Result<MergeDone, ServiceError> {
        let view = self.database.view(self.database.branch(name)?)?;
        let targets = targets_of(&view)?;
        drop(view);
        let merged = self.database.branch_merge_as_of(name, self.caller.author(), as_of)?;
        let main = self.on(None, None)?;
        let mut changes = merged.changes;
        let mut ended = Touched::default();
        // It is merged: that something could not be taken away after it is told beside that.
        let mut left = Vec::new();
        for swept in [main.sweep(&changes), main.end_targets(&targets)] {
            match swept {
                Ok(more) => {
                    ended.extend(&more.touched, Seq(0));
                    changes.changes.extend(more.changes.changes);
                }
                Err(bad) => left.push(json!({"code": bad.code(), "message": bad.to_string()})),
            }
        }
        // Whoever proposed it has what they asked for, whichever way it came.
        if let Err(bad) = main.end_changes(name, "merged") {
            left.push(json!({"code": bad.code(), "message": bad.to_string()}));
        }
        let told = json!({
            "merged": name, "commit": merged.seq.map(|seq| seq.0),
            "changes": self.told_of(&main.view()?, &changes),
            "left": left, "branch": self.branch(name)?,
        });
        Ok(MergeDone { told, ended })
    }

    /// Brings a branch to main as it is now.
    pub fn branch_rebase(&self, name: &str) -> Result<Json, ServiceError> {
        self.may_branch(Action::Update)?;
        let info = self.database.branch_rebase(name, self.caller.author())?;
        let branch = self.on(Some(name), None)?;
        branch.sweep_all()?;
        branch.note_branch();
        Ok(crate::branches::shown(&info))
    }

    /// What changed of the kinds that the caller may look at, as a view knows them.
    pub(crate) fn told_of(&self, view: &View, changes: &ChangeSet) -> Json {
        let mut seen = changes.clone();
        if !self.caller.permissions.is_super_admin() {
            let schema = view.schema();
            seen.changes.retain(|one| schema.kind(&one.kind).is_some_and(|kind| view.sees(kind)));
        }
        seen.to_json()
    }

    /// What stands in the way of a merge, and what main would get, as far as the caller may look at it.
    pub(crate) fn validated(&self, name: &str, check: &MergeCheck) -> Result<Json, ServiceError> {
        // Kinds that the merge brings are known on the branch alone.
        let view = self.on(Some(name), None)?.view()?;
        let mut conflicts = check.conflicts.clone();
        for conflict in &mut conflicts {
            let kind = view.schema().kind(&conflict.object_kind);
            if kind.is_some_and(|kind| !view.sees(kind)) {
                conflict.hide();
            }
        }
        let conflicts: Vec<Json> = conflicts.iter().map(shown).collect();
        let violations: Vec<Json> = check
            .violations
            .iter()
            .map(|broken| json!({"code": broken.code(), "message": broken.to_string()}))
            .collect();
        Ok(json!({
            "branch": name, "ok": check.is_clear(), "conflicts": conflicts,
            "violations": violations, "changes": self.told_of(&view, &check.changes),
        }))
    }
}

fn shown(conflict: &Conflict) -> Json {
    json!({
        "id": conflict.id.to_string(), "type": conflict.kind.word(),
        "object": conflict.object.map(|id| id.to_string()), "kind": conflict.object_kind,
        "label": conflict.label, "path": conflict.path, "base": conflict.base,
        "main": side(&conflict.main), "branch": side(&conflict.branch),
        "resolvable": conflict.is_resolvable, "keep": conflict.keep.map(|keep| match keep {
            Keep::Main => "main",
            Keep::Branch => "branch",
        }),
        "text": conflict.to_string(),
    })
}

fn side(side: &ConflictSide) -> Json {
    let run = match &side.cause {
        Some(Cause::Run { run, definition, .. }) => {
            json!({"run": ObjectId(*run).to_string(), "definition": definition})
        }
        _ => Json::Null,
    };
    let op: Op = side.op;
    json!({
        "status": word(op), "value": side.value, "by": side.by.map(|by| by.to_string()),
        "at": side.at.map(|at| at.to_string()), "run": run,
    })
}
