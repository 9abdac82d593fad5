//! How many messages one command may work on, where the operator has set a limit (RFC 9738).
//!
//! What can be done in parts is done to the messages with the highest UIDs, and the client told how
//! far down; what is done whole or not at all is refused.

use engine::{Error, Row, Snapshot, SystemFlag, Uid, UidSet};

use super::command::{Numbering, PartialRange, SearchKey};
use super::dialogue::{Dialogue, blocking};
use super::response::{Done, Refusal, Verdict};
use super::view::SelectedView;
use crate::context::Context;

/// A command that stopped at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    limit: u32,
    /// Below this UID nothing was done.
    pub(crate) lowest: Uid,
}

/// The limit of all commands that have one.
pub(crate) fn of_work(context: &Context) -> Option<u32> {
    Some(context.config.imap.message_limit).filter(|limit| *limit > 0)
}

/// The limit of what stores messages, which may be one for itself.
pub(crate) fn of_saving(context: &Context) -> Option<u32> {
    of_work(context).or(Some(context.config.imap.save_limit).filter(|limit| *limit > 0))
}

/// `MESSAGELIMIT=n` or `SAVELIMIT=n`, never both (RFC 9738, 3).
pub(crate) fn capability(context: &Context) -> Option<String> {
    let work = of_work(context).map(|limit| format!("MESSAGELIMIT={limit}"));
    work.or_else(|| of_saving(context).map(|limit| format!("SAVELIMIT={limit}")))
}

/// Leaves those messages of a set that have the highest UIDs. Nothing is said of a set within the
/// limit.
pub(crate) fn cut(
    snapshot: &Snapshot,
    uids: &mut UidSet,
    limit: Option<u32>,
) -> Result<Option<Reached>, Error> {
    let Some(limit) = limit else { return Ok(None) };
    let Some(over) = count(snapshot, uids)?.checked_sub(limit.into()).filter(|over| *over > 0)
    else {
        return Ok(None);
    };
    let Some(lowest) = nth_of(snapshot, uids, over)? else { return Ok(None) };
    let mut above = UidSet::new();
    above.insert_range(lowest, Uid::LAST);
    *uids = uids.intersection(&above);
    Ok(Some(Reached { limit, lowest }))
}

/// The message with so many of a set before it.
fn nth_of(snapshot: &Snapshot, uids: &UidSet, nth: u64) -> Result<Option<Uid>, Error> {
    let mut left = nth;
    for run in snapshot.runs(uids) {
        let run = run?;
        let len = run.len() as u64;
        if left < len {
            let at = usize::try_from(left).unwrap_or(usize::MAX);
            return Ok(run.uids().get(at).and_then(|uid| Uid::new(*uid)));
        }
        left -= len;
    }
    Ok(None)
}

/// The same for what is to be expunged: only messages marked `\Deleted` count.
pub(crate) fn cut_deleted(
    snapshot: &Snapshot,
    uids: &mut UidSet,
    limit: Option<u32>,
) -> Result<Option<Reached>, Error> {
    if limit.is_none() {
        return Ok(None);
    }
    let is_deleted = |row: &Result<Row, Error>| {
        row.as_ref().map_or(true, |row| row.flags.has(SystemFlag::Deleted))
    };
    let mut deleted = UidSet::new();
    blocking(|| {
        for row in snapshot.rows(uids).filter(is_deleted) {
            deleted.insert(row?.uid);
        }
        Ok::<_, Error>(())
    })?;
    *uids = deleted;
    cut(snapshot, uids, limit)
}

/// The messages that a search has to look at: what sets at its top leave (RFC 9738, 3.1).
pub(crate) fn candidates(view: &SelectedView, keys: &[SearchKey]) -> Result<UidSet, Refusal> {
    let mut uids = UidSet::all();
    for key in keys {
        let named = match key {
            SearchKey::Sequence(set) => view.uids(set, Numbering::Sequence)?,
            SearchKey::Uid(set) => view.uids(set, Numbering::Uid)?,
            SearchKey::And(keys) => candidates(view, keys)?,
            _ => continue,
        };
        uids = uids.intersection(&named);
    }
    Ok(uids)
}

/// Messages of a set that there are.
pub(crate) fn count(snapshot: &Snapshot, uids: &UidSet) -> Result<u64, Error> {
    let mut count = 0;
    for run in snapshot.runs(uids) {
        count += run?.len() as u64;
    }
    Ok(count)
}

/// Refuses what is done to all messages or to none.
pub(crate) fn refuse(count: u64, limit: Option<u32>) -> Result<(), Refusal> {
    let Some(limit) = limit.filter(|limit| u64::from(*limit) < count) else { return Ok(()) };
    Err(Refusal {
        verdict: Verdict::No,
        code: Some(format!("MESSAGELIMIT {limit}").into()),
        text: "Too many messages for one command".into(),
    })
}

/// Refuses a search whose results are only of use whole.
pub(crate) fn refuse_search(
    view: &SelectedView,
    keys: &[SearchKey],
    limit: Option<u32>,
) -> Result<(), Refusal> {
    if limit.is_none() {
        return Ok(());
    }
    refuse(count(view.snapshot(), &candidates(view, keys)?)?, limit)
}

/// Refuses a slice of results that is longer than the limit.
pub(crate) fn refuse_range(range: &PartialRange, limit: Option<u32>) -> Result<(), Refusal> {
    refuse(u64::from(range.first.get().abs_diff(range.last.get())) + 1, limit)
}

/// Says in the tagged OK how far the command came; where that has another code already, before it.
pub(crate) fn done(done: Done, reached: Option<Reached>, dialogue: &mut Dialogue) -> Done {
    let Some(Reached { limit, lowest }) = reached else { return done };
    let code = format!("MESSAGELIMIT {limit} {}", lowest.get());
    if done.code.is_some() {
        dialogue.untagged(format_args!("NO [{code}] Not all messages"));
        return done;
    }
    Done::with(code, done.text)
}
