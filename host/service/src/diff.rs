//! What a branch changed, as people and programs ask for it: compared with the fork or with main as it
//! is now, page by page, grouped by kind and by parent.

use std::collections::BTreeMap;

use branch::{
    Against, BranchDiff, BranchError, Cause, DiffScope, FieldDiff, Ledger, LedgerOrder, Moment,
    ObjectDiff, Op, Origin, Side,
};
use model::ObjectId;
use model::permission::Action;
use serde_json::{Value as Json, json};

use crate::limits::DIFF_NAME_BYTES_MAX;
use crate::limits::DIFFS_NAMED_MAX;
use crate::schemas::schema_diff;
use crate::{Service, ServiceError};

/// Which part of a diff is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiffRequest {
    /// `fork` (without it) or `main`: what the branch is compared with.
    pub against: Option<String>,
    /// Only what changed on the branch after this moment.
    pub from: Option<String>,
    /// The branch as of this moment.
    pub to: Option<String>,
    /// Only objects of this kind.
    pub kind: Option<String>,
    /// Objects to pass over.
    pub offset: usize,
    /// Objects at most; all without a number.
    pub limit: Option<usize>,
}

impl DiffRequest {
    fn scope(&self) -> Result<DiffScope, ServiceError> {
        let moment = |text: &Option<String>| {
            text.as_deref().map(Moment::parse).transpose().map_err(BranchError::from)
        };
        let against = match self.against.as_deref() {
            None | Some("fork") => Against::Fork,
            Some("main") => Against::Main,
            Some(other) => {
                let message = format!("`{other}` is nothing to compare with: `fork` or `main`");
                return Err(ServiceError::Request { code: "bad-diff", message });
            }
        };
        Ok(DiffScope { against, from: moment(&self.from)?, to: moment(&self.to)? })
    }
}

/// The part of a branch's life that a diff kept by name is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct DiffWindow {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

impl Service {
    /// What a branch changed, with who, when and which run, and where main changed the same.
    ///
    /// Counts are of the whole, whatever part is shown.
    pub fn branch_diff(&self, name: &str, request: &DiffRequest) -> Result<Json, ServiceError> {
        let diff = self.seen_diff(name, request.scope()?)?;
        let wanted = |one: &&ObjectDiff| request.kind.as_ref().is_none_or(|kind| one.kind == *kind);
        let objects = diff.objects.iter().filter(wanted);
        let shown = objects.skip(request.offset).take(request.limit.unwrap_or(usize::MAX));
        let counts = Counts::of(diff.objects.iter().map(|one| one.op));
        let schema: Vec<String> = diff.schema.iter().map(ToString::to_string).collect();
        Ok(json!({
            "branch": diff.branch, "fork": diff.fork.0,
            "against": request.against.as_deref().unwrap_or("fork"),
            "from": diff.from.to_string(), "to": diff.to.to_string(),
            "num_added": counts.added, "num_updated": counts.updated,
            "num_removed": counts.removed,
            "num_conflicts": diff.objects.iter().map(conflicts).sum::<usize>(),
            "kinds": kinds(&diff),
            "schema": {"changes": schema, "diff": schema_diff(&diff.schema)},
            "objects": shown.map(changed).collect::<Vec<_>>(),
        }))
    }

    /// What a branch changed of the kinds that the caller may look at.
    pub(crate) fn seen_diff(
        &self,
        name: &str,
        scope: DiffScope,
    ) -> Result<BranchDiff, ServiceError> {
        let mut diff = self.database.branch_diff(name, scope)?;
        if !self.caller.permissions.is_super_admin() {
            let view = self.on(Some(name), None)?.view()?;
            let main = self.database.view(model::BranchId::MAIN)?;
            // A kind that is on neither side is nobody's to look at.
            let sees = |kind: &str| {
                let known = view.schema().kind(kind).or_else(|| main.schema().kind(kind));
                known.is_some_and(|kind| self.sees(kind))
            };
            diff.objects.retain(|object| sees(&object.kind));
        }
        Ok(diff)
    }

