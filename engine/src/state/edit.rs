//! Changing one chunk's columns: pure functions from columns and a mask to columns.

use std::sync::Arc;

use crate::columns::{Bitmap, Columns};
use crate::flags::FlagBits;
use crate::ids::Uid;
use crate::record::FlagAction;
use crate::uid_set::UidSet;

/// The rows of `columns` that are live and in `uids`.
pub(crate) fn mask(columns: &Columns, uids: &UidSet) -> Bitmap {
    let all = columns.base.uids.as_slice();
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Bitmap::default();
    };
    let mut mask = Bitmap::default();
    if (last - first) as usize + 1 == all.len() {
        // Without gaps a UID says where it is.
        for range in uids.ranges_within(*first, *last) {
            let (start, end) = (*range.start().max(first), *range.end().min(last));
            mask.set_range((start - first) as usize, (end - first) as usize + 1);
        }
    } else {
        let mut at = 0;
        for range in uids.ranges_within(*first, *last) {
            let start = skip_while(all, at, |uid| uid < *range.start());
            at = skip_while(all, start, |uid| uid <= *range.end());
            mask.set_range(start, at);
        }
    }
    match &columns.live {
        Some(live) => mask.and(live),
        None => mask,
    }
}

/// Past the UIDs from `from` on for which `is_before` holds: quick for a few, and for many.
fn skip_while(uids: &[u32], from: usize, is_before: impl Fn(u32) -> bool) -> usize {
    let (mut low, mut step) = (from, 1);
    while uids.get(low + step - 1).is_some_and(|uid| is_before(*uid)) {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(uids.len());
    let near = uids.get(low..high).unwrap_or_default();
    low + near.partition_point(|uid| is_before(*uid))
}

/// The UIDs of the rows of `mask`, added to `out`.
pub(crate) fn push_uids(columns: &Columns, mask: &Bitmap, out: &mut UidSet) {
    for run in mask.runs() {
        let uids = columns.base.uids.get(run).unwrap_or_default();
        match uids {
            [] => {}
            [first, .., last] if (last - first) as usize + 1 != uids.len() => {
                let neighbours = uids.chunk_by(|uid, next| uid + 1 == *next);
                neighbours.for_each(|part| push_ends(part, out));
            }
            _ => push_ends(uids, out),
        }
    }
}

fn push_ends(uids: &[u32], out: &mut UidSet) {
    if let (Some(first), Some(last)) = (uids.first(), uids.last()) {
        push_run((*first, *last), out);
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
    let (live, len) = (columns.live(), columns.base.len());
    edited.modseqs = columns.modseqs.with(mask, modseq, &live, len);
    edited
}

/// The columns without the rows of `mask`, which stay in the base until a merge.
pub(crate) fn without_rows(columns: &Columns, mask: &Bitmap) -> Columns {
    let mut edited = columns.clone();
    edited.live = Some(Arc::new(columns.live().without(mask)));
    edited
}
