//! One try: the hosts of a destination, one after the other, until every recipient is settled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Relay;
use super::demand::Demand;
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

/// A host, before it is known what is asked of it.
#[derive(Clone, Debug)]
enum Candidate {
    /// The operator's word.
    Smarthost(Hop),
    /// One of a domain's.
    Exchanger(String),
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
        let (candidates, demand) = match self.candidates(destination).await {
            Ok(found) => found,
            Err(trouble) => return self.ledger.skip_host(trouble),
        };
        let addresses = self.relay.dialer.config.addresses_max;
        let mut budget = Budget { addresses, sessions: SESSIONS_MAX };
        for candidate in candidates {
            match self.hop(candidate, &demand).await {
                Ok(hop) => self.host(&hop, &mut budget).await,
                Err(trouble) => self.ledger.skip_host(trouble),
            }
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

    /// Who may take the message, best first, and what is asked of them.
    async fn candidates(
        &self,
        destination: &Destination,
    ) -> Result<(Vec<Candidate>, Demand), Trouble> {
        let Relay { dialer, dns, signed_dns, policies, .. } = self.relay;
        let mut demand = Demand { need: self.mail.tls, policy: None, is_signed: false };
        if let Some(smarthost) = dialer.config.smarthost(&destination.to_string()) {
            return Ok((vec![Candidate::Smarthost(self.smarthost(smarthost).await?)], demand));
        }
        let hosts = match destination {
            Destination::Address(_) => vec![destination.to_string()],
            Destination::Domain(domain) => {
                let dns = signed_dns.as_ref().unwrap_or(dns);
                let found = route::hosts(dns, domain, &dialer.hostname).await?;
                demand.is_signed = found.is_signed;
                if let Some(policies) = policies.as_ref().filter(|_| demand.heeds_policies()) {
                    demand.policy = policies.of(domain).await?;
                }
                found.list
            }
        };
        Ok((hosts.into_iter().map(Candidate::Exchanger).collect(), demand))
    }

    async fn hop(&self, candidate: Candidate, demand: &Demand) -> Result<Hop, Trouble> {
        match candidate {
            Candidate::Smarthost(hop) => Ok(hop),
            Candidate::Exchanger(name) => {
                let port = self.relay.dialer.config.port;
                let guard = demand.guard(self.relay, &name, port).await?;
                Ok(Hop { name, port, guard, login: None })
            }
        }
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
        // An address that is not there says nothing once another of the host answered.
        let mut absent = Vec::new();
        for address in addresses.list.into_iter().take(budget.addresses) {
            budget.addresses -= 1;
            match self.address(hop, address).await {
                Ok(()) => {
                    budget.sessions = budget.sessions.saturating_sub(1);
                    return;
                }
                Err(trouble) => absent.push(trouble),
            }
        }
        absent.into_iter().for_each(|trouble| self.ledger.skip_host(trouble));
    }

    /// Whether a session that waited was used.
    async fn reused(&mut self, hop: &Hop, budget: &mut Budget) -> bool {
        let within = self.relay.dialer.config.command_time;
        while let Some(mut session) = self.relay.pool.take(&PoolKey::of(hop)) {
            if session.refresh(within).await {
                let waiting = self.ledger.open();
                let left = self.converse(hop, session, waiting).await;
                budget.sessions = budget.sessions.saturating_sub(1);
                return left.is_empty();
            }
        }
        false
    }

    /// Speaks to one address, in more than one session if the server takes but so many transactions in
    /// each. A trouble if there was none.
    async fn address(&mut self, hop: &Hop, address: IpAddr) -> Result<(), Trouble> {
        let mut waiting = self.ledger.open();
        let mut session = self.open(hop, address).await?;
        loop {
            let count = waiting.len();
            waiting = self.converse(hop, session, waiting).await;
            if waiting.is_empty() || waiting.len() == count {
                return Ok(());
            }
            session = match self.open(hop, address).await {
                Ok(session) => session,
                Err(trouble) => {
                    self.ledger.skip_host(trouble);
                    return Ok(());
                }
            };
        }
    }

    /// Opens a session; where TLS is only tried, without it if it fails (RFC 7435, 3).
    async fn open(&self, hop: &Hop, address: IpAddr) -> Result<Session, Trouble> {
        let host = RemoteHost { name: hop.name.clone(), address: Some(address) };
        let address = SocketAddr::new(address, hop.port);
        let target = Target { host, address, guard: hop.guard.clone(), login: hop.login.clone() };
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
