//! Handlers of pools.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use service::{Drawing, Service};

use crate::api::{Answer, blocking, ok, parse, parse_or_none};
use crate::scope::Scoped;
use crate::wire;

/// Cells of a resource where the request does not say.
const CELLS: u32 = 64;

fn drawing(body: &Bytes) -> Result<Drawing, crate::problem::Problem> {
    let draw: wire::Draw = parse_or_none(body)?;
    Ok(drawn(draw))
}

fn drawn(draw: wire::Draw) -> Drawing {
    Drawing {
        identifier: draw.identifier,
        value: draw.value,
        length: draw.prefix_length,
        kind: draw.kind,
        member_type: draw.member_type,
        data: draw.data,
        count: draw.count,
        scope: draw.scope,
        block: draw.block,
        align: draw.align,
        until: draw.until,
        set_aside: draw.set_aside,
    }
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
    let release = move |service: &Service| service.pool_release(&name, &wire.identifier, &wire.why);
    ok(&blocking(service, release).await?)
}

pub(crate) async fn forecast(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let wire: wire::Forecast = parse_or_none(&body)?;
    let drawing = drawn(wire.draw);
    let foresee =
        move |service: &Service| service.pool_forecast(&name, wire.definition.as_deref(), &drawing);
    ok(&blocking(service, foresee).await?)
}

pub(crate) async fn picture(
    service: Scoped,
    Path(name): Path<String>,
    Query(wire): Query<wire::Cells>,
) -> Answer {
    let cells = wire.cells.unwrap_or(CELLS);
    ok(&blocking(service, move |service| service.pool_picture(&name, cells)).await?)
}

pub(crate) async fn alerts(service: Scoped) -> Answer {
    ok(&blocking(service, Service::pool_alerts).await?)
}
