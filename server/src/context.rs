//! What every session shares.

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
