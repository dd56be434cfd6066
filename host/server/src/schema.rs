//! Handlers of schemas, in the public shapes: what is there, loading, checking.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use service::{SchemaReport, Service, SourceFile};

use crate::api::{Answer, blocking, ok, parse};
use crate::problem::Problem;
use crate::scope::Scoped;
use crate::wire;

/// The parameters of an address, decoded.
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value)))
}

/// The values of a parameter that may be there several times.
pub(crate) fn every(query: Option<&str>, wanted: &str) -> Vec<String> {
    pairs(query).filter(|(name, _)| name == wanted).map(|(_, value)| value).collect()
}

/// A form-encoded value: `+` and `%xx`. What is no escape stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((first, rest)) = bytes.split_first() {
        let hex = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes = match (first, escaped) {
            (b'+', _) => {
                out.push(b' ');
                rest
            }
            (b'%', Some(byte)) => {
                out.push(byte);
                rest.get(2..).unwrap_or_default()
            }
            (other, _) => {
                out.push(*other);
                rest
            }
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(crate) async fn whole(service: Scoped, RawQuery(query): RawQuery) -> Answer {
    let namespaces: BTreeSet<String> = every(query.as_deref(), "namespaces").into_iter().collect();
    let bytes = blocking(service, move |service| service.schema_told(&namespaces)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes.to_vec()).into_response())
}

pub(crate) async fn summary(service: Scoped) -> Answer {
    ok(&blocking(service, Service::schema_summary).await?)
}

pub(crate) async fn kind(service: Scoped, Path(name): Path<String>) -> Answer {
    ok(&blocking(service, move |service| service.schema_kind(&name)).await?)
}

pub(crate) async fn json_schema(service: Scoped, Path(name): Path<String>) -> Answer {
    ok(&blocking(service, move |service| service.schema_json(&name)).await?)
}

pub(crate) async fn declared(service: Scoped) -> Answer {
    ok(&blocking(service, Service::schema_declared).await?)
}

/// The documents of a request: parsed ones in the public form, or files with their text.
fn sources(body: &Bytes) -> Result<Vec<SourceFile>, Problem> {
    let wire: wire::SchemaDocuments = parse(body)?;
    let file = |file: wire::File| SourceFile { name: file.name, text: file.text };
    let files: Vec<SourceFile> = wire.files.into_iter().map(file).collect();
    let documents = wire.schemas.iter().enumerate().map(|(number, document)| SourceFile {
        name: format!("schemas[{number}]"),
        text: document.to_string(),
    });
    Ok(files.into_iter().chain(documents).collect())
}

pub(crate) async fn check(service: Scoped, body: Bytes) -> Answer {
    let files = sources(&body)?;
    let ours = files.iter().any(|file| !file.name.starts_with("schemas["));
    let report = blocking(service, move |service| service.schema_check(&files)).await?;
    // Accepted, and not kept: the published clients tell a valid schema by this status, and one that
    // changes nothing by a body with nothing but an empty difference.
    let body = if ours {
        told(&report)
    } else {
        axum::Json(serde_json::json!({"diff": report.diff, "warnings": []})).into_response()
    };
    Ok((StatusCode::ACCEPTED, body).into_response())
}

pub(crate) async fn load(service: Scoped, body: Bytes) -> Answer {
    let files = sources(&body)?;
    let report = blocking(service, move |service| service.schema_load(&files)).await?;
    Ok(told(&report))
}

fn told(report: &SchemaReport) -> Response {
    axum::Json(serde_json::json!({
        "hash": report.hash, "previous_hash": report.previous_hash,
        "schema_updated": report.hash != report.previous_hash, "warnings": [],
        "diff": report.diff, "changes": report.changes,
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_both_ways_clients_write_them() {
        assert_eq!(decoded("feat%2Fx+y"), "feat/x y");
        assert_eq!(decoded("feat/x%20y"), "feat/x y");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%C3%A9"), "%zzé");
        assert_eq!(every(Some("a=1&b=2&a=3&"), "a"), ["1", "3"]);
        assert_eq!(every(None, "a"), Vec::<String>::new());
    }
}
