//! Search keys made ready for one view, and asked of one message, the cheap ones first.

use std::num::NonZeroU32;
use std::ops::Range;

use engine::clock::unix_seconds;
use engine::message::{FieldNames, ListData};
use engine::search::{DateColumn, Needle, Sieve};
use engine::{
    EmailId, Error, FlagBits, Keyword, Listings, Mailbox, Row, Run, Snapshot, StoredBody, ThreadId,
    UidSet,
};

use crate::imap::command::{DateField, DateRelation, Numbering, SearchKey};
use crate::imap::response::Refusal;
use crate::imap::view::SelectedView;

/// Bytes that reading a message's fields counts as: most are in a list part with others'.
const LISTED_LEN: u64 = 256;

/// A search key with its numbers resolved and its text folded.
#[derive(Debug)]
pub(crate) enum Condition {
    Always,
    Never,
    Flags(FlagBits),
    /// With its bit, once the mailbox has met it.
    Keyword(Keyword, Option<FlagBits>),
    Uids(UidSet),
    Date {
        field: DateField,
        relation: DateRelation,
        day: i64,
    },
    /// Arrived at this second or before.
    Older(i64),
    Larger(u64),
    Smaller(u64),
    ModSeq(u64),
    EmailId(EmailId),
    ThreadId(ThreadId),
    Field {
        names: FieldNames,
        needle: Needle,
    },
    Body(Needle),
    Text(Needle),
    Not(Box<Condition>),
    Any(Vec<Condition>),
    All(Vec<Condition>),
}

/// What must be read to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    /// Nothing but the row.
    Row,
    /// List data, perhaps the header.
    Header,
    /// The whole message.
    Message,
}

impl Condition {
    /// All of the keys.
    pub(super) fn all(keys: &[SearchKey], view: &SelectedView) -> Result<Self, Refusal> {
        Self::many(keys, view).map(Self::All)
    }

    /// Cheap ones first, in the order given otherwise.
    fn many(keys: &[SearchKey], view: &SelectedView) -> Result<Vec<Self>, Refusal> {
        let conditions: Result<Vec<_>, _> = keys.iter().map(|key| Self::new(key, view)).collect();
        let mut conditions = conditions?;
        conditions.sort_by_key(Self::cost);
        Ok(conditions)
    }

    fn new(key: &SearchKey, view: &SelectedView) -> Result<Self, Refusal> {
        Ok(match key {
            SearchKey::All => Self::Always,
            SearchKey::Nothing => Self::Never,
            SearchKey::Flag(flag) => Self::Flags(flag.bit()),
            SearchKey::Keyword(keyword) => {
                let known = |word: &Keyword| view.snapshot().keyword_bit(word);
                keyword
                    .as_ref()
                    .map_or(Self::Never, |word| Self::Keyword(word.clone(), known(word)))
            }
            SearchKey::Sequence(set) => Self::Uids(view.uids(set, Numbering::Sequence)?),
            SearchKey::Uid(set) => Self::Uids(view.uids(set, Numbering::Uid)?),
            SearchKey::Date { field, relation, day } => {
                Self::Date { field: *field, relation: *relation, day: i64::from(*day) }
            }
            SearchKey::Older(seconds) => Self::Older(seconds_ago(*seconds)),
            // The second itself is both (RFC 5032, 3).
            SearchKey::Younger(seconds) => {
                Self::Not(Box::new(Self::Older(seconds_ago(*seconds) - 1)))
            }
            SearchKey::Larger(size) => Self::Larger(*size),
            SearchKey::Smaller(size) => Self::Smaller(*size),
            SearchKey::ModSeq(modseq) => Self::ModSeq(*modseq),
            SearchKey::EmailId(id) => id.map_or(Self::Never, Self::EmailId),
            SearchKey::ThreadId(id) => id.map_or(Self::Never, Self::ThreadId),
            SearchKey::Header { field, text } => {
                let names = FieldNames::new(&[field.clone().into_bytes()]);
                Self::Field { names, needle: Needle::new(text) }
            }
            SearchKey::Body(text) => Self::Body(Needle::new(text)),
            SearchKey::Text(text) => Self::Text(Needle::new(text)),
            SearchKey::Not(key) => Self::Not(Box::new(Self::new(key, view)?)),
            SearchKey::Or(keys) => Self::Any(Self::many(keys, view)?),
            SearchKey::And(keys) => Self::All(Self::many(keys, view)?),
        })
    }

    /// Whether list parts say that it holds for no message of a run; false where they do not know.
    pub(super) fn is_idle(&self, run: &Run, listings: &mut Listings) -> bool {
        match self {
            Self::Field { names, needle } => listings.none_contains(run, names, needle),
            Self::All(conditions) => {
                conditions.iter().any(|condition| condition.is_idle(run, listings))
            }
            Self::Any(conditions) => {
                conditions.iter().all(|condition| condition.is_idle(run, listings))
            }
            _ => false,
        }
    }

    /// Takes note of keywords that the mailbox has met since.
    pub(super) fn learn(&mut self, snapshot: &Snapshot) {
        match self {
            Self::Keyword(word, bit) => *bit = snapshot.keyword_bit(word),
            Self::Not(condition) => condition.learn(snapshot),
            Self::Any(conditions) | Self::All(conditions) => {
                conditions.iter_mut().for_each(|condition| condition.learn(snapshot));
            }
            _ => {}
        }
    }

    /// What must be read, at worst.
    pub(super) fn cost(&self) -> Cost {
        match self {
            Self::Field { .. } => Cost::Header,
            Self::Body(_) | Self::Text(_) => Cost::Message,
            Self::Not(condition) => condition.cost(),
            Self::Any(conditions) | Self::All(conditions) => {
                conditions.iter().map(Self::cost).max().unwrap_or(Cost::Row)
            }
            _ => Cost::Row,
        }
    }

