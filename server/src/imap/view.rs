//! What one session knows of its mailbox, and how it is told of changes.
//!
//! The view is a pointer to a snapshot. Messages that others expunged stay in it, readable and
//! numbered, until the client may be told (RFC 3501, 7.4.1; CLIENTS.md rule 17): until then only
//! flags move forward.

use std::num::NonZeroU32;
use std::sync::Arc;

use engine::{Diff, Error, Mailbox, ModSeq, SeqNo, Snapshot, Uid, UidSet};

use super::command::{
    Body, FetchAttribute, FetchItems, Numbering, PartialRange, SearchKey, SequenceSet,
};
use super::dialect::Dialect;
use super::dialogue::Dialogue;
use super::encode::{FlagTexts, RowWriter, SetWriter, push_flag_set, push_number};
use super::outcome::Stop;
use super::response::Refusal;
use super::session::Selected;
use super::walk::Walk;
use crate::stream::OUTPUT_FULL;

/// What may be told after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    /// Whether EXPUNGE and EXISTS may be sent.
    pub(crate) numbers_may_change: bool,
    /// Whether flags are told with the UID.
    pub(crate) numbering: Numbering,
    /// What asks for it.
    pub(crate) moment: Moment,
}

/// When a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After a command, or in IDLE.
    Command,
    /// After a command that removes messages, of which the client must hear.
    OwnRemoval,
    /// While the client says nothing.
    Waiting,
}

impl Telling {
    /// Between commands, and in IDLE.
    pub(crate) const EVERYTHING: Self =
        Self { numbers_may_change: true, numbering: Numbering::Sequence, moment: Moment::Command };
    /// While the client says nothing.
    pub(crate) const WAITING: Self = Self { moment: Moment::Waiting, ..Self::EVERYTHING };

    /// FETCH, STORE and SEARCH by sequence number must not be answered with EXPUNGE
    /// (RFC 3501, 7.4.1).
    pub(crate) fn after(body: &Body) -> Self {
        let numbering = match body {
            Body::Fetch(fetch) => fetch.numbering,
            Body::Store(store) => store.numbering,
            Body::Search(search) => return Self::after_search(search.numbering, &search.keys),
            Body::Sort(sort) => return Self::after_search(sort.numbering, &sort.keys),
            Body::Thread(thread) => return Self::after_search(thread.numbering, &thread.keys),
            Body::Expunge(_) | Body::Move(_) | Body::Replace(_) => {
                return Self { moment: Moment::OwnRemoval, ..Self::EVERYTHING };
            }
            _ => return Self::EVERYTHING,
        };
        let numbers_may_change = numbering == Numbering::Uid;
        Self { numbers_may_change, numbering, moment: Moment::Command }
    }

    /// Nor must UID SEARCH, where it names messages by number.
    fn after_search(numbering: Numbering, keys: &[SearchKey]) -> Self {
        let names_numbers = keys.iter().any(SearchKey::names_numbers);
        let numbers_may_change = numbering == Numbering::Uid && !names_numbers;
        Self { numbers_may_change, numbering, moment: Moment::Command }
    }
}

/// What one session knows of its mailbox.
#[derive(Debug)]
pub(crate) struct SelectedView {
    /// The messages and their numbers, with flags as far as they are known here.
    snapshot: Arc<Snapshot>,
    /// The last snapshot of the mailbox that was looked at.
    seen: Arc<Snapshot>,
    /// The client was told of all changes up to this.
    complete: ModSeq,
    /// Messages with new flags that the client was not told of.
    untold: UidSet,
    /// Keywords the client was told of.
    keywords_told: usize,
    /// Messages that the client itself has put here since it was last told of new ones.
    pub(crate) own: UidSet,
    /// `$`, as a search left it (RFC 5182); messages that are gone by now may be in it.
    pub(crate) saved: UidSet,
    beyond: Beyond,
}

/// What a sequence number is that no message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    /// An error (RFC 3501, 9: seq-number).
    Refused,
    /// Nothing (RFC 7377, 2).
    Ignored,
}

impl SelectedView {
    /// A view of the mailbox as it is, just told of by SELECT.
    pub(crate) fn new(snapshot: Arc<Snapshot>) -> Self {
        let keywords_told = snapshot.keywords().len();
        let (seen, complete) = (Arc::clone(&snapshot), snapshot.highest_modseq());
        let (untold, own, saved) = (UidSet::new(), UidSet::new(), UidSet::new());
        let beyond = Beyond::Refused;
        Self { snapshot, seen, complete, untold, keywords_told, own, saved, beyond }
    }

