//! Handlers of pools.

use axum::body::Bytes;
use axum::extract::Path;
use service::{Drawing, Service};

use crate::api::{Answer, blocking, ok, parse};
use crate::scope::Scoped;
use crate::wire;

fn drawing(body: &Bytes) -> Result<Drawing, crate::problem::Problem> {
    let draw: wire::Draw = if body.is_empty() { wire::Draw::default() } else { parse(body)? };
    Ok(Drawing {
        identifier: draw.identifier,
        value: draw.value,
        length: draw.prefix_length,
        kind: draw.kind,
        member_type: draw.member_type,
        data: draw.data,
        count: draw.count,
    })
}

pub(crate) async fn list(service: Scoped) -> Answer {
    ok(&blocking(service, Service::pools).await?)
}

pub(crate) async fn show(service: Scoped, Path(name): Path<String>) -> Answer {
    ok(&blocking(service, move |service| service.pool(&name)).await?)
}

pub(crate) async fn allocate(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let drawing = drawing(&body)?;
    ok(&blocking(service, move |service| service.pool_allocate(&name, &drawing)).await?)
}

pub(crate) async fn peek(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let drawing = drawing(&body)?;
    ok(&blocking(service, move |service| service.pool_peek(&name, &drawing)).await?)
}

pub(crate) async fn explain(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let drawing = drawing(&body)?;
    ok(&blocking(service, move |service| service.pool_explain(&name, &drawing)).await?)
}

pub(crate) async fn release(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let wire: wire::Release = parse(&body)?;
    let release = move |service: &Service| service.pool_release(&name, &wire.identifier);
    ok(&blocking(service, release).await?)
}
