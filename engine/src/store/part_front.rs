//! Reading sections that stand in the front of list parts, and nothing else of them.

use crate::format::list_part::{ListPartTable, Section, Stretches};
use crate::ids::{MailboxId, Uid};
use crate::image::PartRef;
use crate::store::reader::ShardReader;
use crate::{Error, Fault};

/// Bytes read of a part to get at its table; most tables are shorter.
const TABLE_READ_LEN: usize = 512;
/// Bytes read of a part at once, at most: longer sections are read by themselves.
const FRONT_LEN_MAX: usize = 32 << 10;

/// The front of a list part.
#[derive(Default)]
pub(super) struct PartFront {
    part: Option<PartRef>,
    table: Option<(ListPartTable, usize)>,
    bytes: Vec<u8>,
    uids: Vec<u32>,
    /// How much of the parts before was needed.
    needed: usize,
}

impl PartFront {
    /// The part that is open.
    pub(super) fn part(&self) -> Option<PartRef> {
        self.part
    }

    /// The UIDs of its messages.
    pub(super) fn uids(&self) -> &[u32] {
        &self.uids
    }

    /// Forgets the part.
    pub(super) fn close(&mut self) {
        self.part = None;
    }

    /// Opens another part.
    pub(super) fn open(
        &mut self,
        part: PartRef,
        mailbox: MailboxId,
        reader: &ShardReader,
    ) -> Result<(), Error> {
        self.part = None;
        let (part_len, damaged) = (part.len as usize, |fault| reader.damaged(part.addr, fault));
        let len = self.needed.clamp(TABLE_READ_LEN, FRONT_LEN_MAX).min(part_len);
        self.bytes = reader.read_list_front(part, len)?;
        let decoded = match ListPartTable::decode(&self.bytes) {
            Err(_) if self.bytes.len() < part_len => {
                self.bytes = reader.read_list_front(part, part_len)?;
                ListPartTable::decode(&self.bytes)
            }
            decoded => decoded,
        };
        let (table, start) = decoded.map_err(damaged)?;
        if table.mailbox != mailbox {
            return Err(damaged(Fault::Invalid("mailbox of a list part")));
        }
        self.uids.clear();
        self.uids.extend(table.uids.iter().map(Uid::get));
        self.table = Some((table, start));
        self.part = Some(part);
        Ok(())
    }

    /// Decompresses a section that repeats no other.
    pub(super) fn read(
        &mut self,
        section: Section,
        into: &mut Stretches,
        reader: &ShardReader,
    ) -> Result<(), Error> {
        let (Some((table, start)), Some(part)) = (&self.table, self.part) else {
            return Err(Error::NoSuchMessage);
        };
        let place = table.place(section, *start);
        self.needed = self.needed.max(place.end);
        let opened = if let Some(stored) = self.bytes.get(place.clone()) {
            table.open_alone(section, stored, into)
        } else {
            let stored = reader.read_payload(part.addr, place.start as u64, place.len())?;
            table.open_alone(section, &stored, into)
        };
        opened.map_err(|fault| reader.damaged(part.addr, fault))
    }
}
