//! Mail to other servers: where it goes, who is spoken to, and the client's side of SMTP.
//!
//! [`Relay::send`] is one try for the recipients of one destination. It looks up the hosts, speaks to
//! as many of them as it takes, and tells of each recipient whether another server has the message
//! now, may take it later, or never will. What waits, and for how long, is for the caller to decide.

mod attempt;
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
use crate::config::{Config, Role};
use crate::directory::Directory;
use crate::dns::Dns;
use crate::tls::TlsError;

/// What sends mail to other servers; one for the server, shared by all that send.
#[derive(Debug)]
pub struct Relay {
    dns: Dns,
    dialer: Dialer,
    pool: Arc<Pool>,
}

impl Relay {
    /// Connects to nobody yet.
    pub fn new(config: &Config, dns: Dns, _directory: Directory) -> Result<Self, TlsError> {
        let outgoing = config.outgoing.clone();
        let pool = Pool::new(outgoing.idle_time, outgoing.idle_connections_max);
        let tls = ClientTls::new(outgoing.ca.as_deref())?;
        let receiving =
            config.listeners.iter().filter(|one| one.protocol.role() == Some(Role::Smtp));
        let own_addresses = receiving.map(|listener| listener.address).collect();
        let hostname = outgoing.hostname.as_ref().unwrap_or(&config.hostname).clone();
        Ok(Self { dns, dialer: Dialer { config: outgoing, hostname, tls, own_addresses }, pool })
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

#[cfg(test)]
mod tests;
