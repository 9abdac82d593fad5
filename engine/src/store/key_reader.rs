//! What messages are sorted and threaded by, message after message: from the list parts, of which
//! nothing but the keys is read, else from the messages' own heads.

use std::sync::Arc;

use crate::Error;
use crate::format::list_part::{Section, Stretches};
use crate::ids::{EmailId, MailboxId, RecordAddr, Uid};
use crate::image::PartRef;
use crate::message::{SortKeys, SortKeysRef};
use crate::state::Lists;
use crate::store::message::StoredMessage;
use crate::store::part_front::PartFront;
use crate::store::reader::ShardReader;

/// Reads the sort keys of messages of one mailbox.
pub struct SortKeyReader {
    reader: ShardReader,
    mailbox: MailboxId,
    lists: Arc<Lists>,
    front: PartFront,
    keys: Stretches,
    /// Where the last message was found; the next one is most often behind it.
    last: usize,
    /// The keys of a message that is in no part.
    alone: Vec<u8>,
}

impl SortKeyReader {
    pub(crate) fn new(reader: ShardReader, mailbox: MailboxId, lists: Arc<Lists>) -> Self {
        let (front, keys, alone) = Default::default();
        Self { reader, mailbox, lists, front, keys, last: 0, alone }
    }

    /// The keys of a message. Quick for one near the one before.
    pub fn read(&mut self, uid: Uid, email_id: EmailId) -> Result<SortKeysRef<'_>, Error> {
        if let Some(at) = self.find(uid) {
            let addr = self.front.part().map(|part| part.addr).unwrap_or_default();
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
        if !self.front.part().as_ref().is_some_and(is_in) {
            let part = self.lists.find(uid)?;
            let opened = self.front.open(part, self.mailbox, &self.reader);
            let Self { front, keys, reader, .. } = self;
            if let Err(error) = opened.and_then(|()| front.read(Section::Keys, keys, reader)) {
                self.front.close();
                // It may have been written elsewhere since; its messages can be read.
                tracing::debug!(%error, "a list part cannot be read; its messages are");
                self.lists = Arc::new(self.lists.without(&[part]));
                return None;
            }
        }
        let uids = self.front.uids();
        let is_at = |at: &usize| uids.get(*at) == Some(&uid.get());
        let near = [self.last + 1, self.last].into_iter().find(is_at);
        let found = near.or_else(|| uids.binary_search(&uid.get()).ok());
        self.last = found.unwrap_or(self.last);
        found
    }
}
