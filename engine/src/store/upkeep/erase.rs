//! Erasing: messages go out of the store for good, with all their copies, whatever the retention
//! window would hold.
//!
//! First nobody has them any more, then no list part tells of them, then every segment that has
//! one of their records is condensed. A crash between leaves the rest to do: who asks again, by
//! the same UIDs, goes on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::format::blob::{Blob, BlobChunk};
use crate::format::block::BlockTable;
use crate::format::list_part::ListPartTable;
use crate::format::message::MessageTable;
use crate::ids::{MailboxId, RecordAddr, SegmentId};
use crate::image::PartRef;
use crate::record::Kind;
use crate::state::Expunge;
use crate::store::cells::MailboxCell;
use crate::store::places;
use crate::store::shard::Shard;
use crate::store::upkeep::mark::{each_mailbox, mark};
use crate::store::upkeep::{NewPart, Upkeep, list};
use crate::store::writer::{Leaving, Writer};
use crate::{Error, UidSet, clock};

/// Message numbers, or numbers of blobs.
type Numbers = BTreeSet<u64>;

impl Upkeep {
    /// Erases messages that a mailbox has, or had once; how many.
    pub(crate) fn erase(
        &self,
        shard: &Shard,
        cell: &Arc<MailboxCell>,
        uids: &UidSet,
    ) -> Result<u64, Error> {
        let _alone = self.due.alone();
        let snapshot = shard.snapshot(cell)?;
        let mut numbers = Numbers::new();
        for row in snapshot.rows(uids) {
            numbers.insert(places::number(row?.email_id));
        }
        snapshot.each_expunged(&mut |uid, number| {
            if uids.contains(uid) {
                numbers.insert(number);
            }
        })?;
        if numbers.is_empty() {
            return Ok(0);
        }
        let traces = {
            // No part shall be made of what there was before.
            let _listing = self.due.listing();
            // Somebody may copy one meanwhile.
            while expunge(shard, &numbers)? {}
            unlist(shard, &numbers)?
        };
        shard.submit(Writer::seal).wait()?;
        let mut live = mark(shard, &self.retention, clock::unix_seconds())?;
        numbers.iter().for_each(|number| live.clear(*number));
        let leaving = holding(shard, &traces, &numbers)?;
        if let Some(stays) = self.empty(shard, &live, &leaving)?.first() {
            return Err(Error::Unusable(format!(
                "segment {stays} is damaged and stays, with what it holds of the messages"
            )));
        }
        // What only they had. Somebody may need it again, who then has it by right.
        let blobs: Numbers = shard.submit(|writer| Ok(writer.unused_blobs())).wait()?;
        if !blobs.is_empty() {
            shard.submit(Writer::seal).wait()?;
            let leaving = holding(shard, &Traces::default(), &blobs)?;
            self.empty(shard, &live, &leaving)?;
        }
        Ok(numbers.len() as u64)
    }
}

/// Expunges messages wherever they are; whether they were anywhere.
fn expunge(shard: &Shard, numbers: &Numbers) -> Result<bool, Error> {
    let mut is_found = false;
    each_mailbox(shard, &mut |_, cell, snapshot| {
        let mut uids = UidSet::new();
        for row in snapshot.rows(&snapshot.all_uids()?) {
            let row = row?;
            if numbers.contains(&places::number(row.email_id)) {
                uids.insert(row.uid);
            }
        }
        if uids.is_empty() {
            return Ok(());
        }
        is_found = true;
        let cell = Arc::clone(cell);
        shard.submit(move |writer| writer.expunge(&cell, &uids, Expunge::Any).map(drop)).wait()
    })?;
    Ok(is_found)
}

/// Where list parts may tell of messages.
#[derive(Default)]
struct Traces {
    /// For each mailbox that there is, the UIDs that they had.
    uids: HashMap<MailboxId, UidSet>,
}

impl Traces {
    fn has(&self, part: &ListPartTable) -> bool {
        // What is listed of a mailbox that is gone is nobody's.
        let uids = self.uids.get(&part.mailbox);
        uids.is_none_or(|uids| part.uids.iter().any(|uid| uids.contains(uid)))
    }
}

/// Makes list parts again that tell of messages, without them.
fn unlist(shard: &Shard, numbers: &Numbers) -> Result<Traces, Error> {
    let mut traces = Traces::default();
    each_mailbox(shard, &mut |_, cell, snapshot| {
        let mut uids = UidSet::new();
        snapshot.each_expunged(&mut |uid, number| {
            if numbers.contains(&number) {
                uids.insert(uid);
            }
        })?;
        let tells = |part: &&PartRef| list::range(part).iter().any(|uid| uids.contains(uid));
        let old: Vec<PartRef> = snapshot.lists.parts().iter().filter(tells).copied().collect();
        if !old.is_empty() {
            let new =
                old.iter().filter_map(|part| list::again(shard, cell, snapshot, part).transpose());
            let new: Vec<NewPart> = new.collect::<Result<_, _>>()?;
            let cell = Arc::clone(cell);
            shard.submit(move |writer| writer.replace_list_parts(&cell, &old, &new)).wait()?;
        }
        traces.uids.insert(cell.id, uids);
        Ok(())
    })?;
    Ok(traces)
}

/// The sealed segments with a record of these messages or blobs, moved or not, or with a list part
/// that tells of them. Reads the whole log.
fn holding(shard: &Shard, traces: &Traces, numbers: &Numbers) -> Result<Leaving, Error> {
    let reader = shard.reader().log();
    let sealed: BTreeSet<SegmentId> = reader.sealed().iter().map(|footer| footer.segment).collect();
    let mut leaving = Leaving::new();
    reader.scan(RecordAddr::default(), &mut |addr, kind, payload| {
        let has = |number: u64| numbers.contains(&number);
        let is_one = match Kind::from_byte(kind) {
            Some(Kind::Message) => {
                MessageTable::decode(payload).is_ok_and(|(of, _)| has(of.number))
            }
            Some(Kind::MessageBlock) => BlockTable::decode(payload)
                .is_ok_and(|(of, _)| of.messages.iter().any(|message| has(message.number))),
            Some(Kind::Blob) => Blob::decode(payload).is_ok_and(|blob| has(blob.number)),
            Some(Kind::BlobChunk) => BlobChunk::decode(payload).is_ok_and(|(of, _)| has(of.number)),
            Some(Kind::ListPart) => {
                let is_asked = !traces.uids.is_empty();
                is_asked && ListPartTable::decode(payload).is_ok_and(|(of, _)| traces.has(&of))
            }
            _ => false,
        };
        if is_one && sealed.contains(&addr.segment) {
            leaving.insert(addr.segment);
        }
        Ok(())
    })?;
    Ok(leaving)
}
