//! The first account: made once, with the groups and roles of a new installation.

use branch::{AttrInput, Draft, Input, Ledger, PeerInput};
use model::ObjectId;
use model::permission::{Decision, GlobalAction};
use serde_json::json;

use crate::accounts::ACCOUNT;
use crate::{Service, ServiceError};

/// The group whose members may do everything.
pub const SUPER_ADMINISTRATORS: &str = "Super Administrators";
/// The group of everybody else.
const USERS: &str = "Kiln Users";
/// The row that says that there is an administrator; the others' keys are digests.
const GUARDED: &[u8] = b"guarded";
/// Name of the first account.
const ADMIN: &str = "admin";

/// Secrets of the first account.
#[derive(Clone)]
pub struct FirstAdmin {
    /// Its password.
    pub password: String,
    /// An API token of it.
    pub token: String,
}

impl std::fmt::Debug for FirstAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FirstAdmin")
    }
}

impl Service {
    /// Whether who changes something must say who they are: from the first administrator on, for good.
    /// Accounts that are mere objects, to own things, do not ask for it.
    pub fn has_accounts(&self) -> Result<bool, ServiceError> {
        Ok(self.accounts_view()?.ledger(Ledger::Tokens, GUARDED)?.is_some())
    }

    /// Makes the first administrator, with groups, roles and permissions, where there is none. Tells
    /// whether it did.
    pub fn first_admin(&self, admin: &FirstAdmin) -> Result<bool, ServiceError> {
        if self.has_accounts()? {
            return Ok(false);
        }
        self.change(|draft| {
            let super_admin = global(draft, GlobalAction::SuperAdmin)?;
            let administrators = role(draft, "Super Administrator", vec![super_admin])?;
            let first = account(draft, &admin.password)?;
            group(draft, SUPER_ADMINISTRATORS, administrators, vec![first])?;
            let view = object(draft, "view", Decision::AllowAll)?;
            let anything = object(draft, "any", Decision::AllowOther)?;
            let users = role(draft, "General Access", vec![view, anything])?;
            group(draft, USERS, users, Vec::new())?;
            draft.put_ledger(Ledger::Tokens, GUARDED.to_vec(), Some(vec![1]))?;
            // In the same commit: an account whose token is refused would lock everybody out.
            self.put_token(draft, first, ("initial token", &admin.token), None)?;
            Ok(())
        })?;
        Ok(true)
    }
}

fn global(draft: &mut Draft, action: GlobalAction) -> Result<ObjectId, ServiceError> {
    let input = Input::default()
        .attr("action", AttrInput::value(action.word()))
        .attr("decision", AttrInput::value(Decision::AllowAll.number()));
    Ok(draft.create("CoreGlobalPermission", None, input)?)
}

fn object(draft: &mut Draft, action: &str, decision: Decision) -> Result<ObjectId, ServiceError> {
    let input = Input::default()
        .attr("namespace", AttrInput::value("*"))
        .attr("name", AttrInput::value("*"))
        .attr("action", AttrInput::value(action))
        .attr("decision", AttrInput::value(decision.number()));
    Ok(draft.create("CoreObjectPermission", None, input)?)
}

fn role(
    draft: &mut Draft,
    name: &str,
    permissions: Vec<ObjectId>,
) -> Result<ObjectId, ServiceError> {
    let permissions = permissions.into_iter().map(PeerInput::id).collect();
    let input = Input::default().json("name", json!(name)).rel("permissions", permissions);
    Ok(draft.create("CoreAccountRole", None, input)?)
}

fn group(
    draft: &mut Draft,
    name: &str,
    role: ObjectId,
    members: Vec<ObjectId>,
) -> Result<(), ServiceError> {
    let input = Input::default()
        .json("name", json!(name))
        .rel("roles", vec![PeerInput::id(role)])
        .rel("members", members.into_iter().map(PeerInput::id).collect());
    draft.create("CoreAccountGroup", None, input)?;
    Ok(())
}

fn account(draft: &mut Draft, password: &str) -> Result<ObjectId, ServiceError> {
    let input = Input::default()
        .json("name", json!(ADMIN))
        .json("label", json!("Administrator"))
        .json("password", json!(password));
    Ok(draft.upsert(ACCOUNT, None, input)?.0)
}
