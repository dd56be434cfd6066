//! Branches: make, list, change, delete.

use branch::{BranchInfo, Cause, ObjectDiff, Op};
use model::permission::Action;
use serde_json::{Value as Json, json};

use crate::{Service, ServiceError};

impl Service {
    /// All branches, main first.
    pub fn branches(&self) -> Result<Json, ServiceError> {
        let branches = self.database.branches()?;
        Ok(json!({"branches": branches.iter().map(shown).collect::<Vec<_>>()}))
    }

    /// One branch.
    pub fn branch(&self, name: &str) -> Result<Json, ServiceError> {
        Ok(shown(&self.database.branch_info(name)?))
    }

    /// Makes a branch from main as it is.
    pub fn branch_create(&self, name: &str, description: &str) -> Result<Json, ServiceError> {
        self.may_branch(Action::Create)?;
        Ok(shown(&self.database.branch_create(name, description, self.caller.author())?))
    }

    /// Gives a branch another name or description; what is not given stays.
    pub fn branch_update(
        &self,
        name: &str,
        new_name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Json, ServiceError> {
        self.may_branch(Action::Update)?;
        Ok(shown(&self.database.branch_update(
            name,
            new_name,
            description,
            self.caller.author(),
        )?))
    }

    /// What a branch changed since its fork, and where main changed the same.
    pub fn branch_diff(&self, name: &str) -> Result<Json, ServiceError> {
        let diff = self.database.branch_diff(name)?;
        let count = |op| diff.objects.iter().filter(|one| one.op == op).count();
        Ok(json!({
            "branch": diff.branch, "fork": diff.fork.0,
            "num_added": count(Op::Created), "num_updated": count(Op::Updated),
            "num_removed": count(Op::Deleted),
            "num_conflicts": diff.objects.iter().map(conflicts).sum::<usize>(),
            "objects": diff.objects.iter().map(changed).collect::<Vec<_>>(),
        }))
    }

    /// Takes a branch away with everything on it, and gives back what it drew from pools.
    pub fn branch_delete(&self, name: &str) -> Result<Json, ServiceError> {
        self.may_branch(Action::Delete)?;
        self.database.branch_delete(name, self.caller.author())?;
        Ok(json!({"deleted": name}))
    }
}

/// The public word for what happened.
fn word(op: Op) -> &'static str {
    match op {
        Op::Created => "ADDED",
        Op::Updated => "UPDATED",
        Op::Deleted => "REMOVED",
    }
}

fn conflicts(object: &ObjectDiff) -> usize {
    let fields = object.fields.iter().filter(|field| field.main.is_some()).count();
    fields + usize::from(object.conflict.is_some())
}

fn changed(object: &ObjectDiff) -> Json {
    let field = |field: &branch::FieldDiff| {
        json!({
            "name": field.name, "property": field.property, "before": field.before,
            "after": field.after, "main": field.main,
        })
    };
    let link = |link: &branch::LinkDiff| {
        json!({
            "name": link.name, "peer": link.peer.to_string(), "label": link.peer_label,
            "status": word(link.op),
        })
    };
    let run = match &object.cause {
        Cause::Run { run, definition, .. } => {
            json!({"run": model::ObjectId(*run).to_string(), "definition": definition})
        }
        _ => Json::Null,
    };
    json!({
        "id": object.id.to_string(), "kind": object.kind, "label": object.label,
        "status": word(object.op), "conflict": object.conflict,
        "by": object.by.to_string(), "at": object.at.to_string(), "run": run,
        "attributes": object.fields.iter().map(field).collect::<Vec<_>>(),
        "relationships": object.links.iter().map(link).collect::<Vec<_>>(),
    })
}

fn shown(branch: &BranchInfo) -> Json {
    json!({
        "id": branch.id.0.to_string(), "name": branch.name, "description": branch.description,
        "status": branch.status.word(), "is_default": branch.is_default(),
        "origin_branch": "main", "branched_from": branch.branched_from.to_string(),
        "fork": branch.fork.0, "created_at": branch.created_at.to_string(),
        "created_by": branch.created_by.to_string(),
        "has_schema_changes": branch.has_schema_changes,
    })
}
