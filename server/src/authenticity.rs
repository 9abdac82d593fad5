//! Who a message really comes from: what other domains say about theirs (SPF, DKIM, DMARC, ARC),
//! and the signatures that show others what comes from ours.
//!
//! Signatures and records are read and made by the crate mail-auth; here is which of it is done
//! when, within which bounds, and what follows from it. The dialogues hand in the message while it
//! arrives ([`Reading`]), so that no body is read a second time.

mod body;
mod check;
mod fields;
mod key;
mod keyring;
mod reading;
mod results;
mod seal;
mod sign;
mod verdicts;
mod verify;

use std::fmt;

use mail_auth::MessageAuthenticator;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use check::{Finding, Grade, Subject, check};
pub use key::{KeyError, KeyKind, SigningKey, record_name, selector_of, zone_line};
pub use keyring::Keyring;
pub use reading::{Purpose, Reading, ReadingFault, Whole};
pub use results::FORMER_NAME;
pub use seal::seal;
pub use sign::sign;
pub use verdicts::{Disposition, Outcome, Verdicts};
pub use verify::{Origin, Verified, forged_fields, verify};

use crate::context::Context;

/// Messages that are checked at one time; others wait for their turn within their time.
const CHECKS_MAX: usize = 256;

/// What the checks and signatures of all sessions share.
pub struct Authenticity {
    keyring: Keyring,
    turns: Semaphore,
}

impl Default for Authenticity {
    fn default() -> Self {
        Self { keyring: Keyring::default(), turns: Semaphore::new(CHECKS_MAX) }
    }
}

impl Authenticity {
    /// The keys of our domains.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Room for one more check; `None` never comes, since the room is never closed.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// What asks, and reads what it hears. Answers are remembered by the resolver.
    fn verifier(context: &Context) -> MessageAuthenticator {
        MessageAuthenticator(context.dns.resolver().clone())
    }
}

impl fmt::Debug for Authenticity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Authenticity").finish_non_exhaustive()
    }
}
