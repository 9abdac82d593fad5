//! Texts in the order of i;unicode-casemap (RFC 5051), each distinct one kept once.
//!
//! A text gets a number when it first comes, and a rank when all have come, so that messages are
//! then sorted by numbers.

use super::casemap::push_folded;

/// Bytes of all folded texts beyond which further ones are compared by their beginning alone: more
/// than a million subjects take.
const LONG_LEN_MAX: usize = 256 << 20;
/// Bytes of such a beginning.
const SHORT_LEN: usize = 32;
/// Slots of an empty table.
const SLOTS_FIRST: usize = 1 << 10;

/// Texts to be ordered, folded.
#[derive(Debug, Default)]
pub struct Collation {
    bytes: Vec<u8>,
    /// Where each text ends; the next begins there.
    ends: Vec<u32>,
    /// A part of a text's hash, and its number plus 1; a table with open addressing.
    slots: Vec<(u32, u32)>,
    folded: Vec<u8>,
}

impl Collation {
    /// Without texts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a text; texts that are equal by the collation have the same.
    pub fn number(&mut self, text: &str) -> u32 {
        if (self.ends.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        push_folded(&mut folded, text);
        if self.bytes.len() > LONG_LEN_MAX {
            folded.truncate(SHORT_LEN);
        }
        let number = self.number_of_folded(&folded);
        self.folded = folded;
        number
    }

    fn number_of_folded(&mut self, folded: &[u8]) -> u32 {
        let (mark, mut at) = self.place(hash(folded));
        while let Some((found, next)) = self.slots.get(at).copied()
            && next != 0
        {
            if found == mark && self.text(next - 1) == folded {
                return next - 1;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.bytes.extend_from_slice(folded);
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.ends.push(end);
        let next = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = (mark, next);
        }
        next - 1
    }

    /// The rank of each number: lower for what comes first.
    pub fn ranks(&self) -> Vec<u32> {
        let count = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        // Most texts differ in their first bytes, which are compared as one number.
        let mut order: Vec<(u64, u32)> =
            (0..count).map(|number| (front(self.text(number)), number)).collect();
        order.sort_unstable_by(|one, two| {
            one.0.cmp(&two.0).then_with(|| self.text(one.1).cmp(self.text(two.1)))
        });
        let mut ranks = vec![0; self.ends.len()];
        for (rank, (_, number)) in (0..).zip(&order) {
            if let Some(slot) = ranks.get_mut(*number as usize) {
                *slot = rank;
            }
        }
        ranks
    }

    fn text(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or(&0);
        let end = self.ends.get(number).unwrap_or(&0);
        self.bytes.get(*start as usize..*end as usize).unwrap_or_default()
    }

    /// What a slot keeps of a hash, and where it is looked for first.
    fn place(&self, hash: u64) -> (u32, usize) {
        let [_, _, _, _, mark @ ..] = hash.to_le_bytes();
        let at = usize::try_from(hash & 0xffff_ffff).unwrap_or(0) & (self.slots.len() - 1);
        (u32::from_le_bytes(mark), at)
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(SLOTS_FIRST);
        self.slots = vec![(0, 0); len];
        for next in (1..).take(self.ends.len()) {
            let (mark, mut at) = self.place(hash(self.text(next - 1)));
            while self.slots.get(at).is_some_and(|slot| slot.1 != 0) {
                at = (at + 1) & (len - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = (mark, next);
            }
        }
    }
}

/// A number that is the same for texts that are equal by the collation, and hardly ever for others.
pub(super) fn text_hash(text: &str, folded: &mut Vec<u8>) -> u64 {
    folded.clear();
    push_folded(folded, text);
    hash(folded)
}

fn hash(folded: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(folded);
    hasher.finish()
}

fn front(text: &[u8]) -> u64 {
    let mut front = [0; 8];
    front.iter_mut().zip(text).for_each(|(slot, byte)| *slot = *byte);
    u64::from_be_bytes(front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_fold_and_equal_texts_share_one() {
        let mut collation = Collation::new();
        let texts = ["b", "", "A", "a", "B!", "caf\u{e9}", "CAFE\u{301}", "日本", "a\0"];
        let numbers = texts.map(|text| collation.number(text));
        let ranks = collation.ranks();
        let ranks = numbers.map(|number| ranks[number as usize]);
        assert_eq!(ranks, [3, 0, 1, 1, 4, 5, 5, 6, 2]);
    }

    #[test]
    fn a_table_that_grows_loses_nothing() {
        let mut collation = Collation::new();
        for round in 0..2 {
            for number in 0..5000_u32 {
                assert_eq!(collation.number(&format!("{number:05}")), number, "{round}");
            }
        }
        assert!(collation.ranks().iter().copied().eq(0..5000));
    }

    proptest::proptest! {
        #[test]
        fn ranks_are_those_of_a_sorted_list(
            texts in proptest::collection::vec("[a-cA-C\u{e9}\u{c9}]{0,12}", 0..100),
        ) {
            let mut collation = Collation::new();
            let numbers: Vec<_> = texts.iter().map(|text| collation.number(text)).collect();
            let ranks = collation.ranks();
            let folds: Vec<_> = texts.iter().map(|text| {
                let mut fold = Vec::new();
                push_folded(&mut fold, text);
                fold
            }).collect();
            let mut sorted = folds.clone();
            sorted.sort();
            sorted.dedup();
            for (number, fold) in numbers.iter().zip(&folds) {
                let rank = ranks[*number as usize] as usize;
                proptest::prop_assert_eq!(&sorted[rank], fold);
            }
        }
    }
}
