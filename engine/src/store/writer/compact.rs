//! The writer's part in compaction: what was moved is written and shown, and what is left of old
//! segments takes their place.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::Error;
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

/// Bytes of blobs that are carried in one step.
const CARRY_LEN_MAX: usize = 1 << 20;

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

    /// Writes list parts again that stand in `leaving`; `false` if there are more than one step
    /// may write.
    pub(crate) fn carry_list_parts(
        &mut self,
        cell: &Arc<MailboxCell>,
        leaving: &Leaving,
        len_max: usize,
    ) -> Result<bool, Error> {
        let state = self.state(cell)?.clone();
        let stays = |part: &&PartRef| leaving.contains(&part.addr.segment);
        let (mut carried, mut len, mut is_all) = (Vec::new(), 0, true);
        for part in state.lists.parts().iter().filter(stays) {
            if len > len_max {
                is_all = false;
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
        Ok(is_all)
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

    /// Writes live blobs again of which anything stands in `leaving`, one chunk after another;
    /// `None` for as long as there are more. Others are forgotten: whoever needs one stores it again.
    pub(crate) fn carry_blobs(
        &mut self,
        left: &mut Option<Vec<u64>>,
        leaving: &Leaving,
    ) -> Result<Option<()>, Error> {
        let mut numbers = if let Some(numbers) = left.take() {
            numbers
        } else {
            self.blobs.forget_unused();
            self.live_blobs()
        };
        let mut len = 0;
        while let Some(number) = numbers.pop() {
            len += self.carry_blob(number, leaving)?;
            if len >= CARRY_LEN_MAX {
                *left = Some(numbers);
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    fn carry_blob(&mut self, number: u64, leaving: &Leaving) -> Result<usize, Error> {
        let email_id = places::email_id(self.reader.shard().0, number);
        let addr = self.reader.place(email_id)?;
        let mut blob = self.reader.blob(number)?;
        let leaves = |addr: &RecordAddr| leaving.contains(&addr.segment);
        if !leaves(&addr) && !blob.chunks.iter().any(leaves) {
            return Ok(0);
        }
        let mut len = 0;
        for chunk in blob.chunks.iter_mut().filter(|chunk| leaves(chunk)) {
            let (kind, payload) = self.reader.log().read_record(*chunk)?;
            *chunk = self.write_frame(kind, &payload)?;
            len += payload.len();
        }
        let addr = self.write_frame(Kind::Blob as u8, &blob.encode())?;
        self.moved.push((email_id, addr));
        Ok(len)
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
