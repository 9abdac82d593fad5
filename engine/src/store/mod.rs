//! The store: joins the log and the mailbox states, and is what callers hold.

mod account;
mod accounts;
mod activity;
mod attached;
mod blobs;
mod block_cache;
mod body;
mod cells;
mod checkpoint;
mod dictionaries;
mod directory;
mod due;
mod dump;
mod field_scan;
mod graves;
mod heal;
mod image;
mod kept;
mod key_reader;
mod listings;
mod mailbox;
mod message;
mod options;
mod outlived;
mod part_front;
mod places;
mod prepare;
mod reader;
mod reads;
mod receipt;
mod recover;
mod retention;
mod shard;
mod upkeep;
mod usage;
mod verify;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

pub use account::Account;
pub use body::StoredBody;
pub use dump::dump;
pub use key_reader::SortKeyReader;
pub use listings::Listings;
pub use mailbox::{AppendItem, Appended, Copied, Expunged, FlagsEdited, Mailbox};
pub use message::StoredMessage;
pub use options::Options;
pub use prepare::Prepared;
pub use reads::Reads;
pub use receipt::Receipt;
pub use retention::Retention;
pub use verify::{Finding, Progress, Report, verify};

use crate::flags::FlagSet;
use crate::ids::{AccountId, ShardId};
use crate::io::{Disk, MessageSource, StoreRoot, shard_disk};
use crate::log::{Log, LogOptions, LogStats};
use crate::record::SpecialUse;
use crate::{Error, InternalDate, UidSet, clock};
use dictionaries::Dictionaries;
use due::Due;
use kept::Kept;
use reader::Shared;
use shard::Shard;
use upkeep::Upkeep;
use writer::Target;

/// An open store. Cheap to clone; the last clone to go closes it.
#[derive(Clone)]
pub struct Store(Arc<Shards>);

struct Shards {
    each: Vec<Shard>,
    stats: Vec<Arc<LogStats>>,
    dictionaries: Dictionaries,
    due: Arc<Due>,
    retention: Arc<Retention>,
    upkeep: Vec<JoinHandle<()>>,
    /// Holds the lock for as long as the store is open; `None` on a simulated disk.
    _root: Option<StoreRoot>,
}

/// A mailbox that a message is delivered to.
#[derive(Clone)]
pub struct Delivery {
    /// Where it goes.
    pub mailbox: Mailbox,
    /// Its first flags there.
    pub flags: FlagSet,
    /// When it arrived.
    pub internal_date: InternalDate,
}

impl Store {
    /// Makes a new store in an empty or missing directory, and opens it.
    pub fn create(dir: &Path, options: &Options) -> Result<Self, Error> {
        let root = StoreRoot::create(dir, options.shard_count, rand_id())?;
        Self::start(root, options)
    }

