//! Sets of numbers as clients write them, `*` included (RFC 3501, 9: sequence-set).

use std::num::NonZeroU32;

/// A set as written: ranges in any order, `*` not yet known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceSet {
    ranges: Vec<(Bound, Bound)>,
    is_saved: bool,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A number.
    Number(NonZeroU32),
    /// `*`: the highest number in use.
    Highest,
}

/// A message sequence number that no message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

impl SequenceSet {
    /// `$`: what a search has found and kept (RFC 5182, 2.1).
    pub fn saved() -> Self {
        Self { ranges: Vec::new(), is_saved: true }
    }

    /// The numbers from one to another.
    pub fn between(first: NonZeroU32, last: NonZeroU32) -> Self {
        Self { ranges: vec![(Bound::Number(first), Bound::Number(last))], is_saved: false }
    }

    /// Whether it is `$`.
    pub fn is_saved(&self) -> bool {
        self.is_saved
    }

    /// Adds `first:last`, in either order.
    pub fn push(&mut self, first: Bound, last: Bound) {
        self.ranges.push((first, last));
    }

    /// The set as ascending ranges that neither touch nor overlap. `*` is `highest`; where there
    /// is none, a range with `*` holds nothing (RFC 3501, 9: `*` in an empty mailbox).
    pub fn resolve(&self, highest: Option<NonZeroU32>) -> Vec<(NonZeroU32, NonZeroU32)> {
        let number = |bound: Bound| match bound {
            Bound::Number(number) => Some(number),
            Bound::Highest => highest,
        };
        let ends = |&(first, last): &(Bound, Bound)| {
            let (first, last) = (number(first)?, number(last)?);
            Some((first.min(last), first.max(last)))
        };
        let mut ranges: Vec<_> = self.ranges.iter().filter_map(ends).collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let touches = next.0.get() <= before.1.get().saturating_add(1);
            if touches {
                before.1 = before.1.max(next.1);
            }
            touches
        });
        ranges
    }

    /// Whether only numbers are in it, neither `*` nor `$`.
    pub fn is_plain(&self) -> bool {
        !self.is_saved
            && !self
                .ranges
                .iter()
                .any(|range| range.0 == Bound::Highest || range.1 == Bound::Highest)
    }

    /// The set as message sequence numbers of a view with `exists` messages. A number above that
    /// is an error (RFC 3501, 9: seq-number).
    pub fn resolve_sequence(
        &self,
        exists: u32,
    ) -> Result<Vec<(NonZeroU32, NonZeroU32)>, OutOfRange> {
        let ranges = self.resolve(NonZeroU32::new(exists));
        match ranges.last() {
            Some(range) if range.1.get() > exists => Err(OutOfRange),
            _ => Ok(ranges),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> SequenceSet {
        let bound = |text: &str| text.parse().map_or(Bound::Highest, Bound::Number);
        let mut set = SequenceSet::default();
        for range in text.split(',') {
            let (first, last) = range.split_once(':').unwrap_or((range, range));
            set.push(bound(first), bound(last));
        }
        set
    }

    fn numbers(text: &str, highest: u32) -> Vec<(u32, u32)> {
        let ranges = set(text).resolve(NonZeroU32::new(highest));
        ranges.into_iter().map(|(first, last)| (first.get(), last.get())).collect()
    }

    #[test]
    fn ranges_come_sorted_merged_and_in_either_direction() {
        assert_eq!(numbers("9,4:2,3,5,20:18", 30), [(2, 5), (9, 9), (18, 20)]);
        assert_eq!(numbers("4294967295,1", 3), [(1, 1), (u32::MAX, u32::MAX)]);
    }

    #[test]
    fn a_star_is_the_highest_number_even_below_the_other_end() {
        assert_eq!(numbers("15:*", 10), [(10, 15)]);
        assert_eq!(numbers("*:4,7", 10), [(4, 10)]);
        assert_eq!(numbers("1:*,3", 0), [(3, 3)]);
    }

    #[test]
    fn a_sequence_number_without_a_message_is_an_error() {
        assert_eq!(set("1:4").resolve_sequence(3), Err(OutOfRange));
        assert!(set("1:*").resolve_sequence(3).is_ok());
        assert_eq!(set("1:*").resolve_sequence(0), Ok(Vec::new()));
    }
}
