//! Compaction: what is live in sealed segments is written again, neighbours of a mailbox
//! together, and the segments keep only what happened in them.
//!
//! Each step leaves a store that any crash may end. Messages are moved first; the next checkpoint
//! then refers to nothing in the old segments; only then are these replaced by what is kept of
//! them, one by one. A crash between repeats at most the work.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::format::segment::SegmentFooter;
use crate::ids::{RecordAddr, SegmentId, ShardId};
use crate::state::Snapshot;
use crate::store::cells::MailboxCell;
use crate::store::places;
use crate::store::shard::Shard;
use crate::store::upkeep::Upkeep;
use crate::store::upkeep::condense::condense;
use crate::store::upkeep::mark::{Live, each_mailbox, mark};
use crate::store::upkeep::mover::Mover;
use crate::store::upkeep::pace::Pace;
use crate::store::writer::{Carrying, Leaving, Writer};
use crate::{Error, clock};

/// Segments that are compacted together: the more, the longer the runs of neighbours.
const LEAVING_LEN_MAX: u64 = 2 << 30;
/// Messages as they came in are moved once, for that makes them smaller; this many percent is
/// what it gains at least.
const ARCHIVE_GAIN_PERCENT: u64 = 20;
/// The same for whoever asks for all there is to gain.
const GAIN_PERCENT_ALL: u64 = 2;
/// How often a checkpoint that is waited for is looked at.
const CHECKPOINT_LOOK: Duration = Duration::from_millis(2);
/// What is not seen by counting sealed segments, as that time passes, is looked for this often.
const LOOK_EVERY: Duration = Duration::from_hours(6);
/// Else a shard is looked at when there is a segment more for this many.
const LOOK_GROWTH: usize = 16;
/// A segment is compacted when that gives back this many percent of it.
const GAIN_PERCENT_MIN: u64 = 15;

impl Upkeep {
    /// Compacts shards in which enough can be gained.
    pub(super) fn compact_if_due(&mut self) -> Result<(), Error> {
        for shard in self.shards.clone() {
            let sealed = shard.reader().log().sealed();
            if !self.is_look_due(shard.id(), sealed.len()) {
                continue;
            }
            let sealed_len: u64 = sealed.iter().map(|footer| footer.valid_len).sum();
            // Without a look at what is live: an upper bound, and cheap.
            let movable: u64 = sealed.iter().map(movable_len).sum();
            if movable.saturating_mul(100) >= sealed_len.saturating_mul(GAIN_PERCENT_MIN * 2) {
                match self.compact(&shard, GAIN_PERCENT_MIN, clock::unix_seconds()) {
                    // What is damaged was noted, and is made again before the next look.
                    Err(error @ Error::Damaged { .. }) => {
                        tracing::warn!(%error, "compaction goes on later");
                        self.looked_at.remove(&shard.id());
                    }
                    done => done?,
                }
            }
        }
        Ok(())
    }

    /// Whether enough may have become garbage since the last look at a shard. To look takes time in
    /// proportion to its messages.
    fn is_look_due(&mut self, shard: ShardId, sealed: usize) -> bool {
        let is_due = self.looked_at.get(&shard).is_none_or(|(at, then)| {
            at.elapsed() >= LOOK_EVERY || sealed > then + then / LOOK_GROWTH
        });
        if is_due {
            self.looked_at.insert(shard, (Instant::now(), sealed));
        }
        is_due
    }

    /// Compacts everything that gains by it.
    pub(crate) fn compact_all(&self, now: i64) -> Result<(), Error> {
        for shard in &self.shards {
            shard.submit(Writer::seal_messages).wait()?;
            self.compact(shard, GAIN_PERCENT_ALL, now)?;
        }
        Ok(())
    }

    /// Compacts a shard's segments that give back this many percent of themselves or more.
    fn compact(&self, shard: &Shard, gain_percent_min: u64, now: i64) -> Result<(), Error> {
        let _alone = self.due.alone();
        // What is sealed later may have messages that came after the marking.
        let sealed = shard.reader().log().sealed();
        let live = mark(shard, &self.retention, now)?;
        let held_since = live.held_since.clone();
        let forget = move |writer: &mut Writer| {
            writer.forget_graves(&held_since);
            Ok(())
        };
        shard.submit(forget).wait()?;
        let chosen = choose(&sealed, &live, gain_percent_min);
        let mut rest = chosen.as_slice();
        while !rest.is_empty() {
            let mut len = 0;
            let fits = rest.iter().take_while(|footer| {
                len += footer.valid_len;
                len <= LEAVING_LEN_MAX
            });
            let count = fits.count().max(1);
            let (now, later) = rest.split_at(count);
            let leaving = now.iter().map(|footer| footer.segment).collect();
            self.empty(shard, &live, &leaving)?;
            rest = later;
        }
        Ok(())
    }

