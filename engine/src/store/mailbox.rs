//! One mailbox: its newest snapshot, its messages' bytes, and the changes to it.

use std::sync::Arc;

use crate::columns::InternalDate;
use crate::ids::{MailboxId, ModSeq, Uid, UidValidity};
use crate::state::{Diff, Expunge, FlagEdit, Row, Snapshot};
use crate::store::account::Account;
use crate::store::cells::MailboxCell;
use crate::store::key_reader::SortKeyReader;
use crate::store::listings::Listings;
use crate::store::message::StoredMessage;
use crate::store::prepare::Prepared;
use crate::store::receipt::Receipt;
use crate::store::shard::Shard;
use crate::store::writer::TransferMode;
use crate::{Error, FlagSet, UidSet};

/// A handle to one mailbox; cheap to clone.
#[derive(Clone)]
pub struct Mailbox {
    account: Account,
    cell: Arc<MailboxCell>,
}

/// One message to append.
#[derive(Clone)]
pub struct AppendItem {
    /// The message.
    pub message: Prepared,
    /// Its first flags.
    pub flags: FlagSet,
    /// When it arrived, as the client says or as of now.
    pub internal_date: InternalDate,
}

/// Where messages went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The mailbox's UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The new UIDs, in the order of the messages.
    pub uids: UidSet,
    /// The change's mod-sequence.
    pub modseq: ModSeq,
}

/// What became of a change of flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagsEdited {
    /// Messages whose flags are others now.
    pub changed: UidSet,
    /// Messages left alone because they had changed since (RFC 7162, 3.1.3).
    pub conflicts: UidSet,
    /// The change's mod-sequence, if anything changed.
    pub modseq: Option<ModSeq>,
}

/// What became of an expunge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expunged {
    /// Messages that are gone now.
    pub uids: UidSet,
    /// The change's mod-sequence, if anything changed.
    pub modseq: Option<ModSeq>,
}

/// Where copies went; `source` and `dest` have as many UIDs, in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// UIDVALIDITY of the mailbox copied to.
    pub uid_validity: UidValidity,
    /// UIDs of the originals that existed.
    pub source: UidSet,
    /// UIDs of the copies.
    pub dest: UidSet,
}

impl Mailbox {
    pub(crate) fn open(account: Account, cell: Arc<MailboxCell>) -> Result<Self, Error> {
        account.shard.open(&cell)?;
        Ok(Self { account, cell })
    }

    /// Which mailbox this is, whatever its name becomes.
    pub fn id(&self) -> MailboxId {
        self.cell.id
    }

    pub(crate) fn shard(&self) -> &Shard {
        &self.account.shard
    }

    pub(crate) fn cell(&self) -> Arc<MailboxCell> {
        Arc::clone(&self.cell)
    }

    /// The account it belongs to.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Whether it was deleted after this handle was taken. Its last snapshot stays readable.
    pub fn is_deleted(&self) -> bool {
        self.cell.is_deleted()
    }

