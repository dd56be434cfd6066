//! Connections: how many there are, and how long one may say nothing. A published client opens one for
//! every request, and many a stranger opens one and forgets it: neither keeps others waiting.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use crate::limits::{CONNECTIONS_MAX, HEAD_SECONDS_MAX};

/// Files that are open beside connections: the store, components, what children are fed through.
#[cfg(unix)]
const OTHER_FILES: u64 = 1_024;
/// How long nothing is accepted when the system has no room for a connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Makes room for as many connections as there may be, as far as the system lets: many systems begin with
/// room for a thousand files, and let a program have more.
#[cfg(unix)]
pub(crate) fn make_room() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = (CONNECTIONS_MAX as u64).saturating_add(OTHER_FILES);
    let room = wanted.min(now.maximum.unwrap_or(wanted));
    if now.current.is_some_and(|current| current < room) {
        let more = Rlimit { current: Some(room), maximum: now.maximum };
        // Without more room fewer connections wait for others to end.
        let _refused = setrlimit(Resource::Nofile, more);
    }
}

/// Makes room for as many connections as there may be.
#[cfg(not(unix))]
pub(crate) fn make_room() {}

/// Answers until `stop` is ready; then takes no new connections and ends the requests under way.
pub(crate) async fn answer(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let (most, patience) = (CONNECTIONS_MAX, Duration::from_secs(HEAD_SECONDS_MAX));
    answer_within(listener, app, stop, most, patience).await;
}

async fn answer_within(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()>,
    most: usize,
    patience: Duration,
) {
    let places = Arc::new(Semaphore::new(most));
    let ending = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    let mut stop = pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            next = next(&listener, &places) => next,
        };
        let app = app.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            app.clone().oneshot(request.map(Body::new))
        });
        let connection = ending.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // How a connection broke off is nobody's to tell.
            let _broken_off = connection.await;
            drop(place);
        });
    }
    drop(listener);
    ending.shutdown().await;
}

/// The next connection, once there is a place for it.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _from)) => return (stream, place),
            // One that is gone already, or no room for another file: others may end meanwhile.
            Err(_gone) => tokio::time::sleep(NO_ROOM).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use axum::routing::get;

    use super::*;

    /// A server with few places and little patience; its address.
    fn server(most: usize) -> (std::net::SocketAddr, tokio::runtime::Runtime) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(TcpListener::bind(any)).unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/", get(async || "here"));
        let patience = Duration::from_millis(200);
        runtime.spawn(answer_within(listener, app, std::future::pending(), most, patience));
        (address, runtime)
    }

    fn ask(address: std::net::SocketAddr) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_connection_that_says_nothing_or_too_little_is_closed() {
        let (address, _runtime) = server(8);
        for said in ["", "GET / HT"] {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
            // This ends only as the server closes it.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert!(!String::from_utf8_lossy(&rest).contains("here"));
        }
    }

    #[test]
    fn one_beyond_the_last_place_is_answered_once_an_idle_one_is_closed() {
        let (address, _runtime) = server(2);
        let idle: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        assert!(ask(address).ends_with("here"));
        drop(idle);
    }
}