    /// Takes everything live out of these segments and condenses them; those that had to stay.
    pub(super) fn empty(
        &self,
        shard: &Shard,
        live: &Live,
        leaving: &Leaving,
    ) -> Result<Vec<SegmentId>, Error> {
        tracing::debug!(shard = %shard.id(), segments = leaving.len(), "compaction begins");
        let mut mover = Mover::new(Pace::new(&self.due, self.is_hasty), shard, leaving);
        each_mailbox(shard, &mut |_, _, snapshot| {
            for row in snapshot.rows(&snapshot.all_uids()?) {
                mover.take(row?.email_id)?;
            }
            mover.end_block()
        })?;
        // What nobody sees any more, and the retention window holds.
        for number in live.retained() {
            mover.take(places::email_id(shard.id().0, number))?;
        }
        mover.end_block()?;
        mover.hand_over()?;
        self.carry_blobs(shard, leaving)?;
        each_mailbox(shard, &mut |_, cell, snapshot| self.leave(shard, leaving, (cell, snapshot)))?;
        let gone = leaving.clone();
        shard.submit(move |writer| writer.leave_shard(&gone)).wait()?;
        self.wait_for_checkpoint(shard)?;
        let is_leaving = |addr: RecordAddr| leaving.contains(&addr.segment);
        for snapshot in shard.accounts().outlived().all() {
            snapshot.leave(&is_leaving)?;
        }
        let mut stay = Vec::new();
        for segment in leaving {
            if !condense(shard, live, *segment)? {
                stay.push(*segment);
            }
        }
        Ok(stay)
    }

    /// Has blobs written again that stand in these segments, a piece at a time.
    fn carry_blobs(&self, shard: &Shard, leaving: &Leaving) -> Result<(), Error> {
        let mut pace = Pace::new(&self.due, self.is_hasty);
        let mut carrying = Carrying::default();
        while !carrying.is_done {
            let gone = leaving.clone();
            let step = shard.submit(move |writer| writer.carry_blobs(carrying, &gone));
            let (next, len) = step.wait()?;
            carrying = next;
            pace.rest(len)?;
        }
        Ok(())
    }

    /// The same of what belongs to a mailbox. What comes meanwhile stands elsewhere.
    fn leave(
        &self,
        shard: &Shard,
        leaving: &Leaving,
        (cell, snapshot): (&Arc<MailboxCell>, &Snapshot),
    ) -> Result<(), Error> {
        let is_leaving = |addr: RecordAddr| leaving.contains(&addr.segment);
        let mut pace = Pace::new(&self.due, self.is_hasty);
        let mut has_parts = snapshot.lists.parts().iter().any(|part| is_leaving(part.addr));
        while has_parts {
            let (cell, leaving) = (Arc::clone(cell), leaving.clone());
            let step = shard.submit(move |writer| writer.carry_list_parts(&cell, &leaving));
            let len = step.wait()?;
            has_parts = len > 0;
            pace.rest(len)?;
        }
        let image = shard.reader().image(cell.id)?;
        if image.is_some_and(is_leaving) || snapshot.is_in(&is_leaving) {
            let (cell, leaving) = (Arc::clone(cell), leaving.clone());
            shard.submit(move |writer| writer.leave_mailbox(&cell, &leaving)).wait()?;
        }
        Ok(())
    }

    /// Waits for a checkpoint that begins from now on.
    fn wait_for_checkpoint(&self, shard: &Shard) -> Result<(), Error> {
        let (wanted, failed) = shard.submit(Writer::ask_for_checkpoint).wait()?;
        loop {
            match shard.submit(|writer| Ok(writer.checkpoints_done())).wait()? {
                (done, _) if done >= wanted => return Ok(()),
                (_, now) if now > failed => {
                    return Err(Error::Unusable("compaction needs a checkpoint".to_owned()));
                }
                _ if shard.submit(|writer| Ok(writer.log.is_poisoned())).wait()? => {
                    return Err(Error::Poisoned);
                }
                _ => self.due.rest(CHECKPOINT_LOOK)?,
            }
        }
    }
}

fn movable_len(footer: &SegmentFooter) -> u64 {
    footer.contents.arrivals.len + footer.contents.archived.len + footer.contents.derived.len
}

/// The segments that gain enough, those first that gain most for what they cost.
fn choose(sealed: &[SegmentFooter], live: &Live, gain_percent_min: u64) -> Vec<SegmentFooter> {
    let mut chosen: Vec<(u64, &SegmentFooter)> = Vec::new();
    for footer in sealed.iter().filter(|footer| movable_len(footer) > 0) {
        let contents = &footer.contents;
        let records = (contents.arrivals.records + contents.archived.records).max(1);
        let len = contents.arrivals.len + contents.archived.len;
        let kept = live.records_in(footer.segment).min(records);
        let live_len = (len / records * kept).min(len);
        let archiving = live_len / 100 * ARCHIVE_GAIN_PERCENT;
        let archiving = archiving * (contents.arrivals.len / 1024) / (len / 1024).max(1);
        // Of what checkpoints wrote about half is of older ones.
        let listed = live.listed_in(footer.segment);
        let derived = contents.derived.len.saturating_sub(listed) / 2;
        let gain = len - live_len + archiving + derived;
        if gain.saturating_mul(100) >= footer.valid_len.saturating_mul(gain_percent_min) {
            let cost = live_len + listed + derived;
            chosen.push((gain.saturating_mul(1024) / (cost / 1024).max(1), footer));
        }
    }
    chosen.sort_by_key(|(benefit, _)| Reverse(*benefit));
    chosen.into_iter().map(|(_, footer)| *footer).collect()
}
