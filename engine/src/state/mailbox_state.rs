//! A mailbox as its writer has it: the one place where a mailbox changes.

use std::sync::Arc;

use crate::columns::{CHUNK_ROWS_MAX, NewRow};
use crate::flags::Keyword;
use crate::ids::{ModSeq, UidValidity};
use crate::image::Vanished;
use crate::numbers::Numbers;
use crate::record::{Change, FlagAction};
use crate::state::chunk::{Chunk, Source};
use crate::state::edit;
use crate::state::history::History;
use crate::state::lists::Lists;
use crate::state::merge::{self, TAIL_ROWS};
use crate::state::snapshot::{Parts, Snapshot};
use crate::uid_set::UidSet;
use crate::{Error, FlagBits};

/// A mailbox as its writer has it.
#[derive(Clone)]
pub(crate) struct MailboxState {
    pub(crate) uid_validity: UidValidity,
    /// 0 once all UIDs are spent.
    pub(crate) uid_next: u32,
    pub(crate) highest_modseq: ModSeq,
    pub(crate) keywords: Arc<[Keyword]>,
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) history: History,
    /// Derived, and no part of what the mailbox is.
    pub(crate) lists: Arc<Lists>,
    pub(crate) source: Source,
}

impl MailboxState {
    /// An empty mailbox.
    pub(crate) fn new(uid_validity: UidValidity, source: Source) -> Self {
        Self {
            uid_validity,
            uid_next: 1,
            highest_modseq: ModSeq::FIRST,
            keywords: Arc::default(),
            chunks: Vec::new(),
            history: History::default(),
            lists: Arc::default(),
            source,
        }
    }

