//! Walking over messages in order, reading no more columns than are asked for.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use crate::Error;
use crate::columns::{Bitmap, Columns, InternalDate};
use crate::flags::FlagBits;
use crate::ids::{EmailId, ModSeq, SeqNo, ThreadId, Uid};
use crate::state::edit;
use crate::state::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// One message of a snapshot: everything but its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number in this snapshot.
    pub seq: SeqNo,
    /// Its UID.
    pub uid: Uid,
    /// Its flags.
    pub flags: FlagBits,
    /// The mod-sequence of its last change.
    pub modseq: ModSeq,
    /// RFC822.SIZE.
    pub size: u32,
    /// When it arrived.
    pub internal_date: InternalDate,
    /// When it was put into this mailbox; seconds since 1970.
    pub save_date: i64,
    /// Its Date field, or the internal date if it has none: seconds since 1970, UTC.
    pub sent_date: i64,
    /// The zone of its Date field, minutes east of UTC: SENTSINCE and the like look at the day as
    /// written (RFC 9051, 6.4.4).
    pub sent_zone_minutes: i16,
    /// The bytes, the same for every copy.
    pub email_id: EmailId,
    /// The conversation.
    pub thread_id: ThreadId,
}

impl Snapshot {
    /// The messages of `uids` that exist, ascending, as runs of neighbours. Reads one chunk's
    /// columns at a time.
    pub fn runs<'a>(&'a self, uids: &'a UidSet) -> impl Iterator<Item = Result<Run, Error>> + 'a {
        self.runs_since(uids, 0)
    }

    /// The same for those that were added or changed after `modseq` (RFC 7162: CHANGEDSINCE),
    /// which is a plain number because clients may say 0. Chunks without any are passed over.
    pub fn runs_since<'a>(
        &'a self,
        uids: &'a UidSet,
        modseq: u64,
    ) -> impl Iterator<Item = Result<Run, Error>> + 'a {
        Runs { stretches: self.stretches(uids, modseq), current: None }
    }

    /// The messages of `uids` that exist and changed after `modseq`, ascending, chunk by chunk.
    fn stretches<'a>(
        &'a self,
        uids: &'a UidSet,
        modseq: u64,
    ) -> impl DoubleEndedIterator<Item = Result<Stretch, Error>> + 'a {
        let first = uids.first().map_or(u32::MAX, Uid::get);
        let last = uids.last().map_or(0, Uid::get);
        let from = self.chunks.partition_point(|chunk| chunk.summary.last_uid < first);
        let to = self.chunks.partition_point(|chunk| chunk.summary.first_uid <= last);
        let chunks = self.chunks.get(from..to).unwrap_or_default().iter();
        let chunks = chunks.zip(self.starts.get(from..to).unwrap_or_default());
        let chunks = chunks.filter(move |(chunk, _)| chunk.summary.modseq_max > modseq);
        chunks.map(move |(chunk, start)| {
            let columns = Arc::new(chunk.columns(&self.source)?);
            let (mut mask, live) = (edit::mask(&columns, uids), columns.live());
            if modseq > 0 {
                mask = mask.and(&columns.modseqs.newer(modseq, columns.base.len()));
            }
            Ok(Stretch { columns, mask, live, start: *start })
        })
    }

    /// The messages of `uids` that exist, ascending.
    pub fn rows<'a>(&'a self, uids: &'a UidSet) -> impl Iterator<Item = Result<Row, Error>> + 'a {
        self.runs(uids).flat_map(|run| match run {
            Ok(run) => Rows::Of { run, nth: 0 },
            Err(error) => Rows::Failed(Some(error)),
        })
    }

    /// The numbers of the messages of `uids` that exist, from the last to the first, as ranges.
    pub fn numbers_down<'a>(
        &'a self,
        uids: &'a UidSet,
    ) -> impl Iterator<Item = Result<RangeInclusive<u32>, Error>> + 'a {
        self.stretches(uids, 0).rev().flat_map(|stretch| {
            let (stretch, error) = match stretch {
                Ok(stretch) => (Some(stretch.numbers_down()), None),
                Err(error) => (None, Some(Err(error))),
            };
            stretch.into_iter().flatten().map(Ok).chain(error)
        })
    }

    /// The message with this UID.
    pub fn row(&self, uid: Uid) -> Result<Option<Row>, Error> {
        let uids = UidSet::from_iter([uid]);
        self.rows(&uids).next().transpose()
    }
}

