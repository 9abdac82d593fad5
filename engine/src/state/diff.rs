//! What a session must be told to move from one snapshot of a mailbox to a later one.

use std::sync::Arc;

use crate::Error;
use crate::columns::{Bitmap, Columns};
use crate::ids::Uid;
use crate::state::chunk::{Chunk, Source};
use crate::state::edit;
use crate::state::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// What a session must be told to move from one snapshot of a mailbox to a later one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Messages that are gone.
    pub expunged: UidSet,
    /// Messages that are new.
    pub appended: UidSet,
    /// Messages in both whose flags or mod-sequence changed.
    pub reflagged: UidSet,
}

impl Diff {
    /// How many ranges of UIDs it names.
    pub(crate) fn range_count(&self) -> usize {
        let sets = [&self.expunged, &self.appended, &self.reflagged];
        sets.into_iter().map(|set| set.ranges().len()).sum()
    }

    /// Compares two snapshots of one mailbox. Chunks that both share are passed over, so the
    /// cost follows what changed.
    pub fn between(old: &Snapshot, new: &Snapshot) -> Result<Self, Error> {
        let mut diff = Self::default();
        let (mut before, mut after) = (old.chunks.as_slice(), new.chunks.as_slice());
        let mut region = Region::default();
        while let (Some((was, was_rest)), Some((is, is_rest))) =
            (before.split_first(), after.split_first())
        {
            if Arc::ptr_eq(was, is) {
                region.flush(&old.source, &mut diff)?;
                (before, after) = (was_rest, is_rest);
            } else if was.summary.last_uid < is.summary.last_uid {
                region.old.push(Arc::clone(was));
                before = was_rest;
            } else if was.summary.last_uid > is.summary.last_uid {
                region.new.push(Arc::clone(is));
                after = is_rest;
            } else {
                region.old.push(Arc::clone(was));
                region.new.push(Arc::clone(is));
                (before, after) = (was_rest, is_rest);
                region.flush(&old.source, &mut diff)?;
            }
        }
        region.old.extend(before.iter().cloned());
        region.new.extend(after.iter().cloned());
        region.flush(&old.source, &mut diff)?;
        Ok(diff)
    }
}

/// Neighbouring chunks of both snapshots that cover the same messages in different ways.
#[derive(Default)]
struct Region {
    old: Vec<Arc<Chunk>>,
    new: Vec<Arc<Chunk>>,
}

impl Region {
    fn flush(&mut self, source: &Source, diff: &mut Diff) -> Result<(), Error> {
        let (old, new) = (std::mem::take(&mut self.old), std::mem::take(&mut self.new));
        let columns = |chunks: &[Arc<Chunk>]| {
            let load = |chunk: &Arc<Chunk>| chunk.columns(source);
            chunks.iter().map(load).collect::<Result<Vec<_>, _>>()
        };
        let (old, new) = (columns(&old)?, columns(&new)?);
        if let ([was], [is]) = (old.as_slice(), new.as_slice())
            && Arc::ptr_eq(&was.base, &is.base)
        {
            compare_same_rows(was, is, diff);
            return Ok(());
        }
        compare(&old, &new, diff);
        Ok(())
    }
}

fn compare_same_rows(was: &Columns, is: &Columns, diff: &mut Diff) {
    let (live_before, live_now) = (was.live(), is.live());
    edit::push_uids(was, &live_before.without(&live_now), &mut diff.expunged);
    let differing = was.modseqs.differing(&is.modseqs, was.base.len());
    edit::push_uids(was, &differing.and(&live_before).and(&live_now), &mut diff.reflagged);
}

/// Merge join by UID: both sides ascend, so one pass over each is enough.
fn compare(old: &[Columns], new: &[Columns], diff: &mut Diff) {
    let (live_before, live_now) = (with_live(old), with_live(new));
    let mut before = rows(&live_before).peekable();
    for (uid, modseq) in rows(&live_now) {
        while let Some((gone, _)) = before.next_if(|(was, _)| *was < uid) {
            diff.expunged.insert(gone);
        }
        match before.next_if(|(was, _)| *was == uid) {
            None => diff.appended.insert(uid),
            Some((_, was)) if was != modseq => diff.reflagged.insert(uid),
            Some(_) => {}
        }
    }
    before.for_each(|(gone, _)| diff.expunged.insert(gone));
}

fn with_live(chunks: &[Columns]) -> Vec<(&Columns, Bitmap)> {
    chunks.iter().map(|columns| (columns, columns.live())).collect()
}

/// UID and mod-sequence of each live row, ascending.
fn rows<'a>(chunks: &'a [(&Columns, Bitmap)]) -> impl Iterator<Item = (Uid, u64)> + 'a {
    chunks.iter().flat_map(|(columns, live)| {
        live.iter().filter_map(|at| {
            let uid = columns.base.uids.get(at).copied().and_then(Uid::new)?;
            Some((uid, columns.modseqs.at(at)))
        })
    })
}
