//! Bodies: each comes whole, within its size and in time, so that one that never ends does not keep a
//! place.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::StatusCode;

use crate::problem::Problem;

/// The request with all of its body: one that does not come in time, or is too large, gives its place
/// back.
pub(crate) async fn whole(
    request: Request,
    patience: Duration,
    most: usize,
) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(patience, axum::body::to_bytes(body, most)).await;
    let late = |_elapsed| {
        let message = format!("the body did not come within {} seconds", patience.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", message)
    };
    // A connection that broke off is nobody's to tell; the limit is what is left.
    let bytes = read.map_err(late)?.map_err(|bad| {
        too_large(format!("the body is larger than {most} bytes, or broke off: {bad}"))
    })?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn too_large(message: String) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", message)
}

/// The refusal of a body that says itself that it is too large: nothing of it need be read.
pub(crate) fn said_too_large(body: &Body, most: usize) -> Option<Problem> {
    let length = body.size_hint().exact()?;
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    (length > most)
        .then(|| too_large(format!("the body has {length} bytes, and {most} are taken at most")))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    /// A body that says nothing, for ever.
    struct Silent;

    impl axum::body::HttpBody for Silent {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[test]
    fn a_body_that_never_ends_or_is_too_large_gives_its_place_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let take = |body: Body| {
            let request = Request::new(body);
            let taken = runtime.block_on(whole(request, Duration::from_millis(1), 8));
            taken.map(|_whole| ()).map_err(|bad| bad.into_response().status())
        };
        assert_eq!(take(Body::from("12345678")), Ok(()));
        assert_eq!(take(Body::empty()), Ok(()));
        assert_eq!(take(Body::from("123456789")), Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(take(Body::new(Silent)), Err(StatusCode::REQUEST_TIMEOUT));
    }
}
