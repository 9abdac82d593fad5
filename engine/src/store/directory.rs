//! Where the accounts of a shard are in its log: in buckets, each a record, so that who is not
//! asked for is not read, and a checkpoint writes only buckets in which a list changed.
//!
//! The number of buckets is a power of two. When it doubles, both halves of a bucket stay at its
//! record until one of them is written again; whoever reads it takes what belongs to its half.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::Error;
use crate::ids::{AccountId, RecordAddr};
use crate::image::StoredAccount;
use crate::limits::ACCOUNT_BUCKETS_MAX;
use crate::store::reader::ShardReader;

const BUCKETS_MIN: usize = if cfg!(test) { 2 } else { 64 };
/// Accounts in a bucket, on average, at which the buckets double.
const BUCKET_ACCOUNTS: u64 = if cfg!(test) { 2 } else { 16 };

/// The buckets of a shard's accounts; changed by its writer, read by everybody.
pub(crate) struct Directory {
    /// Where the record of each bucket is; the zero address where there is none yet.
    buckets: RwLock<Vec<RecordAddr>>,
    account_count: AtomicU64,
}

impl Default for Directory {
    fn default() -> Self {
        Self::stored(Vec::new(), 0)
    }
}

impl Directory {
    /// Buckets that are in the log.
    pub(crate) fn stored(mut buckets: Vec<RecordAddr>, account_count: u64) -> Self {
        if buckets.is_empty() {
            buckets = vec![RecordAddr::default(); BUCKETS_MIN];
        }
        Self { buckets: RwLock::new(buckets), account_count: AtomicU64::new(account_count) }
    }

    /// Number and record of the bucket that an account belongs to.
    pub(crate) fn place(&self, account: AccountId) -> (usize, RecordAddr) {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        let at = index(account, buckets.len());
        (at, buckets.get(at).copied().unwrap_or_default())
    }

    /// An account as its bucket has it, and where that bucket is.
    pub(crate) fn find(
        &self,
        account: AccountId,
        reader: &ShardReader,
    ) -> Result<Option<(StoredAccount, RecordAddr)>, Error> {
        loop {
            let (_, addr) = self.place(account);
            match read(addr, reader) {
                Ok(accounts) => {
                    let found = accounts.into_iter().find(|stored| stored.account == account);
                    return Ok(found.map(|stored| (stored, addr)));
                }
                // It was written elsewhere between the two looks.
                Err(_) if self.place(account).1 != addr => {}
                Err(error) => {
                    reader.note_table(&error);
                    return Err(error);
                }
            }
        }
    }

    /// The accounts of one bucket; `None` past the last. For those who know that no segment is
    /// condensed meanwhile: the writer, upkeep and whoever only reads.
    pub(crate) fn bucket(
        &self,
        at: usize,
        reader: &ShardReader,
    ) -> Result<Option<Vec<StoredAccount>>, Error> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        let (Some(addr), len) = (buckets.get(at).copied(), buckets.len()) else { return Ok(None) };
        drop(buckets);
        let mut accounts = read(addr, reader).inspect_err(|error| reader.note_table(error))?;
        accounts.retain(|stored| index(stored.account, len) == at);
        Ok(Some(accounts))
    }

    /// Where each bucket is.
    pub(crate) fn addrs(&self) -> Vec<RecordAddr> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says where a bucket was written; its record is durable.
    pub(crate) fn set(&self, at: usize, addr: RecordAddr) {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = buckets.get_mut(at) {
            *slot = addr;
        }
    }

    /// Counts a new account.
    pub(crate) fn count_account(&self) {
        self.account_count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn account_count(&self) -> u64 {
        self.account_count.load(Ordering::Relaxed)
    }

    /// Doubles the buckets while they are full.
    pub(crate) fn grow(&self) {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        while buckets.len() as u64 * BUCKET_ACCOUNTS < self.account_count()
            && buckets.len() < ACCOUNT_BUCKETS_MAX
        {
            buckets.extend_from_within(..);
        }
    }
}

fn read(addr: RecordAddr, reader: &ShardReader) -> Result<Vec<StoredAccount>, Error> {
    if addr == RecordAddr::default() { Ok(Vec::new()) } else { reader.accounts(addr) }
}

/// The low bits of a hash of the id: ids of one shard have a factor in common.
fn index(account: AccountId, len: usize) -> usize {
    let mut mixed = account.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 32;
    usize::try_from(mixed).unwrap_or(0) & len.saturating_sub(1)
}
