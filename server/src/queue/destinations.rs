//! How much goes to one destination at a time, and when one that cannot be reached is tried again.

use std::collections::{HashMap, VecDeque};

use super::entries::EntryId;
use crate::config::QueueConfig;

/// How long a destination that could not be reached is left alone, after the first failure.
const CLOSED_FIRST: i64 = 60;
const MINUTE: i64 = 60;

/// Every destination that has something going on.
#[derive(Debug)]
pub(super) struct Destinations {
    by_name: HashMap<String, Destination>,
    tries_max: usize,
    per_minute_max: u32,
    closed_most: i64,
}

#[derive(Debug, Default)]
struct Destination {
    /// Tries under way.
    tries: usize,
    /// Entries whose turn it will be when one of them ends.
    parked: VecDeque<EntryId>,
    /// Times in a row that it could not be reached.
    failures: u32,
    /// Left alone until then.
    closed_until: i64,
    /// The minute of the last start, and starts in it.
    minute: i64,
    starts: u32,
}

/// Whether an entry may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Now.
    Go,
    /// When a try that is under way ends.
    Parked,
    /// Not before this time.
    At(i64),
}

/// What follows when a try ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    /// Entries that may be tried now.
    pub(super) go: Vec<EntryId>,
    /// Entries that wait until this time.
    pub(super) later: Vec<EntryId>,
    pub(super) at: i64,
}

impl Destinations {
    pub(super) fn new(config: &QueueConfig) -> Self {
        Self {
            by_name: HashMap::new(),
            tries_max: config.tries_per_destination_max,
            per_minute_max: config.messages_per_minute_max,
            closed_most: config.retry_most.as_secs().cast_signed(),
        }
    }

    /// Asks for an entry's turn.
    pub(super) fn admit(&mut self, name: &str, id: EntryId, now: i64) -> Admission {
        let (tries_max, per_minute_max) = (self.tries_max, self.per_minute_max);
        let destination = match self.by_name.get_mut(name) {
            Some(destination) => destination,
            None => self.by_name.entry(name.to_owned()).or_default(),
        };
        if now < destination.closed_until {
            return Admission::At(destination.closed_until);
        }
        // One tries whether it can be reached again; the others see what comes of it.
        let tries_max = if destination.failures > 0 { 1 } else { tries_max };
        if destination.tries >= tries_max {
            destination.parked.push_back(id);
            return Admission::Parked;
        }
        if !destination.starts_in(now, per_minute_max) {
            return Admission::At(destination.minute + MINUTE);
        }
        destination.tries += 1;
        Admission::Go
    }

    /// A try ended; `reached` tells whether any server of the destination answered.
    pub(super) fn ended(&mut self, name: &str, reached: bool, now: i64) -> Next {
        let (tries_max, per_minute_max) = (self.tries_max, self.per_minute_max);
        let Some(destination) = self.by_name.get_mut(name) else { return Next::default() };
        destination.tries = destination.tries.saturating_sub(1);
        let mut next = Next::default();
        if reached {
            destination.failures = 0;
            while destination.tries < tries_max && !destination.parked.is_empty() {
                if !destination.starts_in(now, per_minute_max) {
                    next.at = destination.minute + MINUTE;
                    next.later.extend(destination.parked.drain(..));
                    break;
                }
                next.go.extend(destination.parked.pop_front());
                destination.tries += 1;
            }
        } else {
            let doubled = CLOSED_FIRST.saturating_mul(1 << destination.failures.min(20));
            destination.failures = destination.failures.saturating_add(1);
            destination.closed_until = now + doubled.min(self.closed_most);
            next.at = destination.closed_until;
            next.later.extend(destination.parked.drain(..));
        }
        if self.by_name.len() > 1000 {
            self.forget(now);
        }
        next
    }

    /// Somebody wants it tried now, whatever was seen before.
    pub(super) fn reopen(&mut self, name: &str) {
        if let Some(destination) = self.by_name.get_mut(name) {
            (destination.failures, destination.closed_until) = (0, 0);
        }
    }

