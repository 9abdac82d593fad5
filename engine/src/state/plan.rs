//! From what is asked to the change that is written: numbers given, conflicts found, nothing
//! changed yet.

use crate::Error;
use crate::columns::NewRow;
use crate::flags::{FlagBits, FlagSet, KEYWORDS_MAX, Keyword, SystemFlag};
use crate::ids::{MailboxId, ModSeq, Uid};
use crate::record::{Change, FlagAction, Transfer};
use crate::state::edit;
use crate::state::mailbox_state::MailboxState;
use crate::state::snapshot::Snapshot;
use crate::state::walk::Row;
use crate::uid_set::UidSet;

/// A change of flags over a set of messages.
#[derive(Clone, Debug)]
pub struct FlagEdit {
    /// Which messages; those that do not exist are passed over.
    pub uids: UidSet,
    /// What to do.
    pub action: FlagAction,
    /// With which flags.
    pub flags: FlagSet,
    /// Leaves alone what changed after this (RFC 7162, 3.1.3: UNCHANGEDSINCE). A plain number,
    /// since clients may say 0.
    pub unchanged_since: Option<u64>,
}

/// Which messages of a set an expunge removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expunge {
    /// Those with `\Deleted`.
    Deleted,
    /// All of them.
    Any,
}

/// What a change of flags comes to.
#[derive(Debug)]
pub(crate) struct Planned {
    /// `None` where no flag would be another.
    pub(crate) change: Option<Change>,
    pub(crate) changed: UidSet,
    pub(crate) conflicts: UidSet,
}

impl MailboxState {
    fn next_modseq(&self) -> Result<ModSeq, Error> {
        self.highest_modseq.next().ok_or(Error::Exhausted)
    }

    /// The bits of `flags`, and the keywords among them that are new, beyond `known`.
    fn number(&self, flags: &FlagSet, known: &mut Vec<Keyword>) -> Result<FlagBits, Error> {
        let mut bits = flags.system;
        for keyword in &flags.keywords {
            let at = self.keywords.iter().chain(known.iter()).position(|has| has == keyword);
            let at = at.unwrap_or_else(|| {
                known.push(keyword.clone());
                self.keywords.len() + known.len() - 1
            });
            if at >= KEYWORDS_MAX {
                return Err(Error::TooManyKeywords(KEYWORDS_MAX));
            }
            bits = bits | FlagBits::keyword(at);
        }
        Ok(bits)
    }

    /// Adds messages: `rows` get their UIDs and the bits of `flags`, one for each.
    pub(crate) fn plan_append(
        &self,
        mut rows: Vec<NewRow>,
        flags: &[&FlagSet],
    ) -> Result<Change, Error> {
        let mut new_keywords = Vec::new();
        let mut uid = Uid::new(self.uid_next);
        for (row, flags) in rows.iter_mut().zip(flags) {
            let given = uid.ok_or(Error::Exhausted)?;
            row.uid = given.get();
            row.flags = self.number(flags, &mut new_keywords)?;
            uid = given.next();
        }
        Ok(Change::Append { modseq: self.next_modseq()?, new_keywords, rows })
    }

    /// Changes flags.
    pub(crate) fn plan_flags(&self, edit: &FlagEdit) -> Result<Planned, Error> {
        let mut new_keywords = Vec::new();
        let flags = match edit.action {
            // A keyword that the mailbox has never met is on no message.
            FlagAction::Remove => self.known(&edit.flags),
            FlagAction::Add | FlagAction::Replace => self.number(&edit.flags, &mut new_keywords)?,
        };
        let (mut changed, mut conflicts) = (UidSet::new(), UidSet::new());
        for at in self.touched(&edit.uids) {
            let Some(chunk) = self.chunks.get(at) else { continue };
            let columns = chunk.columns(&self.source)?;
            let mut mask = edit::mask(&columns, &edit.uids);
            if let Some(since) = edit.unchanged_since
                && chunk.summary.modseq_max > since
            {
                let newer = mask.and(&columns.modseqs.newer(since, columns.base.len()));
                edit::push_uids(&columns, &newer, &mut conflicts);
                mask = mask.without(&newer);
            }
            let changing = edit::changing(&columns, &mask, edit.action, flags);
            edit::push_uids(&columns, &changing, &mut changed);
        }
        let (uids, action) = (changed.clone(), edit.action);
        let change = if changed.is_empty() {
            None
        } else {
            let modseq = self.next_modseq()?;
            Some(Change::Flags { modseq, new_keywords, uids, action, flags })
        };
        Ok(Planned { change, changed, conflicts })
    }

    fn known(&self, flags: &FlagSet) -> FlagBits {
        let number = |keyword| self.keywords.iter().position(|known| known == keyword);
        let numbers = flags.keywords.iter().filter_map(number);
        numbers.fold(flags.system, |bits, at| bits | FlagBits::keyword(at))
    }

