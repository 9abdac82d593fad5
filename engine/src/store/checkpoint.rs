//! Checkpoints: the shard's state written into its own log, a piece at a time between batches,
//! so that a start reads the newest and what follows, and nobody waits for one being written.
//!
//! An image is the state of its mailbox at the image's own place in the log. So replay starts
//! where the checkpoint began and passes over, for each mailbox, what stands before its image.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::ids::{AccountId, LogPos, MailboxId, RecordAddr};
use crate::image::{Checkpoint, StoredAccount};
use crate::record::Kind;
use crate::state::{MailboxState, Piece, Settle, Weigh};
use crate::store::places::Places;
use crate::store::reader::ShardReader;
use crate::store::writer::Writer;
use crate::store::{accounts, image};
use crate::{Error, format};

/// Bytes of columns written before changes that wait get their turn.
const STEP_LEN_MAX: u64 = 2 << 20;

/// When checkpoints are due, and how far the one under way is.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    every: u64,
    /// Bytes written since the last checkpoint was done.
    since: u64,
    /// Whether records stand in the log that the newest checkpoint lacks.
    is_stale: bool,
    is_given_up: bool,
    under_way: Option<UnderWay>,
    /// How many were begun, which of them was done last, and which somebody waits for.
    begun: u64,
    done: u64,
    asked: u64,
    /// How many could not be written.
    failed: u64,
}

#[derive(Debug)]
struct UnderWay {
    replay_from: LogPos,
    to_do: VecDeque<MailboxId>,
}

impl Checkpoints {
    /// `is_stale` tells whether replay found records that the checkpoint lacks: then one is
    /// written at once, so that crashes in a row do not make starts longer and longer.
    pub(crate) fn new(every: u64, is_stale: bool) -> Self {
        let since = if is_stale { every } else { 0 };
        Self { every, since, is_stale, ..Self::default() }
    }

    /// Counts what a commit writes.
    pub(crate) fn count(&mut self, len: u64) {
        self.since = self.since.saturating_add(len);
        self.is_stale |= len > 0;
    }

    /// Something changed that no record says.
    pub(crate) fn note_change(&mut self) {
        self.is_stale = true;
    }

    /// The next one is due at once.
    pub(crate) fn hurry(&mut self) {
        (self.is_stale, self.since) = (true, self.every);
    }

    /// None is written any more, since it would name what is damaged.
    pub(crate) fn give_up(&mut self) {
        (self.is_given_up, self.under_way) = (true, None);
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }
}

impl Writer {
    /// Begins a checkpoint when one is due, or goes on with the one under way.
    pub(crate) fn checkpoint_a_bit(&mut self) {
        let of = &self.checkpoints;
        let is_due =
            !of.is_given_up && ((of.is_stale && of.since >= of.every) || of.done < of.asked);
        if !self.checkpoints.is_under_way() && (!is_due || self.log.is_poisoned()) {
            return;
        }
        self.begin_checkpoint();
        if let Err(error) = self.checkpoint_step() {
            // The old checkpoint stays good; the next one is tried when it is due.
            tracing::warn!(%error, "cannot write a checkpoint");
            self.checkpoints.under_way = None;
            self.checkpoints.since = 0;
            self.checkpoints.asked = 0;
            self.checkpoints.failed += 1;
        }
    }

    /// Has a checkpoint written that begins from now on; its number, and how many failed so far.
    pub(crate) fn ask_for_checkpoint(&mut self) -> Result<(u64, u64), Error> {
        if self.checkpoints.is_given_up {
            let what = "compaction waits for the next start, which mends what is damaged";
            return Err(Error::Unusable(what.to_owned()));
        }
        let wanted = self.checkpoints.begun + 1;
        self.checkpoints.asked = wanted;
        Ok((wanted, self.checkpoints.failed))
    }

    /// The number of the last checkpoint that was done, and how many failed.
    pub(crate) fn checkpoints_done(&self) -> (u64, u64) {
        (self.checkpoints.done, self.checkpoints.failed)
    }

