//! How much one user may send, and one address bring: against stolen passwords and floods.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::AccountId;
use tokio::time::Instant;

use crate::config::Limits;
use crate::counts::{Counts, network};

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// What was sent and brought lately.
#[derive(Debug)]
pub struct Rates {
    by_user: Mutex<Counts<AccountId>>,
    by_address: Mutex<Counts<IpAddr>>,
    recipients_max: u32,
    messages_max: u32,
}

impl Rates {
    /// Nothing yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            by_user: Mutex::new(Counts::new()),
            by_address: Mutex::new(Counts::new()),
            recipients_max: limits.recipients_per_user_per_hour_max,
            messages_max: limits.messages_per_address_per_minute_max,
        }
    }

    /// Counts a recipient that a user writes to; `false` if that is one too many.
    pub(crate) fn admits_recipient(&self, user: AccountId, now: Instant) -> bool {
        let mut counts = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        self.recipients_max == 0 || counts.admit(user, self.recipients_max, now, HOUR)
    }

    /// Counts a message that an address brings; `false` if that is one too many.
    pub(crate) fn admits_message(&self, peer: IpAddr, now: Instant) -> bool {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        self.messages_max == 0 || counts.admit(network(peer), self.messages_max, now, MINUTE)
    }
}
