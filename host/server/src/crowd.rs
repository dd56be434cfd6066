//! How many requests are answered at once. What comes beyond is refused before its body is read: the
//! threads that answer are bounded, and what waits for them must be, too.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::problem::Problem;

/// Requests under way at the same time: twice the threads that answer them. Their bodies are the
/// memory that a crowd can take.
pub(crate) const REQUESTS_MAX: usize = 1_024;

/// Lets a request in while there is a place.
pub(crate) async fn limited(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    match place(&places) {
        Ok(_held) => next.run(request).await,
        Err(crowded) => crowded.into_response(),
    }
}

fn place(places: &Semaphore) -> Result<SemaphorePermit<'_>, Problem> {
    places.try_acquire().map_err(|_crowded| {
        let message = format!(
            "{REQUESTS_MAX} requests are under way, and no more are taken on; try again in a moment"
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_beyond_the_last_place_is_refused_until_one_ends() {
        let places = Semaphore::new(1);
        let held = place(&places).unwrap();
        let refused = place(&places).unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[axum::http::header::RETRY_AFTER], "1");
        drop(held);
        assert!(place(&places).is_ok());
    }
}
