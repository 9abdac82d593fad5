//! A mailbox at one moment: immutable, shared by everybody who looks at it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::Error;
use crate::columns::Bitmap;
use crate::flags::{FlagBits, Keyword, SystemFlag};
use crate::ids::{ModSeq, RecordAddr, SeqNo, Uid, UidValidity};
use crate::state::chunk::{Chunk, Source};
use crate::state::edit;
use crate::state::history::History;
use crate::state::lists::Lists;
use crate::uid_set::UidSet;

/// A mailbox at one moment. Reading needs no lock; what is not in memory is read from the log.
pub struct Snapshot {
    pub(crate) uid_validity: UidValidity,
    /// 0 once all UIDs are spent.
    pub(crate) uid_next: u32,
    pub(crate) highest_modseq: ModSeq,
    pub(crate) keywords: Arc<[Keyword]>,
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Live messages before each chunk.
    pub(crate) starts: Vec<u32>,
    pub(crate) history: History,
    pub(crate) lists: Arc<Lists>,
    pub(crate) source: Source,
    exists: u32,
    unseen: u32,
    deleted: u32,
    size: u64,
}

/// What a snapshot is made of, its counters aside.
pub(crate) struct Parts {
    pub(crate) uid_validity: UidValidity,
    pub(crate) uid_next: u32,
    pub(crate) highest_modseq: ModSeq,
    pub(crate) keywords: Arc<[Keyword]>,
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) history: History,
    pub(crate) lists: Arc<Lists>,
    pub(crate) source: Source,
}

