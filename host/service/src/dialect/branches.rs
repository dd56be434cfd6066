//! Branches in the public dialect.

use graphql::GraphqlError;
use model::Timestamp;
use serde_json::{Value as Json, json};

use crate::dialect::{Arguments, DialectHost, page, told};

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

    /// `InfrahubBranch`: the same branches in pages, each value under `value`.
    pub(super) fn branch_page(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let all = self.service.branches().map_err(told)?;
        let all = all.get("branches").and_then(Json::as_array).cloned().unwrap_or_default();
        let is_default = |branch: &&Json| branch["is_default"] == json!(true);
        let default_branch = all.iter().find(is_default).map(in_fields);
        let partial = arguments.get("partial_match").and_then(Json::as_bool).unwrap_or(false);
        let (ids, by_id) = (arguments.texts("ids"), arguments.get("ids").is_some());
        let mut bounds = Vec::new();
        for (key, field) in BOUNDS {
            for (end, after) in [("after", true), ("before", false)] {
                let name = format!("{key}__{end}");
                let Some(text) = arguments.text(&name) else { continue };
                let moment = text.parse::<Timestamp>().map_err(|bad| {
                    GraphqlError::bad_request(format!("`{name}`: `{text}` is {bad}"))
                })?;
                bounds.push((field, after, moment));
            }
        }
        let wanted = |branch: &&Json| {
            let text = |key: &str| branch[key].as_str().unwrap_or_default();
            let named = arguments.text("name__value").is_none_or(|name| match partial {
                true => text("name").to_lowercase().contains(&name.to_lowercase()),
                false => text("name") == name,
            });
            let within = bounds.iter().all(|(field, after, moment)| {
                let at = text(field).parse::<Timestamp>().ok();
                at.is_some_and(|at| if *after { at > *moment } else { at < *moment })
            });
            let is =
                |name: &str, key: &str| arguments.text(name).is_none_or(|one| text(key) == one);
            named
                && within
                && (!by_id || ids.iter().any(|id| id == text("id")))
                && is("status__value", "status")
                && is("node_metadata__created_by__id", "created_by")
        };
        let mut found: Vec<&Json> = all.iter().filter(wanted).collect();
        let order = |field: &str| {
            let order = arguments.get("order").and_then(|order| order.get("node_metadata"));
            order.and_then(|order| order.get(field)).and_then(Json::as_str).map(str::to_owned)
        };
        // A branch is told as changed when it was made: there is no other moment in its record.
        if let Some(direction) = order("created_at").or_else(|| order("updated_at")) {
            found
                .sort_by_key(|branch| branch["created_at"].as_str().unwrap_or_default().to_owned());
            if direction == "DESC" {
                found.reverse();
            }
        }
        let edge = |branch: &&Json| {
            let (at, by) = (&branch["created_at"], &branch["created_by"]);
            let by = json!({"__typename": "CoreAccount", "id": by});
            json!({"node": in_fields(branch), "node_metadata": {
                "created_at": at, "created_by": by, "updated_at": at, "updated_by": by,
            }})
        };
        let edges: Vec<Json> = found.iter().map(edge).collect();
        Ok(json!({
            "count": edges.len(), "edges": page(edges, arguments), "default_branch": default_branch,
        }))
    }

    /// `BranchCreate`: done when it answers, whether it is waited for or not. Who does not wait is told
    /// a task, as the published client then needs one; it is found by its id, and over.
    pub(super) fn branch_create(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let description = data.text("description").unwrap_or_default();
        let made = self.service.branch_create(data.must("name")?, description).map_err(told)?;
        let waits = arguments.get("wait_until_completion") != Some(&json!(false));
        let task = if waits { Json::Null } else { json!({"id": creation(&made)}) };
        Ok(json!({"ok": true, "object": public(&made), "task": task}))
    }

    /// The tasks that made branches, of these ids.
    pub(super) fn branch_tasks(&self, ids: &[String]) -> Result<Vec<Json>, GraphqlError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let all = self.service.branches().map_err(told)?;
        let all = all["branches"].as_array().cloned().unwrap_or_default();
        let wanted = all.iter().filter(|branch| ids.contains(&creation(branch)));
        Ok(wanted.map(creation_task).collect())
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

    /// `BranchMerge`.
    pub(super) fn branch_merge(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let merged = self.service.branch_merge(arguments.data()?.must("name")?).map_err(told)?;
        Ok(json!({"ok": true, "object": public(&merged["branch"]), "task": null}))
    }

    /// `BranchRebase`.
    pub(super) fn branch_rebase(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let branch = self.service.branch_rebase(arguments.data()?.must("name")?).map_err(told)?;
        Ok(json!({"ok": true, "object": public(&branch), "task": null}))
    }

    /// `BranchValidate`: whether it can be merged, and what stands in the way.
    pub(super) fn branch_validate(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let name = data.must("name")?;
        let check = self.service.branch_validate(name).map_err(told)?;
        let list = |of: &str| check[of].as_array().cloned().unwrap_or_default();
        let open = list("conflicts").into_iter().filter(|one| one["keep"].is_null());
        let messages = open.map(|one| one["text"].clone());
        let broken = list("violations").into_iter().map(|one| one["message"].clone());
        let messages: Vec<Json> = messages.chain(broken).collect();
        let branch = self.service.branch(name).map_err(told)?;
        Ok(json!({
            "ok": check["ok"], "object": public(&branch), "messages": messages, "task": null,
        }))
    }

    /// `ResolveDiffConflict`: keeps one side; without one the decision goes.
    pub(super) fn resolve_conflict(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let (id, keep) = (data.must("conflict_id")?, data.text("selected_branch"));
        self.service.branch_resolve(id, keep).map_err(told)?;
        Ok(json!({"ok": true}))
    }
}

