//! A server within this process, for the demo and local runs: the same API, the same sandbox.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::args::Serve;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::Output;

/// A server that goes down when this is dropped.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) client: Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Runs at the same time in a local server.
const SLOTS: u32 = 4;

/// The service of a folder; this program compiles uploads, started again.
pub(crate) fn open(folder: Option<&Path>, slots: u32) -> Result<server::Service, Failure> {
    opened(folder, slots, true)
}

fn opened(
    folder: Option<&Path>,
    slots: u32,
    anonymous_read: bool,
) -> Result<server::Service, Failure> {
    let program = std::env::current_exe()
        .map_err(|bad| Failure::Unreachable(format!("this program is not found: {bad}")))?;
    Ok(server::open(folder, slots, Some(server::compiler(program, "__compile")), anonymous_read)?)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    built.map_err(|bad| Failure::Unreachable(format!("the runtime does not start: {bad}")))
}

/// Starts a server on a port of its own; in memory without a folder.
pub(crate) fn start(folder: Option<&Path>) -> Result<Local, Failure> {
    let service = open(folder, SLOTS)?;
    let runtime = runtime()?;
    let (told, address) = sync_channel(1);
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        runtime.block_on(async move {
            let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
            match server::serve(service, any).await {
                Ok(serving) => {
                    let _gone = told.send(Ok(serving.address));
                    let stop = async move {
                        let _dropped = stopped.await;
                    };
                    let _ended = serving.until(stop).await;
                }
                Err(bad) => {
                    let _gone = told.send(Err(bad));
                }
            }
        });
    });
    let address = address
        .recv()
        .map_err(|_gone| Failure::Unreachable("the server does not start".to_owned()))??;
    let client = Client::new(&format!("http://{address}"));
    Ok(Local { client, stop: Some(stop), thread: Some(thread) })
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Serves until the process is told to end.
pub(crate) fn serve(serve: &Serve, output: Output) -> Result<(), Failure> {
    let service = opened(Some(&serve.data), SLOTS, serve.anonymous_read)?;
    if serve.accounts || serve.admin_password.is_some() || serve.admin_token.is_some() {
        let given = (serve.admin_password.clone(), serve.admin_token.clone());
        if let Some(admin) = server::first_admin(&service, given.0, given.1)? {
            output.line("made the account `admin`; its secrets are told this once:");
            if serve.admin_password.is_none() {
                output.line(&format!("  password  {}", admin.password));
            }
            if serve.admin_token.is_none() {
                output.line(&format!("  KILN_TOKEN={}", admin.token));
            }
        }
    }
    let runtime = runtime()?;
    runtime.block_on(async move {
        let serving = server::serve(service, serve.listen).await?;
        output.line(&format!("listening on http://{}", serving.address));
        serving.until(told_to_end()).await
    })?;
    Ok(())
}

async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _told = terminate.recv() => {}
                _told = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _told = tokio::signal::ctrl_c().await;
}
