//! One try: the hosts of a destination, one after the other, until every recipient is settled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Relay;
use super::destination::Destination;
use super::guard::Guard;
use super::ledger::Ledger;
use super::login::Login;
use super::mail::{OutgoingMail, TlsNeed};
use super::outcome::{Concern, RemoteHost, Trouble};
use super::parameters::{inspect, inspect_recipient};
use super::pool::PoolKey;
use super::reply::EnhancedStatus;
use super::route;
use super::session::{OpenError, Session, Target};
use super::transaction::Transaction;
use crate::config::{Smarthost, SmarthostTls};

/// Hosts that are spoken to about one message in one try. What the first few put off, the others
/// would too.
const SESSIONS_MAX: usize = 3;

/// One try.
pub(super) struct Attempt<'a> {
    pub(super) relay: &'a Relay,
    pub(super) mail: &'a OutgoingMail,
    pub(super) ledger: &'a mut Ledger,
}

/// A host that may take the message.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) guard: Guard,
    pub(super) login: Option<Arc<Login>>,
}

/// What one try may still do.
struct Budget {
    addresses: usize,
    sessions: usize,
}

impl Attempt<'_> {
    /// Settles what can be.
    pub(super) async fn run(&mut self, destination: &Destination) {
        self.inspect();
        if self.ledger.is_settled() {
            return;
        }
        let hops = match self.hops(destination).await {
            Ok(hops) => hops,
            Err(trouble) => return self.ledger.skip_host(trouble),
        };
        let addresses = self.relay.dialer.config.addresses_max;
        let mut budget = Budget { addresses, sessions: SESSIONS_MAX };
        for hop in hops {
            self.host(&hop, &mut budget).await;
            if self.ledger.is_settled() || budget.sessions == 0 || budget.addresses == 0 {
                return;
            }
        }
    }

    fn inspect(&mut self) {
        if let Err(trouble) = inspect(self.mail) {
            let all = self.ledger.open();
            return self.ledger.refuse(&all, &trouble);
        }
        for (place, recipient) in self.mail.recipients.iter().enumerate() {
            if let Err(trouble) = inspect_recipient(recipient) {
                self.ledger.refuse(&[place], &trouble);
            }
        }
    }

    async fn hops(&self, destination: &Destination) -> Result<Vec<Hop>, Trouble> {
        let dialer = &self.relay.dialer;
        if let Some(smarthost) = dialer.config.smarthost(&destination.to_string()) {
            return Ok(vec![self.smarthost(smarthost).await?]);
        }
        let hosts = match destination {
            Destination::Address(_) => vec![destination.to_string()],
            Destination::Domain(domain) => {
                route::hosts(&self.relay.dns, domain, &dialer.hostname).await?
            }
        };
        let guard = match self.mail.tls {
            TlsNeed::Required => Guard::Verified,
            TlsNeed::Policy | TlsNeed::Optional => Guard::Opportunistic,
        };
        let hop = |name| Hop { name, port: dialer.config.port, guard, login: None };
        Ok(hosts.into_iter().map(hop).collect())
    }

    /// Its name is the operator's word, so a certificate for it is as good as any policy.
    async fn smarthost(&self, smarthost: &Smarthost) -> Result<Hop, Trouble> {
        let guard = match smarthost.tls {
            SmarthostTls::StartTls => Guard::Verified,
            SmarthostTls::Implicit => Guard::Implicit,
            _ if self.mail.tls == TlsNeed::Required => Guard::Verified,
            SmarthostTls::Opportunistic => Guard::Opportunistic,
            SmarthostTls::Off => Guard::Off,
        };
        let login = match &smarthost.login {
            None => None,
            Some((user, file)) => {
                let password = tokio::fs::read_to_string(file).await.map_err(|error| {
                    let text = format!("cannot read the password in {}: {error}", file.display());
                    Trouble::own(EnhancedStatus::new(4, 3, 5), Concern::Destination, text)
                })?;
                let password = password.trim_end_matches(['\r', '\n']).to_owned();
                Some(Arc::new(Login { user: user.clone(), password }))
            }
        };
        Ok(Hop { name: smarthost.host.clone(), port: smarthost.port, guard, login })
    }

    /// Speaks to one host, at whichever of its addresses.
    async fn host(&mut self, hop: &Hop, budget: &mut Budget) {
        if self.reused(hop, budget).await {
            return;
        }
        let addresses = match route::addresses(&self.relay.dns, &hop.name).await {
            Ok(addresses) => addresses,
            Err(trouble) => return self.ledger.skip_host(trouble),
        };
        for address in addresses {
            if budget.addresses == 0 {
                return;
            }
            budget.addresses -= 1;
            if self.address(hop, address).await {
                budget.sessions -= 1;
                return;
            }
        }
    }

    /// Whether a session that waited was used.
    async fn reused(&mut self, hop: &Hop, budget: &mut Budget) -> bool {
        let within = self.relay.dialer.config.command_time;
        while let Some(mut session) = self.relay.pool.take(&PoolKey::of(hop)) {
            if session.refresh(within).await {
                let waiting = self.ledger.open();
                let left = self.converse(hop, session, waiting).await;
                budget.sessions -= 1;
                return left.is_empty();
            }
        }
        false
    }

    /// Whether there was a session with this address. More than one if the server takes but so
    /// many transactions in each.
    async fn address(&mut self, hop: &Hop, address: IpAddr) -> bool {
        let mut waiting = self.ledger.open();
        let mut was_open = false;
        while !waiting.is_empty() {
            let session = match self.open(hop, address).await {
                Ok(session) => session,
                Err(trouble) => {
                    self.ledger.skip_host(trouble);
                    return was_open;
                }
            };
            was_open = true;
            let count = waiting.len();
            waiting = self.converse(hop, session, waiting).await;
            if waiting.len() == count {
                break;
            }
        }
        was_open
    }

    /// Opens a session; where TLS is only tried, without it if it fails (RFC 7435, 3).
    async fn open(&self, hop: &Hop, address: IpAddr) -> Result<Session, Trouble> {
        let host = RemoteHost { name: hop.name.clone(), address: Some(address) };
        let address = SocketAddr::new(address, hop.port);
        let target = Target { host, address, guard: hop.guard, login: hop.login.clone() };
        match self.relay.dialer.open(&target).await {
            Ok(session) => Ok(session),
            Err(OpenError::Tls(trouble)) if hop.guard == Guard::Opportunistic => {
                tracing::debug!(%trouble, "going on without TLS");
                let target = Target { guard: Guard::Off, ..target };
                self.relay.dialer.open(&target).await.map_err(OpenError::into_trouble)
            }
            Err(error) => Err(error.into_trouble()),
        }
    }

    /// Uses a session, then lets it wait for the next message. Those that are left were not named.
    async fn converse(
        &mut self,
        hop: &Hop,
        mut session: Session,
        waiting: Vec<usize>,
    ) -> Vec<usize> {
        let config = &self.relay.dialer.config;
        let mut transaction = Transaction { session: &mut session, mail: self.mail, config };
        let left = transaction.run(waiting, self.ledger).await;
        self.relay.pool.put(PoolKey::of(hop), session);
        left
    }
}
