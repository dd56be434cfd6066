//! Which branch a request is about, and which moment of it.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use service::{Service, ServiceError};

use crate::problem::Problem;

/// A service with the branch and moment that a request names; looked up where waiting is allowed.
#[derive(Debug)]
pub(crate) struct Scoped {
    service: Service,
    scope: Scope,
}

/// `?branch=..&at=..`.
#[derive(Debug, Default, Deserialize)]
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
        self.service.on(branch.as_deref(), at.as_deref())
    }
}

impl From<Service> for Scoped {
    fn from(service: Service) -> Self {
        Self { service, scope: Scope::default() }
    }
}

impl FromRequestParts<Service> for Scoped {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let scope = Query::<Scope>::from_request_parts(parts, service).await;
        let Query(scope) = scope.map_err(|bad| {
            Problem::new(axum::http::StatusCode::BAD_REQUEST, "bad-query", bad.to_string())
        })?;
        Ok(Self { service: service.clone(), scope })
    }
}
