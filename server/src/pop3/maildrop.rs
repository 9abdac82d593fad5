//! The maildrop: the INBOX as it was at log-in, and the session's marks (RFC 1939, 5).
//!
//! It is a snapshot, so nothing is locked, any number of sessions may hold one, and each keeps
//! its numbers. What another session removes meanwhile stays readable here; what arrives is seen
//! at the next log-in. The unique id of a message is its UIDVALIDITY and UID, both of which it
//! keeps for ever (RFC 9051, 2.3.1.1).

use std::fmt;
use std::sync::Arc;

use engine::{Error, Expunge, Mailbox, Row, SeqNo, Snapshot, StoredMessage, UidSet, UidValidity};

use super::command::MessageNumber;
use super::marks::Marks;
use super::reply::Refusal;

/// A session's maildrop.
pub(super) struct Maildrop {
    mailbox: Mailbox,
    snapshot: Arc<Snapshot>,
    marks: Marks,
    marked_octets: u64,
}

/// Why a message cannot be had.
#[derive(Debug)]
pub(super) enum NoMessage {
    /// There is none of that number.
    Unknown,
    /// It is marked as deleted.
    Marked,
    /// It cannot be read.
    Failed(Error),
}

/// What UIDL tells of a message (RFC 1939, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UniqueId {
    pub(super) uid_validity: UidValidity,
    pub(super) uid: engine::Uid,
}

impl Maildrop {
    /// Everything that is in the mailbox now.
    pub(super) fn open(mailbox: Mailbox) -> Self {
        let snapshot = mailbox.snapshot();
        Self { mailbox, snapshot, marks: Marks::default(), marked_octets: 0 }
    }

    /// Messages that are not marked.
    pub(super) fn count(&self) -> u32 {
        self.snapshot.exists().saturating_sub(self.marks.count())
    }

    /// Octets of the messages that are not marked.
    pub(super) fn octets(&self) -> u64 {
        self.snapshot.size_total().saturating_sub(self.marked_octets)
    }

    /// The highest number there is, marked messages included.
    pub(super) fn last(&self) -> u32 {
        self.snapshot.exists()
    }

    /// A message that is not marked.
    pub(super) fn find(&self, number: MessageNumber) -> Result<Row, NoMessage> {
        if self.marks.contains(number) {
            return Err(NoMessage::Marked);
        }
        let seq = SeqNo::new(number.get()).ok_or(NoMessage::Unknown)?;
        let uid = self.snapshot.uid_at(seq).map_err(NoMessage::Failed)?;
        let row = self.snapshot.row(uid.ok_or(NoMessage::Unknown)?).map_err(NoMessage::Failed)?;
        row.ok_or(NoMessage::Unknown)
    }

    /// The messages with numbers in `first..=last` that are not marked, handed over one by one.
    pub(super) fn each(
        &self,
        first: u32,
        last: u32,
        mut each: impl FnMut(&Row),
    ) -> Result<(), Error> {
        let uids = self.snapshot.uids(first..=last)?;
        for row in self.snapshot.rows(&uids) {
            let row = row?;
            let is_marked =
                MessageNumber::new(row.seq.get()).is_some_and(|number| self.marks.contains(number));
            if !is_marked {
                each(&row);
            }
        }
        Ok(())
    }

    /// Marks a message as deleted.
    pub(super) fn mark(&mut self, number: MessageNumber) -> Result<(), NoMessage> {
        let row = self.find(number)?;
        self.marks.insert(number);
        self.marked_octets += u64::from(row.size);
        Ok(())
    }

    /// Takes all marks back.
    pub(super) fn reset(&mut self) {
        self.marks = Marks::default();
        self.marked_octets = 0;
    }

    /// The unique id of a message.
    pub(super) fn unique_id(&self, row: &Row) -> UniqueId {
        UniqueId { uid_validity: self.snapshot.uid_validity(), uid: row.uid }
    }

    /// The bytes of a message.
    pub(super) fn message(&self, row: &Row) -> StoredMessage {
        self.mailbox.message(row)
    }

    /// Removes the marked messages, all in one change; those that another session has removed
    /// already are no failure. Returns how many messages are left.
    pub(super) async fn remove_marked(self) -> Result<u32, Error> {
        let left = self.count();
        let mut uids = UidSet::new();
        for number in self.marks.iter() {
            let seq = SeqNo::new(number.get());
            if let Some(uid) = seq.map(|seq| self.snapshot.uid_at(seq)).transpose()?.flatten() {
                uids.insert(uid);
            }
        }
        if !uids.is_empty() {
            self.mailbox.expunge(uids, Expunge::Any).await?;
        }
        Ok(left)
    }
}

impl From<NoMessage> for Refusal {
    fn from(reason: NoMessage) -> Self {
        match reason {
            NoMessage::Unknown => Self::NO_SUCH_MESSAGE,
            NoMessage::Marked => Self::MARKED,
            NoMessage::Failed(error) => {
                tracing::error!(%error, "cannot read a maildrop");
                Self::from(&error)
            }
        }
    }
}

/// 17 characters, of fixed length: UIDVALIDITY and UID in hexadecimal.
impl fmt::Display for UniqueId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}.{:08x}", self.uid_validity.get(), self.uid.get())
    }
}

impl fmt::Debug for Maildrop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Maildrop")
            .field("messages", &self.snapshot.exists())
            .field("marked", &self.marks.count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use engine::Uid;

    use super::*;

    /// Clients keep unique ids for years: a change of this form makes them fetch everything again.
    #[test]
    fn the_form_of_unique_ids_never_changes() {
        let uid_validity = UidValidity::new(0x0012_abcd).expect("not 0");
        let id = UniqueId { uid_validity, uid: Uid::LAST };
        assert_eq!(id.to_string(), "0012abcd.ffffffff");
    }
}
