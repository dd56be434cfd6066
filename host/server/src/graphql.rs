//! Handlers of GraphQL.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;
use service::Service;

use crate::api::{Answer, blocking, parse};
use crate::schema::{check_branch, unknown_branch};
use crate::wire;

/// On the default branch.
pub(crate) async fn main(State(service): State<Service>, body: Bytes) -> Answer {
    answer(service, &body).await
}

/// On the branch that the path names.
pub(crate) async fn branch(
    State(service): State<Service>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    if name != "main" {
        return Err(unknown_branch(&name));
    }
    answer(service, &body).await
}

async fn answer(service: Service, body: &Bytes) -> Answer {
    let wire: wire::GraphqlBody = parse(body)?;
    let request = graphql::Request {
        query: wire.query,
        operation_name: wire.operation_name,
        variables: wire.variables.unwrap_or_default(),
    };
    let answer = blocking(service, move |service| service.graphql(&request)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

/// The types as text.
pub(crate) async fn sdl(State(service): State<Service>, RawQuery(query): RawQuery) -> Answer {
    check_branch(query.as_deref())?;
    let text = blocking(service, Service::sdl).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
