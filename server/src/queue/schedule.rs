//! When which entry is due. Holds sixteen bytes an entry; the next one is found at once, however
//! many wait.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::entries::EntryId;

/// When which entry is due, and which are in hand.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    waiting: BinaryHeap<Reverse<(i64, EntryId)>>,
    in_hand: HashSet<EntryId>,
}

impl Schedule {
    /// Puts an entry in. One that is put in twice comes out twice: who takes it finds it gone.
    pub(super) fn insert(&mut self, due: i64, id: EntryId) {
        self.waiting.push(Reverse((due, id)));
    }

    /// When the next one is due, if any waits.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.waiting.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes an entry that is due into hand. One that is in hand already stays with who has it.
    pub(super) fn take(&mut self, now: i64) -> Option<EntryId> {
        while self.next_due().is_some_and(|due| due <= now) {
            let Reverse((_, id)) = self.waiting.pop()?;
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
        (self.waiting.len(), self.in_hand.len())
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
            schedule.insert(due, id(number));
        }
        assert_eq!(schedule.next_due(), Some(10));
        assert_eq!(schedule.take(9), None);
        assert_eq!((schedule.take(25), schedule.take(25)), (Some(id(2)), Some(id(3))));
        assert_eq!(schedule.take(25), None);
        assert_eq!(schedule.counts(), (1, 2));
    }

    #[test]
    fn an_entry_is_in_one_hand_only() {
        let mut schedule = Schedule::default();
        schedule.insert(1, id(1));
        assert!(schedule.claim(id(1)));
        assert_eq!(schedule.take(5), None, "somebody has it");
        schedule.insert(1, id(2));
        assert_eq!(schedule.take(5), Some(id(2)));
        assert!(!schedule.claim(id(2)));
        schedule.let_go(id(2));
        assert!(schedule.claim(id(2)));
    }

    #[test]
    fn a_million_entries_take_little() {
        assert_eq!(size_of::<Reverse<(i64, EntryId)>>(), 16);
    }
}
