//! Which messages of a shard are live: those that any mailbox has, and those that the retention
//! window still holds after they were expunged or their mailbox was deleted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::Error;
use crate::ids::{AccountId, SegmentId};
use crate::state::Snapshot;
use crate::store::cells::{AccountCell, MailboxCell};
use crate::store::image;
use crate::store::places;
use crate::store::reader::ShardReader;
use crate::store::retention::Retention;
use crate::store::shard::Shard;

/// Something live counted by segment.
type Counts = HashMap<SegmentId, u64>;

/// What is live.
pub(super) struct Live {
    /// A bit for each message number.
    bits: Vec<u64>,
    /// Numbers above this came after the marking began.
    highest: u64,
    /// Numbers that only the retention window holds.
    retained: Vec<u64>,
    records: Counts,
    /// Bytes of list parts by segment.
    listed: Counts,
    /// For accounts that had mailboxes deleted: what went before this is not held.
    pub(super) held_since: HashMap<AccountId, i64>,
}

impl Live {
    pub(super) fn has(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|at| self.bits.get(at));
        number > self.highest || word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    fn set(&mut self, number: u64) -> bool {
        let at = usize::try_from(number / 64).unwrap_or(usize::MAX);
        let Some(word) = self.bits.get_mut(at) else { return false };
        let is_new = *word & (1 << (number % 64)) == 0;
        *word |= 1 << (number % 64);
        is_new
    }

    /// Takes it for dead.
    pub(super) fn clear(&mut self, number: u64) {
        let at = usize::try_from(number / 64).unwrap_or(usize::MAX);
        if let Some(word) = self.bits.get_mut(at) {
            *word &= !(1 << (number % 64));
        }
    }

    /// Messages that nobody sees, in no order.
    pub(super) fn retained(&self) -> impl Iterator<Item = u64> + '_ {
        self.retained.iter().copied().filter(|number| self.has(*number))
    }

    /// Bytes of list parts in this segment.
    pub(super) fn listed_in(&self, segment: SegmentId) -> u64 {
        self.listed.get(&segment).copied().unwrap_or(0)
    }

    /// Records in this segment that hold a live message.
    pub(super) fn records_in(&self, segment: SegmentId) -> u64 {
        self.records.get(&segment).copied().unwrap_or(0)
    }
}

/// Called with each mailbox: whose it is, its cell, and what it is now.
pub(super) type EachMailbox<'a> =
    dyn FnMut(AccountId, &Arc<MailboxCell>, &Arc<Snapshot>) -> Result<(), Error> + 'a;

/// Visits every mailbox of a shard, those that nobody has opened without keeping them in memory.
/// A few may be visited twice while accounts are made.
pub(super) fn each_mailbox(shard: &Shard, visit: &mut EachMailbox<'_>) -> Result<(), Error> {
    let (accounts, reader) = (shard.accounts(), shard.reader());
    // Of these the directory may lack the account or its newest list.
    let resident = accounts.all_resident();
    for account in &resident {
        each_of(account, reader, visit)?;
    }
    let known: HashSet<AccountId> = resident.iter().map(|account| account.id).collect();
    drop(resident);
    let mut at = 0;
    while let Some(bucket) = accounts.directory().bucket(at, reader)? {
        for stored in bucket.iter().filter(|stored| !known.contains(&stored.account)) {
            if let Some(account) = accounts.find(stored.account, reader)? {
                each_of(&account, reader, visit)?;
            }
        }
        accounts.let_go();
        at += 1;
    }
    Ok(())
}

fn each_of(
    account: &AccountCell,
    reader: &ShardReader,
    visit: &mut EachMailbox<'_>,
) -> Result<(), Error> {
    for entry in account.list().iter() {
        let cell = account.mailbox(entry.id);
        match image::peek(&cell, reader).and_then(|now| visit(account.id, &cell, &now)) {
            Ok(()) | Err(Error::NoSuchMailbox) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Marks what is live.
///
/// Changes go on meanwhile. A message that moves from a mailbox that was not looked at yet into
/// one that was is in the history of the first, as expunged just now; and one that arrives has a
/// number above the highest.
pub(super) fn mark(shard: &Shard, retention: &Retention, now: i64) -> Result<Live, Error> {
    let highest = shard.reader().places().highest();
    let words = usize::try_from(highest / 64 + 1).unwrap_or(usize::MAX);
    let (bits, retained) = (vec![0; words], Vec::new());
    let (records, listed) = (Counts::new(), Counts::new());
    let held_since = HashMap::new();
    let mut live = Live { bits, highest, retained, records, listed, held_since };
    let mut held = Vec::new();
    each_mailbox(shard, &mut |account, _, snapshot| {
        for row in snapshot.rows(&snapshot.all_uids()?) {
            live.set(places::number(row?.email_id));
        }
        for part in snapshot.lists.parts() {
            *live.listed.entry(part.addr.segment).or_insert(0) += u64::from(part.len);
        }
        let since = retention.since(account, now);
        snapshot.expunged_messages_since(since, &mut |number| held.push(number))
    })?;
    // Sessions that were not told yet may still read what others expunged.
    for snapshot in shard.accounts().outlived().all() {
        for row in snapshot.rows(&snapshot.all_uids()?) {
            held.push(places::number(row?.email_id));
        }
    }
    let graves = shard.submit(|writer| Ok(writer.graves.clone())).wait()?;
    for grave in &graves {
        let since = live.held_since.entry(grave.account);
        if grave.at >= *since.or_insert_with(|| retention.since(grave.account, now)) {
            held.extend(grave.numbers.iter());
        }
    }
    // Attachments are counted by the messages that have them.
    let blobs = shard.submit(|writer| Ok(writer.live_blobs())).wait()?;
    for number in &blobs {
        live.set(*number);
    }
    for number in held {
        if live.set(number) {
            live.retained.push(number);
        }
    }
    count_records(shard, &mut live)?;
    for number in blobs {
        for chunk in shard.reader().blob(number)?.chunks {
            *live.records.entry(chunk.segment).or_insert(0) += 1;
        }
    }
    Ok(live)
}

/// Places of this many records are remembered while records are counted. What is forgotten is
/// counted again, and so makes a segment seem fuller than it is.
const SEEN: usize = 1 << 16;

/// Counts the records that live messages are in.
fn count_records(shard: &Shard, live: &mut Live) -> Result<(), Error> {
    let mut seen = vec![0_u64; SEEN];
    let mut counts = Counts::new();
    for number in (0..=live.highest).filter(|number| live.has(*number)) {
        let addr = match shard.reader().place(places::email_id(shard.id().0, number)) {
            Ok(addr) => addr,
            Err(Error::NoSuchMessage) => continue,
            Err(error) => return Err(error),
        };
        let slot = usize::try_from(addr.packed() / 8).unwrap_or(0) % SEEN;
        if let Some(slot) = seen.get_mut(slot)
            && *slot != addr.packed()
        {
            *slot = addr.packed();
            *counts.entry(addr.segment).or_insert(0) += 1;
        }
    }
    live.records = counts;
    Ok(())
}
