//! Branches: make, list, change, delete.

use branch::BranchInfo;
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
        let author = self.caller.author();
        let info = self.database.branch_update(name, new_name, description, author)?;
        if info.name != name {
            self.rename_changes(name, &info.name)?;
        }
        Ok(shown(&info))
    }

    /// Takes a branch away with everything on it, and gives back what it drew from pools. Changes that
    /// propose it are canceled.
    pub fn branch_delete(&self, name: &str) -> Result<Json, ServiceError> {
        self.may_branch(Action::Delete)?;
        self.database.branch_delete(name, self.caller.author())?;
        // The branch is gone already; what is left goes with the next one, or at the next start.
        if let Err(_left) = self.sweep_files() {}
        self.end_changes(name, "canceled")?;
        Ok(json!({"deleted": name}))
    }
}

pub(crate) fn shown(branch: &BranchInfo) -> Json {
    json!({
        "id": branch.id.0.to_string(), "name": branch.name, "description": branch.description,
        "status": branch.status.word(), "is_default": branch.is_default(),
        "origin_branch": "main", "branched_from": branch.branched_from.to_string(),
        "fork": branch.fork.0, "created_at": branch.created_at.to_string(),
        "created_by": branch.created_by.to_string(),
        "has_schema_changes": branch.has_schema_changes,
    })
}
