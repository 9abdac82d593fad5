//! Which messages a session has marked as deleted: a bitmap of the maildrop in pieces, each made
//! when its first message is marked. A million marks take 125 KB, a few take next to nothing.

use std::collections::BTreeMap;

use super::command::MessageNumber;

const WORDS: usize = 64;
const WORD_BITS: u32 = u64::BITS;
const PIECE_BITS: u32 = WORD_BITS * 64;

/// A set of message numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pieces: BTreeMap<u32, Box<[u64; WORDS]>>,
    count: u32,
}

impl Marks {
    /// Marks a message; `false` if it was marked before.
    pub(super) fn insert(&mut self, number: MessageNumber) -> bool {
        let (piece, word, bit) = place(number);
        let piece = self.pieces.entry(piece).or_insert_with(|| Box::new([0; WORDS]));
        let Some(word) = piece.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        self.count += u32::from(is_new);
        is_new
    }

    /// Whether a message is marked.
    pub(super) fn contains(&self, number: MessageNumber) -> bool {
        let (piece, word, bit) = place(number);
        let word = self.pieces.get(&piece).and_then(|piece| piece.get(word));
        word.is_some_and(|word| word & bit != 0)
    }

    /// How many messages are marked.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The marked messages, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = MessageNumber> + '_ {
        let words = self.pieces.iter().flat_map(|(piece, words)| {
            let first = *piece * PIECE_BITS;
            (0_u32..).zip(words.iter()).map(move |(at, word)| (first + at * WORD_BITS, *word))
        });
        words.flat_map(|(first, word)| {
            let set = (0..WORD_BITS).filter(move |bit| word & (1 << bit) != 0);
            set.filter_map(move |bit| MessageNumber::new(first + bit))
        })
    }
}

/// Piece, word in the piece, bit in the word.
fn place(number: MessageNumber) -> (u32, usize, u64) {
    let raw = number.get();
    let word = (raw % PIECE_BITS / WORD_BITS) as usize;
    (raw / PIECE_BITS, word, 1 << (raw % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(
            raws in prop::collection::vec(prop_oneof![1_u32..200, 4000_u32..4200, 1_u32..], 0..60),
        ) {
            let (mut marks, mut model) = (Marks::default(), BTreeSet::new());
            for number in raws.iter().filter_map(|raw| MessageNumber::new(*raw)) {
                prop_assert_eq!(marks.insert(number), model.insert(number));
                prop_assert!(marks.contains(number));
            }
            prop_assert_eq!(marks.count() as usize, model.len());
            prop_assert_eq!(marks.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            let probe = (1..300).filter_map(MessageNumber::new);
            prop_assert!(probe.into_iter().all(|n| marks.contains(n) == model.contains(&n)));
        }
    }

    #[test]
    fn the_last_number_there_can_be_is_marked_like_any_other() {
        let mut marks = Marks::default();
        let last = MessageNumber::new(u32::MAX).expect("not 0");
        assert!(marks.insert(last));
        assert_eq!(marks.iter().collect::<Vec<_>>(), [last]);
    }
}
