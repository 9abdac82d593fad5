//! A set of UIDs as ascending ranges: what operations over many messages are given and answer.

use std::fmt;
use std::ops::RangeInclusive;

use crate::ids::Uid;

/// A set of UIDs, kept as ascending ranges that neither touch nor overlap.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Every UID there can be.
    pub fn all() -> Self {
        Self { ranges: vec![(1, u32::MAX)] }
    }

    /// Adds one UID; cheap when it is above all others.
    pub fn insert(&mut self, uid: Uid) {
        self.insert_range(uid, uid);
    }

    /// Adds `first..=last`; cheap when it is above all others. An inverted range adds nothing.
    pub fn insert_range(&mut self, first: Uid, last: Uid) {
        let (first, last) = (first.get(), last.get());
        if first > last {
            return;
        }
        match self.ranges.last_mut() {
            Some(end) if first > end.1.saturating_add(1) => self.ranges.push((first, last)),
            Some(end) if first >= end.0 => end.1 = end.1.max(last),
            None => self.ranges.push((first, last)),
            Some(_) => self.insert_inside(first, last),
        }
    }

    fn insert_inside(&mut self, first: u32, last: u32) {
        let start = self.ranges.partition_point(|range| range.1.saturating_add(1) < first);
        let end = self.ranges.partition_point(|range| range.0 <= last.saturating_add(1));
        let merged = self.ranges.get(start..end).unwrap_or_default().iter();
        let merged = merged.fold((first, last), |all, r| (all.0.min(r.0), all.1.max(r.1)));
        self.ranges.splice(start..end, [merged]);
    }

    /// Whether the UID is in the set.
    pub fn contains(&self, uid: Uid) -> bool {
        let uid = uid.get();
        let at = self.ranges.partition_point(|range| range.1 < uid);
        self.ranges.get(at).is_some_and(|range| range.0 <= uid)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many UIDs are in the set.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|range| u64::from(range.1 - range.0) + 1).sum()
    }

    /// The lowest UID.
    pub fn first(&self) -> Option<Uid> {
        self.ranges.first().and_then(|range| Uid::new(range.0))
    }

    /// The highest UID.
    pub fn last(&self) -> Option<Uid> {
        self.ranges.last().and_then(|range| Uid::new(range.1))
    }

    /// The ranges, ascending, as numbers.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = RangeInclusive<u32>> + '_ {
        self.ranges.iter().map(|range| range.0..=range.1)
    }

    /// The ranges that have a UID in `first..=last`, found by bisection.
    pub(crate) fn ranges_within(
        &self,
        first: u32,
        last: u32,
    ) -> impl Iterator<Item = RangeInclusive<u32>> + '_ {
        let from = self.ranges.partition_point(|range| range.1 < first);
        let near = self.ranges.iter().skip(from).take_while(move |range| range.0 <= last);
        near.map(|range| range.0..=range.1)
    }

    /// The UIDs, ascending. Mind [`UidSet::all`].
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        self.ranges().flatten().filter_map(Uid::new)
    }

    /// The UIDs that are in both sets: one pass over each.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::new();
        let (mut left, mut right) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
            let (first, last) = (l.0.max(r.0), l.1.min(r.1));
            if first <= last {
                both.ranges.push((first, last));
            }
            if l.1 < r.1 {
                left.next()
            } else {
                right.next()
            };
        }
        both
    }

    /// The UIDs that are not in `other`: one pass over each.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Self::new();
        let mut others = other.ranges.iter().copied().peekable();
        for &(first, last) in &self.ranges {
            let mut from = Some(first);
            while others.next_if(|other| other.1 < first).is_some() {}
            while let (Some(start), Some(other)) = (from, others.peek()) {
                if other.0 > last {
                    break;
                }
                if other.0 > start {
                    rest.ranges.push((start, other.0 - 1));
                }
                from = other.1.checked_add(1).filter(|next| *next <= last);
                if from.is_some() {
                    others.next();
                }
            }
            rest.ranges.extend(from.map(|start| (start, last)));
        }
        rest
    }

    /// Adds every UID of `other`; cheap when they are above all others.
    pub fn extend(&mut self, other: &Self) {
        let (last, first) = (self.last(), other.first());
        if last < first {
            let mut more = other.ranges.iter();
            if let (Some(end), Some(next)) = (self.ranges.last_mut(), other.ranges.first())
                && end.1 + 1 == next.0
            {
                end.1 = next.1;
                more.next();
            }
            self.ranges.extend(more);
        } else if !other.is_empty() {
            *self = Self::union([&*self, other]);
        }
    }

    /// The UIDs that are in any of `sets`, in whatever order those come.
    pub fn union<'s>(sets: impl IntoIterator<Item = &'s Self>) -> Self {
        Self::from_ranges(sets.into_iter().flat_map(|set| &set.ranges).copied().collect())
    }

    /// The UIDs of ranges of numbers above 0, in whatever order those come.
    #[expect(
        clippy::stable_sort_primitive,
        reason = "the stable sort is the quick one where ascending stretches follow one another"
    )]
    pub(crate) fn from_ranges(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort();
        ranges.dedup_by(|next, before| {
            let touches = next.0 <= before.1.saturating_add(1);
            if touches {
                before.1 = before.1.max(next.1);
            }
            touches
        });
        Self { ranges }
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut set = Self::new();
        uids.into_iter().for_each(|uid| set.insert(uid));
        set
    }
}

