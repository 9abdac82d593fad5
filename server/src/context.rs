//! What every session shares.

use std::fmt;

use crate::auth::Authenticator;
use crate::config::Config;
use crate::directory::Directory;
use crate::limits::ByteBudget;
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::tls::TlsConfigs;

/// What every session shares; protocols get it in an `Arc`.
#[derive(Debug)]
pub struct Context {
    /// What the operator decides.
    pub config: Config,
    /// Who lives here.
    pub directory: Directory,
    /// Log-ins.
    pub auth: Authenticator,
    /// For STARTTLS.
    pub tls: TlsConfigs,
    /// What is counted.
    pub metrics: Metrics,
    /// When to end.
    pub shutdown: Shutdown,
    /// Bytes of messages that are being received.
    pub receiving: ByteBudget,
}

impl Context {
    /// Why the server cannot do its work at the moment; `None` if it can.
    pub fn not_ready(&self) -> Option<&'static str> {
        self.shutdown.is_requested().then_some("the server is stopping")
    }

    /// Everything that is counted, in the text format of Prometheus.
    pub fn metrics_text(&self) -> Result<String, fmt::Error> {
        self.metrics.text()
    }
}
