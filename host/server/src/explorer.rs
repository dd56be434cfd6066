//! The interactive page at `/graphql`: an editor, variables, the answer, and what there is to ask for.
//! It is in the program, and fetches nothing but answers of this server.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use service::Service;

use crate::api::Answer;
use crate::problem::Problem;

const PAGE: &str = include_str!("explorer/page.html");
const STYLE: &str = include_str!("explorer/page.css");
const SCRIPT: &str = include_str!("explorer/page.js");

/// Nothing from elsewhere, nothing within the page itself, and no page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The parts of the page.
pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/explorer/page.css", get(async || part("text/css; charset=utf-8", STYLE)))
        // A browser asks for it by itself; without one it says so in its console.
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/explorer/page.js", get(async || part("text/javascript; charset=utf-8", SCRIPT)))
}

/// `GET /graphql`, for who wants a page. Programs ask by `POST`.
pub(crate) async fn page(headers: HeaderMap) -> Answer {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        return part("text/html; charset=utf-8", PAGE);
    }
    let what = "ask by POST with `{\"query\": ..}`; a browser gets a page here";
    Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", what))
}

fn part(content_type: &'static str, text: &'static str) -> Answer {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, text).into_response())
}