impl Snapshot {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { uid_validity, uid_next, highest_modseq, keywords, chunks, .. } = parts;
        let (history, lists, source) = (parts.history, parts.lists, parts.source);
        let (mut starts, mut exists) = (Vec::with_capacity(chunks.len()), 0);
        let (mut unseen, mut deleted, mut size) = (0, 0, 0);
        for summary in chunks.iter().map(|chunk| &chunk.summary) {
            starts.push(exists);
            exists += summary.live;
            unseen += summary.unseen;
            deleted += summary.deleted;
            size += summary.size;
        }
        Self {
            uid_validity,
            uid_next,
            highest_modseq,
            keywords,
            chunks,
            starts,
            history,
            lists,
            source,
            exists,
            unseen,
            deleted,
            size,
        }
    }

    /// Whether any column, mark or history of it is where `is_there` says.
    pub(crate) fn is_in(&self, is_there: &dyn Fn(RecordAddr) -> bool) -> bool {
        let pieces = self
            .chunks
            .iter()
            .flat_map(|chunk| [chunk.base().stored_at(), chunk.marks().stored_at()]);
        let pages = self.history.pages.iter().map(|page| page.piece().stored_at());
        pieces.chain(pages).flatten().any(is_there)
    }

    /// Reads what is in segments that are to go, and keeps it in memory as long as this is looked
    /// at.
    pub(crate) fn leave(&self, is_leaving: &dyn Fn(RecordAddr) -> bool) -> Result<(), Error> {
        for chunk in &self.chunks {
            chunk.leave(is_leaving, &self.source)?;
        }
        for page in &self.history.pages {
            page.leave(is_leaving, &self.source)?;
        }
        Ok(())
    }

    /// Messages in the mailbox: EXISTS.
    pub fn exists(&self) -> u32 {
        self.exists
    }

    /// Messages without `\Seen`.
    pub fn unseen(&self) -> u32 {
        self.unseen
    }

    /// Messages with `\Deleted`.
    pub fn deleted(&self) -> u32 {
        self.deleted
    }

    /// RFC822.SIZE of all messages, added up.
    pub fn size_total(&self) -> u64 {
        self.size
    }

    /// The UID the next message will get; `None` once all are spent.
    pub fn uid_next(&self) -> Option<Uid> {
        Uid::new(self.uid_next)
    }

    /// The generation of the UIDs.
    pub fn uid_validity(&self) -> UidValidity {
        self.uid_validity
    }

    /// The mod-sequence of the last change.
    pub fn highest_modseq(&self) -> ModSeq {
        self.highest_modseq
    }

    /// The keywords of the mailbox; number k is bit 5 + k of [`FlagBits`].
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// The bit of a keyword, if the mailbox has met it.
    pub fn keyword_bit(&self, keyword: &Keyword) -> Option<FlagBits> {
        self.keywords.iter().position(|known| known == keyword).map(FlagBits::keyword)
    }

    /// The first message without `\Seen`. Reads the columns of one chunk at most.
    pub fn first_unseen(&self) -> Result<Option<SeqNo>, Error> {
        let Some(at) = self.chunks.iter().position(|chunk| chunk.summary.unseen > 0) else {
            return Ok(None);
        };
        let (Some(chunk), Some(start)) = (self.chunks.get(at), self.starts.get(at)) else {
            return Ok(None);
        };
        let columns = chunk.columns(&self.source)?;
        let live = columns.live();
        let unseen = live.without(&columns.flag(SystemFlag::Seen as u8));
        let first = unseen.select(0);
        Ok(first.and_then(|place| SeqNo::new(start + live.rank(place) + 1)))
    }

    /// The UID of the message with this number; `None` beyond EXISTS.
    pub fn uid_at(&self, seq: SeqNo) -> Result<Option<Uid>, Error> {
        let nth = seq.get() - 1;
        if nth >= self.exists {
            return Ok(None);
        }
        let at = self.starts.partition_point(|start| *start <= nth) - 1;
        let (Some(chunk), Some(start)) = (self.chunks.get(at), self.starts.get(at)) else {
            return Ok(None);
        };
        let columns = chunk.columns(&self.source)?;
        let place = match &columns.live {
            Some(live) => live.select(nth - start),
            None => usize::try_from(nth - start).ok(),
        };
        Ok(place.and_then(|place| columns.base.uids.get(place)).and_then(|uid| Uid::new(*uid)))
    }

    /// The number of the message with this UID; `None` if there is no such message.
    pub fn seq_of(&self, uid: Uid) -> Result<Option<SeqNo>, Error> {
        let at = self.chunks.partition_point(|chunk| chunk.summary.last_uid < uid.get());
        let (Some(chunk), Some(start)) = (self.chunks.get(at), self.starts.get(at)) else {
            return Ok(None);
        };
        if chunk.summary.first_uid > uid.get() {
            return Ok(None);
        }
        let columns = chunk.columns(&self.source)?;
        let live = columns.live();
        let place = columns.base.uids.binary_search(&uid.get()).ok();
        let place = place.filter(|place| live.has(*place));
        Ok(place.and_then(|place| SeqNo::new(start + live.rank(place) + 1)))
    }

    /// The UID of the last message.
    pub fn last_uid(&self) -> Result<Option<Uid>, Error> {
        SeqNo::new(self.exists).map_or(Ok(None), |last| self.uid_at(last))
    }

    /// The UIDs of the messages with these numbers; numbers beyond EXISTS name nobody.
    pub fn uids(&self, range: RangeInclusive<u32>) -> Result<UidSet, Error> {
        let (first, last) = (range.start().max(&1) - 1, (*range.end()).min(self.exists));
        let mut found = UidSet::new();
        let from = self.starts.partition_point(|start| *start <= first).saturating_sub(1);
        for (chunk, start) in self.chunks.iter().zip(&self.starts).skip(from) {
            if *start >= last {
                break;
            }
            let columns = chunk.columns(&self.source)?;
            let live = columns.live();
            let (low, high) = (first.saturating_sub(*start), (last - start).min(live.count()));
            let mask = places(&live, low, high);
            edit::push_uids(&columns, &mask, &mut found);
        }
        Ok(found)
    }

    /// The UIDs of all messages.
    pub fn all_uids(&self) -> Result<UidSet, Error> {
        self.uids(1..=self.exists)
    }

    /// RFC822.SIZE of the messages with `\Deleted`, added up: what an expunge would free. Reads the
    /// columns of chunks that have such messages.
    pub fn deleted_size(&self) -> Result<u64, Error> {
        let mut size = 0;
        for chunk in self.chunks.iter().filter(|chunk| chunk.summary.deleted > 0) {
            let columns = chunk.columns(&self.source)?;
            let deleted = columns.live().and(&columns.flag(SystemFlag::Deleted as u8));
            let sizes = deleted.iter().filter_map(|place| columns.base.sizes.get(place));
            size += sizes.map(|size| u64::from(*size)).sum::<u64>();
        }
        Ok(size)
    }

    /// The messages that have all of `flags`.
    pub fn uids_with(&self, flags: FlagBits) -> Result<UidSet, Error> {
        let mut found = UidSet::new();
        for chunk in &self.chunks {
            let columns = chunk.columns(&self.source)?;
            let bits = flags.iter().filter_map(|bit| u8::try_from(bit).ok());
            let mask = bits.fold(columns.live(), |mask, bit| mask.and(&columns.flag(bit)));
            edit::push_uids(&columns, &mask, &mut found);
        }
        Ok(found)
    }

    /// The messages that were expunged at `since` or later.
    pub(crate) fn expunged_messages_since(
        &self,
        since: i64,
        visit: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        self.history.messages_since(since, &self.source, visit)
    }

    /// Visits every message that was ever expunged: its UID and its number.
    pub(crate) fn each_expunged(&self, visit: &mut dyn FnMut(Uid, u64)) -> Result<(), Error> {
        for vanished in self.history.since(0, &self.source)? {
            let each = vanished.uids.iter().zip(vanished.numbers.iter());
            each.for_each(|(uid, number)| visit(uid, number));
        }
        Ok(())
    }

    /// At most how many messages are above this UID: all of them but for gaps in the chunk that
    /// it falls into.
    pub(crate) fn live_after(&self, uid: u32) -> u32 {
        let after = self.chunks.iter().rev().map(|chunk| &chunk.summary);
        let after = after.take_while(|chunk| chunk.last_uid > uid);
        after.map(|chunk| chunk.live.min(chunk.last_uid - uid)).sum()
    }

    /// The messages that were added or changed after `modseq` (RFC 7162: CHANGEDSINCE).
    /// `modseq` is a plain number because clients may say 0.
    pub fn changed_since(&self, modseq: u64) -> Result<UidSet, Error> {
        let mut found = UidSet::new();
        for chunk in self.chunks.iter().filter(|chunk| chunk.summary.modseq_max > modseq) {
            let columns = chunk.columns(&self.source)?;
            let newer = columns.modseqs.newer(modseq, columns.base.len());
            edit::push_uids(&columns, &newer.and(&columns.live()), &mut found);
        }
        Ok(found)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Snapshot")
            .field("uid_validity", &self.uid_validity)
            .field("uid_next", &self.uid_next)
            .field("highest_modseq", &self.highest_modseq)
            .field("exists", &self.exists)
            .finish_non_exhaustive()
    }
}

/// The set bits of `live` from number `low` (counted from 0) up to but not including `high`.
fn places(live: &Bitmap, low: u32, high: u32) -> Bitmap {
    let Some(start) = live.select(low) else { return Bitmap::default() };
    let end = high.checked_sub(1).and_then(|last| live.select(last)).map_or(0, |last| last + 1);
    let mut mask = Bitmap::default();
    mask.set_range(start, end);
    mask.and(live)
}