    /// Removes messages; `None` where there is nothing to remove.
    pub(crate) fn plan_expunge(
        &self,
        uids: &UidSet,
        which: Expunge,
        at: i64,
    ) -> Result<Option<Change>, Error> {
        let mut going = UidSet::new();
        for at in self.touched(uids) {
            let Some(chunk) = self.chunks.get(at) else { continue };
            if which == Expunge::Deleted && chunk.summary.deleted == 0 {
                continue;
            }
            let columns = chunk.columns(&self.source)?;
            let mask = edit::mask(&columns, uids);
            let mask = match which {
                Expunge::Deleted => mask.and(&columns.flag(SystemFlag::Deleted as u8)),
                Expunge::Any => mask,
            };
            edit::push_uids(&columns, &mask, &mut going);
        }
        if going.is_empty() {
            return Ok(None);
        }
        Ok(Some(Change::Expunge { modseq: self.next_modseq()?, at, uids: going }))
    }

    /// Takes the messages `uids` of `source` into this mailbox; `None` where none exist.
    pub(crate) fn plan_transfer(
        &self,
        (from, source): (MailboxId, &MailboxState),
        to: MailboxId,
        uids: &UidSet,
        (is_move, save_date): (bool, i64),
    ) -> Result<Option<Transfer>, Error> {
        let snapshot = source.snapshot();
        let (mut found, mut used) = (UidSet::new(), FlagBits::default());
        for row in snapshot.rows(uids) {
            let row = row?;
            found.insert(row.uid);
            used = used | row.flags;
        }
        if found.is_empty() {
            return Ok(None);
        }
        let (map, new_keywords) = self.map_keywords(&snapshot, used)?;
        let mut next = Uid::new(self.uid_next);
        let mut rows = Vec::new();
        for row in snapshot.rows(&found) {
            let row = row?;
            let uid = next.ok_or(Error::Exhausted)?;
            next = uid.next();
            rows.push(copy_of(&row, uid, translate(row.flags, &map), save_date));
        }
        let to_modseq = self.next_modseq()?;
        let moved = match is_move {
            false => None,
            // Within one mailbox the copies come first and the removal after them.
            true if from == to => Some(to_modseq.next().ok_or(Error::Exhausted)?),
            true => Some(source.next_modseq()?),
        };
        Ok(Some(Transfer { from, to, moved, uids: found, to_modseq, new_keywords, rows }))
    }

    /// For each keyword of `source` its bit here; what no message of the set has stays 0.
    fn map_keywords(
        &self,
        source: &Snapshot,
        used: FlagBits,
    ) -> Result<(Vec<FlagBits>, Vec<Keyword>), Error> {
        let mut new_keywords = Vec::new();
        let mut map = vec![FlagBits::default(); source.keywords.len()];
        for (at, (keyword, slot)) in source.keywords.iter().zip(&mut map).enumerate() {
            if !(used & FlagBits::keyword(at)).is_empty() {
                let keywords = vec![keyword.clone()];
                let set = FlagSet { system: FlagBits::default(), keywords };
                *slot = self.number(&set, &mut new_keywords)?;
            }
        }
        Ok((map, new_keywords))
    }
}

/// Flags as the target numbers them.
fn translate(flags: FlagBits, map: &[FlagBits]) -> FlagBits {
    let system_count = SystemFlag::ALL.len();
    let system = FlagBits((1 << system_count) - 1);
    let keywords = flags.without(system).iter().filter_map(|bit| map.get(bit - system_count));
    keywords.fold(flags & system, |bits, bit| bits | *bit)
}

fn copy_of(row: &Row, uid: Uid, flags: FlagBits, save_date: i64) -> NewRow {
    NewRow {
        uid: uid.get(),
        flags,
        size: row.size,
        internal_date: row.internal_date,
        save_date,
        sent_date: row.sent_date,
        sent_zone_minutes: row.sent_zone_minutes,
        email_id: row.email_id,
        thread_id: row.thread_id,
    }
}

/// What a transfer adds to its target.
pub(crate) fn arrivals(transfer: &Transfer) -> Change {
    Change::Append {
        modseq: transfer.to_modseq,
        new_keywords: transfer.new_keywords.clone(),
        rows: transfer.rows.clone(),
    }
}

/// What a transfer takes from its source; `None` for a copy.
pub(crate) fn departure(transfer: &Transfer) -> Option<Change> {
    let uids = transfer.uids.clone();
    // The copies were saved when the originals went.
    let at = transfer.rows.first().map_or(0, |row| row.save_date);
    transfer.moved.map(|modseq| Change::Expunge { modseq, at, uids })
}
