//! What is counted, in the text format of Prometheus.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::config::Role;

/// From 0.1 ms, doubling, to about 3 s: where mail commands lie.
const LATENCY_BUCKETS: u16 = 16;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProtocolLabel {
    protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    protocol: &'static str,
    command: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    protocol: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TryLabel {
    outcome: &'static str,
}

#[derive(Clone)]
struct Latency;

impl MetricConstructor<Histogram> for Latency {
    fn new_metric(&self) -> Histogram {
        Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(
            0.0001,
            2.0,
            LATENCY_BUCKETS,
        ))
    }
}

/// The counters of the server.
pub struct Metrics {
    registry: Registry,
    connections: Family<ProtocolLabel, Counter>,
    connections_open: Family<ProtocolLabel, Gauge>,
    connections_refused: Family<ProtocolLabel, Counter>,
    commands: Family<CommandLabels, Histogram, Latency>,
    deliveries: Family<OutcomeLabels, Counter>,
    log_ins: Family<OutcomeLabels, Counter>,
    tries: Family<TryLabel, Counter>,
    waiting: Gauge,
    in_hand: Gauge,
    panics: Counter,
}

/// An open connection; counted until dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("fumikura"),
            connections: Family::default(),
            connections_open: Family::default(),
            connections_refused: Family::default(),
            commands: Family::new_with_constructor(Latency),
            deliveries: Family::default(),
            log_ins: Family::default(),
            tries: Family::default(),
            waiting: Gauge::default(),
            in_hand: Gauge::default(),
            panics: Counter::default(),
        };
        metrics.register();
        metrics.start_at_zero();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Connections accepted", self.connections.clone());
        registry.register("connections_open", "Connections now", self.connections_open.clone());
        registry.register(
            "connections_refused",
            "Connections refused at a limit",
            self.connections_refused.clone(),
        );
        registry.register_with_unit(
            "command_duration",
            "From a whole command to its answer",
            Unit::Seconds,
            self.commands.clone(),
        );
        registry.register("deliveries", "Messages for a recipient", self.deliveries.clone());
        registry.register("log_ins", "Log-ins", self.log_ins.clone());
        registry.register("queue_tries", "Recipients tried from the queue", self.tries.clone());
        registry.register("queue_waiting", "Entries that wait in the queue", self.waiting.clone());
        registry.register("queue_in_hand", "Entries that are being tried", self.in_hand.clone());
        registry.register("session_panics", "Sessions ended by a fault", self.panics.clone());
    }

    /// Shows every protocol from the start: a rate needs the zero before the first event.
    fn start_at_zero(&self) {
        for role in Role::ALL {
            let label = ProtocolLabel { protocol: role.name() };
            drop(self.connections.get_or_create(&label));
            drop(self.connections_open.get_or_create(&label));
            drop(self.connections_refused.get_or_create(&label));
        }
    }

    /// Counts a connection, until what is returned is dropped.
    pub fn connected(&self, role: Role) -> OpenConnection {
        let label = ProtocolLabel { protocol: role.name() };
        self.connections.get_or_create(&label).inc();
        let open = self.connections_open.get_or_create(&label).clone();
        open.inc();
        OpenConnection(open)
    }

    /// Counts a connection that a limit refused.
    pub fn refused(&self, role: Role) {
        self.connections_refused.get_or_create(&ProtocolLabel { protocol: role.name() }).inc();
    }

    /// Counts a command and how long it took. `command` is one of the protocol's own words,
    /// never what the client sent, so that clients cannot make up labels.
    pub fn command(&self, role: Role, command: &'static str, took: Duration) {
        self.commands
            .get_or_create(&CommandLabels { protocol: role.name(), command })
            .observe(took.as_secs_f64());
    }

    /// Counts what came of one recipient of a message.
    pub fn delivery(&self, role: Role, is_stored: bool) {
        let outcome = if is_stored { "stored" } else { "failed" };
        self.deliveries.get_or_create(&OutcomeLabels { protocol: role.name(), outcome }).inc();
    }

    /// Counts a log-in.
    pub fn log_in(&self, role: Role, is_ok: bool) {
        let outcome = if is_ok { "ok" } else { "refused" };
        self.log_ins.get_or_create(&OutcomeLabels { protocol: role.name(), outcome }).inc();
    }

    /// Counts what came of a try for one recipient of the queue.
    pub fn tried(&self, outcome: &'static str) {
        self.tries.get_or_create(&TryLabel { outcome }).inc();
    }

    /// Shows how many entries the queue has: waiting, and in hand.
    pub fn queue(&self, waiting: usize, in_hand: usize) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.in_hand.set(i64::try_from(in_hand).unwrap_or(i64::MAX));
    }

    /// Counts a session that ended by a panic.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new();
        let open = metrics.connected(Role::Imap);
        metrics.command(Role::Imap, "SELECT", Duration::from_millis(1));
        let text = metrics.text().expect("text");
        assert!(text.contains("fumikura_connections_open{protocol=\"imap\"} 1\n"), "{text}");
        let count =
            "fumikura_command_duration_seconds_count{protocol=\"imap\",command=\"SELECT\"} 1\n";
        assert!(text.contains(count), "{text}");
        drop(open);
        let text = metrics.text().expect("text");
        assert!(text.contains("fumikura_connections_open{protocol=\"imap\"} 0\n"), "{text}");
    }
}
