//! Handlers of branches.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::routing::{get, post};
use service::DiffRequest;

use crate::api::{Answer, blocking, ok, parse};
use crate::scope::Scoped;
use crate::wire;

/// The routes of branches.
pub(crate) fn routes() -> Router<service::Service> {
    Router::new()
        .route("/api/diff", get(diff))
        .route("/api/diff/files", get(files))
        .route("/api/branches", get(list).post(create))
        .route("/api/branches/{*name}", get(show).patch(update).delete(delete).post(act))
        .route("/api/conflicts", get(conflicts))
        .route("/api/conflicts/{id}", post(resolve))
}

pub(crate) async fn list(service: Scoped) -> Answer {
    ok(&blocking(service, service::Service::branches).await?)
}

pub(crate) async fn create(service: Scoped, body: Bytes) -> Answer {
    let branch: wire::Branch = parse(&body)?;
    let create = move |service: &service::Service| {
        let (name, description) = (branch.name.as_deref(), branch.description.as_deref());
        service.branch_create(name.unwrap_or_default(), description.unwrap_or_default())
    };
    ok(&blocking(service, create).await?)
}

pub(crate) async fn show(service: Scoped, Path(name): Path<String>) -> Answer {
    ok(&blocking(service, move |service| service.branch(&name)).await?)
}

/// Files of repositories that the branch changed: none, as this host keeps no repositories.
pub(crate) async fn files(service: Scoped) -> Answer {
    let name = service.branch().to_owned();
    blocking(service, move |service| service.branch(&name)).await?;
    ok(&serde_json::json!({}))
}

/// Of the branch that the query names.
pub(crate) async fn diff(service: Scoped, Query(asked): Query<wire::Diff>) -> Answer {
    let name = service.branch().to_owned();
    let request = DiffRequest {
        against: asked.against,
        from: asked.from,
        to: asked.to,
        kind: asked.kind,
        offset: asked.offset,
        limit: asked.limit,
    };
    ok(&blocking(service, move |service| service.branch_diff(&name, &request)).await?)
}

pub(crate) async fn update(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let branch: wire::Branch = parse(&body)?;
    let update = move |service: &service::Service| {
        service.branch_update(&name, branch.name.as_deref(), branch.description.as_deref())
    };
    ok(&blocking(service, update).await?)
}

pub(crate) async fn delete(service: Scoped, Path(name): Path<String>) -> Answer {
    ok(&blocking(service, move |service| service.branch_delete(&name)).await?)
}

/// What can be done with a branch: `merge`, `rebase`, `validate`, `preview`, after its name.
pub(crate) async fn act(service: Scoped, Path(path): Path<String>) -> Answer {
    let (name, verb) = path.rsplit_once('/').unwrap_or(("", &path));
    let name = name.to_owned();
    let done = match verb {
        "merge" => blocking(service, move |service| service.branch_merge(&name)).await?,
        "rebase" => blocking(service, move |service| service.branch_rebase(&name)).await?,
        "validate" => blocking(service, move |service| service.branch_validate(&name)).await?,
        "preview" => blocking(service, move |service| service.branch_preview(&name)).await?,
        _ => {
            let message = "a branch can be merged, rebased, validated and its merge previewed: end the \
                           path in `/merge`, `/rebase`, `/validate` or `/preview`";
            let status = axum::http::StatusCode::NOT_FOUND;
            return Err(crate::problem::Problem::new(status, "not-found", message));
        }
    };
    ok(&done)
}

/// Of the branch that the query names.
pub(crate) async fn conflicts(service: Scoped) -> Answer {
    let name = service.branch().to_owned();
    ok(&blocking(service, move |service| service.branch_conflicts(&name)).await?)
}

pub(crate) async fn resolve(service: Scoped, Path(id): Path<String>, body: Bytes) -> Answer {
    let resolve: wire::Resolve = parse(&body)?;
    let resolve =
        move |service: &service::Service| service.branch_resolve(&id, resolve.keep.as_deref());
    ok(&blocking(service, resolve).await?)
}
