//! The writer's part in compaction: what was moved is written and shown, and what is left of old
//! segments takes their place.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::Error;
use crate::format::blob::Blob;
use crate::format::dictionary::Dictionary;
use crate::ids::{AccountId, RecordAddr, SegmentId};
use crate::image::{Grave, PartRef};
use crate::log::Condensed;
use crate::record::Kind;
use crate::state::MailboxState;
use crate::store::cells::MailboxCell;
use crate::store::places;
use crate::store::writer::Writer;

/// Messages that were moved together.
pub(crate) struct NewBlock {
    pub(crate) numbers: Vec<u64>,
    /// The payload of their block.
    pub(crate) payload: Vec<u8>,
    /// What it may be compressed with.
    pub(crate) dictionaries: Vec<Arc<Dictionary>>,
}

/// Bytes that are carried in one step, so that changes that wait get their turn.
const CARRY_LEN_MAX: usize = if cfg!(test) { 100 } else { 1 << 20 };

/// How far the carrying of blobs is.
#[derive(Default)]
pub(crate) struct Carrying {
    /// Blobs not looked at yet; `None` before the first step.
    left: Option<Vec<u64>>,
    /// Of this one some chunks may be elsewhere already.
    open: Option<Blob>,
    pub(crate) is_done: bool,
}

/// Segments that are to go.
pub(crate) type Leaving = BTreeSet<SegmentId>;

impl Writer {
    /// Writes blocks of messages that stood in `leaving`. Readers find them there once the batch is
    /// on disk.
    pub(crate) fn put_blocks(
        &mut self,
        blocks: &[NewBlock],
        leaving: &Leaving,
    ) -> Result<(), Error> {
        for NewBlock { numbers, payload, dictionaries } in blocks {
            for dictionary in dictionaries {
                if !self.dictionaries.contains_key(&dictionary.number) {
                    let kind = Kind::Dictionary as u8;
                    let addr = self.write_frame(kind, &dictionary.encode())?;
                    self.dictionaries.insert(dictionary.number, addr);
                }
            }
            let addr = self.write_frame(Kind::MessageBlock as u8, payload)?;
            for number in numbers {
                let email_id = places::email_id(self.reader.shard().0, *number);
                // Whoever was moved or erased meanwhile stays what it is.
                if self.reader.place(email_id).is_ok_and(|was| leaving.contains(&was.segment)) {
                    self.moved.push((email_id, addr));
                }
            }
        }
        Ok(())
    }

    /// Shows readers where messages are now that a batch moved.
    pub(crate) fn publish_moved(&mut self) -> Result<(), Error> {
        for (email_id, addr) in std::mem::take(&mut self.moved) {
            self.reader.set_place(email_id, addr)?;
        }
        Ok(())
    }

    /// Writes list parts again that stand in `leaving`, [`CARRY_LEN_MAX`] bytes or one part more; how
    /// many bytes.
    pub(crate) fn carry_list_parts(
        &mut self,
        cell: &Arc<MailboxCell>,
        leaving: &Leaving,
    ) -> Result<usize, Error> {
        let state = self.state(cell)?.clone();
        let leaves = |part: &&PartRef| leaving.contains(&part.addr.segment);
        let (mut carried, mut len) = (Vec::new(), 0);
        for part in state.lists.parts().iter().filter(leaves) {
            if len >= CARRY_LEN_MAX {
                break;
            }
            let payload = self.reader.read_list_part(*part)?;
            len += payload.len();
            let addr = self.write_frame(Kind::ListPart as u8, &payload)?;
            carried.push(PartRef { addr, ..*part });
        }
        if !carried.is_empty() {
            let lists = Arc::new(state.lists.with(&carried));
            self.advance(cell.id, MailboxState { lists, ..state });
        }
        Ok(len)
    }

    /// Lets the next checkpoint write again what it would otherwise find in `leaving` of this
    /// mailbox.
    pub(crate) fn leave_mailbox(
        &mut self,
        cell: &Arc<MailboxCell>,
        leaving: &Leaving,
    ) -> Result<(), Error> {
        let is_leaving = |addr: RecordAddr| leaving.contains(&addr.segment);
        let state = self.state(cell)?.clone();
        let mut leaves = self.reader.image(cell.id)?.is_some_and(is_leaving);
        for chunk in &state.chunks {
            leaves |= chunk.leave(&is_leaving, &state.source)?;
        }
        for page in &state.history.pages {
            leaves |= page.leave(&is_leaving, &state.source)?;
        }
        if leaves {
            self.advance(cell.id, state);
        }
        Ok(())
    }

    /// The same for what belongs to the whole shard.
    pub(crate) fn leave_shard(&mut self, leaving: &Leaving) -> Result<(), Error> {
        let is_leaving = |addr: RecordAddr| leaving.contains(&addr.segment);
        self.reader.leave_tables(&is_leaving)?;
        self.blobs.leave(&is_leaving);
        // For the buckets of accounts.
        self.leaving.clone_from(leaving);
        let known = self.dictionaries.iter().filter(|(_, addr)| is_leaving(**addr));
        let known: Vec<_> = known.map(|(number, addr)| (*number, *addr)).collect();
        for (number, addr) in known {
            let payload = self.reader.dictionary(addr)?.encode();
            let moved = self.write_frame(Kind::Dictionary as u8, &payload)?;
            self.dictionaries.insert(number, moved);
        }
        Ok(())
    }

