//! Handlers of branches.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use service::DiffRequest;

use crate::api::{Answer, blocking, ok, parse};
use crate::scope::Scoped;
use crate::wire;

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
