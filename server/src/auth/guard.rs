//! Slows down guessing: counts failures by client address and by login, and refuses log-ins
//! unseen once there were too many.
//!
//! A login is refused only to addresses that have failed themselves: otherwise anybody could
//! lock a user out of the account by guessing from afar.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::counts::{Counts, network};

#[derive(Debug)]
pub(super) struct FailureGuard {
    failures_max: u32,
    time: Duration,
    by_peer: Mutex<Counts<IpAddr>>,
    by_login: Mutex<Counts<String>>,
}

impl FailureGuard {
    pub(super) fn new(failures_max: u32, time: Duration) -> Self {
        Self {
            failures_max,
            time,
            by_peer: Mutex::new(Counts::new()),
            by_login: Mutex::new(Counts::new()),
        }
    }

    /// Whether the password may be looked at.
    pub(super) fn allows(&self, login: &str, peer: IpAddr, now: Instant) -> bool {
        let of_peer = lock(&self.by_peer).count(&network(peer), now);
        let of_login = lock(&self.by_login).count(&key(login), now);
        of_peer < self.failures_max && (of_peer == 0 || of_login < self.failures_max)
    }

    pub(super) fn failed(&self, login: &str, peer: IpAddr, now: Instant) {
        lock(&self.by_peer).add(network(peer), now, self.time);
        lock(&self.by_login).add(key(login), now, self.time);
    }

    /// Forgets the failures for the login; those of the address stay, or an attacker with one
    /// account could go on for ever.
    pub(super) fn succeeded(&self, login: &str) {
        lock(&self.by_login).remove(&key(login));
    }
}

/// Logins that mean the same user; shortened, because a client may send anything.
fn key(login: &str) -> String {
    login.chars().take(320).flat_map(char::to_lowercase).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::counts::ENTRIES_MAX;

    const TIME: Duration = Duration::from_mins(5);

    fn peer(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn an_address_that_failed_too_often_is_refused_until_the_time_is_over() {
        let guard = FailureGuard::new(3, TIME);
        let now = Instant::now();
        for login in ["a", "b", "c"] {
            assert!(guard.allows(login, peer(1), now));
            guard.failed(login, peer(1), now);
        }
        assert!(!guard.allows("d", peer(1), now));
        assert!(guard.allows("d", peer(2), now));
        assert!(guard.allows("d", peer(1), now + TIME));
    }

    #[test]
    fn guessing_one_login_from_many_addresses_is_slowed_without_locking_its_user_out() {
        let guard = FailureGuard::new(3, TIME);
        let now = Instant::now();
        for last in 1..=3 {
            guard.failed("Alice@example.test", peer(last), now);
        }
        assert!(!guard.allows("alice@example.test", peer(1), now));
        assert!(guard.allows("alice@example.test", peer(9), now));
        assert!(guard.allows("bob@example.test", peer(1), now));
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one_address() {
        let guard = FailureGuard::new(1, TIME);
        let now = Instant::now();
        let one = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1));
        let same = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 9, 9, 9, 9));
        let other = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1));
        guard.failed("a", one, now);
        assert!(!guard.allows("b", same, now));
        assert!(guard.allows("b", other, now));
    }

    #[test]
    fn inventing_logins_neither_grows_the_table_nor_hides_a_count() {
        let guard = FailureGuard::new(3, TIME);
        let now = Instant::now();
        for _ in 0..3 {
            guard.failed("alice", peer(1), now);
        }
        for invented in 0..2 * ENTRIES_MAX {
            guard.failed(&invented.to_string(), peer(2), now);
        }
        assert!(lock(&guard.by_login).len() <= ENTRIES_MAX);
        assert!(!guard.allows("alice", peer(1), now));
    }
}