    /// Keeps a diff under a name: the part of the branch's life that it is about. What is in it is
    /// worked out when it is asked for, so that it is never out of date.
    pub(crate) fn diff_keep(&self, name: &str, window: &DiffWindow) -> Result<(), ServiceError> {
        let refused = |message: String| ServiceError::Request { code: "bad-diff", message };
        if name.is_empty() || name.len() > DIFF_NAME_BYTES_MAX {
            let message = format!("the name of a diff must have 1 to {DIFF_NAME_BYTES_MAX} bytes");
            return Err(refused(message));
        }
        self.may_branch(Action::Update)?;
        self.change(|draft| {
            let prefix = draft.branch().0.to_be_bytes();
            let kept = draft.ledger_rows(
                Ledger::Diffs,
                &prefix,
                LedgerOrder::Ascending,
                DIFFS_NAMED_MAX,
            )?;
            let key = [&prefix[..], name.as_bytes()].concat();
            if kept.len() >= DIFFS_NAMED_MAX && kept.iter().all(|(known, _)| *known != key) {
                let message = format!("the branch keeps {DIFFS_NAMED_MAX} diffs by name already");
                return Err(refused(message));
            }
            let row = serde_json::to_vec(window).unwrap_or_default();
            Ok(draft.put_ledger(Ledger::Diffs, key, Some(row))?)
        })?;
        Ok(())
    }

    /// What a diff kept under a name is about.
    pub(crate) fn diff_kept(&self, name: &str) -> Result<Option<DiffWindow>, ServiceError> {
        let key = [&self.branch.0.to_be_bytes()[..], name.as_bytes()].concat();
        let row = self.view()?.ledger(Ledger::Diffs, &key)?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
    }
}

/// How many were added, changed and removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) added: usize,
    pub(crate) updated: usize,
    pub(crate) removed: usize,
}

impl Counts {
    pub(crate) fn of(ops: impl Iterator<Item = Op>) -> Self {
        let mut counts = Self::default();
        for op in ops {
            match op {
                Op::Created => counts.added += 1,
                Op::Updated => counts.updated += 1,
                Op::Deleted => counts.removed += 1,
            }
        }
        counts
    }
}

/// The public word for what happened.
pub(crate) fn word(op: Op) -> &'static str {
    match op {
        Op::Created => "ADDED",
        Op::Updated => "UPDATED",
        Op::Deleted => "REMOVED",
    }
}

/// Conflicts of one object.
pub(crate) fn conflicts(object: &ObjectDiff) -> usize {
    let fields = object.fields.iter().filter(|field| field.side == Side::Both).count();
    fields + usize::from(object.conflict.is_some())
}

/// Counts by kind, in the order of their names.
fn kinds(diff: &BranchDiff) -> Vec<Json> {
    let mut by_kind: BTreeMap<&str, Vec<Op>> = BTreeMap::new();
    for object in &diff.objects {
        by_kind.entry(&object.kind).or_default().push(object.op);
    }
    let told = |(kind, ops): (&str, Vec<Op>)| {
        let counts = Counts::of(ops.into_iter());
        json!({
            "kind": kind, "num_added": counts.added, "num_updated": counts.updated,
            "num_removed": counts.removed,
        })
    };
    by_kind.into_iter().map(told).collect()
}

/// The run behind a commit, if one is.
pub(crate) fn run_of(cause: &Cause) -> Json {
    match cause {
        Cause::Run { run, definition, .. } => {
            json!({"run": ObjectId(*run).to_string(), "definition": definition})
        }
        _ => Json::Null,
    }
}

fn with_origin(mut told: Json, origin: &Origin) -> Json {
    told["commit"] = json!(origin.commit.0);
    told["by"] = json!(origin.by.to_string());
    told["at"] = json!(origin.at.to_string());
    told["run"] = run_of(&origin.cause);
    told
}

fn changed(object: &ObjectDiff) -> Json {
    let field = |field: &FieldDiff| {
        let told = json!({
            "name": field.name, "property": field.property, "before": field.before,
            "after": field.after, "main": field.main, "changed_on": field.side.word(),
        });
        with_origin(told, &field.origin)
    };
    let property = |field: &FieldDiff| json!({"property": field.property, "before": field.before, "after": field.after});
    let link = |link: &branch::LinkDiff| {
        let told = json!({
            "name": link.name, "peer": link.peer.to_string(), "label": link.peer_label,
            "status": word(link.op), "changed_on": link.side.word(),
            "properties": link.properties.iter().map(property).collect::<Vec<_>>(),
        });
        with_origin(told, &link.origin)
    };
    let parent = object.parent.as_ref().map(|parent| {
        json!({
            "id": parent.id.to_string(), "kind": parent.kind, "label": parent.label,
            "relationship": parent.relationship,
        })
    });
    let told = json!({
        "id": object.id.to_string(), "kind": object.kind, "label": object.label,
        "status": word(object.op), "conflict": object.conflict, "parent": parent,
        "changed_on": object.side.word(),
        "attributes": object.fields.iter().map(field).collect::<Vec<_>>(),
        "relationships": object.links.iter().map(link).collect::<Vec<_>>(),
    });
    with_origin(told, &object.origin)
}
