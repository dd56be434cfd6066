//! Who is let in: asked of the headers alone, before anything else of a request is read or judged. So
//! who may not do something learns nothing about it, and whose credentials are missing or wrong keeps
//! nobody busy with a body.
//!
//! What is let in then comes whole, in time and within a size: both are smaller for strangers, those
//! who gave no credentials.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use service::{Caller, Service, ServiceError};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::failed;
use crate::crowd::{said_too_large, whole};
use crate::limits::{
    BODY_BYTES_MAX, BODY_SECONDS_MAX, COMPONENT_BYTES_MAX, REFUSED_SECONDS_MAX, REQUESTS_MAX,
    STRANGER_BODY_BYTES_MAX, STRANGER_BODY_SECONDS_MAX, STRANGERS_MAX,
};
use crate::problem::Problem;
use crate::scope::Given;

/// What a route asks of who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: it is for everybody, or the proof is in the request itself.
    Nothing,
    /// The right to look, which may need no credentials.
    Look,
    /// Credentials.
    Known,
}

/// What takes other proof than credentials, as logging in and signed calls do, and what everybody may
/// know: that the host lives, its version and settings, its description and its page.
const OPEN: [&str; 11] = [
    "/api/health",
    "/api/openapi.json",
    "/api/info",
    "/api/config",
    "/api/auth/login",
    "/api/auth/refresh",
    "/api/auth/logout",
    "/api/generators/{name}/trigger",
    "/explorer/page.css",
    "/explorer/page.js",
    "/favicon.ico",
];
/// Pages where a browser reads, and programs ask.
const PAGES: [&str; 3] = ["/graphql", "/graphql/", "/graphql/{*branch}"];
/// What is asked with a body, and may change nothing. Whether it does is found out by the verb.
const ASKED: [&str; 10] = [
    "/graphql",
    "/graphql/",
    "/graphql/{*branch}",
    "/api/query/{name}",
    "/api/schema/check",
    "/api/generators/{name}/run",
    "/api/checks/{name}/run",
    "/api/pools/{name}/peek",
    "/api/pools/{name}/explain",
    "/api/pools/{name}/forecast",
];
/// Where a body is a component.
const COMPONENTS: [&str; 2] = ["/api/components/upload", "/api/generators/{name}/try"];

/// What an operation asks of who calls, by the path as it is routed; nothing where none is.
pub(crate) fn needs(method: &Method, path: Option<&str>) -> Needs {
    let Some(path) = path else { return Needs::Nothing };
    let reads = method == Method::GET || method == Method::HEAD;
    if OPEN.contains(&path) || reads && PAGES.contains(&path) {
        Needs::Nothing
    } else if reads || method == Method::POST && ASKED.contains(&path) {
        Needs::Look
    } else {
        Needs::Known
    }
}

/// What the door keeps: places, and whom to ask.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    service: Service,
    places: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Door {
    pub(crate) fn new(service: Service) -> Self {
        let places = |most| Arc::new(Semaphore::new(most));
        Self { service, places: places(REQUESTS_MAX), strangers: places(STRANGERS_MAX) }
    }

    /// Who calls; nobody where it does not matter.
    async fn who(&self, given: Given, needs: Needs) -> Result<Option<Caller>, Problem> {
        if needs == Needs::Nothing {
            return Ok(None);
        }
        let service = self.service.clone();
        let asked = tokio::task::spawn_blocking(move || service.authenticate(given.credential()));
        let caller = asked.await.map_err(|_panicked| failed())??;
        if needs == Needs::Known && caller.is_anonymous() {
            return Err(unknown().into());
        }
        Ok(Some(caller))
    }
}

/// Said to who must say who they are.
pub(crate) fn unknown() -> ServiceError {
    ServiceError::Unauthenticated {
        code: "AUTHENTICATION_REQUIRED",
        message: "Authentication is required to do this: send an API token or log in".to_owned(),
    }
}

