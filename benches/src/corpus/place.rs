//! Where a message stands among the others: its conversation, its list, its language, its attachment.

use super::draw::{Draw, Purpose};

/// How far back the message that is answered may lie.
const ANSWERED_WITHIN: u64 = 60;
/// How far back an attachment that is forwarded may lie.
const FORWARDED_WITHIN: u64 = 3000;
/// References of a message: the first and the last of a longer conversation, as programs keep them.
const REFERENCES_MAX: usize = 12;
/// How many mailing lists there are.
pub(crate) const LISTS: u64 = 14;

/// What a message is, before any of it is written.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The message that began the conversation.
    pub(crate) root: u64,
    /// What it answers, the eldest first; empty for a root.
    pub(crate) references: Vec<u64>,
    /// The mailing list that it came by.
    pub(crate) list: Option<u64>,
    /// Whether it is Japanese.
    pub(crate) is_japanese: bool,
    /// Whose attachment it carries: its own number, or that of an earlier message.
    pub(crate) attachment: Option<u64>,
}

impl Place {
    /// The place of a message.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut references = Vec::new();
        let mut root = number;
        while let Some(parent) = answered(seed, root) {
            root = parent;
            references.push(parent);
        }
        references.reverse();
        if references.len() > REFERENCES_MAX {
            references.drain(1..=references.len() - REFERENCES_MAX);
        }
        // A conversation stays on its list and in its language.
        let mut draw = Draw::of(seed, root, Purpose::Place);
        let list = draw.percent(45).then(|| draw.below(LISTS));
        let is_japanese = draw.one_in(7);
        Self { root, references, list, is_japanese, attachment: attachment(seed, number) }
    }
}

/// The message that one answers.
fn answered(seed: u64, number: u64) -> Option<u64> {
    let mut draw = Draw::of(seed, number, Purpose::Conversation);
    let is_answer = draw.percent(58);
    number.checked_sub(draw.between(1, ANSWERED_WITHIN)).filter(|_| is_answer)
}

/// One in ten messages has an attachment, one in five of these an earlier one.
fn attachment(seed: u64, number: u64) -> Option<u64> {
    let mut draw = Draw::of(seed, number, Purpose::Carries);
    if !draw.one_in(10) {
        return None;
    }
    if !draw.one_in(5) {
        return Some(number);
    }
    let from = number.saturating_sub(draw.magnitude(8, FORWARDED_WITHIN));
    let earlier = (0..from).rev().take(200).find(|earlier| carries(seed, *earlier));
    // What is forwarded may have been forwarded before.
    earlier.map_or(Some(number), |earlier| attachment(seed, earlier))
}

fn carries(seed: u64, number: u64) -> bool {
    Draw::of(seed, number, Purpose::Carries).one_in(10)
}
