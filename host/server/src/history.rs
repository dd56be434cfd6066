//! Handlers of where things come from: blame, why, revert.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use service::{ServiceError, Undone};

use crate::api::{Answer, blocking, ok, parse};
use crate::scope::Scoped;
use crate::wire;

pub(crate) async fn blame(
    service: Scoped,
    Path((kind, name)): Path<(String, String)>,
    Query(asked): Query<wire::Blame>,
) -> Answer {
    let blame =
        move |service: &service::Service| service.blame(&kind, &name, &asked.field, asked.limit);
    ok(&blocking(service, blame).await?)
}

pub(crate) async fn why(service: Scoped, Path(run): Path<String>) -> Answer {
    ok(&blocking(service, move |service| service.why(&run)).await?)
}

pub(crate) async fn revert(service: Scoped, body: Bytes) -> Answer {
    let asked: wire::Revert = parse(&body)?;
    let revert = move |service: &service::Service| {
        let what = match (asked.commit, asked.run) {
            (Some(commit), None) => Undone::Commit(commit),
            (None, Some(run)) => Undone::Run(run),
            _ => {
                let message = "name either a `commit` or a `run`".to_owned();
                return Err(ServiceError::Request { code: "bad-revert", message });
            }
        };
        service.revert(&what, asked.plan)
    };
    ok(&blocking(service, revert).await?.to_json())
}
