//! Accounts: who calls, what they may do, and how they prove who they are.
//!
//! Accounts, groups, roles and permissions are objects of built-in kinds, kept on the default branch.
//! Tokens and sessions are not: they lie in a table of their own that no query reaches, by the digest
//! of what the client holds. Must not know HTTP: credentials come in as parts.

mod enforce;
mod first;
mod permissions;
mod session;
mod token;

use std::sync::Arc;

use branch::{Author, BranchError, Sight, View};
use model::permission::{Action, GlobalAction, Permissions, Place};
use model::schema::Kind;
use model::{BranchId, ObjectId};

use crate::{Service, ServiceError};

pub(crate) use permissions::permissions_of;

pub use first::{FirstAdmin, SUPER_ADMINISTRATORS};
pub use session::{ACCESS_SECONDS, REFRESH_SECONDS, Signed};
pub use token::{NAME_BYTES_MAX, TokenView};

/// The kind of accounts.
pub(crate) const ACCOUNT: &str = "CoreAccount";

/// Settings of access.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessOptions {
    /// Signs access tokens; belongs to this installation.
    pub key: [u8; 32],
    /// Whether who gives no credentials may look at everything.
    pub anonymous_read: bool,
}

impl std::fmt::Debug for AccessOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessOptions")
            .field("anonymous_read", &self.anonymous_read)
            .finish_non_exhaustive()
    }
}

/// How a client says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// It does not.
    Nothing,
    /// An API token.
    Token(&'a str),
    /// An access token of a session.
    Bearer(&'a str),
}

/// Who calls, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account; nothing for the system and for who gave no credentials.
    pub account: Option<ObjectId>,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub permissions: Permissions,
}

impl Caller {
    /// The program itself: tests, the demo, and verbs nobody called.
    pub fn system() -> Self {
        Self { account: None, name: "system".to_owned(), permissions: Permissions::all() }
    }

    /// Who gave no credentials.
    pub fn anonymous(may_read: bool) -> Self {
        let permissions = if may_read { Permissions::read_only() } else { Permissions::default() };
        Self { account: None, name: "anonymous".to_owned(), permissions }
    }

    /// Whether no credentials were given.
    pub fn is_anonymous(&self) -> bool {
        self.account.is_none() && !self.permissions.is_super_admin()
    }

    /// Who changes are attributed to.
    pub(crate) fn author(&self) -> Author {
        Author(self.account.unwrap_or(ObjectId::SYSTEM))
    }

    /// Whether something may be done to objects of a kind; else what is missing.
    pub fn check(&self, kind: &Kind, action: Action, place: Place) -> Result<(), ServiceError> {
        if self.permissions.may(&kind.namespace, &kind.short_name, action, place) {
            return Ok(());
        }
        let decision = if place == Place::Default { "allow_default" } else { "allow_other" };
        Err(self.denied(format!(
            "object:{}:{}:{}:{decision}",
            kind.namespace,
            kind.short_name,
            action.word()
        )))
    }

    /// Whether something may be done to the system; else what is missing.
    pub fn check_global(&self, action: GlobalAction, place: Place) -> Result<(), ServiceError> {
        if self.permissions.may_globally(action, place) {
            return Ok(());
        }
        Err(self.denied(format!("global:{}:allow_all", action.word())))
    }

    pub(crate) fn denied(&self, missing: String) -> ServiceError {
        if self.is_anonymous() {
            return ServiceError::Unauthenticated {
                code: "AUTHENTICATION_REQUIRED",
                message: format!(
                    "Authentication is required to do this: it needs `{missing}`; send an API token or log in"
                ),
            };
        }
        ServiceError::Denied { account: self.name.clone(), missing }
    }
}

impl Sight for Caller {
    fn sees(&self, kind: &Kind, branch: BranchId) -> bool {
        self.permissions.may(&kind.namespace, &kind.short_name, Action::View, place_of(branch))
    }
}

/// The default branch, or another one.
pub(crate) fn place_of(branch: BranchId) -> Place {
    if branch == BranchId::MAIN { Place::Default } else { Place::Other }
}

impl Service {
    /// The same service, called by somebody, who is told what they may look at. Cheap.
    #[must_use]
    pub fn called_by(&self, caller: Caller) -> Self {
        let caller = Arc::new(caller);
        let sees_all = caller.permissions.is_super_admin();
        let sight = (!sees_all).then(|| Arc::clone(&caller) as Arc<dyn Sight>);
        Self { database: self.database.seen_by(sight), caller, ..self.clone() }
    }

    /// The same service, called by the same, with nothing left out of what is told: for what is kept, and
    /// does not depend on who asked for it.
    pub(crate) fn whole(&self) -> Self {
        Self { database: self.database.seen_by(None), ..self.clone() }
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who holds these credentials. Wrong ones are an error even where none would do, and so is none
    /// where nobody may look without. Where there is no account at all, whoever calls is the system:
    /// such a server listens on loopback only.
    pub fn authenticate(&self, credential: Credential<'_>) -> Result<Caller, ServiceError> {
        let account = match credential {
            Credential::Nothing if !self.has_accounts()? => return Ok(Caller::system()),
            Credential::Nothing if !self.access.anonymous_read => {
                return Err(unauthenticated("this server shows nothing without credentials"));
            }
            Credential::Nothing => return Ok(Caller::anonymous(true)),
            Credential::Token(token) => self.account_of_token(token)?,
            Credential::Bearer(access) => self.account_of_access(access)?,
        };
        let view = self.accounts_view()?;
        self.caller_of(&view, account)?
            .ok_or_else(|| unauthenticated("the account is gone or inactive"))
    }

    /// Whether who gives no credentials may look at things.
    pub fn lets_anyone_look(&self) -> Result<bool, ServiceError> {
        Ok(self.access.anonymous_read || !self.has_accounts()?)
    }

    fn accounts_view(&self) -> Result<View, BranchError> {
        self.database.view(BranchId::MAIN)
    }
}

/// Credentials that prove nothing. One message for all reasons a guesser could learn from.
fn unauthenticated(why: &str) -> ServiceError {
    ServiceError::Unauthenticated {
        code: "AUTHENTICATION_REQUIRED",
        message: format!("Authentication failed: {why}; log in again, or use another token"),
    }
}
