//! What messages are sorted and threaded by, message after message: from the list parts, of which
//! nothing but the keys is read, else from the messages' own heads.

use std::sync::Arc;

use crate::Error;
use crate::format::list_part::{ListPartTable, Section, Stretches};
use crate::ids::{EmailId, MailboxId, RecordAddr, Uid};
use crate::image::PartRef;
use crate::message::{SortKeys, SortKeysRef};
use crate::state::Lists;
use crate::store::message::StoredMessage;
use crate::store::reader::ShardReader;

/// Bytes read of a part to get at its table; most tables are shorter.
const TABLE_READ_LEN: usize = 512;

/// Reads the sort keys of messages of one mailbox.
pub struct SortKeyReader {
    reader: ShardReader,
    mailbox: MailboxId,
    lists: Arc<Lists>,
    open: Option<PartRef>,
    uids: Vec<u32>,
    keys: Stretches,
    /// Where the last message was found; the next one is most often behind it.
    last: usize,
    /// The keys of a message that is in no part.
    alone: Vec<u8>,
}

impl SortKeyReader {
    pub(crate) fn new(reader: ShardReader, mailbox: MailboxId, lists: Arc<Lists>) -> Self {
        let (uids, keys, alone) = Default::default();
        Self { reader, mailbox, lists, open: None, uids, keys, last: 0, alone }
    }

    /// The keys of a message. Quick for one near the one before.
    pub fn read(&mut self, uid: Uid, email_id: EmailId) -> Result<SortKeysRef<'_>, Error> {
        if let Some(at) = self.find(uid) {
            let addr = self.open.map(|part| part.addr).unwrap_or_default();
            let keys = SortKeysRef::decode(self.keys.at(at));
            return keys.map_err(|fault| self.reader.damaged(addr, fault));
        }
        let head = StoredMessage::new(self.reader.clone(), email_id).list()?;
        self.alone.clear();
        SortKeys::of(head.header()).encode(&mut self.alone);
        let damaged = |fault| self.reader.damaged(RecordAddr::default(), fault);
        SortKeysRef::decode(&self.alone).map_err(damaged)
    }

    fn find(&mut self, uid: Uid) -> Option<usize> {
        let is_in = |part: &PartRef| (part.first_uid..=part.last_uid).contains(&uid.get());
        if !self.open.as_ref().is_some_and(is_in) {
            let part = self.lists.find(uid)?;
            if let Err(error) = self.open(part) {
                // It may have been written elsewhere since; its messages can be read.
                tracing::debug!(%error, "a list part cannot be read; its messages are");
                self.lists = Arc::new(self.lists.without(&[part]));
                return None;
            }
        }
        let is_at = |at: &usize| self.uids.get(*at) == Some(&uid.get());
        let near = [self.last + 1, self.last].into_iter().find(is_at);
        let found = near.or_else(|| self.uids.binary_search(&uid.get()).ok());
        self.last = found.unwrap_or(self.last);
        found
    }

    fn open(&mut self, part: PartRef) -> Result<(), Error> {
        self.open = None;
        let (part_len, damaged) =
            (part.len as usize, |fault| self.reader.damaged(part.addr, fault));
        let mut front = self.reader.read_list_front(part, TABLE_READ_LEN.min(part_len))?;
        let decoded = match ListPartTable::decode(&front) {
            Err(_) if front.len() < part_len => {
                front = self.reader.read_list_front(part, part_len)?;
                ListPartTable::decode(&front)
            }
            decoded => decoded,
        };
        let (table, start) = decoded.map_err(damaged)?;
        if table.mailbox != self.mailbox {
            return Err(damaged(crate::Fault::Invalid("mailbox of a list part")));
        }
        let place = table.place(Section::Keys, start);
        let stored = self.reader.read_payload(part.addr, place.start as u64, place.len())?;
        let opened = table.open_keys(&stored, &mut self.keys);
        opened.map_err(damaged)?;
        self.uids.clear();
        self.uids.extend(table.uids.iter().map(Uid::get));
        (self.open, self.last) = (Some(part), 0);
        Ok(())
    }
}
