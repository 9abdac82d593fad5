//! Following another snapshot's flags while messages and numbers stay: the view of a session that
//! must not hear of expunges.

use std::sync::Arc;

use crate::Error;
use crate::columns::{Bitmap, Columns, ModSeqs};
use crate::flags::FlagBits;
use crate::record::FlagAction;
use crate::state::chunk::Chunk;
use crate::state::edit;
use crate::state::snapshot::{Parts, Snapshot};
use crate::uid_set::UidSet;

impl Snapshot {
    /// The messages and numbers of this snapshot with the flags and mod-sequences they have in
    /// `latest`; what is gone there keeps what it had. Costs as much as differs.
    pub(crate) fn with_flags_of(&self, latest: &Self) -> Result<Self, Error> {
        let mut theirs = latest.chunks.iter().peekable();
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for mine in &self.chunks {
            while theirs.next_if(|t| t.summary.last_uid < mine.summary.first_uid).is_some() {}
            let mut overlapping = theirs.clone();
            match overlapping.next() {
                Some(other) if Arc::ptr_eq(mine, other) => chunks.push(Arc::clone(mine)),
                _ => {
                    let within = |t: &&Arc<Chunk>| t.summary.first_uid <= mine.summary.last_uid;
                    let others: Vec<_> = theirs.clone().take_while(|t| within(t)).collect();
                    chunks.push(self.reflagged(mine, &others)?);
                }
            }
        }
        Ok(Self::new(Parts {
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            highest_modseq: self.highest_modseq,
            keywords: Arc::clone(&latest.keywords),
            chunks,
            history: self.history.clone(),
            lists: Arc::clone(&self.lists),
            source: Arc::clone(&self.source),
        }))
    }

    /// `mine` with the flags that its messages have in `others`.
    fn reflagged(&self, mine: &Arc<Chunk>, others: &[&Arc<Chunk>]) -> Result<Arc<Chunk>, Error> {
        let columns = mine.columns(&self.source)?;
        if let [other] = others {
            let theirs = other.columns(&self.source)?;
            if Arc::ptr_eq(&columns.base, &theirs.base) && columns.live() == theirs.live() {
                return Ok(Arc::clone(other));
            }
        }
        let mut flagged = columns.clone();
        let mut modseqs: Option<Vec<u64>> = None;
        for other in others {
            let theirs = other.columns(&self.source)?;
            let newer = newer_rows(&columns, &theirs);
            if newer.is_empty() {
                continue;
            }
            let each = modseqs.get_or_insert_with(|| {
                (0..columns.base.len()).map(|at| columns.modseqs.at(at)).collect()
            });
            let mut mask = Bitmap::default();
            for (at, there) in &newer {
                mask.set(*at);
                if let Some(slot) = each.get_mut(*at) {
                    *slot = theirs.modseqs.at(*there);
                }
            }
            copy_flags(&mut flagged, &theirs, &newer, &mask);
        }
        let Some(modseqs) = modseqs else { return Ok(Arc::clone(mine)) };
        flagged.modseqs = ModSeqs::collect(modseqs);
        Ok(Chunk::of(flagged).map_or_else(|| Arc::clone(mine), Arc::new))
    }

    /// The messages of `uids` whose flags here are others than `edit` makes of the flags they had
    /// in `before`, from which this snapshot was made by following another's flags.
    pub fn unlike(
        &self,
        before: &Self,
        uids: &UidSet,
        edit: (FlagAction, FlagBits),
    ) -> Result<UidSet, Error> {
        let mut unlike = UidSet::new();
        for (was, is) in before.chunks.iter().zip(&self.chunks) {
            if uids.ranges_within(is.summary.first_uid, is.summary.last_uid).next().is_none() {
                continue;
            }
            let (was, is) = (was.columns(&self.source)?, is.columns(&self.source)?);
            let mask = edit::mask(&is, uids);
            let differing = if Arc::ptr_eq(&was.base, &is.base) {
                let expected = edit::with_flags(&was, &mask, edit, 0);
                other_flags(&expected, &is).and(&mask)
            } else {
                // Nobody knows; to be told of flags one has does no harm.
                mask
            };
            edit::push_uids(&is, &differing, &mut unlike);
        }
        Ok(unlike)
    }
}

/// Rows with other flags in `two`, whose rows are the same.
fn other_flags(one: &Columns, two: &Columns) -> Bitmap {
    let bits = one.flags.iter().chain(&two.flags).map(|(bit, _)| *bit);
    bits.fold(Bitmap::default(), |differing, bit| {
        let (one, two) = (one.flag(bit), two.flag(bit));
        differing.or(&one.without(&two)).or(&two.without(&one))
    })
}

/// Rows live in both whose mod-sequences differ: their places in `mine` and in `theirs`.
fn newer_rows(mine: &Columns, theirs: &Columns) -> Vec<(usize, usize)> {
    let (live, live_there) = (mine.live(), theirs.live());
    if Arc::ptr_eq(&mine.base, &theirs.base) {
        let differing = mine.modseqs.differing(&theirs.modseqs, mine.base.len());
        return differing.and(&live).and(&live_there).iter().map(|at| (at, at)).collect();
    }
    let mut there = live_there.iter().peekable();
    let uid_there = |at: usize| theirs.base.uids.get(at).copied().unwrap_or(u32::MAX);
    let mut found = Vec::new();
    for at in live.iter() {
        let uid = mine.base.uids.get(at).copied().unwrap_or(0);
        while there.next_if(|place| uid_there(*place) < uid).is_some() {}
        if let Some(place) = there.next_if(|place| uid_there(*place) == uid) {
            found.push((at, place));
        }
    }
    found.retain(|&(at, there)| mine.modseqs.at(at) != theirs.modseqs.at(there));
    found
}

fn copy_flags(into: &mut Columns, from: &Columns, rows: &[(usize, usize)], mask: &Bitmap) {
    let mut bits: Vec<u8> = into.flags.iter().chain(&from.flags).map(|(bit, _)| *bit).collect();
    bits.sort_unstable();
    bits.dedup();
    for bit in bits {
        let there = from.flag(bit);
        let mut has = into.flag(bit).without(mask);
        rows.iter().filter(|(_, place)| there.has(*place)).for_each(|(at, _)| has.set(*at));
        into.set_flag(bit, &has);
    }
}