    /// A view of a mailbox for one ESEARCH.
    pub(crate) fn for_search(snapshot: Arc<Snapshot>, saved: UidSet) -> Self {
        Self { saved, beyond: Beyond::Ignored, ..Self::new(snapshot) }
    }

    /// The messages and their numbers.
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The client was told of all changes up to this.
    pub(crate) fn complete(&self) -> ModSeq {
        self.complete
    }

    /// The last snapshot of the mailbox that was looked at: what to wait for a change of.
    pub(crate) fn seen(&self) -> &Arc<Snapshot> {
        &self.seen
    }

    /// The UIDs that a client means. UIDs without a message mean nothing; a sequence number
    /// without one is an error (RFC 3501, 6.4.8 and 9).
    pub(crate) fn uids(&self, set: &SequenceSet, numbering: Numbering) -> Result<UidSet, Refusal> {
        if set.is_saved() {
            return Ok(self.saved.clone());
        }
        let snapshot = &self.snapshot;
        let exists = snapshot.exists();
        let mut uids = UidSet::new();
        match numbering {
            Numbering::Sequence => {
                // Between the UIDs of the first and the last there are only those of the range.
                let ranges = match self.beyond {
                    Beyond::Refused => set.resolve_sequence(exists)?,
                    Beyond::Ignored => set.resolve(NonZeroU32::new(exists)),
                };
                let exists = NonZeroU32::new(exists).unwrap_or(NonZeroU32::MIN);
                for (first, last) in ranges {
                    let last = last.min(exists);
                    if let (Some(first), Some(last)) = (self.uid_at(first)?, self.uid_at(last)?) {
                        uids.insert_range(first, last);
                    }
                }
            }
            Numbering::Uid => {
                let Some(highest) = snapshot.last_uid()? else { return Ok(uids) };
                for (first, last) in set.resolve(NonZeroU32::new(highest.get())) {
                    // What came after the view was taken, the client cannot mean.
                    let (first, last) = (Uid::new(first.get()), Uid::new(last.get()));
                    if let (Some(first), Some(last)) = (first, last) {
                        uids.insert_range(first, last.min(highest));
                    }
                }
            }
        }
        Ok(uids)
    }

    /// The UIDs that a client means when it asks what was removed: `*` reaches past the last
    /// message to the last that there ever was (CLIENTS.md rule 4).
    pub(crate) fn uids_ever(&self, set: &SequenceSet) -> UidSet {
        if set.is_saved() {
            return self.saved.clone();
        }
        let next = self.snapshot.uid_next().map_or(u32::MAX, Uid::get);
        let mut uids = UidSet::new();
        for (first, last) in set.resolve(NonZeroU32::new(next.max(2) - 1)) {
            if let (Some(first), Some(last)) = (Uid::new(first.get()), Uid::new(last.get())) {
                uids.insert_range(first, last);
            }
        }
        uids
    }

    /// The messages at these places among those of `uids` that exist (RFC 9394, 3.3).
    pub(crate) fn part_of(&self, uids: &UidSet, range: &PartialRange) -> Result<UidSet, Error> {
        let runs = || self.snapshot.runs(uids);
        let mut count = 0;
        for run in runs() {
            count += run?.len();
        }
        let places = range.places(count);
        let (mut part, mut at) = (UidSet::new(), 0);
        for run in runs() {
            let run = run?;
            let wanted = (at..).zip(run.uids()).filter(|(at, _)| places.contains(at));
            wanted.filter_map(|(_, uid)| Uid::new(*uid)).for_each(|uid| {
                part.insert(uid);
            });
            at += run.len();
        }
        Ok(part)
    }

    fn uid_at(&self, number: NonZeroU32) -> Result<Option<Uid>, Error> {
        SeqNo::new(number.get()).map_or(Ok(None), |seq| self.snapshot.uid_at(seq))
    }

    /// Takes over the flags of the newest snapshot; messages and numbers stay. What changed is kept
    /// to be told.
    pub(crate) fn advance_flags(&mut self, mailbox: &Mailbox) -> Result<(), Error> {
        let latest = mailbox.snapshot();
        if Arc::ptr_eq(&self.seen, &latest) {
            return Ok(());
        }
        let newer = mailbox.with_flags_of(&self.snapshot, &latest)?;
        self.untold.extend(&Diff::between(&self.snapshot, &newer)?.reflagged);
        self.snapshot = newer;
        self.seen = latest;
        Ok(())
    }

