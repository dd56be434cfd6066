//! Handlers of GraphQL.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use service::Service;

use crate::api::{Answer, blocking, parse};
use crate::scope::Scoped;
use crate::wire;

/// On the branch that the query names, the default one without.
pub(crate) async fn main(service: Scoped, body: Bytes) -> Answer {
    answer(service, &body).await
}

/// On the branch that the path names.
pub(crate) async fn branch(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    answer(service.on(name), &body).await
}

async fn answer(service: Scoped, body: &Bytes) -> Answer {
    let wire: wire::GraphqlBody = parse(body)?;
    let request = graphql::Request {
        query: wire.query,
        operation_name: wire.operation_name,
        variables: wire.variables.unwrap_or_default(),
    };
    let answer = blocking(service, move |service| service.graphql_response(&request)).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    Ok((status, [(header::CONTENT_TYPE, "application/json")], answer.body).into_response())
}

/// The types as text.
pub(crate) async fn sdl(service: Scoped) -> Answer {
    let text = blocking(service, Service::sdl).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