    /// The mailbox that a snapshot shows.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self {
            uid_validity: snapshot.uid_validity,
            uid_next: snapshot.uid_next,
            highest_modseq: snapshot.highest_modseq,
            keywords: Arc::clone(&snapshot.keywords),
            chunks: snapshot.chunks.clone(),
            history: snapshot.history.clone(),
            lists: Arc::clone(&snapshot.lists),
            source: Arc::clone(&snapshot.source),
        }
    }

    /// The mailbox as of now, for readers.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(Parts {
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            highest_modseq: self.highest_modseq,
            keywords: Arc::clone(&self.keywords),
            chunks: self.chunks.clone(),
            history: self.history.clone(),
            lists: Arc::clone(&self.lists),
            source: Arc::clone(&self.source),
        }))
    }

    /// Does what a record says. The live path and replay both come here. Fails without a change
    /// where columns that must be read are damaged.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Append { modseq, new_keywords, rows } => {
                self.append(rows, *modseq)?;
                self.learn(new_keywords);
                self.highest_modseq = *modseq;
            }
            Change::Flags { modseq, new_keywords, uids, action, flags } => {
                self.edit(uids, (*action, *flags), *modseq)?;
                self.learn(new_keywords);
                self.highest_modseq = *modseq;
            }
            Change::Expunge { modseq, at, uids } => {
                let numbers = self.numbers_of(uids)?;
                self.expunge(uids)?;
                let uids = uids.clone();
                self.history.push(Vanished { modseq: modseq.get(), at: *at, uids, numbers });
                self.highest_modseq = *modseq;
            }
        }
        Ok(())
    }

    /// Reads the columns that an append may have to join, so that it cannot fail half-way.
    pub(crate) fn load_tail(&self) -> Result<(), Error> {
        let is_small = |chunk: &&Arc<Chunk>| (chunk.summary.rows as usize) < CHUNK_ROWS_MAX;
        let mut tail = self.chunks.iter().rev().take_while(is_small);
        tail.try_for_each(|chunk| chunk.columns(&self.source).map(drop))
    }

    /// The numbers of these messages, in their order.
    pub(crate) fn numbers_of(&self, uids: &UidSet) -> Result<Numbers, Error> {
        let mut numbers = Vec::new();
        for at in self.touched(uids) {
            let Some(chunk) = self.chunks.get(at) else { continue };
            let columns = chunk.columns(&self.source)?;
            let mask = edit::mask(&columns, uids);
            numbers.extend(mask.iter().filter_map(|row| columns.base.number(row)));
        }
        Ok(numbers.into_iter().collect())
    }

    fn learn(&mut self, new_keywords: &[Keyword]) {
        if !new_keywords.is_empty() {
            self.keywords = self.keywords.iter().chain(new_keywords).cloned().collect();
        }
    }

    fn append(&mut self, rows: &[NewRow], modseq: ModSeq) -> Result<(), Error> {
        let mut chunks = self.chunks.clone();
        let mut rest = rows;
        if let Some(tail) = chunks.last()
            && (tail.summary.rows as usize) < TAIL_ROWS
        {
            let room = (TAIL_ROWS - tail.summary.rows as usize).min(rest.len());
            let (now, later) = rest.split_at(room);
            let more = Chunk::of_rows(now, modseq.get()).map(Arc::new);
            let parts: Vec<_> = [Arc::clone(tail)].into_iter().chain(more).collect();
            chunks.pop();
            chunks.extend(merge::join(&parts, &self.source)?);
            rest = later;
        }
        // What comes in bulk goes into chunks of their final size at once.
        for part in rest.chunks(CHUNK_ROWS_MAX) {
            let pieces = part.chunks(if part.len() < 512 { TAIL_ROWS } else { part.len() });
            let made = pieces.filter_map(|piece| Chunk::of_rows(piece, modseq.get()));
            chunks.extend(made.map(Arc::new));
        }
        merge::settle_tail(&mut chunks, &self.source)?;
        self.chunks = chunks;
        if let Some(last) = rows.last() {
            self.uid_next = last.uid.checked_add(1).unwrap_or(0);
        }
        Ok(())
    }

    fn edit(
        &mut self,
        uids: &UidSet,
        edit: (FlagAction, FlagBits),
        modseq: ModSeq,
    ) -> Result<(), Error> {
        let mut chunks = self.chunks.clone();
        for at in self.touched(uids) {
            let Some(slot) = chunks.get_mut(at) else { continue };
            let columns = slot.columns(&self.source)?;
            let mask = edit::mask(&columns, uids);
            if !mask.is_empty() {
                let edited = edit::with_flags(&columns, &mask, edit, modseq.get());
                if let Some(chunk) = slot.marked(edited) {
                    *slot = Arc::new(chunk);
                }
            }
        }
        self.chunks = chunks;
        Ok(())
    }

    fn expunge(&mut self, uids: &UidSet) -> Result<(), Error> {
        let mut chunks = self.chunks.clone();
        // From the end, so that places before it stay true while chunks go or merge.
        for at in self.touched(uids).into_iter().rev() {
            let Some(chunk) = chunks.get(at) else { continue };
            let columns = chunk.columns(&self.source)?;
            let mask = edit::mask(&columns, uids);
            if mask.is_empty() {
                continue;
            }
            match chunk.marked(edit::without_rows(&columns, &mask)) {
                Some(thinner) => {
                    if let Some(slot) = chunks.get_mut(at) {
                        *slot = Arc::new(thinner);
                    }
                    merge::settle_thin(&mut chunks, at, &self.source)?;
                }
                None => drop(chunks.remove(at)),
            }
        }
        self.chunks = chunks;
        Ok(())
    }

    /// The places of the chunks that may hold any of `uids`, ascending.
    pub(crate) fn touched(&self, uids: &UidSet) -> Vec<usize> {
        let holds = |chunk: &Arc<Chunk>| {
            let (first, last) = (chunk.summary.first_uid, chunk.summary.last_uid);
            uids.ranges_within(first, last).next().is_some()
        };
        let chunks = self.chunks.iter().enumerate();
        chunks.filter(|(_, chunk)| holds(chunk)).map(|(at, _)| at).collect()
    }
}
