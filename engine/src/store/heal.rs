//! Making again what can be made again: a derived record that turns out damaged costs no message
//! and no flag, for the log says all of it once more.
//!
//! Readers report and the writer heals. Of one mailbox the log is replayed in place; until then
//! it alone answers with an error. Where a table of the whole shard is damaged the checkpoint
//! is given up, so that the next start replays the log.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::Error;
use crate::columns::{Base, Marks};
use crate::ids::{MailboxId, RecordAddr};
use crate::image::Vanished;
use crate::state::{ColumnSource, Evict, Keeper, Snapshot, Source};
use crate::store::reader::ShardReader;
use crate::store::recover::Replay;
use crate::store::writer::{Open, Writer};

/// What readers of a shard found damaged.
#[derive(Default)]
pub(crate) struct Ailing(Mutex<Found>);

/// Damage that is to be healed.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) mailboxes: BTreeSet<MailboxId>,
    /// A page of places or of image addresses, or a bucket of accounts.
    pub(crate) is_table: bool,
}

impl Ailing {
    pub(crate) fn take(&self) -> Found {
        std::mem::take(&mut *self.lock())
    }

    pub(crate) fn note_mailbox(&self, mailbox: MailboxId) {
        self.lock().mailboxes.insert(mailbox);
    }

    pub(crate) fn note_table(&self) {
        self.lock().is_table = true;
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the columns of one mailbox; takes note of the mailbox where they are damaged.
struct MailboxSource {
    reader: ShardReader,
    mailbox: MailboxId,
}

/// Where the columns of a mailbox come from.
pub(crate) fn source(reader: &ShardReader, mailbox: MailboxId) -> Source {
    Arc::new(MailboxSource { reader: reader.clone(), mailbox })
}

impl Keeper for MailboxSource {
    fn keep(&self, piece: Weak<dyn Evict>, len: usize) {
        self.reader.keep(piece, len);
    }

    fn note(&self, error: &Error) {
        self.reader.note_mailbox(self.mailbox, error);
    }
}

impl ColumnSource for MailboxSource {
    fn base(&self, addr: RecordAddr, rows: u32) -> Result<Base, Error> {
        self.reader.base(addr, rows)
    }

    fn marks(&self, addr: RecordAddr, rows: u32) -> Result<Marks, Error> {
        self.reader.marks(addr, rows)
    }

    fn history(&self, addr: RecordAddr) -> Result<Vec<Arc<Vanished>>, Error> {
        self.reader.history(addr)
    }
}

impl Writer {
    /// Replays the log for one mailbox, whose columns, history or image are damaged.
    pub(crate) fn heal(&mut self, mailbox: MailboxId) -> Result<(), Error> {
        // All that happened is in the log then.
        self.commit()?;
        let mut replay = Replay::of_mailbox(self.log.reader(), mailbox);
        replay.run()?;
        let Some((account, mut state)) = replay.take(mailbox) else { return Ok(()) };
        let Some(account) = self.accounts.find(account, &self.reader)? else { return Ok(()) };
        let cell = account.mailbox(mailbox);
        let known = cell.resident_snapshot();
        let snapshot = state.snapshot();
        if known.is_some_and(|known| !is_same_moment(&known, &snapshot)) {
            tracing::error!(%mailbox, "the log lacks changes too: the mailbox stays as it is");
            return Ok(());
        }
        state.source = source(&self.reader, mailbox);
        self.open.entry(mailbox).or_insert_with(|| Open::new(state.clone(), cell, true));
        self.advance(mailbox, state);
        self.checkpoints.hurry();
        tracing::warn!(%mailbox, "made again from the log what was damaged");
        Ok(())
    }

    /// Lets the next start replay the whole log.
    pub(crate) fn give_up_checkpoint(&mut self) -> Result<(), Error> {
        tracing::warn!("a table is damaged: the next start makes it again from the log");
        self.checkpoints.give_up();
        self.log.forget_checkpoint()
    }
}

fn is_same_moment(one: &Snapshot, other: &Snapshot) -> bool {
    let facts = |of: &Snapshot| (of.uid_next(), of.highest_modseq(), of.exists(), of.size_total());
    facts(one) == facts(other)
}
