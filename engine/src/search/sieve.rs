//! Search keys that columns answer, asked of a whole chunk at a time: by bitmaps, and where its
//! summary knows, without a look at its columns. What columns do not know is left open.

use std::iter;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use crate::Error;
use crate::columns::{Bitmap, Columns};
use crate::flags::{FlagBits, SystemFlag};
use crate::ids::{EmailId, ThreadId};
use crate::image::Summary;
use crate::state::{Run, Snapshot, mask_of, runs_of};
use crate::uid_set::UidSet;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Which date of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateColumn {
    /// When it arrived.
    Internal,
    /// Its Date field.
    Sent,
    /// When it came into its mailbox.
    Saved,
}

/// A condition on messages, as far as columns know.
#[derive(Clone, Debug)]
pub enum Sieve {
    /// Columns do not know.
    Open,
    /// All of these flags are set.
    Flags(FlagBits),
    /// It is one of these.
    Uids(UidSet),
    /// Its RFC822.SIZE is among these.
    Sizes(Range<u64>),
    /// The day of a date, counted from 1970-01-01, in the date's own zone, is among these.
    Days(DateColumn, Range<i64>),
    /// It arrived at this second since 1970, or before.
    ArrivedUntil(i64),
    /// The mod-sequence of its last change is this or higher.
    ModSeqFrom(u64),
    /// It has these bytes.
    EmailId(EmailId),
    /// It is of this conversation.
    ThreadId(ThreadId),
    /// The other does not hold.
    Not(Box<Sieve>),
    /// At least one of these holds; of none, never.
    Any(Vec<Sieve>),
    /// All of these hold; of none, always.
    All(Vec<Sieve>),
}

/// What is known of the messages of one chunk.
pub struct Sifted {
    before: u32,
    live: u32,
    holds: Vec<u64>,
    open: Option<(Arc<Columns>, Bitmap)>,
}

impl Sifted {
    /// Messages of the mailbox before these.
    pub fn before(&self) -> u32 {
        self.before
    }

    /// How many messages.
    pub fn count(&self) -> u32 {
        self.live
    }

    /// For which the condition holds: bit n of all words is the message with n of these before it.
    /// Words may be missing at the end where no bit is set.
    pub fn holds(&self) -> &[u64] {
        &self.holds
    }

    /// Those for which it may hold.
    pub fn open(self) -> impl Iterator<Item = Run> + Send {
        let before = self.before;
        self.open.into_iter().flat_map(move |(columns, mask)| runs_of(columns, &mask, before))
    }
}

/// Asks a condition of all messages, chunk by chunk. Reads the columns of one chunk at a time.
pub fn sift<'a>(
    snapshot: &'a Snapshot,
    sieve: &'a Sieve,
) -> impl Iterator<Item = Result<Sifted, Error>> + Send + 'a {
    snapshot.chunks.iter().zip(&snapshot.starts).map(move |(chunk, before)| {
        let (before, live) = (*before, chunk.summary.live);
        let known = |holds| Sifted { before, live, holds, open: None };
        match sieve.of_summary(&chunk.summary) {
            Bounds { may: false, .. } => return Ok(known(Vec::new())),
            Bounds { holds: true, .. } => return Ok(known(ones(live))),
            Bounds { .. } => {}
        }
        let columns = Arc::new(chunk.columns(&snapshot.source)?);
        let all = columns.live();
        let Bounds { holds, may } = sieve.of_columns(&columns, &all);
        let open = may.without(&holds);
        let open = (!open.is_empty()).then_some((columns, open));
        Ok(Sifted { before, live, holds: squeeze(&holds, &all), open })
    })
}

/// What a condition is known to hold for, and what it may hold for at most.
struct Bounds<T> {
    holds: T,
    may: T,
}

impl Sieve {
    /// For all messages of a chunk, and for any.
    fn of_summary(&self, of: &Summary) -> Bounds<bool> {
        match self {
            Self::Flags(flags) => {
                let (seen, deleted) = (SystemFlag::Seen.bit(), SystemFlag::Deleted.bit());
                let lacks_seen = of.unseen == of.live && *flags & seen == seen;
                let lacks_deleted = of.deleted == 0 && *flags & deleted == deleted;
                let all_seen = of.unseen == 0 && *flags == seen;
                let all_deleted = of.deleted == of.live && *flags == deleted;
                Bounds { holds: all_seen || all_deleted, may: !lacks_seen && !lacks_deleted }
            }
            Self::Uids(uids) => {
                let some = uids.ranges_within(of.first_uid, of.last_uid).next();
                let is_all = |range: &RangeInclusive<u32>| {
                    *range.start() <= of.first_uid && *range.end() >= of.last_uid
                };
                Bounds { holds: some.as_ref().is_some_and(is_all), may: some.is_some() }
            }
            Self::ModSeqFrom(modseq) => Bounds { holds: false, may: of.modseq_max >= *modseq },
            Self::Not(sieve) => {
                let Bounds { holds, may } = sieve.of_summary(of);
                Bounds { holds: !may, may: !holds }
            }
            Self::Any(sieves) => {
                let each = sieves.iter().map(|sieve| sieve.of_summary(of));
                each.fold(Bounds { holds: false, may: false }, |known, more| Bounds {
                    holds: known.holds || more.holds,
                    may: known.may || more.may,
                })
            }
            Self::All(sieves) => {
                let each = sieves.iter().map(|sieve| sieve.of_summary(of));
                each.fold(Bounds { holds: true, may: true }, |known, more| Bounds {
                    holds: known.holds && more.holds,
                    may: known.may && more.may,
                })
            }
            _ => Bounds { holds: false, may: true },
        }
    }

