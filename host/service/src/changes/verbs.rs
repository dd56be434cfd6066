//! What is done with a proposed change: open, show, check, review, comment, merge, close.

use branch::{Input, Object, PeerInput, PeerRef, View};
use engine::RunOutcome;
use model::ObjectId;
use model::permission::{GlobalAction, Place};
use serde_json::{Value as Json, json};

use crate::changes::aftermath::Aftermath;
use crate::changes::{CheckKind, KIND, Proposed, peers, refused, values};
use crate::history::label;
use crate::{Service, ServiceError};

/// A change to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeInput {
    /// Name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The branch that is proposed.
    pub source_branch: String,
    /// It is not to be merged yet.
    pub is_draft: bool,
    /// Names or ids of accounts that are asked to look at it.
    pub reviewers: Vec<String>,
}

impl Service {
    /// Opens a proposed change and has its checks run: at once, or soon where a thread does so.
    pub fn change_open(&self, change: &ChangeInput) -> Result<Json, ServiceError> {
        let main = self.on_main();
        let mut id = ObjectId::MIN;
        main.change(|draft| {
            let account = |name: &String| {
                let peer = match name.parse::<ObjectId>() {
                    Ok(id) => PeerRef::Id(id),
                    Err(_name) => PeerRef::Hfid { kind: None, parts: vec![name.clone()] },
                };
                PeerInput::to(peer)
            };
            let mut input = Input::default()
                .json("name", json!(change.name))
                .json("source_branch", json!(change.source_branch))
                .json("destination_branch", json!("main"))
                .json("is_draft", json!(change.is_draft))
                .rel("reviewers", change.reviewers.iter().map(account).collect());
            if let Some(description) = &change.description {
                input = input.json("description", json!(description));
            }
            id = draft.create(KIND, None, input)?;
            Ok(())
        })?;
        main.change_show(&id.to_string())
    }

    /// Proposed changes, the newest first; only those of a state where one is named.
    pub fn changes(&self, state: Option<&str>) -> Result<Json, ServiceError> {
        self.may_look()?;
        let view = self.database.view(model::BranchId::MAIN)?;
        let mut all = Vec::new();
        for object in view.objects(view.kind(KIND)?)? {
            let object = object?;
            let change = Proposed::read(&object);
            if state.is_none_or(|state| state == change.state) {
                all.push(self.head(&view, &object)?);
            }
        }
        all.reverse();
        Ok(json!({"changes": all}))
    }

    /// The branch that a change proposes.
    pub(crate) fn change_source(&self, name: &str) -> Result<String, ServiceError> {
        let main = self.on_main();
        Ok(main.proposed(&main.view()?, name)?.source)
    }

    fn head(&self, view: &View, object: &Object) -> Result<Json, ServiceError> {
        let names = |relationship: &str| -> Result<Vec<String>, ServiceError> {
            let mut names = Vec::new();
            for account in peers(view, object.id(), relationship)? {
                names.push(label(view, account.id())?);
            }
            Ok(names)
        };
        let mut told = values(object);
        told["created_at"] = json!(view.committed_at(object.created())?.to_string());
        told["created_by"] = json!(label(view, object.created_by())?);
        for relationship in ["reviewers", "approved_by", "rejected_by"] {
            told[relationship] = json!(names(relationship)?);
        }
        Ok(told)
    }