    /// Forgets destinations that nothing is known of any more.
    fn forget(&mut self, now: i64) {
        self.by_name.retain(|_, destination| {
            destination.tries > 0
                || !destination.parked.is_empty()
                || destination.closed_until + self.closed_most > now
                || destination.minute + MINUTE > now
        });
    }
}

impl Destination {
    /// Counts a start, if this minute has room for it.
    fn starts_in(&mut self, now: i64, per_minute_max: u32) -> bool {
        if now >= self.minute + MINUTE {
            (self.minute, self.starts) = (now, 0);
        }
        if per_minute_max > 0 && self.starts >= per_minute_max {
            return false;
        }
        self.starts += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use engine::Uid;

    use super::*;

    fn id(number: u32) -> EntryId {
        EntryId { generation: 1, uid: Uid::new(number).expect("a UID") }
    }

    fn destinations(tries_max: usize, per_minute_max: u32) -> Destinations {
        Destinations::new(&QueueConfig {
            tries_per_destination_max: tries_max,
            messages_per_minute_max: per_minute_max,
            ..QueueConfig::default()
        })
    }

    #[test]
    fn a_destination_gets_so_many_at_a_time_and_others_do_not_wait_for_it() {
        let mut all = destinations(2, 0);
        let admitted = [1, 2, 3, 4].map(|number| all.admit("a", id(number), 0));
        assert_eq!(admitted, [Admission::Go, Admission::Go, Admission::Parked, Admission::Parked]);
        assert_eq!(all.admit("b", id(5), 0), Admission::Go);
        assert_eq!(all.ended("a", true, 1).go, [id(3)]);
        assert_eq!(all.ended("a", true, 1).go, [id(4)]);
        assert_eq!(all.ended("a", true, 1), Next::default());
    }

    #[test]
    fn who_cannot_be_reached_is_left_alone_longer_and_longer_and_then_tried_by_one() {
        let mut all = destinations(2, 0);
        for number in 1..=3 {
            all.admit("a", id(number), 0);
        }
        let next = all.ended("a", false, 10);
        assert_eq!((next.go.len(), next.later, next.at), (0, vec![id(3)], 70));
        assert_eq!(all.admit("a", id(4), 69), Admission::At(70));
        all.ended("a", false, 11);
        assert_eq!(all.admit("a", id(4), 131), Admission::Go);
        assert_eq!(all.admit("a", id(5), 131), Admission::Parked);
        let next = all.ended("a", false, 140);
        assert_eq!((next.later, next.at), (vec![id(5)], 140 + 240));
        assert_eq!(all.admit("a", id(6), 400), Admission::Go);
        assert_eq!(all.ended("a", true, 401), Next::default());
        assert_eq!(all.admit("a", id(7), 402), Admission::Go);
        assert_eq!(all.admit("a", id(8), 402), Admission::Go);
    }

    #[test]
    fn an_operator_may_want_it_now() {
        let mut all = destinations(2, 0);
        all.admit("a", id(1), 0);
        all.ended("a", false, 0);
        all.reopen("a");
        assert_eq!(all.admit("a", id(1), 1), Admission::Go);
    }

    #[test]
    fn a_minute_has_room_for_so_many() {
        let mut all = destinations(10, 2);
        let admitted = [1, 2, 3].map(|number| all.admit("a", id(number), 100));
        assert_eq!(admitted, [Admission::Go, Admission::Go, Admission::At(160)]);
        assert_eq!(all.admit("a", id(3), 160), Admission::Go);
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut all = destinations(1, 0);
        for number in 0..5000 {
            let name = format!("d{number}");
            all.admit(&name, id(1), number * 1000);
            all.ended(&name, number % 2 == 0, number * 1000);
        }
        assert!(all.by_name.len() < 1100, "{}", all.by_name.len());
    }
}
