//! What changed since a client had the mailbox open last: the QRESYNC parameter
//! (RFC 7162, 3.2.5).

use std::num::NonZeroU32;

use engine::{Error, SeqNo, Snapshot, Uid, UidSet};

use crate::imap::command::{FetchAttribute, Resync, SequenceSet};
use crate::imap::dialogue::Dialogue;
use crate::imap::outcome::Stop;
use crate::imap::session::Selected;

/// Removals first, then what is new or has other flags; nothing if the UIDs are of another
/// generation. History is kept from the first change on, so the answer is exact however old the
/// client's knowledge is.
pub(super) async fn resync(
    selected: &Selected,
    resync: &Resync,
    dialogue: &mut Dialogue,
) -> Result<(), Stop> {
    let snapshot = selected.view.snapshot();
    if snapshot.uid_validity().get() != resync.uid_validity.get() {
        return Ok(());
    }
    // Without a set: up to UIDNEXT less 1, beyond the last message if that was removed.
    let known = resync.known.as_ref().map_or_else(UidSet::all, uids_of);
    let floor = resync.pairs.as_ref().map_or(Ok(0), |pairs| agreed(snapshot, pairs))?;
    let mut above = UidSet::new();
    if let Some(first) = Uid::new(floor.saturating_add(1)) {
        above.insert_range(first, Uid::LAST);
    }
    selected.write_vanished(resync.modseq, &known.intersection(&above), dialogue).await?;
    let items = [FetchAttribute::Uid, FetchAttribute::Flags, FetchAttribute::ModSeq];
    selected.write_rows_since(&known, resync.modseq, &items, dialogue).await
}

/// The set without `*`, as the parser made sure.
fn uids_of(set: &SequenceSet) -> UidSet {
    let mut uids = UidSet::new();
    for (first, last) in set.resolve(None) {
        if let (Some(first), Some(last)) = (Uid::new(first.get()), Uid::new(last.get())) {
            uids.insert_range(first, last);
        }
    }
    uids
}

/// The UID up to which the client knows all removals: that of the last of its pairs that is right
/// (RFC 7162, 3.2.5.2). Up to there it has as many messages as the mailbox, and so the same ones;
/// hence pairs are right up to one place and wrong behind it.
fn agreed(snapshot: &Snapshot, pairs: &(SequenceSet, SequenceSet)) -> Result<u32, Error> {
    let (numbers, uids) = (pairs.0.resolve(None), pairs.1.resolve(None));
    let uid_if_right = |nth: u64| -> Result<Option<u32>, Error> {
        let (Some(number), Some(uid)) = (nth_of(&numbers, nth), nth_of(&uids, nth)) else {
            return Ok(None);
        };
        let is = SeqNo::new(number).map_or(Ok(None), |seq| snapshot.uid_at(seq))?;
        Ok(is.map(Uid::get).filter(|is| *is == uid))
    };
    let (mut right, mut end, mut agreed) = (0, u64::from(snapshot.exists()), 0);
    while right < end {
        let middle = right + (end - right) / 2;
        match uid_if_right(middle)? {
            Some(uid) => (right, agreed) = (middle + 1, uid),
            None => end = middle,
        }
    }
    Ok(agreed)
}

/// Number `nth`, counted from 0, of ascending ranges.
fn nth_of(ranges: &[(NonZeroU32, NonZeroU32)], nth: u64) -> Option<u32> {
    let mut left = nth;
    for (first, last) in ranges {
        let len = u64::from(last.get() - first.get()) + 1;
        if left < len {
            return u32::try_from(u64::from(first.get()) + left).ok();
        }
        left -= len;
    }
    None
}
