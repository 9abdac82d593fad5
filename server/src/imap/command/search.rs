//! What SEARCH can ask (RFC 3501, 6.4.4; RFC 4731; RFC 5032; RFC 7162, 3.1.5; RFC 8474, 6).

use std::num::NonZeroU32;
use std::ops::Range;

use engine::{EmailId, SystemFlag, ThreadId};

use super::{MailboxName, MaybeKeyword, SequenceSet};

/// One condition on a message.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchKey {
    /// `ALL`; `OLD`, for no message is ever recent here; `SAVEDATESUPPORTED`, for all have one.
    All,
    /// `RECENT`, `NEW`: no message is ever recent here.
    Nothing,
    /// `SEEN` and the like.
    Flag(SystemFlag),
    /// `KEYWORD`; `None` for a word that no mailbox can hold.
    Keyword(MaybeKeyword),
    /// A bare set of message sequence numbers.
    Sequence(SequenceSet),
    /// `UID`.
    Uid(SequenceSet),
    /// `BEFORE`, `ON`, `SINCE` and their `SENT` and `SAVED` forms: a day as days since 1970-01-01.
    Date {
        /// Which date of the message.
        field: DateField,
        /// How it must lie.
        relation: DateRelation,
        /// The day.
        day: i32,
    },
    /// `OLDER`: arrived this many seconds ago, or earlier (RFC 5032).
    Older(NonZeroU32),
    /// `YOUNGER`: arrived this many seconds ago, or later (RFC 5032).
    Younger(NonZeroU32),
    /// `LARGER`: more octets than this.
    Larger(u64),
    /// `SMALLER`: fewer octets than this.
    Smaller(u64),
    /// `MODSEQ`: at least this.
    ModSeq(u64),
    /// `EMAILID` (RFC 8474, 6.1); `None` for what is no id of ours.
    EmailId(Option<EmailId>),
    /// `THREADID`, likewise.
    ThreadId(Option<ThreadId>),
    /// `HEADER`, `FROM`, `SUBJECT` and the like: the field has the text in it, or is just there
    /// when the text is empty.
    Header {
        /// The field's name.
        field: String,
        /// The text, UTF-8.
        text: String,
    },
    /// `BODY`: the text of the body holds this.
    Body(String),
    /// `TEXT`: header or body holds this.
    Text(String),
    /// `NOT`, and the `UN…` keys.
    Not(Box<SearchKey>),
    /// `OR`; chains of it come as one list.
    Or(Vec<SearchKey>),
    /// A list in parentheses: all must hold.
    And(Vec<SearchKey>),
}

impl SearchKey {
    /// Whether the condition names messages by number, so that no number may change before the
    /// answer is complete (RFC 7162, 3.2.10.2).
    pub fn names_numbers(&self) -> bool {
        match self {
            Self::Sequence(set) => !set.is_saved(),
            Self::Not(key) => key.names_numbers(),
            Self::Or(keys) | Self::And(keys) => keys.iter().any(Self::names_numbers),
            _ => false,
        }
    }

    /// Whether the condition is on mod-sequences, so that the answer carries one
    /// (RFC 7162, 3.1.5).
    pub fn asks_modseq(&self) -> bool {
        match self {
            Self::ModSeq(_) => true,
            Self::Not(key) => key.asks_modseq(),
            Self::Or(keys) | Self::And(keys) => keys.iter().any(Self::asks_modseq),
            _ => false,
        }
    }
}

/// The date a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateField {
    /// When the message arrived.
    Internal,
    /// The Date field of its header.
    Sent,
    /// When it came into this mailbox (RFC 8514).
    Saved,
}

/// How a date must lie, disregarding time and zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateRelation {
    /// Earlier than the day.
    Before,
    /// Within the day.
    On,
    /// Within the day or later.
    Since,
}

/// `RETURN (…)` (RFC 4731, 3.1); no option at all means ALL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the options are independent on the wire")]
pub struct ReturnOptions {
    /// The lowest number found, or the first in the order asked for (RFC 5267, 3.1).
    pub min: bool,
    /// The highest number found, or the last.
    pub max: bool,
    /// How many were found.
    pub count: bool,
    /// All of them.
    pub all: bool,
    /// Keep what is found as `$` (RFC 5182, 2.1).
    pub save: bool,
    /// Tell from now on what comes and goes among the results (RFC 5267, 4.3).
    pub update: bool,
    /// Some of them, by their place among all (RFC 9394, 3.1).
    pub partial: Option<PartialRange>,
}

impl ReturnOptions {
    /// Whether there is anything to tell (RFC 5182, 2.1: SAVE alone is not answered).
    pub fn tells(&self) -> bool {
        self.min
            || self.max
            || self.count
            || self.all
            || self.partial.is_some()
            || !self.save
            || self.update
    }
}

/// ESEARCH's arguments (RFC 7377, 2).
#[derive(Clone, Debug, PartialEq)]
pub struct MultiSearch {
    /// Where to search.
    pub sources: Vec<MailboxFilter>,
    /// What to tell.
    pub returns: ReturnOptions,
    /// All of these must hold.
    pub keys: Vec<SearchKey>,
}

/// Which mailboxes are meant (RFC 5465, 6; RFC 7377, 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxFilter {
    /// The selected one.
    Selected,
    /// Those that new mail arrives in.
    Inboxes,
    /// All of the user.
    Personal,
    /// Those subscribed to.
    Subscribed,
    /// These and all below them.
    Subtree(Vec<MailboxName>),
    /// These and those one level below them.
    SubtreeOne(Vec<MailboxName>),
    /// These.
    Mailboxes(Vec<MailboxName>),
}

/// Places in a list of results, the first of them 1 (RFC 9394, 4: partial-range).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialRange {
    /// As it was written.
    pub first: NonZeroU32,
    /// As it was written; may be lower than the first.
    pub last: NonZeroU32,
    /// Which end of the list is 1.
    pub from: PartialFrom,
}

/// The end from which results are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialFrom {
    /// `1:500`.
    Start,
    /// `-1:-500`.
    End,
}

impl PartialRange {
    /// The places among so many results, counted from 0.
    pub fn places(&self, count: usize) -> Range<usize> {
        let ends = [self.first, self.last].map(|end| end.get() as usize);
        let (low, high) = (ends[0].min(ends[1]) - 1, ends[0].max(ends[1]));
        let (low, high) = (low.min(count), high.min(count));
        match self.from {
            PartialFrom::Start => low..high,
            PartialFrom::End => count - high..count - low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_range_is_cut_to_what_there_is_from_either_end() {
        let range = |first, last, from| PartialRange {
            first: NonZeroU32::new(first).expect("not 0"),
            last: NonZeroU32::new(last).expect("not 0"),
            from,
        };
        for (first, last, from, count, places) in [
            (1, 3, PartialFrom::Start, 10, 0..3),
            (3, 1, PartialFrom::Start, 10, 0..3),
            (9, 20, PartialFrom::Start, 10, 8..10),
            (11, 20, PartialFrom::Start, 10, 10..10),
            (1, 3, PartialFrom::End, 10, 7..10),
            (20, 9, PartialFrom::End, 10, 0..2),
            (11, 20, PartialFrom::End, 10, 0..0),
            (1, u32::MAX, PartialFrom::End, 0, 0..0),
        ] {
            assert_eq!(range(first, last, from).places(count), places, "{first}:{last}");
        }
    }
}
