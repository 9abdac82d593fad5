//! How often somebody did something within a time, for many at once and in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Whom at most is counted; beyond them, those with the least go first.
pub(crate) const ENTRIES_MAX: usize = 10_000;

/// Counts in windows of time, each of which begins with the first event.
#[derive(Debug)]
pub(crate) struct Counts<K>(HashMap<K, Window>);

#[derive(Clone, Copy, Debug)]
struct Window {
    count: u32,
    until: Instant,
}

impl<K: Hash + Eq + Clone> Counts<K> {
    /// Nobody did anything.
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    /// How many events are in the window.
    pub(crate) fn count(&self, key: &K, now: Instant) -> u32 {
        self.0.get(key).filter(|window| window.until > now).map_or(0, |window| window.count)
    }

    /// Counts an event, in a window that is so long.
    pub(crate) fn add(&mut self, key: K, now: Instant, time: Duration) {
        if self.0.len() >= ENTRIES_MAX && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        let window = self.0.entry(key).or_insert(Window { count: 0, until: now + time });
        if window.until <= now {
            *window = Window { count: 0, until: now + time };
        }
        window.count = window.count.saturating_add(1);
    }

    /// Counts an event, unless there were so many in the window already.
    pub(crate) fn admit(&mut self, key: K, most: u32, now: Instant, time: Duration) -> bool {
        if self.count(&key, now) >= most {
            return false;
        }
        self.add(key, now, time);
        true
    }

    /// Forgets somebody.
    pub(crate) fn remove(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// Who is counted.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Drops what no longer counts; if that is little, also the half with the lowest counts,
    /// so that one address with many names cannot wash out its own count.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, window| window.until > now);
        if self.0.len() < ENTRIES_MAX {
            return;
        }
        let mut counts: Vec<(u32, K)> =
            self.0.iter().map(|(key, window)| (window.count, key.clone())).collect();
        let half = counts.len() / 2;
        counts.select_nth_unstable_by_key(half, |(count, _)| *count);
        for (_, key) in counts.drain(..half) {
            self.0.remove(&key);
        }
    }
}

/// One customer has many IPv6 addresses, usually a /64.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_admitted_in_a_window_and_more_in_the_next() {
        let (mut counts, now, time) = (Counts::new(), Instant::now(), Duration::from_mins(1));
        let admitted = |counts: &mut Counts<&str>, key, now| counts.admit(key, 2, now, time);
        assert!(admitted(&mut counts, "a", now) && admitted(&mut counts, "a", now));
        assert!(!admitted(&mut counts, "a", now) && admitted(&mut counts, "b", now));
        assert!(admitted(&mut counts, "a", now + time));
    }
}