/// Some messages of one chunk, as runs of neighbours; `before` is how many messages of the mailbox
/// are before the chunk.
pub(crate) fn runs_of(
    columns: Arc<Columns>,
    mask: &Bitmap,
    before: u32,
) -> impl Iterator<Item = Run> + Send + use<> {
    let (mask, live) = (*mask, columns.live());
    Stretch { columns, mask, live, start: before }.into_runs()
}

/// The messages of one chunk that a walk passes.
struct Stretch {
    columns: Arc<Columns>,
    mask: Bitmap,
    live: Bitmap,
    /// Live messages before the chunk.
    start: u32,
}

impl Stretch {
    /// Ranges within one word of the bitmaps.
    fn numbers_down(self) -> impl Iterator<Item = RangeInclusive<u32>> {
        let (mut before, mut word) = (self.start + self.live.count(), self.live.words().len());
        let mut bits = 0_u64;
        std::iter::from_fn(move || {
            while bits == 0 {
                word = word.checked_sub(1)?;
                before -= self.live.words().get(word)?.count_ones();
                bits = *self.mask.words().get(word)?;
            }
            let high = bits.leading_zeros();
            let ones = (bits << high).leading_ones();
            let low = 64 - high - ones;
            bits &= (1 << low) - 1;
            let first = before + (self.live.words().get(word)? & ((1 << low) - 1)).count_ones() + 1;
            Some(first..=first + ones - 1)
        })
    }

    fn into_runs(self) -> StretchRuns {
        let bits = self.mask.words().first().copied().unwrap_or(0);
        let (before, flags) = (self.start, FlagWords::of(&self.columns, 0));
        StretchRuns { stretch: self, before, word: 0, bits, flags }
    }
}

/// Up to 64 neighbouring messages: their numbers ascend by one. What else is to be known of one
/// of them is read when it is asked for.
#[derive(Clone, Debug)]
pub struct Run {
    columns: Arc<Columns>,
    places: Range<usize>,
    first: SeqNo,
    flags: FlagWords,
}

impl Run {
    /// How many messages; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a run is never empty")]
    #[inline]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The flags of the message at a place in the run.
    #[inline]
    pub fn flags(&self, nth: usize) -> FlagBits {
        self.flags.at(&self.columns, self.places.start + nth)
    }

    /// The number of the first.
    #[inline]
    pub fn first(&self) -> SeqNo {
        self.first
    }

    /// Their UIDs, ascending.
    #[inline]
    pub fn uids(&self) -> &[u32] {
        self.columns.base.uids.get(self.places.clone()).unwrap_or_default()
    }

    /// The UID of the first.
    pub fn first_uid(&self) -> Uid {
        self.uids().first().copied().and_then(Uid::new).unwrap_or(Uid::FIRST)
    }

    /// The UID of the last. Between it and the first no UID has a message that is not in the run.
    pub fn last_uid(&self) -> Uid {
        self.uids().last().copied().and_then(Uid::new).unwrap_or(Uid::FIRST)
    }

    /// RFC822.SIZE of the message at a place in the run.
    #[inline]
    pub fn size(&self, nth: usize) -> u32 {
        self.columns.base.sizes.get(self.places.start + nth).copied().unwrap_or(0)
    }

    /// When it arrived.
    #[inline]
    pub fn internal_date(&self, nth: usize) -> InternalDate {
        let (base, at) = (&self.columns.base, self.places.start + nth);
        InternalDate {
            seconds: base.internal_seconds.get(at).copied().unwrap_or(0),
            zone_minutes: base.internal_zones.get(at).copied().unwrap_or(0),
        }
    }

    /// The id of its bytes.
    pub fn email_id(&self, nth: usize) -> EmailId {
        let ids = &self.columns.base.email_ids;
        EmailId(ids.get(self.places.start + nth).copied().unwrap_or(0))
    }

    /// The id of its conversation.
    pub fn thread_id(&self, nth: usize) -> ThreadId {
        let ids = &self.columns.base.thread_ids;
        ThreadId(ids.get(self.places.start + nth).copied().unwrap_or(0))
    }

    /// When it came into this mailbox: seconds since 1970, UTC.
    pub fn save_date(&self, nth: usize) -> i64 {
        self.columns.base.save_dates.get(self.places.start + nth).copied().unwrap_or(0)
    }

