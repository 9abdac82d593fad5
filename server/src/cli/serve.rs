//! `fumikura serve`: the server until a signal ends it.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{CliError, logging, open_files, output};
use crate::Server;
use crate::config::Config;

pub(super) fn run(config: Config) -> Result<(), CliError> {
    logging::start(&config.log);
    open_files::allow(config.limits.connections_max);
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        let server = Server::start(config).await?;
        output::line(&ready_line(&server))?;
        until_signal(server, signals).await
    })
}

/// Threads that read from disk or hash at one time. Each keeps what decompression needs, and an
/// arena of the allocator; a hundred of them would take more than ten thousand sessions.
const BLOCKING_THREADS_MAX: usize = 32;

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(CliError::io("cannot start the runtime"))
}

/// What scripts wait for.
pub(super) fn ready_line(server: &Server) -> String {
    let ports: Vec<String> = server
        .addresses()
        .iter()
        .map(|(protocol, address)| format!("{} {address}", protocol.name()))
        .collect();
    format!("ready: {}", ports.join(", "))
}

/// The signals that a server answers to; caught before anything is opened.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, CliError> {
        let catch = |kind| signal(kind).map_err(CliError::io("cannot catch signals"));
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }
}

/// Serves until SIGINT or SIGTERM, then stops in order; SIGHUP reads the certificate again.
pub(super) async fn until_signal(server: Server, mut signals: Signals) -> Result<(), CliError> {
    loop {
        tokio::select! {
            _ = signals.interrupt.recv() => break,
            _ = signals.terminate.recv() => break,
            _ = signals.hangup.recv() => reload(&server).await,
        }
    }
    tracing::info!("stopping");
    server.stop().await;
    tracing::info!("stopped");
    Ok(())
}

async fn reload(server: &Server) {
    let context = std::sync::Arc::clone(server.context());
    let reloaded = tokio::task::spawn_blocking(move || context.tls.reload()).await;
    match reloaded {
        Ok(Ok(())) => tracing::info!("certificate and key read again"),
        Ok(Err(error)) => tracing::error!(%error, "the old certificate stays in use"),
        Err(error) => tracing::error!(%error, "the old certificate stays in use"),
    }
}
