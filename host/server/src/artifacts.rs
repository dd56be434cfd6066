//! Handlers of artifacts and of the transforms that make them.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use service::Service;

use crate::api::{Answer, blocking, ok, parse_or_none};
use crate::query::variables;
use crate::scope::Scoped;
use crate::storage::shown;
use crate::wire;

/// The routes of artifacts.
pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/api/artifact/{id}", get(artifact))
        .route("/api/artifact/generate/{definition}", post(generate))
        .route("/api/transform/jinja2/{name}", get(jinja2))
        .route("/api/transform/python/{name}", get(python))
}

/// `GET /api/artifact/{id}`: the content of an artifact.
async fn artifact(service: Scoped, Path(id): Path<String>) -> Answer {
    let stored = blocking(service, move |service| service.file_of("CoreArtifact", &id)).await?;
    Ok(shown(stored))
}

/// `POST /api/artifact/generate/{definition}`: `{nodes?}` → what came of each. Published clients look
/// at the status alone.
async fn generate(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let wire: wire::Generate = parse_or_none(&body)?;
    let generate =
        move |service: &Service| service.artifacts_generate(&name, &wire.nodes.unwrap_or_default());
    ok(&blocking(service, generate).await?)
}

/// `GET /api/transform/jinja2/{name}?variable=..`: what the template makes now; nothing is kept.
async fn jinja2(service: Scoped, Path(name): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let variables = variables(query.as_deref());
    let text =
        blocking(service, move |service| service.transform_render(&name, &variables)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// `GET /api/transform/python/{name}`: it is there, and does not run here.
async fn python(service: Scoped, Path(name): Path<String>) -> Answer {
    let text = blocking(service, move |service| service.transform_python(&name)).await?;
    Ok(text.into_response())
}