    /// Takes over a later snapshot whole; says what the client must be told besides flags.
    fn advance(&mut self, mailbox: &Mailbox, latest: Arc<Snapshot>) -> Result<Moved, Error> {
        if Arc::ptr_eq(&self.snapshot, &latest) {
            let (expunged, appended) = (UidSet::new(), UidSet::new());
            return Ok(Moved { before: latest, expunged, appended, exists: None });
        }
        let diff = mailbox.diff(&self.snapshot, &latest)?;
        self.untold.extend(&diff.reflagged);
        let exists = (!diff.appended.is_empty()).then(|| latest.exists());
        let before = std::mem::replace(&mut self.snapshot, Arc::clone(&latest));
        self.complete = latest.highest_modseq();
        self.seen = latest;
        let (expunged, appended) = (diff.expunged.clone(), diff.appended.clone());
        Ok(Moved { before, expunged, appended, exists })
    }

    /// Whether the newest snapshot lacks messages of this one.
    pub(crate) fn has_removals(&self, mailbox: &Mailbox) -> Result<bool, Error> {
        let latest = mailbox.snapshot();
        let is_same = Arc::ptr_eq(&self.snapshot, &latest);
        Ok(!is_same && !mailbox.diff(&self.snapshot, &latest)?.expunged.is_empty())
    }

    /// Takes note that the flags of these messages were told, or need not be.
    pub(crate) fn told(&mut self, uids: &UidSet) {
        if !self.untold.is_empty() {
            self.untold = self.untold.without(uids);
        }
    }

    /// Takes note that those of these messages were told whose mod-sequence this holds for.
    pub(crate) fn told_if(
        &mut self,
        uids: &UidSet,
        is_told: impl Fn(ModSeq) -> bool,
    ) -> Result<(), Error> {
        let mut told = UidSet::new();
        for row in self.snapshot.rows(&self.untold.intersection(uids)) {
            let row = row?;
            if is_told(row.modseq) {
                told.insert(row.uid);
            }
        }
        self.told(&told);
        Ok(())
    }
}

/// Messages that came.
#[derive(Debug)]
pub(crate) struct New {
    /// All of them.
    pub(crate) messages: UidSet,
    /// Messages that came among the results of a search, new or not, and what it tells of new ones.
    pub(crate) found: Vec<(UidSet, FetchItems)>,
}

/// What happened between two snapshots.
#[derive(Debug)]
struct Moved {
    before: Arc<Snapshot>,
    expunged: UidSet,
    appended: UidSet,
    exists: Option<u32>,
}

impl Selected {
    /// Tells what changed, wanted or not; which messages are new, and what is to be told of some of them.
    pub(crate) async fn tell_changes(
        &mut self,
        telling: Telling,
        dialogue: &mut Dialogue,
    ) -> Result<New, Stop> {
        let (mut is_removal_told, mut new) = (false, UidSet::new());
        if telling.numbers_may_change {
            let moved = self.view.advance(&self.mailbox, self.mailbox.snapshot())?;
            is_removal_told = !moved.expunged.is_empty();
            self.contexts.tell_removed((&moved.before, &moved.expunged), dialogue).await?;
            if self.authenticated.qresync || dialogue.dialect.uid_only {
                tell_vanished(&moved, dialogue).await?;
            } else {
                tell_expunged(&moved, dialogue).await?;
            }
            if let Some(exists) = moved.exists {
                // No message is ever recent here: see docs/PROTOCOLS.md.
                dialogue.untagged(format_args!("{exists} EXISTS"));
                if !dialogue.dialect.rev2 {
                    dialogue.untagged("0 RECENT");
                }
            }
            new = moved.appended;
        } else {
            self.view.advance_flags(&self.mailbox)?;
        }
        self.tell_keywords(dialogue);
        self.tell_flags(telling.numbering, dialogue).await?;
        let Self { contexts, mailbox, view, .. } = self;
        let found = contexts
            .tell_changed(mailbox, (&view.snapshot, telling.numbers_may_change), dialogue)
            .await?;
        // A removal that is not told yet may be older than the flags that were: should the
        // connection break, the client must ask from before it (RFC 7162, 3.2). And VANISHED
        // does not say at which mod-sequence it happened.
        let complete = self.view.complete;
        let is_behind = self.view.seen.has_expunged_since(complete.get());
        if self.authenticated.qresync && (is_removal_told || is_behind) {
            dialogue.untagged(format_args!("OK [HIGHESTMODSEQ {}] All is told", complete.get()));
        }
        Ok(New { messages: new, found })
    }

