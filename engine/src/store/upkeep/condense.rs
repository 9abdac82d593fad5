//! Taking a segment's place with what is kept of it: its changes, and nothing else. Whatever else is
//! in it was moved, or is nobody's.

use std::collections::BTreeSet;

use crate::Error;
use crate::format::blob::{Blob, BlobChunk};
use crate::format::block::BlockTable;
use crate::format::message::{Attachment, MessageTable};
use crate::ids::{RecordAddr, SegmentId};
use crate::record::{Class, Kind};
use crate::store::places;
use crate::store::shard::Shard;
use crate::store::upkeep::mark::Live;
use crate::store::writer::Writer;

/// Writes what is kept of a segment and puts it in its place, if nothing in it is needed; whether
/// it did.
pub(super) fn condense(shard: &Shard, live: &Live, segment: SegmentId) -> Result<bool, Error> {
    let (gone, released, blobs) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut left = Left { shard, live, gone, released, blobs, is_needed: false };
    let condensed = shard.reader().log().condense(segment, &mut |addr, kind, payload| {
        left.look(addr, kind, payload);
        Kind::from_byte(kind).is_none_or(|kind| kind.class() == Class::Change)
    })?;
    let Left { gone, released, blobs, is_needed, .. } = left;
    let is_put = match condensed.filter(|_| !is_needed) {
        Some(condensed) => {
            let put = move |writer: &mut Writer| {
                let is_put = writer.put_condensed(&condensed, &gone, &blobs)?;
                if is_put {
                    writer.release_blobs(&released);
                }
                Ok(is_put)
            };
            shard.submit(put).wait()?
        }
        None => false,
    };
    if !is_put {
        tracing::warn!(%segment, "a segment stays: it is damaged, or something in it is needed");
    }
    Ok(is_put)
}

/// What is still in a segment that everything live was moved out of.
struct Left<'a> {
    shard: &'a Shard,
    live: &'a Live,
    /// Messages that are nobody's.
    gone: Vec<u64>,
    /// Blobs, once for each message that is gone and had them.
    released: Vec<u64>,
    /// Blobs of which something stands here, or may: the writer knows which are needed.
    blobs: BTreeSet<u64>,
    is_needed: bool,
}

impl Left<'_> {
    fn look(&mut self, addr: RecordAddr, kind: u8, payload: &[u8]) {
        let is_read = match Kind::from_byte(kind) {
            Some(Kind::Message) => MessageTable::decode(payload).map(|(table, _)| {
                self.message(table.number, addr, &table.attachments);
            }),
            Some(Kind::MessageBlock) => BlockTable::decode(payload).map(|(table, _)| {
                let each = table.messages.iter();
                each.for_each(|of| self.message(of.number, addr, &of.attachments));
            }),
            Some(Kind::Blob) => Blob::decode(payload).map(|blob| {
                if self.is_here(blob.number, addr) {
                    self.blobs.insert(blob.number);
                }
            }),
            Some(Kind::BlobChunk) => {
                BlobChunk::decode(payload).map(|(chunk, _)| self.chunk(chunk.number, addr))
            }
            _ => return,
        };
        // What cannot be read may be needed.
        self.is_needed |= is_read.is_err();
    }

    fn message(&mut self, number: u64, addr: RecordAddr, attachments: &[Attachment]) {
        if self.is_here(number, addr) {
            // Nobody had it when the live ones were marked, or it came later.
            self.is_needed |= self.live.has(number);
            self.gone.push(number);
            self.released.extend(attachments.iter().map(|attached| attached.blob));
        }
    }

    /// Whether the record is the one that its number leads to: it was not moved then.
    fn is_here(&mut self, number: u64, addr: RecordAddr) -> bool {
        match self.shard.reader().place(places::email_id(self.shard.id().0, number)) {
            Ok(place) => place == addr,
            Err(Error::NoSuchMessage) => false,
            Err(_) => {
                self.is_needed = true;
                false
            }
        }
    }

    /// A chunk that stands where its blob says, or whose blob is not whole yet.
    fn chunk(&mut self, number: u64, addr: RecordAddr) {
        match self.shard.reader().blob(number) {
            Ok(blob) if !blob.chunks.contains(&addr) => {}
            Ok(_) | Err(Error::NoSuchMessage) => drop(self.blobs.insert(number)),
            Err(_) => self.is_needed = true,
        }
    }
}
