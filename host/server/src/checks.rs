//! Handlers of checks.

use axum::body::Bytes;
use axum::extract::Path;
use serde_json::json;
use service::CheckInput;

use crate::api::{Answer, blocking, ok, parse};
use crate::scope::Scoped;
use crate::wire;

pub(crate) async fn list(service: Scoped) -> Answer {
    ok(&blocking(service, service::Service::checks).await?)
}

pub(crate) async fn put(service: Scoped, body: Bytes) -> Answer {
    let wire: wire::Check = parse(&body)?;
    let check = CheckInput {
        name: wire.name,
        description: wire.description,
        query: wire.query,
        parameters: wire.parameters,
        targets: wire.targets,
        component: wire.component,
        advisory: wire.advisory,
    };
    let id = blocking(service, move |service| service.check_put(&check)).await?;
    ok(&json!({"id": id.to_string()}))
}

pub(crate) async fn run(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let asked: wire::CheckRun =
        if body.is_empty() { wire::CheckRun::default() } else { parse(&body)? };
    let run = move |service: &service::Service| service.check_run(&name, asked.target.as_deref());
    ok(&blocking(service, run).await?)
}
