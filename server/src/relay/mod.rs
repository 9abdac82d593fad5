//! Mail to other servers: where it goes, who is spoken to, and the client's side of SMTP.
//!
//! [`Relay::send`] is one try for the recipients of one destination. It looks up the hosts, speaks to
//! as many of them as it takes, and tells of each recipient whether another server has the message
//! now, may take it later, or never will. What waits, and for how long, is for the caller to decide.

mod destination;
mod mail;
mod outcome;
mod reply;

pub use destination::Destination;
pub use mail::{
    Body, DeliverBy, LateAction, Notify, OutgoingMail, OutgoingRecipient, Return, TlsNeed,
};
pub use outcome::{Acceptance, Concern, Outcome, RemoteHost, Trouble};
pub use reply::{EnhancedStatus, Reply, ReplyFault, ReplyReader};

use crate::config::Config;
use crate::directory::Directory;
use crate::dns::Dns;

/// What sends mail to other servers; one for the server, shared by all that send.
#[derive(Debug)]
pub struct Relay {
    _dns: Dns,
}

impl Relay {
    /// Connects to nobody yet.
    pub fn new(_config: &Config, dns: Dns, _directory: Directory) -> Self {
        Self { _dns: dns }
    }

    /// Tries to hand `mail` to the servers of `destination`: an outcome for each recipient, in their
    /// order. Takes as long as slow servers may take, so callers run it in a task of its own; a
    /// dropped future breaks the connection off, and the message may have arrived all the same.
    #[expect(clippy::unused_async, reason = "nobody is asked yet")]
    pub async fn send(&self, destination: &Destination, mail: &OutgoingMail) -> Vec<Outcome> {
        let _ = destination;
        let trouble = Trouble::own(
            EnhancedStatus::new(4, 3, 2),
            Concern::Destination,
            "mail to other servers is not sent yet",
        );
        mail.recipients.iter().map(|_| Outcome::Deferred(trouble.clone())).collect()
    }
}
