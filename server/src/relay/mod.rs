//! Mail to other servers: where it goes, who is spoken to, and the client's side of SMTP.
//!
//! [`Relay::send`] is one try for the recipients of one destination. It looks up the hosts, speaks to
//! as many of them as it takes, and tells of each recipient whether another server has the message
//! now, may take it later, or never will. What waits, and for how long, is for the caller to decide.

mod attempt;
mod dane;
mod demand;
mod destination;
mod extensions;
mod guard;
mod ledger;
mod login;
mod mail;
mod outcome;
mod parameters;
mod pool;
mod reply;
mod route;
mod scram;
mod session;
mod sts;
mod stuffing;
mod transaction;
mod wire;

use std::sync::Arc;

pub use destination::Destination;
pub use mail::{
    Body, DeliverBy, LateAction, Notify, OutgoingMail, OutgoingRecipient, Return, TlsNeed,
};
pub use outcome::{Acceptance, Concern, Outcome, RemoteHost, Trouble};
pub use reply::{EnhancedStatus, Reply};

use self::attempt::Attempt;
use self::guard::ClientTls;
use self::ledger::Ledger;
use self::pool::Pool;
use self::session::Dialer;
use self::sts::StsPolicies;
use crate::config::{Config, Role};
use crate::directory::Directory;
use crate::dns::Dns;
use crate::tls::TlsError;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Whom to believe.
    #[error("{0}; see `ca` under [outgoing]")]
    Tls(#[from] TlsError),
    /// Whose signatures to believe.
    #[error("cannot check the signatures of DNSSEC: {0}; see `dane_anchor` under [outgoing]")]
    Anchor(String),
}

/// What sends mail to other servers; one for the server, shared by all that send.
#[derive(Debug)]
pub struct Relay {
    dns: Dns,
    /// With answers checked by DNSSEC, for DANE.
    signed_dns: Option<Dns>,
    policies: Option<StsPolicies>,
    dialer: Dialer,
    pool: Arc<Pool>,
}

impl Relay {
    /// Connects to nobody yet.
    pub fn new(config: &Config, dns: Dns, directory: Directory) -> Result<Self, RelayError> {
        let outgoing = config.outgoing.clone();
        let pool = Pool::new(outgoing.idle_time, outgoing.idle_connections_max);
        let tls = ClientTls::new(outgoing.ca.as_deref())?;
        let policies = outgoing
            .mta_sts
            .then(|| StsPolicies::new(dns.clone(), directory, tls.clone(), outgoing.mta_sts_port));
        let anchor = outgoing.dane_anchor.as_deref();
        let signed_dns = outgoing
            .dane
            .then(|| Dns::validating(&config.dns, anchor))
            .transpose()
            .map_err(|error| RelayError::Anchor(error.to_string()))?;
        let receiving =
            config.listeners.iter().filter(|one| one.protocol.role() == Some(Role::Smtp));
        let own_addresses = receiving.map(|listener| listener.address).collect();
        let hostname = outgoing.hostname.as_ref().unwrap_or(&config.hostname).clone();
        Ok(Self {
            dns,
            signed_dns,
            policies,
            dialer: Dialer { config: outgoing, hostname, tls, own_addresses },
            pool,
        })
    }

    /// Tries to hand `mail` to the servers of `destination`: an outcome for each recipient, in their
    /// order. Takes as long as slow servers may take, so callers run it in a task of its own; a
    /// dropped future breaks the connection off, and the message may have arrived all the same.
    pub async fn send(&self, destination: &Destination, mail: &OutgoingMail) -> Vec<Outcome> {
        let mut ledger = Ledger::new(mail.recipients.len());
        let mut attempt = Attempt { relay: self, mail, ledger: &mut ledger };
        let within = self.dialer.config.try_time;
        if tokio::time::timeout(within, attempt.run(destination)).await.is_err() {
            ledger.out_of_time();
        }
        ledger.finish()
    }
}

/// Reads what another server answers, whole and in pieces of the length that the first octet names.
#[cfg(fuzzing)]
pub(crate) fn fuzz_reply(octets: &[u8]) {
    let Some((len, octets)) = octets.split_first() else { return };
    let pieces = |len: usize| {
        let (mut reader, mut buffer, mut replies) =
            (reply::ReplyReader::default(), Vec::new(), Vec::new());
        for piece in octets.chunks(len.max(1)) {
            buffer.extend_from_slice(piece);
            loop {
                let (taken, reply) = reader.read(&buffer)?;
                buffer.drain(..taken);
                let Some(reply) = reply else { break };
                replies.push(extensions::Extensions::of(&reply));
            }
        }
        Ok::<_, reply::ReplyFault>(replies)
    };
    assert_eq!(pieces(usize::from(*len)), pieces(octets.len()));
}

#[cfg(test)]
mod tests;
