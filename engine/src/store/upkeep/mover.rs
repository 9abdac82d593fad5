//! Moving messages: out of segments that are to go, into blocks of neighbours.

use std::collections::HashSet;

use crate::Error;
use crate::format::block::{BlockBuilder, Moved};
use crate::format::dictionary::Purpose;
use crate::ids::{EmailId, LogPos};
use crate::limits::BLOCK_MESSAGES_MAX;
use crate::store::message::Record;
use crate::store::places;
use crate::store::shard::Shard;
use crate::store::upkeep::pace::Pace;
use crate::store::writer::{Leaving, NewBlock};

/// Bytes of a block before compression: what is read to read one message of it.
const BLOCK_LEN: usize = if cfg!(test) { 300 } else { 64 << 10 };
/// Bytes handed to the writer at once, so that changes that wait get their turn.
const BATCH_LEN: usize = 1 << 20;

/// Gathers messages into blocks, and blocks into batches.
pub(super) struct Mover<'a> {
    pace: Pace<'a>,
    shard: &'a Shard,
    leaving: &'a Leaving,
    block: BlockBuilder,
    batch: Vec<NewBlock>,
    /// Messages that readers do not find in their new place yet.
    taken: HashSet<u64>,
    len: usize,
}

impl<'a> Mover<'a> {
    pub(super) fn new(pace: Pace<'a>, shard: &'a Shard, leaving: &'a Leaving) -> Self {
        let (block, batch, taken) = (BlockBuilder::default(), Vec::new(), HashSet::new());
        Self { pace, shard, leaving, block, batch, taken, len: 0 }
    }

    /// Takes a message along if it stands in a segment that is to go.
    pub(super) fn take(&mut self, email_id: EmailId) -> Result<(), Error> {
        let reader = self.shard.reader();
        let place = match reader.place(email_id) {
            Ok(place)
                if self.leaving.contains(&place.segment)
                    && !self.taken.contains(&places::number(email_id)) =>
            {
                place
            }
            Ok(_) | Err(Error::NoSuchMessage) => return Ok(()),
            Err(error) => return Err(error),
        };
        match self.push(email_id, place) {
            Ok(()) => {}
            // It stays where it is, and its segment with it.
            Err(error @ Error::Damaged { .. }) => {
                tracing::warn!(%error, %email_id, "cannot move a message");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let is_full = self.block.raw_len() >= BLOCK_LEN || self.block.len() >= BLOCK_MESSAGES_MAX;
        if is_full { self.end_block() } else { Ok(()) }
    }

    fn push(&mut self, email_id: EmailId, place: LogPos) -> Result<(), Error> {
        let (reader, number) = (self.shard.reader(), places::number(email_id));
        let record = Record::open(place, number, reader)?;
        let [structure, header, body] = &record.to_move(reader)?;
        let attachments = record.attachments();
        self.taken.insert(number);
        self.block.push(&Moved { number, structure, header, body, attachments });
        Ok(())
    }

    /// Ends the block: the next message is no neighbour, or there is enough in it.
    pub(super) fn end_block(&mut self) -> Result<(), Error> {
        let known = self.shard.reader().dictionaries();
        let (head, body) = (known.newest(Purpose::Head), known.newest(Purpose::Body));
        let block = std::mem::take(&mut self.block);
        if let Some((numbers, payload)) = block.finish(head.as_deref(), body.as_deref()) {
            self.len += payload.len();
            let dictionaries = head.into_iter().chain(body).collect();
            self.batch.push(NewBlock { numbers, payload, dictionaries });
        }
        if self.len >= BATCH_LEN { self.hand_over() } else { Ok(()) }
    }

    /// Hands what was gathered to the writer, and waits until it is on disk.
    pub(super) fn hand_over(&mut self) -> Result<(), Error> {
        let (blocks, leaving) = (std::mem::take(&mut self.batch), self.leaving.clone());
        let len = std::mem::take(&mut self.len);
        if blocks.is_empty() {
            return Ok(());
        }
        self.shard.submit(move |writer| writer.put_blocks(&blocks, &leaving)).wait()?;
        // The block in hand is empty then.
        self.taken.clear();
        self.pace.rest(len)
    }
}
