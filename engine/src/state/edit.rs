//! Changing one chunk's columns: pure functions from columns and a mask to columns.

use std::sync::Arc;

use crate::columns::{Bitmap, Columns};
use crate::flags::FlagBits;
use crate::ids::Uid;
use crate::record::FlagAction;
use crate::uid_set::UidSet;

/// The rows of `columns` that are live and in `uids`.
pub(crate) fn mask(columns: &Columns, uids: &UidSet) -> Bitmap {
    let all = &columns.base.uids;
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Bitmap::default();
    };
    let mut mask = Bitmap::default();
    for range in uids.ranges_within(*first, *last) {
        let start = all.partition_point(|uid| uid < range.start());
        let end = all.partition_point(|uid| uid <= range.end());
        mask.set_range(start, end);
    }
    match &columns.live {
        Some(live) => mask.and(live),
        None => mask,
    }
}

/// The UIDs of the rows of `mask`, added to `out`.
pub(crate) fn push_uids(columns: &Columns, mask: &Bitmap, out: &mut UidSet) {
    let uids = &columns.base.uids;
    let mut run: Option<(u32, u32)> = None;
    for uid in mask.iter().filter_map(|at| uids.get(at).copied()) {
        run = match run {
            Some((first, last)) if last + 1 == uid => Some((first, uid)),
            Some(done) => {
                push_run(done, out);
                Some((uid, uid))
            }
            None => Some((uid, uid)),
        };
    }
    if let Some(done) = run {
        push_run(done, out);
    }
}

fn push_run((first, last): (u32, u32), out: &mut UidSet) {
    if let (Some(first), Some(last)) = (Uid::new(first), Uid::new(last)) {
        out.insert_range(first, last);
    }
}

/// Which rows of `mask` have other flags after `action`.
pub(crate) fn changing(
    columns: &Columns,
    mask: &Bitmap,
    action: FlagAction,
    flags: FlagBits,
) -> Bitmap {
    let with = |bit: u8| columns.flag(bit);
    let wanted = flags.iter().filter_map(|bit| u8::try_from(bit).ok());
    let lacking = |bits: Bitmap, bit| bits.or(&mask.without(&with(bit)));
    let having = |bits: Bitmap, bit| bits.or(&mask.and(&with(bit)));
    match action {
        FlagAction::Add => wanted.fold(Bitmap::default(), lacking),
        FlagAction::Remove => wanted.fold(Bitmap::default(), having),
        FlagAction::Replace => {
            let lacking = wanted.fold(Bitmap::default(), lacking);
            let others = columns.flags.iter().map(|(bit, _)| *bit);
            others.filter(|bit| flags.0 & (1 << bit) == 0).fold(lacking, having)
        }
    }
}

/// The columns with `action` done to the rows of `mask`.
pub(crate) fn with_flags(
    columns: &Columns,
    mask: &Bitmap,
    (action, flags): (FlagAction, FlagBits),
    modseq: u64,
) -> Columns {
    let mut edited = columns.clone();
    for bit in flags.iter().filter_map(|bit| u8::try_from(bit).ok()) {
        let has = columns.flag(bit);
        let has = match action {
            FlagAction::Add | FlagAction::Replace => has.or(mask),
            FlagAction::Remove => has.without(mask),
        };
        edited.set_flag(bit, &has);
    }
    if action == FlagAction::Replace {
        for (bit, has) in columns.flags.iter().filter(|(bit, _)| flags.0 & (1 << bit) == 0) {
            edited.set_flag(*bit, &has.without(mask));
        }
    }
    edited.modseqs = columns.modseqs.with(mask, modseq, columns.base.len());
    edited
}

/// The columns without the rows of `mask`, which stay in the base until a merge.
pub(crate) fn without_rows(columns: &Columns, mask: &Bitmap) -> Columns {
    let mut edited = columns.clone();
    edited.live = Some(Arc::new(columns.live().without(mask)));
    edited
}