/// The id of the task that made a branch: always the same for the branch.
fn creation(branch: &Json) -> String {
    let named = format!("branch-create {}", branch["id"].as_str().unwrap_or_default());
    let digest = model::Digest::of(named.as_bytes());
    let half = digest.0.first_chunk::<16>().copied().unwrap_or_default();
    model::ObjectId(u128::from_be_bytes(half)).to_string()
}

fn creation_task(branch: &Json) -> Json {
    let (name, at) = (&branch["name"], &branch["created_at"]);
    let title = format!("Create branch {}", name.as_str().unwrap_or_default());
    json!({"node": {
        "id": creation(branch), "title": title, "conclusion": "success", "state": "COMPLETED",
        "progress": 1.0, "workflow": "branch-create", "branch": name, "created_at": at,
        "updated_at": at, "start_time": at, "parameters": {}, "tags": [], "related_node": null,
        "related_node_kind": null, "related_nodes": [], "logs": {"count": 0, "edges": []},
        "available_actions": [], "error": null,
    }})
}

/// Filters by a moment, and what they look at.
const BOUNDS: [(&str, &str); 3] = [
    ("branched_from", "branched_from"),
    ("node_metadata__created_at", "created_at"),
    ("node_metadata__updated_at", "created_at"),
];

/// A branch with each value in an object of its own; but for those that never change.
fn in_fields(branch: &Json) -> Json {
    let mut told = public(branch);
    for (name, value) in told.as_object_mut().into_iter().flatten() {
        if !matches!(name.as_str(), "id" | "created_at") {
            *value = json!({"value": value.take()});
        }
    }
    told
}

/// A branch with the fields of the public dialect.
fn public(branch: &Json) -> Json {
    let mut told = branch.clone();
    told["schema_differs_from_default_branch"] = branch["has_schema_changes"].clone();
    told["sync_with_git"] = json!(false);
    told["graph_version"] = json!(1);
    told["is_isolated"] = json!(true);
    told
}