    /// A keyword must be known before a message can have it.
    pub(crate) fn tell_keywords(&mut self, dialogue: &mut Dialogue) {
        let keywords = self.view.snapshot.keywords();
        if keywords.len() == self.view.keywords_told {
            return;
        }
        self.view.keywords_told = keywords.len();
        let out = dialogue.out();
        out.extend_from_slice(b"* FLAGS ");
        push_flag_set(out, engine::SystemFlag::ALL, keywords, false);
        out.extend_from_slice(b"\r\n* OK [PERMANENTFLAGS ");
        self.rights.push_permanent_flags(out, keywords);
        out.extend_from_slice(b"] Flags that stay\r\n");
    }

    async fn tell_flags(
        &mut self,
        numbering: Numbering,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        if self.view.untold.is_empty() {
            return Ok(());
        }
        let untold = std::mem::take(&mut self.view.untold);
        self.write_flags(&untold, numbering, dialogue).await
    }

    /// `* n FETCH (FLAGS …)` for these messages, with the UID where the client thinks in UIDs,
    /// and the mod-sequence where it asked for them (RFC 7162, 3.2).
    pub(crate) async fn write_flags(
        &mut self,
        uids: &UidSet,
        numbering: Numbering,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let mut items = Vec::with_capacity(3);
        // IMAP4rev2 has the UID in all that was not asked for (RFC 9051, appendix E, 21).
        let Dialect { rev2, uid_only, .. } = dialogue.dialect;
        let with_uid = numbering == Numbering::Uid || self.authenticated.condstore || rev2;
        // UIDFETCH begins with it (RFC 9586, 3.3).
        if with_uid && !uid_only {
            items.push(FetchAttribute::Uid);
        }
        items.push(FetchAttribute::Flags);
        if self.authenticated.condstore {
            items.push(FetchAttribute::ModSeq);
        }
        self.write_rows(uids, &items, dialogue).await
    }

    /// `* n FETCH (…)` with items that columns alone can answer.
    pub(crate) async fn write_rows(
        &self,
        uids: &UidSet,
        items: &[FetchAttribute],
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        self.write_rows_since(uids, 0, items, dialogue).await
    }

    /// The same for those that changed after a mod-sequence.
    pub(crate) async fn write_rows_since(
        &self,
        uids: &UidSet,
        modseq: u64,
        items: &[FetchAttribute],
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let snapshot = &self.view.snapshot;
        let mut writer = RowWriter::new(FlagTexts::new(snapshot.keywords()), dialogue.dialect);
        let mut walk = Walk::new(snapshot.runs_since(uids, modseq));
        while writer.lines(items, &mut walk, dialogue.out(), OUTPUT_FULL)? {
            dialogue.breathe().await?;
        }
        Ok(())
    }

    /// `* VANISHED (EARLIER) …`: what of these was removed after a mod-sequence, one line however
    /// much it is (RFC 7162, 3.2.10.1; CLIENTS.md rule 10).
    pub(crate) async fn write_vanished(
        &self,
        modseq: u64,
        uids: &UidSet,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        let mut set = SetWriter::new("* VANISHED (EARLIER) ");
        for piece in self.view.snapshot.gone(modseq, uids)? {
            for range in piece.ranges() {
                set.push(range, dialogue.out());
                dialogue.breathe().await?;
            }
        }
        if set.end(dialogue.out()) {
            dialogue.out().extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

/// `* VANISHED …` (RFC 7162, 3.2.10.2).
async fn tell_vanished(moved: &Moved, dialogue: &mut Dialogue) -> Result<(), Stop> {
    if !moved.expunged.is_empty() {
        dialogue.out().extend_from_slice(b"* VANISHED ");
        dialogue.uid_set(&moved.expunged).await?;
        dialogue.out().extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// `* n EXPUNGE`, from the highest number down, so that none of them moves another.
async fn tell_expunged(moved: &Moved, dialogue: &mut Dialogue) -> Result<(), Stop> {
    for numbers in moved.before.numbers_down(&moved.expunged) {
        for number in numbers?.rev() {
            let out = dialogue.out();
            out.extend_from_slice(b"* ");
            push_number(out, number);
            out.extend_from_slice(b" EXPUNGE\r\n");
        }
        dialogue.breathe().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
