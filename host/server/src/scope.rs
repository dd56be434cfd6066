//! Which branch a request is about, which moment of it, and who asks.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use service::{Caller, Credential, Service, ServiceError};

use crate::door::unknown;
use crate::problem::Problem;

/// The header of API tokens, as published clients send it.
const TOKEN_HEADER: &str = "x-infrahub-key";

/// A service with the branch and moment that a request names, called by whom the door let in; looked up
/// where waiting is allowed.
#[derive(Clone)]
pub(crate) struct Scoped {
    service: Service,
    scope: Scope,
    who: Who,
}

/// Who calls.
#[derive(Clone)]
enum Who {
    /// The program itself, or who has yet to say who they are.
    Nobody,
    /// The door did not ask, and the handler must not go on as if it had.
    Unasked,
    /// Whom the door let in.
    Known(Caller),
}

/// What the headers hold. Never shown.
pub(crate) enum Given {
    Nothing,
    Token(String),
    Bearer(String),
}

/// The token of `Authorization: Bearer ..`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Given {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if let Some(token) = headers.get(TOKEN_HEADER) {
            // What is no text is no token of ours.
            return Self::Token(token.to_str().unwrap_or_default().to_owned());
        }
        match (bearer(headers), headers.contains_key(header::AUTHORIZATION)) {
            (Some(token), _) => Self::Bearer(token.to_owned()),
            (None, true) => Self::Bearer(String::new()),
            (None, false) => Self::Nothing,
        }
    }

    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Self::Nothing => Credential::Nothing,
            Self::Token(token) => Credential::Token(token),
            Self::Bearer(token) => Credential::Bearer(token),
        }
    }
}

/// `?branch=..&at=..`.
#[derive(Debug, Clone, Default, Deserialize)]
struct Scope {
    branch: Option<String>,
    at: Option<String>,
}

impl Scoped {
    /// The same moment of another branch.
    pub(crate) fn on(mut self, branch: String) -> Self {
        self.scope.branch = Some(branch);
        self
    }

    /// The name of the branch.
    pub(crate) fn branch(&self) -> &str {
        self.scope.branch.as_deref().unwrap_or("main")
    }

    /// The service of the branch and moment.
    pub(crate) fn service(&self) -> Result<Service, ServiceError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (branch, at) = (given(&self.scope.branch), given(&self.scope.at));
        let service = self.service.on(branch.as_deref(), at.as_deref())?;
        match &self.who {
            Who::Nobody => Ok(service),
            Who::Unasked => Err(unknown()),
            Who::Known(caller) => Ok(service.called_by(caller.clone())),
        }
    }

    /// For verbs that take other proof than the headers', as logging in and signed triggers do, and for
    /// what anybody may know: that the host lives, its version and settings.
    pub(crate) fn unproven(mut self) -> Self {
        self.who = Who::Nobody;
        self
    }
}

impl From<Service> for Scoped {
    fn from(service: Service) -> Self {
        Self { service, scope: Scope::default(), who: Who::Nobody }
    }
}

impl FromRequestParts<Service> for Scoped {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let scope = Query::<Scope>::from_request_parts(parts, service).await;
        let Query(scope) = scope.map_err(|bad| {
            Problem::new(axum::http::StatusCode::BAD_REQUEST, "bad-query", bad.to_string())
        })?;
        let who = parts.extensions.get::<Caller>().cloned().map_or(Who::Unasked, Who::Known);
        Ok(Self { service: service.clone(), scope, who })
    }
}
