//! Making list parts for messages that are in none yet.

use std::sync::{Arc, Mutex};

use crate::format::list_part::{ListPartBuilder, SECTIONS};
use crate::ids::Uid;
use crate::image::PartRef;
use crate::message::{HotFields, SortKeys};
use crate::search::push_folded_value;
use crate::state::{Row, Snapshot};
use crate::store::cells::MailboxCell;
use crate::store::dictionaries::Dictionaries;
use crate::store::due::{Due, PART_ROWS, Spoilt, Unlisted};
use crate::store::message::StoredMessage;
use crate::store::shard::Shard;
use crate::store::upkeep::learn;
use crate::{Error, UidSet};

/// Bytes of a part that takes no more, uncompressed; a few messages have long lists.
const PART_LEN: usize = 1 << 20;
/// Bytes handed to the writer at once, so that changes that wait get their turn.
const BATCH_LEN: usize = 1 << 20;

/// A part to be written: its UIDs and the record's payload.
pub(crate) type NewPart = (UidSet, Vec<u8>);

/// Whether a last part is made that is not full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// Where somebody lists the mailbox.
    IfWanted,
    /// In any case.
    Always,
}

/// Makes what messages are compressed with and listed by.
pub(super) struct Lister {
    pub(super) shards: Vec<Shard>,
    pub(super) dictionaries: Dictionaries,
    due: Arc<Due>,
    /// Messages in the store at which the next dictionaries are due; locked while they are learnt.
    pub(super) learn_at: Mutex<u64>,
}

impl Lister {
    pub(super) fn new(shards: Vec<Shard>, dictionaries: Dictionaries, due: Arc<Due>) -> Self {
        let learn_at = Mutex::new(learn::due_at(&dictionaries));
        Self { shards, dictionaries, due, learn_at }
    }

    /// Learns dictionaries and makes list parts, as far as they are due.
    pub(super) fn run(&self, last: Last) -> Result<(), Error> {
        self.learn_if_due()?;
        let _listing = self.due.listing();
        self.replace_spoilt()?;
        self.list_what_waits(last)
    }

