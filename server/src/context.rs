//! What every session shares.

use std::fmt;

use crate::auth::Authenticator;
use crate::authenticity::Authenticity;
use crate::config::Config;
use crate::directory::Directory;
use crate::dns::Dns;
use crate::helpers::Helpers;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::rates::Rates;
use crate::relay::Relay;
use crate::shutdown::Shutdown;
use crate::spool::SpoolRoom;
use crate::store_metrics;
use crate::tls::TlsConfigs;

/// What every session shares; protocols get it in an `Arc`.
pub struct Context {
    /// What the operator decides.
    pub config: Config,
    /// Their messages.
    pub store: engine::Store,
    /// Who lives here.
    pub directory: Directory,
    /// Log-ins.
    pub auth: Authenticator,
    /// For STARTTLS.
    pub tls: TlsConfigs,
    /// Name servers.
    pub dns: Dns,
    /// What sends mail to other servers.
    pub relay: Relay,
    /// How much users send and addresses bring.
    pub rates: Rates,
    /// Mail on its way out.
    pub queue: Queue,
    /// What shows where mail comes from.
    pub authenticity: Authenticity,
    /// What is counted.
    pub metrics: Metrics,
    /// When to end.
    pub shutdown: Shutdown,
    /// Where messages are while they are being received.
    pub receiving: SpoolRoom,
    /// Where messages are while they are being sent.
    pub sending: SpoolRoom,
    /// Who helps with long work.
    pub helpers: Helpers,
}

impl Context {
    /// Why the server cannot do its work at the moment; `None` if it can.
    pub fn not_ready(&self) -> Option<&'static str> {
        if self.shutdown.is_requested() {
            return Some("the server is stopping");
        }
        let is_poisoned = self.store.stats().iter().any(|stats| stats.is_poisoned());
        is_poisoned.then_some("the store takes no changes after a failed write; restart the server")
    }

    /// Everything that is counted, in the text format of Prometheus.
    pub fn metrics_text(&self) -> Result<String, fmt::Error> {
        let (waiting, in_hand) = self.queue.counts();
        self.metrics.queue(waiting, in_hand);
        let mut text = self.metrics.text()?;
        store_metrics::insert(&mut text, self.store.stats());
        Ok(text)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Context").field("config", &self.config).finish_non_exhaustive()
    }
}
