//! Branches in the public dialect. Merging, rebasing and diffs come with their verbs.

use graphql::GraphqlError;
use serde_json::{Value as Json, json};

use crate::dialect::{Arguments, DialectHost, told};

impl DialectHost<'_> {
    /// `Branch`: a plain list, of all or of the one that is named; empty where there is none.
    pub(super) fn branches(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let all = self.service.branches().map_err(told)?;
        let all = all.get("branches").and_then(Json::as_array).cloned().unwrap_or_default();
        let names = arguments.texts("name");
        let (ids, by_id) = (arguments.texts("ids"), arguments.get("ids").is_some());
        let wanted = |branch: &&Json| {
            let is = |key: &str, of: &[String]| {
                branch[key].as_str().is_some_and(|text| of.iter().any(|one| one == text))
            };
            (names.is_empty() || is("name", &names)) && (!by_id || is("id", &ids))
        };
        Ok(Json::Array(all.iter().filter(wanted).map(public).collect()))
    }

    /// `BranchCreate`: done when it answers, whether it is waited for or not.
    pub(super) fn branch_create(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let description = data.text("description").unwrap_or_default();
        let made = self.service.branch_create(data.must("name")?, description).map_err(told)?;
        Ok(json!({"ok": true, "object": public(&made), "task": null}))
    }

    /// `BranchUpdate`: its description.
    pub(super) fn branch_update(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let name = data.must("name")?;
        self.service.branch_update(name, None, data.text("description")).map_err(told)?;
        Ok(json!({"ok": true}))
    }

    /// `BranchDelete`.
    pub(super) fn branch_delete(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        self.service.branch_delete(arguments.data()?.must("name")?).map_err(told)?;
        Ok(json!({"ok": true, "task": null}))
    }
}

/// A branch with the fields of the public dialect.
fn public(branch: &Json) -> Json {
    let mut told = branch.clone();
    told["sync_with_git"] = json!(false);
    told["graph_version"] = json!(1);
    told["is_isolated"] = json!(true);
    told
}
