//! The whole server: started from a configuration, stopped in order. `fumikura serve`, the demo
//! and the integration tests all run this.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::Store;
use engine::io::ScratchFile;
use hickory_resolver::net::NetError;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::admin;
use crate::auth::{self, Authenticator};
use crate::authenticity::Authenticity;
use crate::config::{Config, Protocol};
use crate::context::Context;
use crate::control;
use crate::directory::{Directory, DirectoryError};
use crate::dns::Dns;
use crate::helpers::Helpers;
use crate::limits::ConnectionLimits;
use crate::listen::{self, BindError, Port};
use crate::metrics::Metrics;
use crate::queue::{self, Queue};
use crate::rates::Rates;
use crate::relay::{Relay, RelayError};
use crate::shutdown::ShutdownTrigger;
use crate::spool::SpoolRoom;
use crate::tls::{TlsConfigs, TlsError};

/// How long sessions may take to say goodbye when the server stops.
const GRACE: Duration = Duration::from_secs(8);

/// A running server.
#[derive(Debug)]
pub struct Server {
    context: Arc<Context>,
    trigger: ShutdownTrigger,
    addresses: Vec<(Protocol, SocketAddr)>,
    ports: JoinSet<()>,
    limits: ConnectionLimits,
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificate or key.
    #[error("{0}; make a self-signed certificate with `fumikura init`, or name yours under [tls]")]
    Tls(#[from] TlsError),
    /// Domains, users and aliases.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Name servers.
    #[error("cannot ask name servers: {0}; see [dns]")]
    Dns(#[from] NetError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Messages.
    #[error(transparent)]
    Store(#[from] engine::Error),
    /// Messages on their way in.
    #[error(
        "cannot write to {path}, where long messages wait while they arrive: {source}; see `spool` under [store]"
    )]
    Spool {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The socket for orders.
    #[error(
        "cannot listen at {path}, where `fumikura erase` and the like speak to the server: {source}"
    )]
    Control {
        /// The socket.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Mail to other servers.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// There would be nothing to do.
    #[error("the configuration has no [[listener]]")]
    NoListeners,
}

impl Server {
    /// Opens everything and accepts connections at all ports, or does nothing of it.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if config.listeners.is_empty() {
            return Err(StartError::NoListeners);
        }
        let tls = TlsConfigs::load(&config.tls)?;
        let directory =
            Directory::open(&config.directory.path, &config.directory.separator).await?;
        // Bound first: a port that is taken shall not cost a recovery.
        let ports = listen::bind(&config.listeners).await?;
        let store = open_store(&config, &directory).await?;
        let control = control::bind(&config.store.path).map_err(|source| {
            let path = control::path(&config.store.path).display().to_string();
            StartError::Control { path, source }
        })?;
        let (receiving, sending) = (spool_room(&config)?, spool_room(&config)?);
        let dns = Dns::new(&config.dns)?;
        let relay = Relay::new(&config, dns.clone(), directory.clone())?;
        let queue = Queue::open(&store, &directory, &config).await?;
        let (trigger, shutdown) = ShutdownTrigger::new();
        let context = Arc::new(Context {
            auth: Authenticator::new(directory.clone(), config.auth.clone()),
            dns,
            relay,
            rates: Rates::new(&config.limits),
            queue,
            authenticity: Authenticity::default(),
            receiving,
            sending,
            metrics: Metrics::new(),
            helpers: Helpers::default(),
            store,
            directory,
            tls,
            shutdown,
            config,
        });
        // The first unknown login must not take longer than the others.
        tokio::task::spawn_blocking(auth::warm_up);
        let mut server = Self::serve(Arc::clone(&context), trigger, ports);
        server.ports.spawn(control::serve(Arc::clone(&context), control));
        server.ports.spawn(queue::look_after_outboxes(Arc::clone(&context)));
        server.ports.spawn(queue::run(context));
        Ok(server)
    }

    fn serve(context: Arc<Context>, trigger: ShutdownTrigger, bound: Vec<Port>) -> Self {
        let limits = &context.config.limits;
        let limits =
            ConnectionLimits::new(limits.connections_max, limits.connections_per_address_max);
        let addresses = bound.iter().map(|port| (port.protocol, port.address)).collect();
        let mut ports = JoinSet::new();
        for port in bound {
            let context = Arc::clone(&context);
            match port.protocol.role() {
                Some(role) => {
                    ports.spawn(listen::serve(context, port, role, limits.clone(), GRACE));
                }
                None => {
                    ports.spawn(admin::serve(context, port.socket));
                }
            }
        }
        Self { context, trigger, addresses, ports, limits }
    }

    /// How many connections there may be; all ports share it.
    pub fn connection_limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    /// Where the server listens, in the order of the configuration.
    pub fn addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.addresses
    }

    /// Where it listens for `protocol`; the first, if there are several.
    pub fn address(&self, protocol: Protocol) -> Option<SocketAddr> {
        self.addresses.iter().find(|(known, _)| *known == protocol).map(|(_, address)| *address)
    }

    /// What its sessions share.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Stops accepting, lets sessions say goodbye, finishes what was begun, and closes the store.
    /// Takes at most ten seconds, unless the disk does.
    pub async fn stop(mut self) {
        self.trigger.request();
        let ports = async { while self.ports.join_next().await.is_some() {} };
        // Mail sessions are cut off by their ports; this is for an HTTP client that does not end.
        if tokio::time::timeout(GRACE + Duration::from_secs(1), ports).await.is_err() {
            self.ports.shutdown().await;
        }
        self.context.directory.close().await;
        let store = self.context.store.clone();
        if let Err(failure) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::error!(%failure, "closing the store failed");
        }
    }
}

/// Where messages are while they are being received, or sent. Tried out at once: a directory that is wrong
/// would be noticed by the first long message only.
fn spool_room(config: &Config) -> Result<SpoolRoom, StartError> {
    let directory = config.store.spool.as_ref().unwrap_or(&config.store.path);
    ScratchFile::create_in(directory, 0).map_err(|source| {
        let path = directory.display().to_string();
        StartError::Spool { path, source }
    })?;
    let (memory, disk) = (config.limits.receiving_bytes_max, config.limits.spooled_bytes_max);
    Ok(SpoolRoom::new(memory, disk, directory))
}

/// Opens the store off the threads that answer, since a start may replay a long log.
async fn open_store(config: &Config, directory: &Directory) -> Result<Store, engine::Error> {
    let retention = directory.retention(config.store.retention(), Handle::current());
    let options = engine::Options { retention, ..config.store.options() };
    let path = config.store.path.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&path, &options)).await;
    opened.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic()))
}

#[cfg(test)]
pub(crate) mod tests;