    /// Makes parts again that readers could not read.
    fn replace_spoilt(&self) -> Result<(), Error> {
        for ((shard, _), Spoilt { cell, parts }) in self.due.take_spoilt() {
            let shard = self.shards.iter().find(|candidate| candidate.id() == shard);
            let (Some(shard), Some(cell)) = (shard, cell.upgrade()) else { continue };
            match replace(shard, &cell, parts) {
                Ok(()) | Err(Error::NoSuchMailbox) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes parts for every mailbox that waits for some.
    fn list_what_waits(&self, last: Last) -> Result<(), Error> {
        for ((shard, _), Unlisted { cell, is_wanted }) in self.due.take_unlisted() {
            if self.due.is_closed() {
                break;
            }
            let shard = self.shards.iter().find(|candidate| candidate.id() == shard);
            // Without a cell nobody has the mailbox open; it is noted again when somebody does.
            if let (Some(shard), Some(cell)) = (shard, cell.upgrade()) {
                let last = if is_wanted { Last::Always } else { last };
                match list(shard, &cell, last) {
                    Ok(()) | Err(Error::NoSuchMailbox) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// Makes parts of a mailbox again, each by itself, so that changes that wait get their turn.
fn replace(shard: &Shard, cell: &Arc<MailboxCell>, parts: Vec<PartRef>) -> Result<(), Error> {
    for part in parts {
        let snapshot = shard.snapshot(cell)?;
        let new = match again(shard, cell, &snapshot, &part) {
            Err(error @ Error::Damaged { .. }) => {
                tracing::warn!(%error, "a list part stays as it is: a message of it is damaged");
                continue;
            }
            made => Vec::from_iter(made?),
        };
        let cell = Arc::clone(cell);
        shard.submit(move |writer| writer.replace_list_parts(&cell, &[part], &new)).wait()?;
    }
    Ok(())
}

/// Makes the parts that a mailbox lacks. A last part that is not full is made again.
fn list(shard: &Shard, cell: &Arc<MailboxCell>, last: Last) -> Result<(), Error> {
    let snapshot = shard.snapshot(cell)?;
    let mut batch = Batch { shard, cell, parts: Vec::new(), len: 0 };
    let mut builder = ListPartBuilder::new(cell.id);
    let unlisted = unlisted(&snapshot);
    let mut rows = snapshot.rows(&unlisted).peekable();
    while rows.peek().is_some() {
        let next = rows.by_ref().take(PART_ROWS as usize).collect::<Result<Vec<Row>, _>>()?;
        if last == Last::IfWanted && next.len() < PART_ROWS as usize {
            break;
        }
        for row in next {
            if let Err(error) = push(shard, &row, &mut builder) {
                // It is read by itself when somebody asks for it, who is then told.
                tracing::warn!(%error, uid = row.uid.get(), "cannot list a message");
            }
            if builder.raw_len() >= PART_LEN {
                batch.add(builder.take())?;
            }
        }
        batch.add(builder.take())?;
    }
    batch.hand_over()
}

fn unlisted(snapshot: &Snapshot) -> UidSet {
    let from = snapshot.lists.full_until(PART_ROWS).saturating_add(1);
    let mut uids = UidSet::new();
    if let Some(from) = Uid::new(from) {
        uids.insert_range(from, Uid::LAST);
    }
    uids
}

/// Adds a message to a part.
pub(super) fn push(shard: &Shard, row: &Row, builder: &mut ListPartBuilder) -> Result<(), Error> {
    let message = StoredMessage::new(shard.reader().clone(), row.email_id);
    builder.push(row.uid, stretches_of(&message)?.each_ref().map(Vec::as_slice));
    Ok(())
}

/// What a message is listed by: a stretch for each section of a part.
pub(crate) fn stretches_of(message: &StoredMessage) -> Result<[Vec<u8>; SECTIONS], Error> {
    let head = message.list()?;
    let HotFields { hot, received, texts } = HotFields::of(head.header(), &push_folded_value);
    let structure = head.body_structure_with_extensions();
    let mut keys = Vec::new();
    SortKeys::of(head.header()).encode(&mut keys);
    let preview = message.preview_with(&head)?.into_bytes();
    let mut envelope = Vec::with_capacity(512);
    head.push_envelope(&mut envelope);
    let [subjects, senders, recipients] = texts;
    Ok([subjects, senders, recipients, keys, envelope, structure, hot, received, preview])
}

/// The UIDs from its first message to its last.
pub(super) fn range(part: &PartRef) -> UidSet {
    let mut uids = UidSet::new();
    if let (Some(first), Some(last)) = (Uid::new(part.first_uid), Uid::new(part.last_uid)) {
        uids.insert_range(first, last);
    }
    uids
}

/// A part of what its mailbox still has of another's messages.
pub(super) fn again(
    shard: &Shard,
    cell: &MailboxCell,
    snapshot: &Snapshot,
    part: &PartRef,
) -> Result<Option<NewPart>, Error> {
    let mut builder = ListPartBuilder::new(cell.id);
    for row in snapshot.rows(&range(part)) {
        push(shard, &row?, &mut builder)?;
    }
    Ok(builder.finish())
}

struct Batch<'a> {
    shard: &'a Shard,
    cell: &'a Arc<MailboxCell>,
    parts: Vec<NewPart>,
    len: usize,
}

impl Batch<'_> {
    fn add(&mut self, builder: ListPartBuilder) -> Result<(), Error> {
        if let Some(part) = builder.finish() {
            self.len += part.1.len();
            self.parts.push(part);
        }
        if self.len >= BATCH_LEN { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), Error> {
        let parts = std::mem::take(&mut self.parts);
        self.len = 0;
        if parts.is_empty() {
            return Ok(());
        }
        let cell = Arc::clone(self.cell);
        self.shard.submit(move |writer| writer.put_list_parts(&cell, &parts)).wait()
    }
}
