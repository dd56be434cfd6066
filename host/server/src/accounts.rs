//! Handlers of sessions and tokens, in the public form where there is one.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use model::{ObjectId, Timestamp};
use serde_json::json;
use service::{Service, TokenView};

use crate::api::{Answer, blocking, ok, parse};
use crate::environment::random_bytes;
use crate::problem::Problem;
use crate::scope::{Scoped, bearer};
use crate::wire;

pub(crate) fn random() -> Result<[u8; 32], Problem> {
    random_bytes().map_err(|bad| {
        let told = format!("the system gives no randomness: {bad}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no-randomness", told)
    })
}

fn missing_bearer() -> Problem {
    let told = "Authentication is required: send `Authorization: Bearer TOKEN`";
    Problem::new(StatusCode::UNAUTHORIZED, "AUTHENTICATION_REQUIRED", told)
}

/// `POST /api/auth/login`: `{username, password}` → `{access_token, refresh_token}`.
pub(crate) async fn login(service: Scoped, body: Bytes) -> Answer {
    let login: wire::Login = parse(&body)?;
    let random = random()?;
    let signed = blocking(service.unproven(), move |service| {
        service.login(&login.username, &login.password, random)
    })
    .await?;
    ok(&json!({"access_token": signed.access, "refresh_token": signed.refresh}))
}

/// `POST /api/auth/refresh` with the refresh token as bearer → `{access_token}`.
pub(crate) async fn refresh(service: Scoped, headers: HeaderMap) -> Answer {
    let refresh = bearer(&headers).ok_or_else(missing_bearer)?.to_owned();
    let access = blocking(service.unproven(), move |service| service.refresh(&refresh)).await?;
    ok(&json!({"access_token": access}))
}

/// `POST /api/auth/logout` with the access token as bearer.
pub(crate) async fn logout(service: Scoped, headers: HeaderMap) -> Answer {
    let access = bearer(&headers).ok_or_else(missing_bearer)?.to_owned();
    blocking(service.unproven(), move |service| service.logout(&access)).await?;
    ok(&json!({"ok": true}))
}

fn told(token: &TokenView) -> serde_json::Value {
    json!({
        "id": token.id.to_string(), "account": token.account, "name": token.name,
        "created_at": token.created.to_string(),
        "expires_at": token.expires.map(|expires| expires.to_string()),
    })
}

/// `GET /api/tokens`: never their texts.
pub(crate) async fn tokens(service: Scoped) -> Answer {
    let tokens = blocking(service, Service::tokens).await?;
    ok(&json!({"tokens": tokens.iter().map(told).collect::<Vec<_>>()}))
}

/// `POST /api/tokens`: `{account?, name?, expires_in_seconds?}` → `{id, token}`, told this once.
pub(crate) async fn token_create(service: Scoped, body: Bytes) -> Answer {
    let wire: wire::Token = parse(&body)?;
    let random = random()?;
    let (id, token) = blocking(service, move |service| {
        let own = service.caller().name.clone();
        let account = wire.account.unwrap_or(own);
        let expires = wire.expires_in_seconds.map(|seconds| {
            let micros = i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
            Timestamp(service.now().0.saturating_add(micros))
        });
        service.token_create(&account, &wire.name.unwrap_or_default(), expires, random)
    })
    .await?;
    ok(&json!({"id": id.to_string(), "token": token}))
}

/// `DELETE /api/tokens/{id}`.
pub(crate) async fn token_delete(service: Scoped, Path(id): Path<String>) -> Answer {
    let id: ObjectId = id.parse().map_err(|_bad| {
        Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no token `{id}`"))
    })?;
    blocking(service, move |service| service.token_delete(id)).await?;
    ok(&json!({"ok": true}))
}