    /// One change with its checks, comments and reviews, and what stands in the way of merging it.
    pub fn change_show(&self, name: &str) -> Result<Json, ServiceError> {
        self.may_look()?;
        let view = self.database.view(model::BranchId::MAIN)?;
        let change = self.proposed(&view, name)?;
        let object = view.object(change.id)?;
        let mut told = match &object {
            Some(object) => self.head(&view, object)?,
            None => Json::Null,
        };
        let verdicts = self.verdicts(&view, &change)?;
        let stale: Vec<bool> = verdicts.iter().map(|one| one.stale && !one.pending).collect();
        let mut validators = Vec::new();
        for (validator, stale) in peers(&view, change.id, "validations")?.iter().zip(stale) {
            let mut one = values(validator);
            one["stale"] = json!(stale);
            let checks = peers(&view, validator.id(), "checks")?;
            one["checks"] = checks.iter().map(values).collect();
            validators.push(one);
        }
        told["validators"] = Json::Array(validators);
        told["comments"] = comments(&view, change.id)?;
        let mut threads = Vec::new();
        for thread in peers(&view, change.id, "threads")? {
            let mut one = values(&thread);
            one["comments"] = comments(&view, thread.id())?;
            threads.push(one);
        }
        told["threads"] = Json::Array(threads);
        let blockers = self.blockers(&view, &change)?;
        told["checks_pending"] = json!(change.is_open() && self.is_waiting(&change));
        told["mergeable"] = json!(blockers.is_empty());
        told["blockers"] = json!(blockers);
        Ok(told)
    }

    /// Has checks of a change run again, of the kinds that are named: at once, or soon where a thread
    /// does so.
    pub fn change_check(&self, name: &str, kinds: &[CheckKind]) -> Result<Json, ServiceError> {
        let main = self.on_main();
        let view = main.view()?;
        main.may(view.kind(KIND)?, model::permission::Action::Update)?;
        drop(view);
        let change = main.must_be_open(name)?;
        main.check_soon(&change, kinds)?;
        main.change_show(&change.id.to_string())
    }

    /// A review by the calling account: `APPROVE`, `REJECT`, or taking either back.
    pub fn change_review(&self, name: &str, decision: &str) -> Result<Json, ServiceError> {
        let main = self.on_main();
        let (list, adds) = match decision.to_uppercase().as_str() {
            "APPROVE" => ("approved_by", true),
            "REJECT" => ("rejected_by", true),
            "CANCEL_APPROVE" => ("approved_by", false),
            "CANCEL_REJECT" => ("rejected_by", false),
            _ => {
                let message = format!(
                    "`{decision}` is no decision: APPROVE, REJECT, CANCEL_APPROVE or CANCEL_REJECT"
                );
                return Err(ServiceError::Request { code: "bad-review", message });
            }
        };
        let Some(account) = main.caller.account else {
            let message = "a review is somebody's; log in, or send a token".to_owned();
            return Err(ServiceError::Unauthenticated { code: "no-account", message });
        };
        let change = main.must_be_open(name)?;
        if main.is_mine(change.id)? {
            let message = format!("`{}` is yours; somebody else has to review it", change.name);
            return Err(refused("own-change", message));
        }
        let me = || vec![PeerInput::id(account)];
        main.change(|draft| {
            if adds {
                draft.add_links(change.id, list, me())?;
                let other = if list == "approved_by" { "rejected_by" } else { "approved_by" };
                draft.remove_links(change.id, other, me())?;
            } else {
                draft.remove_links(change.id, list, me())?;
            }
            Ok(())
        })?;
        main.change_show(&change.id.to_string())
    }

    fn is_mine(&self, change: ObjectId) -> Result<bool, ServiceError> {
        let object = self.view()?.object(change)?;
        Ok(object.is_some_and(|object| Some(object.created_by()) == self.caller.account))
    }

    /// A comment on a change; with an object path (`data/ID/attribute`), a thread about it.
    pub fn change_comment(
        &self,
        name: &str,
        text: &str,
        object_path: Option<&str>,
    ) -> Result<Json, ServiceError> {
        let main = self.on_main();
        let change = main.proposed(&main.view()?, name)?;
        main.change(|draft| {
            let of = |name: &str, id: ObjectId| {
                let input = Input::default().json("text", json!(text));
                input.rel(name, vec![PeerInput::id(id)])
            };
            match object_path {
                None => {
                    let comment = of("change", change.id);
                    draft.create("CoreChangeComment", None, comment)?;
                }
                Some(path) => {
                    let thread = Input::default()
                        .json("object_path", json!(path))
                        .json("label", json!(path))
                        .rel("change", vec![PeerInput::id(change.id)]);
                    let thread = draft.create("CoreObjectThread", None, thread)?;
                    draft.create("CoreThreadComment", None, of("thread", thread))?;
                }
            }
            Ok(())
        })?;
        main.change_show(&change.id.to_string())
    }

