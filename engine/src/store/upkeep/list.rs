//! Making list parts for messages that are in none yet.

use std::sync::Arc;

use crate::format::list_part::{ListPartBuilder, SECTIONS};
use crate::ids::Uid;
use crate::message::{HotFields, SortKeys};
use crate::state::{Row, Snapshot};
use crate::store::cells::MailboxCell;
use crate::store::message::StoredMessage;
use crate::store::shard::Shard;
use crate::store::upkeep::Upkeep;
use crate::{Error, UidSet};

/// Messages of a part that takes no more; few in tests, so that few messages meet every edge.
const PART_ROWS: usize = if cfg!(test) { 4 } else { 128 };
/// Bytes of such a part, uncompressed; a few messages have long lists.
const PART_LEN: usize = 1 << 20;
/// Bytes handed to the writer at once, so that changes that wait get their turn.
const BATCH_LEN: usize = 1 << 20;

/// A part to be written: its UIDs and the record's payload.
pub(crate) type NewPart = (UidSet, Vec<u8>);

impl Upkeep {
    /// Makes parts for every mailbox that waits for some.
    pub(super) fn list_what_waits(&self) -> Result<(), Error> {
        for ((shard, _), cell) in self.due.take_unlisted() {
            if self.due.is_closed() {
                break;
            }
            let shard = self.shards.iter().find(|candidate| candidate.id() == shard);
            // Without a cell nobody has the mailbox open; it is noted again when somebody does.
            if let (Some(shard), Some(cell)) = (shard, cell.upgrade()) {
                match list(shard, &cell) {
                    Ok(()) | Err(Error::NoSuchMailbox) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// Makes the parts that a mailbox lacks. A last part that is not full is made again.
fn list(shard: &Shard, cell: &Arc<MailboxCell>) -> Result<(), Error> {
    let snapshot = shard.snapshot(cell)?;
    let mut batch = Batch { shard, cell, parts: Vec::new(), len: 0 };
    let mut builder = ListPartBuilder::new(cell.id);
    for row in snapshot.rows(&unlisted(&snapshot)) {
        let row = row?;
        if let Err(error) = push(shard, &row, &mut builder) {
            // It is read by itself when somebody asks for it, who is then told.
            tracing::warn!(%error, uid = row.uid.get(), "cannot list a message");
        }
        if builder.len() >= PART_ROWS || builder.raw_len() >= PART_LEN {
            let full = std::mem::replace(&mut builder, ListPartBuilder::new(cell.id));
            batch.add(full)?;
        }
    }
    batch.add(builder)?;
    batch.hand_over()
}

fn unlisted(snapshot: &Snapshot) -> UidSet {
    let last = snapshot.lists.parts().last();
    let from = last.map_or(1, |last| {
        if (last.rows as usize) < PART_ROWS { last.first_uid } else { last.last_uid + 1 }
    });
    let mut uids = UidSet::new();
    if let Some(from) = Uid::new(from) {
        uids.insert_range(from, Uid::LAST);
    }
    uids
}

fn push(shard: &Shard, row: &Row, builder: &mut ListPartBuilder) -> Result<(), Error> {
    let message = StoredMessage::new(shard.reader().clone(), row.email_id);
    builder.push(row.uid, stretches_of(&message)?.each_ref().map(Vec::as_slice));
    Ok(())
}

/// What a message is listed by: a stretch for each section of a part.
pub(crate) fn stretches_of(message: &StoredMessage) -> Result<[Vec<u8>; SECTIONS], Error> {
    let head = message.list()?;
    let HotFields { hot, received } = HotFields::of(head.header());
    let structure = head.body_structure_with_extensions();
    let mut keys = Vec::new();
    SortKeys::of(head.header()).encode(&mut keys);
    let preview = message.preview_with(&head)?.into_bytes();
    Ok([head.envelope().to_vec(), structure, hot, received, preview, keys])
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
