//! Changes of flags, removals, copies and moves: each one record over a set.

use std::sync::Arc;

use crate::ids::{MailboxId, ModSeq, Uid};
use crate::record::{Change, Record, Transfer};
use crate::state::{Expunge, FlagEdit, arrivals, departure};
use crate::store::cells::MailboxCell;
use crate::store::mailbox::{Copied, Expunged, FlagsEdited};
use crate::store::writer::Writer;
use crate::{Error, UidSet, clock};

/// What becomes of the originals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransferMode {
    /// They stay.
    Copy,
    /// They go.
    Move,
}

impl Writer {
    /// STORE.
    pub(crate) fn edit_flags(
        &mut self,
        cell: &Arc<MailboxCell>,
        edit: &FlagEdit,
    ) -> Result<FlagsEdited, Error> {
        let planned = self.state(cell)?.plan_flags(edit)?;
        let modseq = self.change(cell, planned.change)?;
        Ok(FlagsEdited { changed: planned.changed, conflicts: planned.conflicts, modseq })
    }

    /// EXPUNGE.
    pub(crate) fn expunge(
        &mut self,
        cell: &Arc<MailboxCell>,
        uids: &UidSet,
        which: Expunge,
    ) -> Result<Expunged, Error> {
        let change = self.state(cell)?.plan_expunge(uids, which, clock::unix_seconds())?;
        let uids = match &change {
            Some(Change::Expunge { uids, .. }) => uids.clone(),
            _ => UidSet::new(),
        };
        let modseq = self.change(cell, change)?;
        Ok(Expunged { uids, modseq })
    }

    /// Applies and records a change of one mailbox; its mod-sequence, if there is a change.
    fn change(
        &mut self,
        cell: &Arc<MailboxCell>,
        change: Option<Change>,
    ) -> Result<Option<ModSeq>, Error> {
        let Some(change) = change else { return Ok(None) };
        let mut next = self.state(cell)?.clone();
        next.apply(&change)?;
        self.write(&Record::Changed { mailbox: cell.id, change })?;
        let modseq = next.highest_modseq;
        self.advance(cell.id, next);
        Ok(Some(modseq))
    }

    /// COPY and MOVE.
    pub(crate) fn transfer(
        &mut self,
        (from, to): (&Arc<MailboxCell>, &Arc<MailboxCell>),
        uids: &UidSet,
        mode: TransferMode,
    ) -> Result<Copied, Error> {
        let source = self.state(from)?.clone();
        let target = self.state(to)?.clone();
        let how = (mode == TransferMode::Move, clock::unix_seconds());
        let planned = target.plan_transfer((from.id, &source), to.id, uids, how)?;
        let Some(transfer) = planned else {
            let (source, dest) = (UidSet::new(), UidSet::new());
            return Ok(Copied { uid_validity: target.uid_validity, source, dest });
        };
        let moves = apply_transfer(&transfer, (from.id, source), (to.id, target))?;
        let copied = copied(&transfer, moves.uid_validity);
        self.write(&Record::Transferred(transfer))?;
        for (mailbox, state) in moves.states {
            self.advance(mailbox, state);
        }
        Ok(copied)
    }
}

/// Two mailboxes after a transfer between them.
struct Moved {
    uid_validity: crate::UidValidity,
    /// The states that changed, the target's first.
    states: Vec<(MailboxId, crate::state::MailboxState)>,
}

/// Does what a transfer says to both mailboxes.
fn apply_transfer(
    transfer: &Transfer,
    (from, mut source): (MailboxId, crate::state::MailboxState),
    (to, mut target): (MailboxId, crate::state::MailboxState),
) -> Result<Moved, Error> {
    target.apply(&arrivals(transfer))?;
    let uid_validity = target.uid_validity;
    let states = match departure(transfer) {
        None => vec![(to, target)],
        Some(departure) if from == to => {
            target.apply(&departure)?;
            vec![(to, target)]
        }
        Some(departure) => {
            source.apply(&departure)?;
            vec![(to, target), (from, source)]
        }
    };
    Ok(Moved { uid_validity, states })
}

fn copied(transfer: &Transfer, uid_validity: crate::UidValidity) -> Copied {
    let dest = transfer.rows.iter().filter_map(|row| Uid::new(row.uid)).collect();
    Copied { uid_validity, source: transfer.uids.clone(), dest }
}