    /// Writes a checkpoint from beginning to end.
    pub(crate) fn checkpoint_now(&mut self) -> Result<(), Error> {
        // Lists are written as readers see them.
        self.commit()?;
        // One that is under way lacks what came after it began.
        while !self.checkpoints.is_given_up
            && (self.checkpoints.is_under_way() || self.checkpoints.is_stale)
        {
            self.begin_checkpoint();
            let step = self.checkpoint_step();
            if step.is_err() {
                self.checkpoints.under_way = None;
            }
            step?;
        }
        Ok(())
    }

    fn begin_checkpoint(&mut self) {
        if self.checkpoints.is_under_way() {
            return;
        }
        let dirty = self.open.iter().filter(|(_, open)| open.is_dirty);
        let to_do = dirty.map(|(id, _)| *id).collect();
        self.checkpoints.begun += 1;
        self.checkpoints.under_way = Some(UnderWay { replay_from: self.log.end(), to_do });
    }

    /// One piece of the checkpoint under way, made durable.
    fn checkpoint_step(&mut self) -> Result<(), Error> {
        let Some(under_way) = &mut self.checkpoints.under_way else { return Ok(()) };
        let replay_from = under_way.replay_from;
        match under_way.to_do.pop_front() {
            Some(mailbox) => {
                if !self.write_image(mailbox)? {
                    // More of its columns are to be written; others get their turn first.
                    if let Some(under_way) = &mut self.checkpoints.under_way {
                        under_way.to_do.push_back(mailbox);
                    }
                }
                self.commit()
            }
            None => self.finish_checkpoint(replay_from),
        }
    }

    /// Writes what the log lacks of a mailbox, and its image if that is all; else `false`.
    fn write_image(&mut self, mailbox: MailboxId) -> Result<bool, Error> {
        let Some(open) = self.open.get(&mailbox) else { return Ok(true) };
        let (state, account) = (open.state.clone(), open.cell.account);
        if !open.is_dirty {
            return Ok(true);
        }
        if !self.write_columns(&state)? {
            return Ok(false);
        }
        let Some(image) = image::of((account, mailbox), &state) else { return Ok(false) };
        let payload = format::image::encode_mailbox(&image);
        let addr = self.write_frame(Kind::MailboxImage as u8, &payload)?;
        self.reader.set_image(mailbox, Some(addr))?;
        if let Some(open) = self.open.get_mut(&mailbox) {
            open.is_dirty = false;
        }
        Ok(true)
    }

    /// Writes columns and history pages that are not in the log yet; `false` if there are more
    /// than one step may write.
    fn write_columns(&mut self, state: &MailboxState) -> Result<bool, Error> {
        let mut written = 0;
        for page in state.history.pages.iter().filter(|page| page.piece().stored_at().is_none()) {
            let payload = format::image::encode_history(&page.entries(&state.source)?);
            written += self.write_piece(Kind::HistoryPage, &payload, page.piece())?;
        }
        for chunk in state.chunks.iter().filter(|chunk| chunk.stored_at().is_none()) {
            if written > STEP_LEN_MAX {
                return Ok(false);
            }
            let columns = chunk.columns(&state.source)?;
            if chunk.base().stored_at().is_none() {
                let payload = format::columns::encode(&columns.base);
                written += self.write_piece(Kind::Columns, &payload, chunk.base())?;
            }
            if chunk.marks().stored_at().is_none() {
                let payload = format::columns::encode_marks(&columns.marks, columns.base.len());
                written += self.write_piece(Kind::Marks, &payload, chunk.marks())?;
            }
        }
        Ok(true)
    }

    /// Writes a piece of a mailbox, and lets it go out of memory once that is durable.
    fn write_piece<T: Weigh>(
        &mut self,
        kind: Kind,
        payload: &[u8],
        piece: &Arc<Piece<T>>,
    ) -> Result<u64, Error> {
        piece.set_stored(self.write_frame(kind as u8, payload)?);
        self.written.push(Arc::clone(piece) as Arc<dyn Settle>);
        Ok(payload.len() as u64)
    }

    /// Writes pages of a table that changed; `false` if there are more than one step may write.
    fn write_table(&mut self, table: fn(&ShardReader) -> &Places) -> Result<bool, Error> {
        let (mut written, mut from) = (0, 0);
        while let Some((index, places)) = table(&self.reader).next_dirty(from) {
            if written > STEP_LEN_MAX {
                return Ok(false);
            }
            let payload = format::image::encode_places(&places);
            let addr = self.write_frame(Kind::Places as u8, &payload)?;
            table(&self.reader).set_stored(index, addr);
            written += payload.len() as u64;
            from = index + 1;
        }
        Ok(true)
    }