/// As an IMAP `uid-set`: `1:3,7`.
impl fmt::Display for UidSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &(first, last)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last {
                write!(out, "{comma}{first}")?;
            } else {
                write!(out, "{comma}{first}:{last}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for UidSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "UidSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    fn uid(raw: u32) -> Uid {
        Uid::new(raw).expect("tests use UIDs from 1")
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(
            left in prop::collection::vec((1_u32..60, 0_u32..9), 0..12),
            right in prop::collection::vec((1_u32..60, 0_u32..9), 0..12),
        ) {
            let build = |pairs: &[(u32, u32)]| {
                let (mut set, mut model) = (UidSet::new(), BTreeSet::new());
                for &(first, more) in pairs {
                    set.insert_range(uid(first), uid(first + more));
                    model.extend(first..=first + more);
                }
                (set, model)
            };
            let ((left, left_model), (right, right_model)) = (build(&left), build(&right));
            let numbers = |set: &UidSet| set.iter().map(Uid::get).collect::<BTreeSet<_>>();
            prop_assert_eq!(numbers(&left), left_model.clone());
            prop_assert_eq!(left.count(), left_model.len() as u64);
            prop_assert!((1..80).all(|n| left.contains(uid(n)) == left_model.contains(&n)));
            prop_assert_eq!(numbers(&left.intersection(&right)), &left_model & &right_model);
            prop_assert_eq!(numbers(&left.without(&right)), &left_model - &right_model);
            prop_assert_eq!(UidSet::union([&right, &left, &right]), UidSet::union([&left, &right]));
            let pairs: Vec<_> = left.without(&right).ranges().collect();
            prop_assert!(pairs.windows(2).all(|two| *two[0].end() + 1 < *two[1].start()));
            let pairs: Vec<_> = left.ranges().collect();
            prop_assert!(pairs.windows(2).all(|two| *two[0].end() + 1 < *two[1].start()));
            let mut union = left.clone();
            union.extend(&right);
            prop_assert_eq!(numbers(&union), &left_model | &right_model);
            let pairs: Vec<_> = union.ranges().collect();
            prop_assert!(pairs.windows(2).all(|two| *two[0].end() + 1 < *two[1].start()));
        }
    }

    #[test]
    fn prints_as_an_imap_set_and_holds_the_highest_uid() {
        let mut set: UidSet = [1, 2, 3, 7].into_iter().map(uid).collect();
        assert_eq!(set.to_string(), "1:3,7");
        set.insert_range(uid(9), Uid::LAST);
        set.insert(Uid::LAST);
        assert_eq!(set.to_string(), "1:3,7,9:4294967295");
        assert!(UidSet::all().without(&UidSet::all()).is_empty());
        assert_eq!(UidSet::all().without(&set).to_string(), "4:6,8");
    }
}