/// Lets a request in: while there is a place, for who may, with a body that comes in time.
pub(crate) async fn admit(State(door): State<Door>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let needs = needs(request.method(), path.as_deref());
    let _held = match place(&door.places, REQUESTS_MAX) {
        Ok(held) => held,
        Err(crowded) => return refused(request, crowded).await,
    };
    let caller = match door.who(Given::of(request.headers()), needs).await {
        Ok(caller) => caller,
        Err(problem) => return refused(request, problem).await,
    };
    let (parts, body) = request.into_parts();
    let Some(path) = path else {
        return next.run(Request::from_parts(parts, Body::empty())).await;
    };
    let is_stranger = caller.as_ref().is_none_or(Caller::is_anonymous);
    let _stranger = match is_stranger.then(|| place(&door.strangers, STRANGERS_MAX)).transpose() {
        Ok(held) => held,
        Err(crowded) => return refused(Request::from_parts(parts, body), crowded).await,
    };
    let (patience, most) = match is_stranger {
        true => (STRANGER_BODY_SECONDS_MAX, STRANGER_BODY_BYTES_MAX),
        false if COMPONENTS.contains(&path.as_str()) => (BODY_SECONDS_MAX, COMPONENT_BYTES_MAX),
        false => (BODY_SECONDS_MAX, BODY_BYTES_MAX),
    };
    let request = Request::from_parts(parts, body);
    if let Some(too_large) = said_too_large(request.body(), most) {
        return refused(request, too_large).await;
    }
    match whole(request, Duration::from_secs(patience), most).await {
        Ok(mut request) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(bad) => bad.into_response(),
    }
}

/// A refusal. A body that says how long it is is let in for a moment and thrown away: a connection
/// that is closed on a client that still sends loses it the answer. One that does not say is not read.
async fn refused(request: Request, problem: Problem) -> Response {
    let mut body = request.into_body();
    if body.size_hint().exact().is_some_and(|length| length > 0) {
        let thrown_away = async {
            let mut body = Pin::new(&mut body);
            while let Some(Ok(_frame)) =
                std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
            {
            }
        };
        let patience = Duration::from_secs(REFUSED_SECONDS_MAX);
        let _late = tokio::time::timeout(patience, thrown_away).await;
    }
    problem.into_response()
}

fn place(places: &Semaphore, most: usize) -> Result<SemaphorePermit<'_>, Problem> {
    places.try_acquire().map_err(|_crowded| {
        let message = format!(
            "{most} requests of this sort are under way, and no more are taken on; try again in a moment"
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_beyond_the_last_place_is_refused_until_one_ends() {
        let places = Semaphore::new(1);
        let held = place(&places, 1).unwrap();
        let refused = place(&places, 1).unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[axum::http::header::RETRY_AFTER], "1");
        drop(held);
        assert!(place(&places, 1).is_ok());
    }

    #[test]
    fn what_writes_needs_credentials_and_what_proves_itself_does_not() {
        let of = |method: &Method, path: &str| needs(method, Some(path));
        for (method, path, wanted) in [
            (Method::POST, "/api/auth/login", Needs::Nothing),
            (Method::POST, "/api/generators/{name}/trigger", Needs::Nothing),
            (Method::GET, "/graphql/{*branch}", Needs::Nothing),
            (Method::POST, "/graphql/{*branch}", Needs::Look),
            (Method::POST, "/api/query/{name}", Needs::Look),
            (Method::GET, "/api/objects/{kind}", Needs::Look),
            (Method::HEAD, "/api/schema", Needs::Look),
            (Method::POST, "/api/objects/load", Needs::Known),
            (Method::PUT, "/api/components/upload", Needs::Known),
            (Method::DELETE, "/api/tokens/{id}", Needs::Known),
        ] {
            assert_eq!(of(&method, path), wanted, "{method} {path}");
        }
        assert_eq!(needs(&Method::POST, None), Needs::Nothing);
    }
}
