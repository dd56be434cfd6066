//! Handlers of stored files, and the reading of files that come with a request.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::json;
use service::{Service, StoredFile, Upload};

use crate::api::{Answer, blocking, ok, parse};
use crate::limits::PARTS_MAX;
use crate::problem::Problem;
use crate::schema::every;
use crate::scope::Scoped;
use crate::wire;

/// The routes of stored files.
pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/api/storage/upload/content", post(content))
        .route("/api/storage/upload/file", post(file))
        .route("/api/storage/object/{id}", get(object))
        .route("/api/storage/files/by-storage-id/{id}", get(object))
        .route("/api/storage/files/by-hfid/{kind}", get(by_hfid))
        .route("/api/storage/files/{id}", get(of_object))
}

/// Whether a body has parts.
pub(crate) fn has_parts(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with("multipart/form-data"))
}

/// The parts of a body: texts and files, by name.
pub(crate) struct Parts {
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) files: BTreeMap<String, Upload>,
}

/// Reads a body of parts. A part with a file name is a file.
pub(crate) async fn parts(headers: &HeaderMap, body: Bytes) -> Result<Parts, Problem> {
    let bad = |what: String| Problem::new(StatusCode::BAD_REQUEST, "bad-multipart", what);
    let kind = headers.get(header::CONTENT_TYPE).cloned();
    let kind = kind.unwrap_or_else(|| HeaderValue::from_static("text/plain"));
    let request = Request::builder().header(header::CONTENT_TYPE, kind).body(Body::from(body));
    let mut request = request.map_err(|told| bad(told.to_string()))?;
    // The body was limited when it was read.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|told| bad(format!("{told}; send `multipart/form-data` with a boundary")))?;
    let (mut texts, mut files) = (BTreeMap::new(), BTreeMap::new());
    while let Some(part) = multipart.next_field().await.map_err(|told| bad(told.body_text()))? {
        if texts.len() + files.len() >= PARTS_MAX {
            return Err(bad(format!("more than {PARTS_MAX} parts")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let (file, content_type) = (part.file_name(), part.content_type());
        let (file, content_type) = (file.map(str::to_owned), content_type.map(str::to_owned));
        let bytes = part.bytes().await.map_err(|told| bad(told.body_text()))?;
        match file {
            Some(file) => {
                let content_type =
                    content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                let upload = Upload { name: file, content_type, bytes: bytes.to_vec() };
                files.insert(name, upload);
            }
            None => {
                let text = String::from_utf8(bytes.to_vec());
                let text = text.map_err(|_bad| bad(format!("the part `{name}` is no text")))?;
                texts.insert(name, text);
            }
        }
    }
    Ok(Parts { texts, files })
}

fn told(stored: &StoredFile) -> Answer {
    ok(&json!({"identifier": stored.id.to_string(), "checksum": stored.checksum}))
}

/// `POST /api/storage/upload/content`: `{content}` → `{identifier, checksum}`.
pub(crate) async fn content(service: Scoped, body: Bytes) -> Answer {
    let wire: wire::Content = parse(&body)?;
    let upload = Upload {
        name: "content".to_owned(),
        content_type: "text/plain; charset=utf-8".to_owned(),
        bytes: wire.content.into_bytes(),
    };
    told(&blocking(service, move |service| service.file_upload(&upload)).await?)
}

/// `POST /api/storage/upload/file` with one part that is a file → `{identifier, checksum}`.
pub(crate) async fn file(service: Scoped, headers: HeaderMap, body: Bytes) -> Answer {
    let mut parts = parts(&headers, body).await?;
    let Some((_, upload)) = parts.files.pop_first() else {
        let what = "no part of the body is a file; name it as `filename`";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-multipart", what));
    };
    told(&blocking(service, move |service| service.file_upload(&upload)).await?)
}

/// A file as it is. It is never shown in the place of a page: what was uploaded may be one.
pub(crate) fn shown(stored: StoredFile) -> Response {
    let plain = |text: &str| HeaderValue::from_str(text).ok();
    let content_type = plain(&stored.content_type)
        .unwrap_or_else(|| HeaderValue::from_static("application/octet-stream"));
    // What is no plain character of a name is left out of the header.
    let name: String = stored
        .name
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "._- ".contains(*letter))
        .collect();
    let place = plain(&format!("attachment; filename=\"{name}\""))
        .unwrap_or_else(|| HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, place),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, stored.bytes).into_response()
}

/// `GET /api/storage/object/{id}`, and by the id of the content.
pub(crate) async fn object(service: Scoped, Path(id): Path<String>) -> Answer {
    Ok(shown(blocking(service, move |service| service.file(&id)).await?))
}

/// `GET /api/storage/files/{id}`: the file of an object.
pub(crate) async fn of_object(service: Scoped, Path(id): Path<String>) -> Answer {
    let stored = blocking(service, move |service| service.file_of("CoreFileObject", &id)).await?;
    Ok(shown(stored))
}

/// `GET /api/storage/files/by-hfid/{kind}?hfid=a&hfid=b`.
pub(crate) async fn by_hfid(
    service: Scoped,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let name = every(query.as_deref(), "hfid").join("/");
    Ok(shown(blocking(service, move |service| service.file_of(&kind, &name)).await?))
}
