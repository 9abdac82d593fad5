//! Where the list parts of a mailbox are: which messages can be listed without their records.
//!
//! Derived, and keyed by UID: a part stays right whatever becomes of its messages' flags or of
//! the chunks they are in, and for as long as there are messages of it.

use crate::ids::Uid;
use crate::image::PartRef;

/// The list parts of a mailbox, ascending by UID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    parts: Vec<PartRef>,
}

impl Lists {
    pub(crate) fn new(parts: Vec<PartRef>) -> Self {
        Self { parts }
    }

    pub(crate) fn parts(&self) -> &[PartRef] {
        &self.parts
    }

    /// The highest UID in any part; messages above it are in none.
    pub(crate) fn until(&self) -> u32 {
        self.parts.last().map_or(0, |last| last.last_uid)
    }

    /// The highest UID that is not in a part with room for more: a last part of fewer than `rows`
    /// messages is made again when there are more.
    pub(crate) fn full_until(&self, rows: u32) -> u32 {
        self.parts.last().map_or(0, |last| {
            if last.rows < rows { last.first_uid.saturating_sub(1) } else { last.last_uid }
        })
    }

    /// The part that has this message, if any has.
    pub(crate) fn find(&self, uid: Uid) -> Option<PartRef> {
        let at = self.parts.partition_point(|part| part.last_uid < uid.get());
        self.parts.get(at).filter(|part| part.first_uid <= uid.get()).copied()
    }

    /// The same without these parts.
    pub(crate) fn without(&self, old: &[PartRef]) -> Self {
        let parts = self.parts.iter().filter(|part| !old.contains(part));
        Self { parts: parts.copied().collect() }
    }

    /// The same with more parts; those that overlap a new one give way to it.
    pub(crate) fn with(&self, more: &[PartRef]) -> Self {
        let mut parts = self.parts.clone();
        for new in more {
            let start = parts.partition_point(|part| part.last_uid < new.first_uid);
            let overlapping = parts.iter().skip(start);
            let count = overlapping.take_while(|part| part.first_uid <= new.last_uid).count();
            parts.splice(start..start + count, [*new]);
        }
        Self { parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(first_uid: u32, last_uid: u32) -> PartRef {
        PartRef { first_uid, last_uid, ..PartRef::default() }
    }

    #[test]
    fn a_new_part_takes_the_place_of_those_it_covers() {
        let lists = Lists::default().with(&[part(1, 10), part(12, 20), part(21, 25)]);
        let uid = |uid| Uid::new(uid).expect("above 0");
        assert_eq!(lists.find(uid(12)), Some(part(12, 20)));
        assert_eq!((lists.find(uid(11)), lists.find(uid(26))), (None, None));
        assert_eq!(lists.until(), 25);
        assert_eq!((lists.full_until(1), Lists::default().full_until(1)), (20, 0));
        let full = Lists::new(vec![PartRef { rows: 4, ..part(1, 10) }]);
        assert_eq!((full.full_until(4), full.full_until(5)), (10, 0));
        let merged = lists.with(&[part(15, 40)]);
        assert_eq!(merged.parts(), [part(1, 10), part(15, 40)]);
        let before = merged.with(&[part(11, 14)]);
        assert_eq!(before.parts(), [part(1, 10), part(11, 14), part(15, 40)]);
    }
}
