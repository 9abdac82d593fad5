//! When which entry is due. Holds sixteen bytes an entry; the next one is found at once, however
//! many wait.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::entries::EntryId;

/// When an entry is due, and before which others that are due too: in eight bytes, so that many
/// fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(i64);

/// Priorities are -9 to 9 (RFC 6710, 5).
const PRIORITY_MAX: i64 = 9;
const RANK_BITS: u32 = 5;

impl Turn {
    pub(super) fn new(due: i64, priority: i8) -> Self {
        let rank = PRIORITY_MAX - i64::from(priority).clamp(-PRIORITY_MAX, PRIORITY_MAX);
        Self(due.clamp(0, i64::MAX >> RANK_BITS) << RANK_BITS | rank)
    }

    /// Seconds since 1970.
    pub(super) fn due(self) -> i64 {
        self.0 >> RANK_BITS
    }

    /// 0 comes first.
    fn rank(self) -> i64 {
        self.0 & ((1 << RANK_BITS) - 1)
    }
}

/// When which entry is due, and which are in hand.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    waiting: BinaryHeap<Reverse<(Turn, EntryId)>>,
    /// Those that are due, by priority.
    due: BinaryHeap<Reverse<(i64, Turn, EntryId)>>,
    in_hand: HashSet<EntryId>,
}

impl Schedule {
    /// Puts an entry in. One that is put in twice comes out twice: who takes it finds it gone.
    pub(super) fn insert(&mut self, turn: Turn, id: EntryId) {
        self.waiting.push(Reverse((turn, id)));
    }

    /// When the next one is due, if any waits.
    pub(super) fn next_due(&self) -> Option<i64> {
        let first = self.due.peek().map(|Reverse((_, turn, _))| turn);
        let next = self.waiting.peek().map(|Reverse((turn, _))| turn);
        first.or(next).map(|turn| turn.due())
    }

    /// Takes an entry that is due into hand. One that is in hand already stays with who has it.
    pub(super) fn take(&mut self, now: i64) -> Option<EntryId> {
        while self.waiting.peek().is_some_and(|Reverse((turn, _))| turn.due() <= now) {
            let Reverse((turn, id)) = self.waiting.pop()?;
            self.due.push(Reverse((turn.rank(), turn, id)));
        }
        while let Some(Reverse((_, _, id))) = self.due.pop() {
            if self.in_hand.insert(id) {
                return Some(id);
            }
        }
        None
    }

    /// Takes this entry into hand; `false` if it is in somebody's.
    pub(super) fn claim(&mut self, id: EntryId) -> bool {
        self.in_hand.insert(id)
    }

    /// Whether somebody has this entry in hand.
    pub(super) fn has_in_hand(&self, id: EntryId) -> bool {
        self.in_hand.contains(&id)
    }

    /// Lets go of an entry that is changed or gone.
    pub(super) fn let_go(&mut self, id: EntryId) {
        self.in_hand.remove(&id);
    }

    /// Entries that wait, and that are in hand.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.waiting.len() + self.due.len(), self.in_hand.len())
    }
}

#[cfg(test)]
mod tests {
    use engine::Uid;

    use super::*;

    fn id(number: u32) -> EntryId {
        EntryId { generation: 1, uid: Uid::new(number).expect("a UID") }
    }

    #[test]
    fn what_is_due_first_comes_first_and_nothing_before_its_time() {
        let mut schedule = Schedule::default();
        for (due, number) in [(30, 1), (10, 2), (20, 3)] {
            schedule.insert(Turn::new(due, 0), id(number));
        }
        assert_eq!(schedule.next_due(), Some(10));
        assert_eq!(schedule.take(9), None);
        assert_eq!((schedule.take(25), schedule.take(25)), (Some(id(2)), Some(id(3))));
        assert_eq!(schedule.take(25), None);
        assert_eq!(schedule.counts(), (1, 2));
    }

    #[test]
    fn of_those_that_are_due_the_more_urgent_come_first() {
        let mut schedule = Schedule::default();
        for (due, priority, number) in [(10, -9, 1), (11, 0, 2), (12, 9, 3), (12, 9, 4), (99, 9, 5)]
        {
            schedule.insert(Turn::new(due, priority), id(number));
        }
        let order: Vec<_> = std::iter::from_fn(|| schedule.take(50)).collect();
        assert_eq!(order, [id(3), id(4), id(2), id(1)]);
        assert_eq!(schedule.next_due(), Some(99));
    }

    #[test]
    fn an_entry_is_in_one_hand_only() {
        let mut schedule = Schedule::default();
        schedule.insert(Turn::new(1, 0), id(1));
        assert!(schedule.claim(id(1)));
        assert_eq!(schedule.take(5), None, "somebody has it");
        schedule.insert(Turn::new(1, 0), id(2));
        assert_eq!(schedule.take(5), Some(id(2)));
        assert!(!schedule.claim(id(2)));
        schedule.let_go(id(2));
        assert!(schedule.claim(id(2)));
    }

    #[test]
    fn a_million_entries_take_little() {
        assert_eq!(size_of::<Reverse<(Turn, EntryId)>>(), 16);
        let far = Turn::new(i64::MAX, -9);
        assert!(far > Turn::new(253_402_300_799, 9) && Turn::new(-5, 9).due() == 0);
    }
}
