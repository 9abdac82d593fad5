//! Walking over messages in order, and the view of a session that must not hear of expunges.

use std::sync::Arc;

use crate::Error;
use crate::columns::{Bitmap, Columns, InternalDate, ModSeqs};
use crate::flags::FlagBits;
use crate::ids::{EmailId, ModSeq, SeqNo, ThreadId, Uid};
use crate::state::chunk::Chunk;
use crate::state::edit;
use crate::state::snapshot::{Parts, Snapshot};
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
    /// The messages of `uids` that exist, ascending. Reads one chunk's columns at a time.
    pub fn rows<'a>(&'a self, uids: &'a UidSet) -> impl Iterator<Item = Result<Row, Error>> + 'a {
        let first = uids.first().map_or(u32::MAX, Uid::get);
        let last = uids.last().map_or(0, Uid::get);
        let from = self.chunks.partition_point(|chunk| chunk.summary.last_uid < first);
        let chunks = self.chunks.iter().zip(&self.starts).skip(from);
        let chunks = chunks.take_while(move |(chunk, _)| chunk.summary.first_uid <= last);
        chunks.flat_map(move |(chunk, start)| match chunk.columns(&self.source) {
            Ok(columns) => Rows::Of(ChunkRows::new(columns, *start, uids)),
            Err(error) => Rows::Failed(Some(error)),
        })
    }

    /// The message with this UID.
    pub fn row(&self, uid: Uid) -> Result<Option<Row>, Error> {
        let uids = UidSet::from_iter([uid]);
        self.rows(&uids).next().transpose()
    }

    /// The messages and numbers of this snapshot with the flags and mod-sequences they have in
    /// `latest`; what is gone there keeps what it had. Costs as much as differs.
    pub fn with_flags_of(&self, latest: &Self) -> Result<Self, Error> {
        let mut theirs = latest.chunks.iter().peekable();
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for mine in &self.chunks {
            while theirs.next_if(|t| t.summary.last_uid < mine.summary.first_uid).is_some() {}
            let mut overlapping = theirs.clone();
            match overlapping.next() {
                Some(other) if Arc::ptr_eq(mine, other) => chunks.push(Arc::clone(mine)),
                _ => {
                    let within = |t: &&Arc<Chunk>| t.summary.first_uid <= mine.summary.last_uid;
                    let others: Vec<_> = theirs.clone().take_while(|t| within(t)).collect();
                    chunks.push(self.reflagged(mine, &others)?);
                }
            }
        }
        Ok(Self::new(Parts {
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            highest_modseq: self.highest_modseq,
            keywords: Arc::clone(&latest.keywords),
            chunks,
            history: self.history.clone(),
            lists: Arc::clone(&self.lists),
            source: Arc::clone(&self.source),
        }))
    }

    /// `mine` with the flags that its messages have in `others`.
    fn reflagged(&self, mine: &Arc<Chunk>, others: &[&Arc<Chunk>]) -> Result<Arc<Chunk>, Error> {
        let columns = mine.columns(&self.source)?;
        let mut flagged = columns.clone();
        let mut modseqs: Option<Vec<u64>> = None;
        for other in others {
            let theirs = other.columns(&self.source)?;
            let newer = newer_rows(columns, theirs);
            if newer.is_empty() {
                continue;
            }
            let each = modseqs.get_or_insert_with(|| {
                (0..columns.base.len()).map(|at| columns.modseqs.at(at)).collect()
            });
            let mut mask = Bitmap::default();
            for (at, there) in &newer {
                mask.set(*at);
                if let Some(slot) = each.get_mut(*at) {
                    *slot = theirs.modseqs.at(*there);
                }
            }
            copy_flags(&mut flagged, theirs, &newer, &mask);
        }
        let Some(modseqs) = modseqs else { return Ok(Arc::clone(mine)) };
        flagged.modseqs = ModSeqs::collect(modseqs);
        Ok(Chunk::of(flagged).map_or_else(|| Arc::clone(mine), Arc::new))
    }
}

/// Rows live in both whose mod-sequences differ: their places in `mine` and in `theirs`.
pub(crate) fn newer_rows(mine: &Columns, theirs: &Columns) -> Vec<(usize, usize)> {
    let (live, live_there) = (mine.live(), theirs.live());
    let differs = |&(at, there): &(usize, usize)| mine.modseqs.at(at) != theirs.modseqs.at(there);
    if Arc::ptr_eq(&mine.base, &theirs.base) {
        let both = live.and(&live_there);
        return both.iter().map(|at| (at, at)).filter(differs).collect();
    }
    let mut there = live_there.iter().peekable();
    let uid_there = |at: usize| theirs.base.uids.get(at).copied().unwrap_or(u32::MAX);
    let mut found = Vec::new();
    for at in live.iter() {
        let uid = mine.base.uids.get(at).copied().unwrap_or(0);
        while there.next_if(|place| uid_there(*place) < uid).is_some() {}
        if let Some(place) = there.next_if(|place| uid_there(*place) == uid) {
            found.push((at, place));
        }
    }
    found.retain(differs);
    found
}

fn copy_flags(into: &mut Columns, from: &Columns, rows: &[(usize, usize)], mask: &Bitmap) {
    let mut bits: Vec<u8> = into.flags.iter().chain(&from.flags).map(|(bit, _)| *bit).collect();
    bits.sort_unstable();
    bits.dedup();
    for bit in bits {
        let there = from.flag(bit);
        let mut has = into.flag(bit).without(mask);
        rows.iter().filter(|(_, place)| there.has(*place)).for_each(|(at, _)| has.set(*at));
        into.set_flag(bit, &has);
    }
}

/// The rows of one chunk, or why there are none.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack; a box would be an allocation for each chunk"
)]
enum Rows<'a> {
    Of(ChunkRows<'a>),
    Failed(Option<Error>),
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Of(rows) => rows.next().map(Ok),
            Self::Failed(error) => error.take().map(Err),
        }
    }
}

struct ChunkRows<'a> {
    columns: &'a Columns,
    mask: Bitmap,
    live: Bitmap,
    /// Live messages before the current word.
    before: u32,
    word: usize,
    bits: u64,
}

impl<'a> ChunkRows<'a> {
    fn new(columns: &'a Columns, start: u32, uids: &UidSet) -> Self {
        let (mask, live) = (edit::mask(columns, uids), columns.live());
        let bits = mask.words().first().copied().unwrap_or(0);
        Self { columns, mask, live, before: start, word: 0, bits }
    }

    fn next_place(&mut self) -> Option<(usize, u32)> {
        while self.bits == 0 {
            self.before += self.live.words().get(self.word)?.count_ones();
            self.word += 1;
            self.bits = *self.mask.words().get(self.word)?;
        }
        let bit = self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        let below = self.live.words().get(self.word)? & ((1 << bit) - 1);
        Some((self.word * 64 + bit as usize, self.before + below.count_ones() + 1))
    }
}

impl Iterator for ChunkRows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let (at, seq) = self.next_place()?;
        let row = self.columns.base.row(at, self.columns.flags_at(at))?;
        Some(Row {
            seq: SeqNo::new(seq)?,
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