    /// Opens a store, bringing every shard up to its last acknowledged change.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, Error> {
        Self::start(StoreRoot::open(dir)?, options)
    }

    fn start(root: StoreRoot, options: &Options) -> Result<Self, Error> {
        let mut disks = Vec::new();
        for number in 0..root.shard_count() {
            disks.push(shard_disk(&root.shard_dir(ShardId(number)), options.io)?);
        }
        Self::on_disks(disks, root.store_id(), options, Some(root))
    }

    fn on_disks(
        disks: Vec<Arc<dyn Disk>>,
        store_id: u128,
        options: &Options,
        root: Option<StoreRoot>,
    ) -> Result<Self, Error> {
        let (mut shards, mut stats) = (Vec::new(), Vec::new());
        let dictionaries = Dictionaries::default();
        let kept = Arc::new(Kept::new(options.index_len_max));
        let due = Arc::new(Due::default());
        let common = Shared { dictionaries: dictionaries.clone(), kept, due: Arc::clone(&due) };
        for (number, disk) in (0..).zip(disks) {
            let shard = ShardId(number);
            let segment_len_max = options.segment_len_max;
            let (log, mut damages) =
                Log::open(disk, LogOptions { store_id, shard, segment_len_max })?;
            stats.push(log.stats());
            let (mut writer, more) =
                recover::recover(log, common.clone(), options.checkpoint_every)?;
            writer.due = Some(Arc::clone(&due));
            damages.extend(more);
            for damage in &damages {
                let (at, fault) = (damage.at, damage.fault);
                tracing::error!(%shard, %at, %fault, "damaged; everything else is served");
            }
            shards.push(Shard::start(shard, writer)?);
        }
        let retention = Arc::new(options.retention.clone());
        let (known, held) = (dictionaries.clone(), Arc::clone(&retention));
        let upkeep = Upkeep::new(shards.clone(), known, Arc::clone(&due), held);
        let upkeep = if options.upkeep { upkeep.start()? } else { Vec::new() };
        due.ring();
        let each = shards;
        Ok(Self(Arc::new(Shards {
            each,
            stats,
            dictionaries,
            due,
            retention,
            upkeep,
            _root: root,
        })))
    }

    /// Parses and compresses a message for this store. Takes time in proportion to the message:
    /// call it off the paths that must answer quickly.
    pub fn prepare(&self, bytes: &[u8]) -> Prepared {
        Prepared::with(bytes, &self.0.dictionaries)
    }

    /// The same of bytes that stay where they are, such as a file that is mapped: long ones are
    /// read when they are stored, and never copied whole.
    pub fn prepare_source(&self, source: &MessageSource) -> Prepared {
        Prepared::with_source(source, &self.0.dictionaries)
    }

    /// The account, if it has ever had a mailbox.
    pub fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        let shard = self.shard(id)?;
        let cell = shard.accounts().find(id, shard.reader())?;
        Ok(cell.map(|cell| Account { shard: shard.clone(), cell }))
    }

    /// The account, made with INBOX and these mailboxes if it does not exist.
    pub fn ensure_account(
        &self,
        id: AccountId,
        mailboxes: &[(&str, Option<SpecialUse>)],
    ) -> Receipt<Account> {
        let shard = match self.shard(id) {
            Ok(shard) => shard.clone(),
            Err(error) => return Receipt::decided(Err(error)),
        };
        match shard.accounts().find(id, shard.reader()) {
            Ok(Some(cell)) => return Receipt::decided(Ok(Account { shard, cell })),
            Ok(None) => {}
            Err(error) => return Receipt::decided(Err(error)),
        }
        let named = mailboxes.iter().map(|(name, special_use)| ((*name).to_owned(), *special_use));
        let defaults: Vec<_> = named.collect();
        let handle = shard.clone();
        shard.submit(move |writer| {
            let cell = writer.ensure_account(id, &defaults)?;
            Ok(Account { shard: handle, cell })
        })
    }

    /// Puts one message into many mailboxes; it is stored once in each shard that has any. Each
    /// mailbox takes or refuses it by itself; the outer results are in the order given.
    pub async fn deliver(
        &self,
        message: &Prepared,
        deliveries: &[Delivery],
    ) -> Vec<Result<Appended, Error>> {
        let mut by_shard: BTreeMap<ShardId, Vec<usize>> = BTreeMap::new();
        for (at, delivery) in deliveries.iter().enumerate() {
            by_shard.entry(delivery.mailbox.shard().id()).or_default().push(at);
        }
        let mut receipts = Vec::new();
        for places in by_shard.into_values() {
            let chosen: Vec<_> = places.iter().filter_map(|at| deliveries.get(*at)).collect();
            let Some(shard) = chosen.first().map(|first| first.mailbox.shard().clone()) else {
                continue;
            };
            let targets: Vec<Target> = chosen.iter().map(|delivery| delivery.target()).collect();
            let (message, mut upload) = (message.clone(), None);
            let receipt = shard.submit_in_steps(move |writer| {
                let is_ready = writer.put_blobs(&[&message], &mut upload)?;
                if is_ready { writer.deliver(&message, &targets).map(Some) } else { Ok(None) }
            });
            receipts.push((places, receipt));
        }
        let mut results: Vec<_> = deliveries.iter().map(|_| Err(Error::Closed)).collect();
        for (places, receipt) in receipts {
            let outcome = receipt.await;
            for (nth, at) in places.iter().enumerate() {
                let result = match &outcome {
                    Ok(each) => each.get(nth).cloned().unwrap_or(Err(Error::Closed)),
                    Err(error) => Err(error.clone()),
                };
                if let Some(slot) = results.get_mut(*at) {
                    *slot = result;
                }
            }
        }
        results
    }

    /// What was read of messages in each shard.
    pub fn reads(&self) -> Vec<Arc<Reads>> {
        self.0.each.iter().map(|shard| Arc::clone(shard.reader().reads())).collect()
    }

    /// Does what upkeep is due now, on this thread.
    pub fn upkeep(&self) -> Result<(), Error> {
        self.new_upkeep().run()
    }

    /// Gives back the space of what nobody can see any more and no retention window holds, and
    /// compresses what has come since, neighbours of a mailbox together. Upkeep does it when it is
    /// worth the work; this does all there is, on this thread.
    pub fn compact(&self) -> Result<(), Error> {
        self.new_upkeep().compact_all(clock::unix_seconds())
    }

    /// Erases messages that a mailbox has, or had once: they are expunged from every mailbox that has
    /// them, and when this returns no segment of the log holds their bytes, their attachments (if
    /// nobody else has the same) or what lists said of them. Returns how many there were. Takes as
    /// long as reading the shard's log; after a crash, ask again. What stays: that there were such
    /// UIDs, and what a dictionary may have learnt from many messages together.
    pub fn erase(&self, mailbox: &Mailbox, uids: &UidSet) -> Result<u64, Error> {
        self.new_upkeep().erase(mailbox.shard(), &mailbox.cell(), uids)
    }

    fn new_upkeep(&self) -> Upkeep {
        let (shards, due) = (self.0.each.clone(), Arc::clone(&self.0.due));
        let (known, held) = (self.0.dictionaries.clone(), Arc::clone(&self.0.retention));
        Upkeep::new(shards, known, due, held).in_haste()
    }

    /// Counters of each shard's log.
    pub fn stats(&self) -> &[Arc<LogStats>] {
        &self.0.stats
    }

    /// Writes a checkpoint of every shard now.
    pub fn checkpoint(&self) -> Result<(), Error> {
        let shards = self.0.each.iter();
        let receipts: Vec<_> =
            shards.map(|shard| shard.submit(writer::Writer::checkpoint_now)).collect();
        receipts.into_iter().try_for_each(Receipt::wait)
    }

    /// Finishes what is queued, writes checkpoints and stops the writers. Handles that are left
    /// can still read; changes are refused with [`Error::Closed`]. Blocks.
    pub fn close(&self) {
        self.0.due.close();
        self.0.each.iter().for_each(Shard::close);
    }

    fn shard(&self, id: AccountId) -> Result<&Shard, Error> {
        let count = self.0.each.len() as u64;
        let at = id.0.checked_rem(count).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.0.each.get(at)).ok_or(Error::NoSuchAccount)
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        self.due.close();
        self.each.iter().for_each(Shard::close);
        for thread in self.upkeep.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an upkeep thread had panicked");
            }
        }
    }
}

impl Delivery {
    fn target(&self) -> Target {
        let (flags, internal_date) = (self.flags.clone(), self.internal_date);
        Target { cell: self.mailbox.cell(), flags, internal_date }
    }
}

/// A number no other store has: 128 bits of a hash over what differs between makers of stores.
fn rand_id() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    // Each `RandomState` has keys of its own, drawn from the system.
    let half = || u128::from(RandomState::new().hash_one(std::process::id()));
    half() << 64 | half()
}

#[cfg(test)]
mod tests;