    /// The condition as far as columns know.
    pub(super) fn sieve(&self) -> Sieve {
        match self {
            Self::Always => Sieve::All(Vec::new()),
            Self::Never | Self::Keyword(_, None) => Sieve::Any(Vec::new()),
            Self::Flags(flags) | Self::Keyword(_, Some(flags)) => Sieve::Flags(*flags),
            Self::Uids(uids) => Sieve::Uids(uids.clone()),
            Self::Date { field, relation, day } => {
                Sieve::Days(column(*field), days(*relation, *day))
            }
            Self::Older(second) => Sieve::ArrivedUntil(*second),
            Self::Larger(size) => Sieve::Sizes(size.saturating_add(1)..u64::MAX),
            Self::Smaller(size) => Sieve::Sizes(0..*size),
            Self::ModSeq(modseq) => Sieve::ModSeqFrom(*modseq),
            Self::EmailId(id) => Sieve::EmailId(*id),
            Self::ThreadId(id) => Sieve::ThreadId(*id),
            Self::Field { .. } | Self::Body(_) | Self::Text(_) => Sieve::Open,
            Self::Not(condition) => Sieve::Not(Box::new(condition.sieve())),
            Self::Any(conditions) => Sieve::Any(conditions.iter().map(Self::sieve).collect()),
            Self::All(conditions) => Sieve::All(conditions.iter().map(Self::sieve).collect()),
        }
    }

    /// Whether the condition holds for a message.
    pub(super) fn holds(&self, candidate: &mut Candidate<'_>) -> Result<bool, Error> {
        let row = candidate.row;
        Ok(match self {
            Self::Always => true,
            Self::Never => false,
            Self::Flags(flags) => row.flags & *flags == *flags,
            Self::Keyword(_, bit) => bit.is_some_and(|bit| row.flags & bit == bit),
            Self::Uids(uids) => uids.contains(row.uid),
            Self::Date { field, relation, day } => {
                // The day that the sender wrote (RFC 3501, 6.4.4: disregarding time and timezone).
                let date = match field {
                    DateField::Internal => {
                        local_day(row.internal_date.seconds, row.internal_date.zone_minutes)
                    }
                    DateField::Sent => local_day(row.sent_date, row.sent_zone_minutes),
                    DateField::Saved => local_day(row.save_date, 0),
                };
                days(*relation, *day).contains(&date)
            }
            Self::Older(second) => row.internal_date.seconds <= *second,
            Self::Larger(size) => u64::from(row.size) > *size,
            Self::Smaller(size) => u64::from(row.size) < *size,
            Self::ModSeq(modseq) => row.modseq.get() >= *modseq,
            Self::EmailId(id) => row.email_id == *id,
            Self::ThreadId(id) => row.thread_id == *id,
            Self::Field { names, needle } => candidate.field_contains(names, needle)?,
            Self::Body(needle) => {
                let (head, body) = candidate.message()?;
                body.contains(head, needle)?
            }
            Self::Text(needle) => {
                let (head, body) = candidate.message()?;
                body.text_contains(head, needle)?
            }
            Self::Not(condition) => !condition.holds(candidate)?,
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(candidate)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(candidate)? {
                        return Ok(false);
                    }
                }
                true
            }
        })
    }
}

fn seconds_ago(seconds: NonZeroU32) -> i64 {
    unix_seconds() - i64::from(seconds.get())
}

/// A day since 1970-01-01, in the zone of the date itself.
fn local_day(unix_seconds: i64, zone_minutes: i16) -> i64 {
    unix_seconds.saturating_add(i64::from(zone_minutes) * 60).div_euclid(86_400)
}

/// The days that are meant.
fn days(relation: DateRelation, day: i64) -> Range<i64> {
    match relation {
        DateRelation::Before => i64::MIN..day,
        DateRelation::On => day..day.saturating_add(1),
        DateRelation::Since => day..i64::MAX,
    }
}

fn column(field: DateField) -> DateColumn {
    match field {
        DateField::Internal => DateColumn::Internal,
        DateField::Sent => DateColumn::Sent,
        DateField::Saved => DateColumn::Saved,
    }
}

/// A message under question; each piece of it is read when it is first needed.
pub(super) struct Candidate<'c> {
    row: &'c Row,
    mailbox: &'c Mailbox,
    listings: &'c mut Listings,
    is_sought: bool,
    message: Option<(ListData, StoredBody)>,
    bytes_read: u64,
}

impl<'c> Candidate<'c> {
    /// Reads nothing yet. The listings are best those that read the message before.
    pub(super) fn new(row: &'c Row, mailbox: &'c Mailbox, listings: &'c mut Listings) -> Self {
        Self { row, mailbox, listings, is_sought: false, message: None, bytes_read: 0 }
    }

    /// Bytes that were read, about.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Fields that clients list by are searched in the list parts, others in the header.
    fn field_contains(&mut self, names: &FieldNames, needle: &Needle) -> Result<bool, Error> {
        if !self.is_sought {
            self.is_sought = true;
            self.bytes_read += LISTED_LEN;
        }
        self.listings.field_contains(self.row, names, needle)
    }

    fn message(&mut self) -> Result<&mut (ListData, StoredBody), Error> {
        let opened = if let Some(opened) = self.message.take() {
            opened
        } else {
            self.bytes_read += u64::from(self.row.size);
            self.mailbox.message(self.row).open_whole()?
        };
        Ok(self.message.insert(opened))
    }
}
