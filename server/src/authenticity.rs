//! Who a message really comes from: what other domains say about theirs (SPF, DKIM, DMARC, ARC),
//! and the signatures that show others what comes from ours.
//!
//! Signatures and records are read and made by the crate mail-auth; here is which of it is done
//! when, within which bounds, and what follows from it. The dialogues hand in the message while it
//! arrives ([`Reading`]), so that no body is read a second time.

mod body;
mod fields;
mod key;
mod keyring;
mod reading;
mod sign;

use std::fmt;

pub use key::{KeyError, KeyKind, SigningKey, record_name, selector_of, zone_line};
pub use keyring::Keyring;
pub use reading::{Purpose, Reading, ReadingFault, Whole};
pub use sign::sign;

/// What the checks and signatures of all sessions share.
#[derive(Default)]
pub struct Authenticity {
    keyring: Keyring,
}

impl Authenticity {
    /// The keys of our domains.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

impl fmt::Debug for Authenticity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Authenticity").finish_non_exhaustive()
    }
}