    /// The mailbox as of the last acknowledged change.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let resident = self.cell.resident_snapshot();
        resident.expect("`open` put the snapshot in its cell, where one always stays")
    }

    /// Resolves once the newest snapshot is another than `seen`, or the mailbox is deleted.
    pub async fn changed(&self, seen: &Arc<Snapshot>) {
        self.cell.changed(seen).await;
    }

    /// What leads from one snapshot of this mailbox to a later one; cheap for all but the first
    /// of many sessions that ask the same.
    pub fn diff(&self, old: &Arc<Snapshot>, new: &Arc<Snapshot>) -> Result<Arc<Diff>, Error> {
        self.cell.diff(old, new)
    }

    /// The messages and numbers of a snapshot of this mailbox with the flags and mod-sequences they
    /// have in `latest`; what is gone there keeps what it had. Costs as much as differs.
    pub fn with_flags_of(&self, old: &Snapshot, latest: &Snapshot) -> Result<Arc<Snapshot>, Error> {
        let followed = Arc::new(old.with_flags_of(latest)?);
        // It has columns of both, which may be looked at by nobody else.
        self.account.shard.accounts().outlived().add(&followed);
        Ok(followed)
    }

    /// The stored bytes and list data of a message of this mailbox.
    pub fn message(&self, row: &Row) -> StoredMessage {
        StoredMessage::new(self.account.shard.reader().clone(), row.email_id)
    }

    /// What its messages are listed by, for as many of them as are asked for.
    pub fn listings(&self) -> Listings {
        let snapshot = self.snapshot();
        self.account.shard.want_lists(&self.cell, &snapshot);
        let lists = Arc::clone(&snapshot.lists);
        Listings::new(self.account.shard.reader().clone(), Arc::clone(&self.cell), lists)
    }

    /// What its messages are sorted and threaded by, for as many of them as are asked for.
    pub fn sort_keys(&self) -> SortKeyReader {
        let snapshot = self.snapshot();
        self.account.shard.want_lists(&self.cell, &snapshot);
        let lists = Arc::clone(&snapshot.lists);
        SortKeyReader::new(self.account.shard.reader().clone(), self.cell.id, lists)
    }

    /// Adds messages, all of them or none. Clones of one message side by side are stored once.
    pub fn append(&self, items: Vec<AppendItem>) -> Receipt<Appended> {
        let cell = Arc::clone(&self.cell);
        let mut upload = None;
        self.account.shard.submit_in_steps(move |writer| {
            let messages: Vec<_> = items.iter().map(|item| &item.message).collect();
            let is_ready = cell.is_deleted() || writer.put_blobs(&messages, &mut upload)?;
            if is_ready { writer.append(&cell, &items).map(Some) } else { Ok(None) }
        })
    }

    /// Adds a message to a mailbox of the same shard and removes one from this, atomically
    /// (RFC 8508, 3.4).
    pub fn replace(&self, uid: Uid, dest: &Self, item: AppendItem) -> Receipt<Appended> {
        self.replace_all(UidSet::from_iter([uid]), dest, vec![item])
    }

    /// Removes messages, all of which are there, and adds others, atomically; clones of one message
    /// side by side are stored once. If one is not there, nothing happens:
    /// [`Error::NoSuchMessage`].
    pub fn exchange(&self, gone: UidSet, items: Vec<AppendItem>) -> Receipt<Appended> {
        self.replace_all(gone, self, items)
    }

    fn replace_all(&self, gone: UidSet, dest: &Self, items: Vec<AppendItem>) -> Receipt<Appended> {
        if !self.account.shard.is(&dest.account.shard) {
            return Receipt::decided(Err(Error::OtherShard));
        }
        let (from, to) = (Arc::clone(&self.cell), Arc::clone(&dest.cell));
        let mut upload = None;
        self.account.shard.submit_in_steps(move |writer| {
            let messages: Vec<_> = items.iter().map(|item| &item.message).collect();
            let is_ready = to.is_deleted() || writer.put_blobs(&messages, &mut upload)?;
            if is_ready { writer.replace((&from, &to), &gone, &items).map(Some) } else { Ok(None) }
        })
    }

    /// Changes flags of a set of messages, atomically.
    pub fn edit_flags(&self, edit: FlagEdit) -> Receipt<FlagsEdited> {
        let cell = Arc::clone(&self.cell);
        self.account.shard.submit(move |writer| writer.edit_flags(&cell, &edit))
    }

    /// Removes messages, atomically.
    pub fn expunge(&self, uids: UidSet, which: Expunge) -> Receipt<Expunged> {
        let cell = Arc::clone(&self.cell);
        self.account.shard.submit(move |writer| writer.expunge(&cell, &uids, which))
    }

    /// Copies messages to a mailbox of the same shard, atomically; no bytes are stored again.
    pub fn copy(&self, uids: UidSet, dest: &Self) -> Receipt<Copied> {
        self.transfer(uids, dest, TransferMode::Copy)
    }

    /// Moves messages to a mailbox of the same shard, atomically (RFC 6851).
    pub fn move_to(&self, uids: UidSet, dest: &Self) -> Receipt<Copied> {
        self.transfer(uids, dest, TransferMode::Move)
    }

    fn transfer(&self, uids: UidSet, dest: &Self, mode: TransferMode) -> Receipt<Copied> {
        if !self.account.shard.is(&dest.account.shard) {
            return Receipt::decided(Err(Error::OtherShard));
        }
        let (from, to) = (Arc::clone(&self.cell), Arc::clone(&dest.cell));
        self.account.shard.submit(move |writer| writer.transfer((&from, &to), &uids, mode))
    }
}

impl Appended {
    /// The UID of the only message appended.
    pub fn uid(&self) -> Option<Uid> {
        self.uids.first()
    }
}