    /// The blobs that any message has.
    pub(crate) fn live_blobs(&self) -> Vec<u64> {
        let all = self.blobs.all().into_iter();
        all.filter(|used| used.uses > 0).map(|used| used.number).collect()
    }

    /// The blobs that no message has.
    pub(crate) fn unused_blobs(&self) -> BTreeSet<u64> {
        let all = self.blobs.all().into_iter();
        all.filter(|used| used.uses == 0).map(|used| used.number).collect()
    }

    /// Seals the active segment if it has messages.
    pub(crate) fn seal_messages(&mut self) -> Result<(), Error> {
        let contents = self.log.active_contents();
        if contents.arrivals.records + contents.archived.records == 0 {
            return Ok(());
        }
        self.seal()
    }

    /// Seals the active segment, so that it can be condensed.
    pub(crate) fn seal(&mut self) -> Result<(), Error> {
        self.commit()?;
        self.log.seal_active()
    }

    /// Writes live blobs again of which anything stands in `leaving`, [`CARRY_LEN_MAX`] bytes or one
    /// chunk more; where this stands then, and the bytes. Others are forgotten: whoever needs one
    /// stores it again.
    pub(crate) fn carry_blobs(
        &mut self,
        mut carrying: Carrying,
        leaving: &Leaving,
    ) -> Result<(Carrying, usize), Error> {
        let mut numbers = if let Some(numbers) = carrying.left.take() {
            numbers
        } else {
            // What the batch in hand holds cannot be read before it is on disk.
            self.commit()?;
            self.blobs.forget_unused();
            self.live_blobs()
        };
        let mut len = 0;
        while len < CARRY_LEN_MAX {
            if let Some(blob) = carrying.open.take() {
                let (open, written) = self.carry_chunk(blob, leaving)?;
                carrying.open = open;
                len += written;
            } else if let Some(number) = numbers.pop() {
                carrying.open = self.blob_in(number, leaving)?;
            } else {
                carrying.is_done = true;
                break;
            }
        }
        carrying.left = Some(numbers);
        Ok((carrying, len))
    }

    /// The blob with this number, if anything of it stands in `leaving`.
    fn blob_in(&self, number: u64, leaving: &Leaving) -> Result<Option<Blob>, Error> {
        let addr = self.reader.place(places::email_id(self.reader.shard().0, number))?;
        let blob = self.reader.blob(number)?;
        let leaves = |addr: &RecordAddr| leaving.contains(&addr.segment);
        Ok((leaves(&addr) || blob.chunks.iter().any(leaves)).then_some(blob))
    }

    /// Writes one chunk again, or the blob once all its chunks are elsewhere.
    fn carry_chunk(
        &mut self,
        mut blob: Blob,
        leaving: &Leaving,
    ) -> Result<(Option<Blob>, usize), Error> {
        let leaves = |addr: &&mut RecordAddr| leaving.contains(&addr.segment);
        if let Some(chunk) = blob.chunks.iter_mut().find(leaves) {
            let (kind, payload) = self.reader.log().read_record(*chunk)?;
            *chunk = self.write_frame(kind, &payload)?;
            return Ok((Some(blob), payload.len()));
        }
        let payload = blob.encode();
        let addr = self.write_frame(Kind::Blob as u8, &payload)?;
        self.moved.push((places::email_id(self.reader.shard().0, blob.number), addr));
        Ok((None, payload.len()))
    }

    /// Forgets deleted mailboxes that no retention window holds any more.
    pub(crate) fn forget_graves(&mut self, held_since: &HashMap<AccountId, i64>) {
        let is_held =
            |grave: &Grave| held_since.get(&grave.account).is_none_or(|since| grave.at >= *since);
        self.graves.retain(is_held);
    }

    /// Counts messages that are gone out of what they had.
    pub(crate) fn release_blobs(&mut self, numbers: &[u64]) {
        numbers.iter().for_each(|number| self.blobs.release(*number));
    }

    /// Puts a condensed segment in its place, unless blobs are needed that are in it; whether it
    /// did. `gone` are messages and blobs that nobody has any more.
    pub(crate) fn put_condensed(
        &mut self,
        condensed: &Condensed,
        gone: &[u64],
        blobs: &BTreeSet<u64>,
    ) -> Result<bool, Error> {
        if blobs.iter().any(|number| self.needs_blob(*number)) {
            return Ok(false);
        }
        for number in gone.iter().chain(blobs) {
            let email_id = places::email_id(self.reader.shard().0, *number);
            if self.reader.place(email_id).is_ok_and(|was| was.segment == condensed.segment) {
                self.reader.clear_place(email_id)?;
            }
        }
        self.log.put_condensed(condensed)?;
        self.checkpoints.note_change();
        Ok(true)
    }
}
