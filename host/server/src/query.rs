//! Handlers of stored queries, and of what clients ask about the host.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;
use service::{Service, StoredQuery};

use crate::api::{Answer, blocking, ok, parse_or_none};
use crate::schema::{every, pairs};
use crate::scope::Scoped;
use crate::wire;

/// Parameters of an address that are no variables.
const OURS: [&str; 4] = ["branch", "at", "update_group", "subscribers"];

/// The variables of an address, as text.
pub(crate) fn variables(query: Option<&str>) -> Vec<(String, String)> {
    pairs(query).filter(|(name, _)| !OURS.contains(&name.as_str())).collect()
}

pub(crate) async fn stored(
    service: Scoped,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    // Published clients send no body at all where there are no variables.
    let wire: wire::StoredQuery = parse_or_none(&body)?;
    let update = every(query.as_deref(), "update_group");
    let stored = StoredQuery {
        name,
        variables: wire.variables.unwrap_or_default(),
        texts: variables(query.as_deref()),
        update_group: update.iter().any(|word| word.eq_ignore_ascii_case("true")),
        subscribers: every(query.as_deref(), "subscribers"),
    };
    let data = blocking(service, move |service| service.stored_query(&stored)).await?;
    let body = [b"{\"data\":".as_slice(), &data, b"}"].concat();
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

pub(crate) async fn info(service: Scoped) -> Answer {
    let id = blocking(service.unproven(), Service::deployment_id).await?;
    ok(&json!({"deployment_id": id, "version": env!("CARGO_PKG_VERSION")}))
}

/// Settings that clients may want to know.
pub(crate) async fn config(service: Scoped) -> Answer {
    let open = blocking(service.unproven(), Service::lets_anyone_look).await?;
    ok(&json!({
        "main": {"docs_index_path": null, "internal_address": null, "allow_anonymous_access": open},
        "logging": {"remote": {"enable": false}},
        "analytics": {"enable": false},
        "experimental_features": {},
        "sso": {"providers": [], "enabled": false},
    }))
}