    /// Closes a change, cancels it, or opens it again: `closed`, `canceled`, `open`.
    pub fn change_state(&self, name: &str, state: &str) -> Result<Json, ServiceError> {
        let main = self.on_main();
        let change = main.proposed(&main.view()?, name)?;
        if change.state == "merged" {
            let message = format!("`{}` was merged; it stays as it is", change.name);
            return Err(refused("change-merged", message));
        }
        main.change(|draft| {
            draft.update(change.id, Input::default().json("state", json!(state)))?;
            Ok(())
        })?;
        main.change_show(&change.id.to_string())
    }

    pub(super) fn must_be_open(&self, name: &str) -> Result<Proposed, ServiceError> {
        let change = self.proposed(&self.view()?, name)?;
        if !change.is_open() {
            let message = format!("`{}` is {}; open it again first", change.name, change.state);
            return Err(refused("change-not-open", message));
        }
        Ok(change)
    }

    /// Merges a change: brings its checks up to date, refuses while a required one fails, merges the
    /// branch if nothing of it was changed since, and runs on main what the change concerns.
    pub fn change_merge(&self, name: &str) -> Result<Json, ServiceError> {
        let main = self.on_main();
        let change = main.must_be_open(name)?;
        main.caller.check_global(GlobalAction::MergeProposedChange, Place::Default)?;
        if change.is_draft {
            let message = format!("`{}` is a draft; say first that it is none", change.name);
            return Err(refused("change-is-draft", message));
        }
        let is_merged =
            main.database.branch_info(&change.source)?.status == branch::BranchStatus::Merged;
        if is_merged {
            // The host went down between the merge and its note.
            main.set_state(change.id, "merged")?;
            return main.change_show(&change.id.to_string());
        }
        let _begun = main.begin(&change)?;
        let mut kinds = vec![CheckKind::Data, CheckKind::Schema];
        let known = main.verdicts(&main.view()?, &change)?;
        if known.is_empty() || known.iter().any(|one| one.stale || one.pending) {
            kinds = CheckKind::ALL.to_vec();
        }
        main.run_checks(change.id, &kinds)?;
        let blockers = main.blockers(&main.view()?, &change)?;
        if !blockers.is_empty() {
            let message = format!(
                "`{}` cannot be merged: {} in the way; see `kiln change show`",
                change.name,
                if blockers.len() == 1 { "something is" } else { "several things are" }
            );
            return Err(ServiceError::Change { code: "checks-failed", message, details: blockers });
        }
        let branch = main.database.branch(&change.source)?;
        let view = main.database.view(branch)?;
        let touched = view.touched()?;
        drop(view);
        let merged = main.merge_as_of(&change.source, Some(touched.newest()))?;
        let cause = format!("merge of {}", change.name);
        let mut aftermath = Aftermath::of_merge(&main, cause, touched);
        aftermath.ended(&merged.ended);
        let followed = aftermath.follow()?;
        let mut told = main.change_show(&change.id.to_string())?;
        told["merge"] = merged.told;
        told["after"] = Json::Array(followed.runs);
        told["complete"] = json!(followed.complete);
        Ok(told)
    }
}

fn comments(view: &View, of: ObjectId) -> Result<Json, ServiceError> {
    let mut all = Vec::new();
    for comment in peers(view, of, "comments")? {
        all.push(json!({
            "id": comment.id().to_string(), "text": comment.value("text").to_json(),
            "by": label(view, comment.created_by())?,
            "at": view.committed_at(comment.created())?.to_string(),
        }));
    }
    Ok(Json::Array(all))
}

/// Whether a run failed.
pub(super) fn is_failed(outcome: &RunOutcome) -> bool {
    matches!(outcome, RunOutcome::Failed { .. })
}
