//! Listening, and going down in order.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use sandbox::InChild;
use service::{AccessOptions, FirstAdmin, Place, Service, ServiceError, ServiceOptions};
use tokio::net::TcpListener;
use tower_http::timeout::TimeoutLayer;

use crate::api::router;
use crate::connections;
use crate::environment::{environment, installation_secret, random_bytes};
use crate::limits::REQUEST_SECONDS_MAX;

/// Why a server does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Until there are accounts, whoever reaches the port may do everything.
    #[error(
        "{0} is reachable from other machines, and there are no accounts yet; listen on 127.0.0.1 or [::1], or start with `--accounts`"
    )]
    NotLoopback(SocketAddr),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The service did not open.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The network failed.
    #[error("the server failed: {0}")]
    Io(#[from] std::io::Error),
}

impl ServeError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotLoopback(_) => "not-loopback",
            Self::Listen { .. } => "cannot-listen",
            Self::Service(error) => error.code(),
            Self::Io(_) => "server-failed",
        }
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Serving {
    /// Where; the port that was given out, where zero was asked for.
    pub address: SocketAddr,
    listener: TcpListener,
    service: Service,
}

/// Opens the service of a data folder; without one, in memory. Uploads are compiled in a child, where
/// one is given.
pub fn open(
    folder: Option<&Path>,
    slots: u32,
    compiler: Option<InChild>,
    anonymous_read: bool,
) -> Result<Service, ServeError> {
    let (place, seal, access) = match folder {
        Some(folder) => {
            let secret = |name| installation_secret(folder, name);
            let place = Place::Folder(folder.to_owned());
            (place, secret("installation.key")?, secret("access.key")?)
        }
        None => (Place::Memory, [0; 32], random_bytes()?),
    };
    Ok(Service::open(ServiceOptions {
        place,
        environment: environment(),
        slots,
        key: sandbox::CacheKey::new(seal),
        compiler,
        store: store::Options::default(),
        engine: engine::EngineOptions::default(),
        access: AccessOptions { key: access, anonymous_read },
    })?)
}

/// The first account, where there is none: with the secrets that are given, and new ones for the
/// others. Answers what was made.
pub fn first_admin(
    service: &Service,
    password: Option<String>,
    token: Option<String>,
) -> Result<Option<FirstAdmin>, ServeError> {
    let secret = |given: Option<String>| match given {
        Some(given) => Ok(given),
        None => random_bytes().map(|bytes| model::Digest(bytes).to_string()),
    };
    let admin = FirstAdmin { password: secret(password)?, token: secret(token)? };
    Ok(service.first_admin(&admin)?.then_some(admin))
}

/// Listens: on a loopback address, or on any where there are accounts.
pub async fn serve(service: Service, address: SocketAddr) -> Result<Serving, ServeError> {
    if !address.ip().is_loopback() && !service.has_accounts()? {
        return Err(ServeError::NotLoopback(address));
    }
    connections::make_room();
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    Ok(Serving { address: listener.local_addr()?, listener, service })
}

impl Serving {
    /// Answers until `stop` is ready; then takes no new requests, ends those under way, and waits
    /// for runs.
    pub async fn until(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let _changes = self.service.keep_changes_checked()?;
        let longest = Duration::from_secs(REQUEST_SECONDS_MAX);
        let layer =
            TimeoutLayer::with_status_code(axum::http::StatusCode::REQUEST_TIMEOUT, longest);
        let app = router(self.service.clone()).layer(layer);
        connections::answer(self.listener, app, stop).await;
        let service = self.service;
        let drained = tokio::task::spawn_blocking(move || service.drain()).await;
        drained.map_err(|_panicked| std::io::Error::other("draining failed"))?;
        Ok(())
    }
}
