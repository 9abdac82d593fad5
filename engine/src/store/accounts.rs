//! The accounts of a shard that somebody uses: read from the directory when first asked for, and
//! let go of when nobody holds them any more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::Error;
use crate::ids::{AccountId, RecordAddr};
use crate::image::StoredAccount;
use crate::record::NewMailbox;
use crate::state::MailboxList;
use crate::store::cells::AccountCell;
use crate::store::directory::Directory;
use crate::store::outlived::Outlived;
use crate::store::reader::ShardReader;

/// Accounts read between two looks for those that nobody holds.
const LET_GO_EVERY: u64 = if cfg!(test) { 2 } else { 64 };

/// The accounts of a shard: read by everybody, changed by the writer alone.
pub(crate) struct AccountTable {
    resident: RwLock<HashMap<AccountId, Arc<AccountCell>>>,
    directory: Directory,
    outlived: Outlived,
    read_count: AtomicU64,
}

impl AccountTable {
    pub(crate) fn new(directory: Directory) -> Self {
        let (resident, outlived) = (RwLock::default(), Outlived::default());
        Self { resident, directory, outlived, read_count: AtomicU64::new(0) }
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Snapshots that are not the newest any more.
    pub(crate) fn outlived(&self) -> &Outlived {
        &self.outlived
    }

    /// The account, read if need be; `None` if there is no such account.
    pub(crate) fn find(
        &self,
        id: AccountId,
        reader: &ShardReader,
    ) -> Result<Option<Arc<AccountCell>>, Error> {
        loop {
            if let Some(account) = self.resident(id) {
                return Ok(Some(account));
            }
            let Some((stored, addr)) = self.directory.find(id, reader)? else { return Ok(None) };
            if let Some(account) = self.admit(stored, addr) {
                return Ok(Some(account));
            }
        }
    }

    /// The account if it is in memory; one that its bucket lacks a change of always is.
    pub(crate) fn resident(&self, id: AccountId) -> Option<Arc<AccountCell>> {
        self.resident.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Every account that is in memory.
    pub(crate) fn all_resident(&self) -> Vec<Arc<AccountCell>> {
        let resident = self.resident.read().unwrap_or_else(PoisonError::into_inner);
        resident.values().cloned().collect()
    }

    /// Takes in what was read at `addr`; `None` if that is not the newest any more.
    fn admit(&self, stored: StoredAccount, addr: RecordAddr) -> Option<Arc<AccountCell>> {
        if self.read_count.fetch_add(1, Ordering::Relaxed) % LET_GO_EVERY == LET_GO_EVERY - 1 {
            self.let_go();
        }
        let id = stored.account;
        let mut resident = self.resident.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = resident.get(&id) {
            return Some(Arc::clone(account));
        }
        // An account that was changed and let go of since has been written to a new bucket.
        if self.directory.place(id).1 != addr {
            return None;
        }
        let account = Arc::new(AccountCell::new(id, Arc::new(list_of(stored))));
        resident.insert(id, Arc::clone(&account));
        Some(account)
    }

    /// Adds an account; only the shard's writer calls this.
    pub(crate) fn insert(&self, account: Arc<AccountCell>) {
        let mut resident = self.resident.write().unwrap_or_else(PoisonError::into_inner);
        resident.insert(account.id, account);
    }

    /// Lets go of accounts and mailboxes that nobody else holds.
    pub(crate) fn let_go(&self) {
        let mut resident = self.resident.write().unwrap_or_else(PoisonError::into_inner);
        resident.retain(|_, account| !account.let_go() || Arc::strong_count(account) > 1);
    }

    /// Accounts in memory.
    #[cfg(test)]
    pub(crate) fn resident_count(&self) -> usize {
        self.resident.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The list of an account in the log.
pub(crate) fn list_of(stored: StoredAccount) -> MailboxList {
    let mut list = MailboxList::default();
    stored.mailboxes.into_iter().for_each(|mailbox| list.insert(mailbox));
    list.last_uid_validity = stored.last_uid_validity;
    list.subscribed = stored.subscribed.into_iter().collect();
    list.annotations = stored.annotations.into_iter().collect();
    list
}

/// An account as the log is to have it.
pub(crate) fn stored(account: AccountId, list: &MailboxList) -> StoredAccount {
    let mailboxes = list.iter().map(|entry| NewMailbox {
        id: entry.id,
        name: Arc::clone(&entry.name),
        uid_validity: entry.uid_validity,
        special_use: entry.special_use,
    });
    StoredAccount {
        account,
        last_uid_validity: list.last_uid_validity,
        mailboxes: mailboxes.collect(),
        subscribed: list.subscribed.iter().cloned().collect(),
        annotations: list.annotations.stored(),
    }
}