    /// The same of pages of the table of blobs.
    fn write_blobs(&mut self) -> Result<bool, Error> {
        let (mut written, mut from) = (0, 0);
        while let Some((index, page)) = self.blobs.next_dirty(from) {
            if written > STEP_LEN_MAX {
                return Ok(false);
            }
            let payload = format::blob::encode_table(page);
            let addr = self.write_frame(Kind::BlobTable as u8, &payload)?;
            self.blobs.set_stored(index, addr);
            written += payload.len() as u64;
            from = index + 1;
        }
        Ok(true)
    }

    /// Writes the buckets of accounts whose lists changed or whose record is to go; `false` if there are more than one
    /// step may write.
    fn write_buckets(&mut self) -> Result<bool, Error> {
        let table = Arc::clone(&self.accounts);
        let directory = table.directory();
        directory.grow();
        let mut by_bucket: BTreeMap<usize, Vec<AccountId>> = BTreeMap::new();
        for id in self.listed.keys() {
            by_bucket.entry(directory.place(*id).0).or_default().push(*id);
        }
        for (bucket, addr) in directory.addrs().into_iter().enumerate() {
            if addr != RecordAddr::default() && self.leaving.contains(&addr.segment) {
                by_bucket.entry(bucket).or_default();
            }
        }
        let mut written = 0;
        for (bucket, changed) in by_bucket {
            if written > STEP_LEN_MAX {
                return Ok(false);
            }
            let held = directory.bucket(bucket, &self.reader)?.unwrap_or_default();
            let mut all: BTreeMap<AccountId, StoredAccount> =
                held.into_iter().map(|stored| (stored.account, stored)).collect();
            let cells: Vec<_> =
                changed.iter().filter_map(|id| self.listed.get(id).cloned()).collect();
            for cell in &cells {
                all.insert(cell.id, accounts::stored(cell.id, &cell.list()));
            }
            let payload = format::image::encode_accounts(all.values());
            let addr = self.write_frame(Kind::Accounts as u8, &payload)?;
            changed.iter().for_each(|id| drop(self.listed.remove(id)));
            self.filed.push((bucket, addr, cells));
            written += payload.len() as u64;
        }
        Ok(true)
    }

    /// Writes the directory of the shard and points the manifest to it.
    fn finish_checkpoint(&mut self, replay_from: LogPos) -> Result<(), Error> {
        let is_all = self.write_table(ShardReader::places)?
            && self.write_blobs()?
            && self.write_table(ShardReader::images)?
            && self.write_buckets()?;
        // Buckets count from the commit on.
        self.commit()?;
        if !is_all {
            return Ok(());
        }
        let directory = self.accounts.directory();
        let checkpoint = Checkpoint {
            replay_from,
            next_mailbox: self.ids.mailbox,
            next_email: self.ids.email,
            dictionaries: self.dictionaries.iter().map(|(n, addr)| (*n, *addr)).collect(),
            places: self.reader.places().addrs(),
            blobs: self.blobs.addrs(),
            images: self.reader.images().addrs(),
            account_count: directory.account_count(),
            buckets: directory.addrs(),
            graves: self.graves.clone(),
        };
        let payload = format::image::encode_checkpoint(&checkpoint);
        let addr = self.write_frame(Kind::Checkpoint as u8, &payload)?;
        self.commit()?;
        self.log.set_checkpoint(addr)?;
        self.leaving.clear();
        self.checkpoints.since = 0;
        self.checkpoints.under_way = None;
        self.checkpoints.done = self.checkpoints.begun;
        self.open.retain(|_, open| open.is_dirty);
        // What came in meanwhile is for the next one.
        self.checkpoints.is_stale = !self.open.is_empty() || !self.listed.is_empty();
        // Cells whose watchers still wait would stay.
        self.wake_watchers();
        self.accounts.let_go();
        tracing::debug!(%addr, "wrote a checkpoint");
        Ok(())
    }
}