    /// Of the messages in `live`.
    fn of_columns(&self, columns: &Columns, live: &Bitmap) -> Bounds<Bitmap> {
        let base = &*columns.base;
        let known = match self {
            Self::Open => return Bounds { holds: Bitmap::default(), may: *live },
            Self::Not(sieve) => {
                let Bounds { holds, may } = sieve.of_columns(columns, live);
                return Bounds { holds: live.without(&may), may: live.without(&holds) };
            }
            Self::Any(sieves) => {
                let none = Bounds { holds: Bitmap::default(), may: Bitmap::default() };
                return sieves.iter().fold(none, |known, sieve| {
                    // What is known to hold need not be looked at again.
                    let more = sieve.of_columns(columns, &live.without(&known.holds));
                    let (holds, may) = (known.holds.or(&more.holds), known.may.or(&more.may));
                    Bounds { holds, may: may.or(&holds) }
                });
            }
            Self::All(sieves) => {
                let all = Bounds { holds: *live, may: *live };
                return sieves.iter().fold(all, |known, sieve| {
                    if known.may.is_empty() {
                        return known;
                    }
                    let more = sieve.of_columns(columns, &known.may);
                    Bounds { holds: known.holds.and(&more.holds), may: more.may }
                });
            }
            Self::Flags(flags) => {
                let bits = flags.iter().filter_map(|bit| u8::try_from(bit).ok());
                bits.fold(*live, |mask, bit| mask.and(&columns.flag(bit)))
            }
            Self::Uids(uids) => mask_of(columns, uids),
            Self::Sizes(sizes) => {
                Bitmap::of(base.sizes.iter().map(|size| sizes.contains(&u64::from(*size))))
            }
            Self::Days(DateColumn::Internal, days) => {
                days_of(&base.internal_seconds, base.internal_zones.iter().copied(), days)
            }
            Self::Days(DateColumn::Sent, days) => {
                days_of(&base.sent_dates, base.sent_zones.iter().copied(), days)
            }
            Self::Days(DateColumn::Saved, days) => days_of(&base.save_dates, iter::repeat(0), days),
            Self::ArrivedUntil(second) => {
                Bitmap::of(base.internal_seconds.iter().map(|seconds| seconds <= second))
            }
            Self::ModSeqFrom(modseq) => match modseq.checked_sub(1) {
                Some(before) => columns.modseqs.newer(before, base.len()),
                None => *live,
            },
            Self::EmailId(id) => Bitmap::of(base.email_ids.iter().map(|has| *has == id.0)),
            Self::ThreadId(id) => Bitmap::of(base.thread_ids.iter().map(|has| *has == id.0)),
        };
        let known = known.and(live);
        Bounds { holds: known, may: known }
    }
}

fn days_of(seconds: &[i64], zones: impl Iterator<Item = i16>, days: &Range<i64>) -> Bitmap {
    let range = days.start.saturating_mul(DAY)..days.end.saturating_mul(DAY);
    let local = |(at, zone): (&i64, i16)| at.saturating_add(i64::from(zone) * 60);
    Bitmap::of(seconds.iter().zip(zones).map(|date| range.contains(&local(date))))
}

/// So many bits, all of them set.
fn ones(count: u32) -> Vec<u64> {
    let mut words = vec![u64::MAX; count.div_ceil(64) as usize];
    if let Some(last) = words.last_mut().filter(|_| !count.is_multiple_of(64)) {
        *last = (1 << (count % 64)) - 1;
    }
    words
}

/// The bits of `mask` at the places that are set in `live`, moved together.
fn squeeze(mask: &Bitmap, live: &Bitmap) -> Vec<u64> {
    if mask.is_empty() {
        return Vec::new();
    }
    let mut squeezed = vec![0; live.count().div_ceil(64) as usize];
    let mut at = 0;
    for (mask, live) in mask.words().iter().zip(live.words()) {
        let bits = squeeze_word(mask & live, *live);
        let (word, shift) = (at / 64, at % 64);
        if let Some(low) = squeezed.get_mut(word) {
            *low |= bits << shift;
        }
        if let Some(high) = squeezed.get_mut(word + 1).filter(|_| shift > 0) {
            *high |= bits >> (64 - shift);
        }
        at += live.count_ones() as usize;
    }
    squeezed
}

fn squeeze_word(mut bits: u64, live: u64) -> u64 {
    if live & live.wrapping_add(1) == 0 {
        return bits;
    }
    let mut squeezed = 0;
    while bits != 0 {
        let below = (1 << bits.trailing_zeros()) - 1;
        squeezed |= 1 << (live & below).count_ones();
        bits &= bits - 1;
    }
    squeezed
}

#[cfg(test)]
mod tests;
