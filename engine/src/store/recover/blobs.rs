//! The blobs of a shard as replay finds them, and the messages that have them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::format::blob::Blob;
use crate::format::message::Attachment;
use crate::ids::RecordAddr;
use crate::image::BlobUse;
use crate::store::blobs::Blobs;

/// What replay knows of blobs.
#[derive(Default)]
pub(crate) struct ReplayedBlobs {
    pub(crate) all: Blobs,
    /// Messages with lower numbers are counted in the table of blobs.
    pub(super) counted_until: u64,
    /// Messages with attachments that were counted by this replay, and what they have.
    counted: HashMap<u64, Box<[u64]>>,
    /// Where chunks stand, packed; kept while the whole log is replayed.
    chunks: Option<HashSet<u64>>,
    /// Blobs of which a chunk is gone: no live message had them when it went.
    incomplete: HashSet<u64>,
}

impl ReplayedBlobs {
    /// For a replay of the whole log.
    pub(super) fn from_nothing() -> Self {
        Self { chunks: Some(HashSet::new()), ..Self::default() }
    }

    /// Notes a chunk.
    pub(super) fn chunk(&mut self, addr: RecordAddr) {
        if let Some(chunks) = &mut self.chunks {
            chunks.insert(addr.packed());
        }
    }

    /// Notes a blob, all of whose chunks stand before it; `is_new` if the table lacks it.
    pub(super) fn blob(&mut self, blob: &Blob, is_new: bool) {
        if is_new {
            self.all.add(blob.hash, blob.number);
        }
        let has_all =
            |known: &HashSet<u64>| blob.chunks.iter().all(|chunk| known.contains(&chunk.packed()));
        if self.chunks.as_ref().is_none_or(has_all) {
            self.incomplete.remove(&blob.number);
        } else {
            self.incomplete.insert(blob.number);
        }
    }

    /// Counts a message for what it has, once, however often it was moved.
    pub(super) fn count(&mut self, number: u64, attachments: &[Attachment]) {
        if number < self.counted_until || attachments.is_empty() {
            return;
        }
        if let Entry::Vacant(place) = self.counted.entry(number) {
            let blobs: Box<[u64]> = attachments.iter().map(|attached| attached.blob).collect();
            place.insert(blobs).iter().for_each(|blob| self.all.count(*blob));
        }
    }

    /// Forgets blobs that a new message must not get, once the whole log was seen.
    pub(crate) fn forget_incomplete(&mut self) {
        let incomplete = std::mem::take(&mut self.incomplete);
        self.all.retain(|used: &BlobUse| !incomplete.contains(&used.number));
    }

    /// How many of the messages that `is_live` says have each blob, as far as this counted.
    pub(crate) fn live_uses(&self, is_live: &dyn Fn(u64) -> bool) -> HashMap<u64, u64> {
        let mut uses = HashMap::new();
        let live = self.counted.iter().filter(|(number, _)| is_live(**number));
        for blob in live.flat_map(|(_, blobs)| blobs.iter()) {
            *uses.entry(*blob).or_insert(0) += 1;
        }
        uses
    }
}
