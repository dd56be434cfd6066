//! Errors on the wire: the one form of all of them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use service::ServiceError;

/// An error on its way out: `{"data": null, "errors": [{"message", "extensions": {"code"}}]}`.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    details: Vec<String>,
    /// Facts by code; null where there are none.
    data: Value,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let (code, message, details) = (code.to_owned(), message.into(), Vec::new());
        Self { status, code, message, details, data: Value::Null }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let status = StatusCode::from_u16(error.class().status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code: error.code().to_owned(),
            details: error.details(),
            data: error.data(),
            message: error.to_string(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status.as_u16();
        let mut extensions = json!({"code": self.code, "http_status": status});
        if !self.data.is_null() {
            extensions["data"] = self.data;
        }
        if !self.details.is_empty() {
            extensions["details"] = json!(self.details);
        }
        // Published clients print the messages alone: each detail is one of its own too.
        let detail = |detail: &String| json!({"message": detail, "extensions": {"code": self.code, "http_status": status}});
        let first = json!({"message": self.message, "extensions": extensions});
        let errors: Vec<_> =
            std::iter::once(first).chain(self.details.iter().map(detail)).collect();
        let body = json!({"data": null, "errors": errors});
        let mut answer = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}
