//! Handlers of GraphQL.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::Value;
use service::{Enclosed, Service, Upload};

use crate::accounts;
use crate::api::{Answer, blocking, parse};
use crate::problem::Problem;
use crate::scope::Scoped;
use crate::storage;
use crate::wire;

/// On the branch that the query names, the default one without.
pub(crate) async fn main(service: Scoped, headers: HeaderMap, body: Bytes) -> Answer {
    answer(service, &headers, body).await
}

/// On the branch that the path names.
pub(crate) async fn branch(
    service: Scoped,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    answer(service.on(name), &headers, body).await
}

async fn answer(service: Scoped, headers: &HeaderMap, body: Bytes) -> Answer {
    let (wire, files) = match storage::has_parts(headers) {
        true => with_files(headers, body).await?,
        false => (parse::<wire::GraphqlBody>(&body)?, BTreeMap::new()),
    };
    if wire.query.trim().is_empty() {
        let message = "there is no document; put it into `query`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message));
    }
    // Randomness is drawn for the one mutation that makes a secret.
    let makes_secret = wire.query.contains("InfrahubAccountTokenCreate");
    let random = makes_secret.then(accounts::random).transpose()?;
    let enclosed = Enclosed { files, random };
    let request = graphql::Request {
        query: wire.query,
        operation_name: wire.operation_name,
        variables: wire.variables.unwrap_or_default(),
    };
    let answer =
        blocking(service, move |service| service.graphql_response(&request, &enclosed)).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    Ok((status, [(header::CONTENT_TYPE, "application/json")], answer.body).into_response())
}

/// A request with files, as the GraphQL multipart request specification has it: `operations` is the
/// request, `map` tells which variable each further part is.
async fn with_files(
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(wire::GraphqlBody, BTreeMap<String, Upload>), Problem> {
    let bad = |what: &str| Problem::new(StatusCode::BAD_REQUEST, "bad-multipart", what);
    let parts = storage::parts(headers, body).await?;
    let text = |name: &str| parts.texts.get(name).map(|text| Bytes::from(text.clone()));
    let missing = "the parts `operations` and `map` are needed";
    let (operations, map) = text("operations").zip(text("map")).ok_or_else(|| bad(missing))?;
    let mut wire: wire::GraphqlBody = parse(&operations)?;
    let map: BTreeMap<String, Vec<String>> = parse(&map)?;
    let mut variables = Value::Object(wire.variables.take().unwrap_or_default());
    for (part, places) in &map {
        if !parts.files.contains_key(part) {
            return Err(bad("`map` names a part that is no file of this request"));
        }
        for place in places {
            let path = place.strip_prefix("variables.").unwrap_or_default().replace('.', "/");
            let found = variables.pointer_mut(&format!("/{path}")).filter(|_| !path.is_empty());
            let found = found.ok_or_else(|| bad("`map` names a variable that is not there"))?;
            *found = Value::String(part.clone());
        }
    }
    if let Value::Object(variables) = variables {
        wire.variables = Some(variables);
    }
    Ok((wire, parts.files))
}

/// The types as text.
pub(crate) async fn sdl(service: Scoped) -> Answer {
    let text = blocking(service, Service::sdl).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
