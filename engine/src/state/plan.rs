//! From what is asked to the change that is written: numbers given, conflicts found, nothing
//! changed yet.

use crate::Error;
use crate::columns::{Bitmap, NewRow};
use crate::flags::{FlagBits, FlagSet, KEYWORDS_MAX, Keyword, SystemFlag};
use crate::ids::{MailboxId, ModSeq, Uid};
use crate::record::{Change, FlagAction, Transfer};
use crate::state::edit;
use crate::state::mailbox_state::MailboxState;
use crate::state::snapshot::Snapshot;
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
            let mut mask = edit::mask(columns, &edit.uids);
            if let Some(since) = edit.unchanged_since
                && chunk.summary.modseq_max > since
            {
                let mut newer = Bitmap::default();
                let is_newer = |at: &usize| columns.modseqs.at(*at) > since;
                mask.iter().filter(is_newer).for_each(|at| newer.set(at));
                edit::push_uids(columns, &newer, &mut conflicts);
                mask = mask.without(&newer);
            }
            let changing = edit::changing(columns, &mask, edit.action, flags);
            edit::push_uids(columns, &changing, &mut changed);
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
    ) -> Result<Option<Change>, Error> {
        let mut going = UidSet::new();
        for at in self.touched(uids) {
            let Some(chunk) = self.chunks.get(at) else { continue };
            if which == Expunge::Deleted && chunk.summary.deleted == 0 {
                continue;
            }
            let columns = chunk.columns(&self.source)?;
            let mask = edit::mask(columns, uids);
            let mask = match which {
                Expunge::Deleted => mask.and(&columns.flag(SystemFlag::Deleted as u8)),
                Expunge::Any => mask,
            };
            edit::push_uids(columns, &mask, &mut going);
        }
        if going.is_empty() {
            return Ok(None);
        }
        Ok(Some(Change::Expunge { modseq: self.next_modseq()?, uids: going }))
    }

    /// Takes the messages `uids` of `source` into this mailbox; `None` where none exist.
    pub(crate) fn plan_transfer(
        &self,
        (from, source): (MailboxId, &MailboxState),
        to: MailboxId,
        uids: &UidSet,
        (moved, save_date): (bool, i64),
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
        let count = u32::try_from(found.count()).map_err(|_| Error::Exhausted)?;
        if self.uid_next == 0 || self.uid_next.checked_add(count - 1).is_none() {
            return Err(Error::Exhausted);
        }
        let (keyword_map, new_keywords) = self.map_keywords(&snapshot, used)?;
        let moved = if moved { Some(source.next_modseq()?) } else { None };
        // Within one mailbox the copies come first and the removal after them.
        let (moved, to_modseq) = match moved {
            Some(modseq) if from == to => {
                (Some(modseq.next().ok_or(Error::Exhausted)?), self.next_modseq()?)
            }
            moved => (moved, self.next_modseq()?),
        };
        let first_uid = self.uid_next;
        let uids = found;
        Ok(Some(Transfer {
            from,
            to,
            moved,
            to_modseq,
            uids,
            first_uid,
            save_date,
            keyword_map,
            new_keywords,
        }))
    }

    /// For each keyword of `source` its number here; unused ones keep 0, which nobody looks at.
    fn map_keywords(
        &self,
        source: &Snapshot,
        used: FlagBits,
    ) -> Result<(Vec<u8>, Vec<Keyword>), Error> {
        let mut new_keywords = Vec::new();
        let mut map = vec![0; source.keywords.len()];
        for (at, keyword) in source.keywords.iter().enumerate() {
            if (used & FlagBits::keyword(at)).is_empty() {
                continue;
            }
            let set = FlagSet { system: FlagBits::default(), keywords: vec![keyword.clone()] };
            let bits = self.number(&set, &mut new_keywords)?;
            let bit = bits.0.trailing_zeros();
            if let Some(slot) = map.get_mut(at) {
                *slot = u8::try_from(bit).unwrap_or(0);
            }
        }
        Ok((map, new_keywords))
    }
}

/// What a transfer adds to its target, worked out from the source as it was before.
pub(crate) fn arrivals(transfer: &Transfer, source: &Snapshot) -> Result<Change, Error> {
    let system = FlagBits((1 << SystemFlag::ALL.len()) - 1);
    let translate = |flags: FlagBits| {
        let keywords = flags.without(system).iter();
        let mapped = keywords.filter_map(|bit| transfer.keyword_map.get(bit - 5));
        mapped.fold(flags & system, |bits, bit| bits | FlagBits(1 << (bit % 128)))
    };
    let mut rows = Vec::new();
    for (uid, row) in (transfer.first_uid..).zip(source.rows(&transfer.uids)) {
        let row = row?;
        rows.push(NewRow {
            uid,
            flags: translate(row.flags),
            size: row.size,
            internal_date: row.internal_date,
            save_date: transfer.save_date,
            sent_date: row.sent_date,
            email_id: row.email_id,
            thread_id: row.thread_id,
            message: row.message,
        });
    }
    let (modseq, new_keywords) = (transfer.to_modseq, transfer.new_keywords.clone());
    Ok(Change::Append { modseq, new_keywords, rows })
}

/// What a transfer takes from its source; `None` for a copy.
pub(crate) fn departure(transfer: &Transfer) -> Option<Change> {
    let uids = transfer.uids.clone();
    transfer.moved.map(|modseq| Change::Expunge { modseq, uids })
}