    /// Its Date field, or the internal date if it has none: seconds since 1970, UTC.
    #[inline]
    pub fn sent_date(&self, nth: usize) -> i64 {
        self.columns.base.sent_dates.get(self.places.start + nth).copied().unwrap_or(0)
    }

    /// The mod-sequence of its last change.
    #[inline]
    pub fn modseq(&self, nth: usize) -> u64 {
        self.columns.modseqs.at(self.places.start + nth)
    }

    /// All that is known of it; `None` past the end of the run.
    pub fn row(&self, nth: usize) -> Option<Row> {
        let at = self.places.start.checked_add(nth).filter(|at| *at < self.places.end)?;
        let row = self.columns.base.row(at, self.flags(nth))?;
        Some(Row {
            seq: SeqNo::new(self.first.get() + u32::try_from(nth).ok()?)?,
            uid: Uid::new(row.uid)?,
            flags: row.flags,
            modseq: ModSeq::new(self.columns.modseqs.at(at))?,
            size: row.size,
            internal_date: row.internal_date,
            save_date: row.save_date,
            sent_date: row.sent_date,
            sent_zone_minutes: row.sent_zone_minutes,
            email_id: row.email_id,
            thread_id: row.thread_id,
        })
    }
}

/// Flags of the rows of one word of the bitmaps, near at hand where they are few.
#[derive(Clone, Copy, Debug)]
struct FlagWords {
    count: usize,
    bits: [u8; Self::COUNT_MAX],
    words: [u64; Self::COUNT_MAX],
}

impl FlagWords {
    /// A chunk with more flags than these is asked for each row.
    const COUNT_MAX: usize = 8;

    fn of(columns: &Columns, word: usize) -> Self {
        let (mut bits, mut words) = ([0; Self::COUNT_MAX], [0; Self::COUNT_MAX]);
        for ((slot, bit), (has, bitmap)) in words.iter_mut().zip(&mut bits).zip(&columns.flags) {
            *bit = *has;
            *slot = bitmap.words().get(word).copied().unwrap_or(0);
        }
        Self { count: columns.flags.len(), bits, words }
    }

    #[inline]
    fn at(&self, columns: &Columns, at: usize) -> FlagBits {
        if self.count > Self::COUNT_MAX {
            return columns.flags_at(at);
        }
        let near = self.words.iter().zip(&self.bits).take(self.count);
        let has = |word: u64| u128::from(word >> (at % 64) & 1);
        FlagBits(near.fold(0, |flags, (word, bit)| flags | has(*word) << bit))
    }
}

struct StretchRuns {
    stretch: Stretch,
    /// Live messages before the current word.
    before: u32,
    word: usize,
    /// What is left of the current word of the mask.
    bits: u64,
    flags: FlagWords,
}

impl Iterator for StretchRuns {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let Stretch { columns, mask, live, .. } = &self.stretch;
        while self.bits == 0 {
            self.before += live.words().get(self.word)?.count_ones();
            self.word += 1;
            self.bits = *mask.words().get(self.word)?;
            self.flags = FlagWords::of(columns, self.word);
        }
        let first = self.bits.trailing_zeros();
        let len = (self.bits >> first).trailing_ones();
        let taken = if len == 64 { u64::MAX } else { ((1 << len) - 1) << first };
        self.bits &= !taken;
        let below = live.words().get(self.word)? & ((1 << first) - 1);
        let at = self.word * 64 + first as usize;
        Some(Run {
            columns: Arc::clone(columns),
            places: at..at + len as usize,
            first: SeqNo::new(self.before + below.count_ones() + 1)?,
            flags: self.flags,
        })
    }
}

struct Runs<I> {
    stretches: I,
    current: Option<StretchRuns>,
}

impl<I: Iterator<Item = Result<Stretch, Error>>> Iterator for Runs<I> {
    type Item = Result<Run, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(run) = self.current.as_mut().and_then(Iterator::next) {
                return Some(Ok(run));
            }
            match self.stretches.next()? {
                Ok(stretch) => self.current = Some(stretch.into_runs()),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The rows of one run, or why there are none.
enum Rows {
    Of { run: Run, nth: usize },
    Failed(Option<Error>),
}

impl Iterator for Rows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Of { run, nth } => {
                let row = run.row(*nth)?;
                *nth += 1;
                Some(Ok(row))
            }
            Self::Failed(error) => error.take().map(Err),
        }
    }
}
