//! Proposed changes in the public dialect: what is done with one beyond changing its object.

use graphql::GraphqlError;
use serde_json::{Value as Json, json};

use crate::CheckKind;
use crate::dialect::{Arguments, DialectHost, told};

impl DialectHost<'_> {
    /// `CoreProposedChangeRunCheck`: asked for when it answers, and soon done.
    pub(super) fn change_check(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let word = data.text("check_type").unwrap_or("ALL");
        let kinds = CheckKind::parse(word)
            .ok_or_else(|| GraphqlError::bad_request(format!("`{word}` is no type of check")))?;
        self.service.change_check(data.must("id")?, &kinds).map_err(told)?;
        Ok(json!({"ok": true}))
    }

    /// `CoreProposedChangeMerge`.
    pub(super) fn change_merge(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        self.service.change_merge(arguments.data()?.must("id")?).map_err(told)?;
        Ok(json!({"ok": true, "task": null}))
    }

    /// `CoreProposedChangeReview`, by the calling account.
    pub(super) fn change_review(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        self.service.change_review(data.must("id")?, data.must("decision")?).map_err(told)?;
        Ok(json!({"ok": true}))
    }

    /// `CoreProposedChangeAvailableActions`: what can be done with one now, and why not.
    pub(super) fn change_actions(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let id = arguments.must("proposed_change_id")?;
        let change = self.service.change_show(id).map_err(told)?;
        let state = change["state"].as_str().unwrap_or_default();
        let is_open = state == "open";
        let listed = |name: &str| change[name].as_array().is_some_and(|list| !list.is_empty());
        let blockers: Vec<&str> =
            change["blockers"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let closed = format!("the change is {state}");
        let action = |name: &str, available: bool, reason: &str| {
            let reason = (!available).then(|| reason.to_owned());
            json!({"node": {
                "action": name, "available": available, "unavailability_reason": reason,
            }})
        };
        let draft = change["is_draft"] == json!(true);
        let edges = vec![
            action("open", matches!(state, "closed" | "canceled"), &closed),
            action("close", is_open, &closed),
            action("cancel", is_open, &closed),
            action("set-draft", is_open && !draft, "it is a draft, or not open"),
            action("unset-draft", is_open && draft, "it is no draft, or not open"),
            action("approve", is_open, &closed),
            action("cancel-approve", is_open && listed("approved_by"), "nobody approved it"),
            action("reject", is_open, &closed),
            action("cancel-reject", is_open && listed("rejected_by"), "nobody rejected it"),
            action("merge", blockers.is_empty(), &blockers.join("; ")),
        ];
        Ok(json!({"count": edges.len(), "edges": edges}))
    }
}
