//! FETCH and UID FETCH (RFC 3501, 6.4.5; RFC 7162, 3.1.4 and 3.2.6).
//!
//! Rows of the view's snapshot are formatted straight into the output, a piece at a time, each
//! sent before the next is made: memory does not grow with the mailbox, nor with the answer.

mod decoded;
mod octets;
mod section;

use std::sync::Arc;

use engine::{
    Error, FlagAction, FlagEdit, FlagSet, Listings, Mailbox, ModSeq, Row, Run, SystemFlag, Uid,
    UidSet,
};

pub(super) use self::octets::SectionOctets;
pub(super) use self::section::{OpenMessage, Unreadable, section};
use self::section::{Rest, WantedSection};
use crate::imap::command::{Fetch, FetchAttribute, FetchItems};
use crate::imap::dialect::Dialect;
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::{FlagTexts, RowWriter};
use crate::imap::message_limit;
use crate::imap::outcome::{Outcome, Stop};
use crate::imap::reading::reading;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{HeldBody, Selected};
use crate::imap::walk::Walk;
use crate::stream::{OUTPUT_FULL, StreamError};

/// Answers, and marks as read what was read.
pub(crate) async fn fetch(
    selected: &mut Selected,
    fetch: &Fetch,
    dialogue: &mut Dialogue,
) -> Outcome {
    if fetch.vanished && !selected.authenticated.qresync {
        return Err(Refusal::bad("QRESYNC was not enabled").into());
    }
    let mut uids = selected.view.uids(&fetch.messages, fetch.numbering)?;
    let limit = message_limit::of_work(&dialogue.context);
    if let Some(range) = &fetch.partial {
        message_limit::refuse_range(range, limit)?;
        uids = selected.view.part_of(&uids, range)?;
    }
    let reached = message_limit::cut(selected.view.snapshot(), &mut uids, limit)?;
    selected.authenticated.condstore |= fetch.items.wants(FetchAttribute::ModSeq);
    let since = fetch.changed_since.unwrap_or(0);
    if fetch.vanished {
        let uids = selected.view.uids_ever(&fetch.messages);
        selected.write_vanished(since, &uids, dialogue).await?;
    }
    let mut marked = None;
    if fetch.items.marks_seen() && selected.marks_seen() {
        if since > 0 {
            // Those that are marked now have not changed since.
            uids = uids.intersection(&selected.view.snapshot().changed_since(since)?);
        }
        marked = mark_seen(selected, &uids).await?;
        selected.tell_keywords(dialogue);
    }
    let mut last_body = selected.last_body.take();
    let wanted = Wanted { uids: &uids, since, items: &fetch.items, marked };
    let failed = write(selected, wanted, &mut last_body, dialogue).await?;
    selected.last_body = last_body;
    match (fetch.items.wants(FetchAttribute::Flags), marked) {
        (true, _) if since == 0 => selected.view.told(&uids),
        (true, _) => selected.view.told_if(&uids, |modseq| modseq.get() > since)?,
        (false, Some(marked)) => selected.view.told_if(&uids, |modseq| modseq == marked)?,
        (false, None) => {}
    }
    match failed {
        Some(refusal) => Err(refusal.into()),
        None => Ok(message_limit::done(Done::ok("FETCH completed"), reached, dialogue)),
    }
}

/// Tells of new messages what NOTIFY asked for (RFC 5465, 5.2). None is marked as read.
pub(crate) async fn fetch_new(
    selected: &mut Selected,
    (uids, items): (&UidSet, &FetchItems),
    dialogue: &mut Dialogue,
) -> Result<(), Stop> {
    let wanted = Wanted { uids, since: 0, items, marked: None };
    // Which of them could not be read, the client finds out if it fetches them.
    write(selected, wanted, &mut None, dialogue).await.map(drop)
}

/// Why a message was not told, as the client hears it.
pub(super) fn failure(uid: Uid, error: &Unreadable) -> Refusal {
    if matches!(error, Unreadable::UnknownEncoding) {
        return Refusal::no("UNKNOWN-CTE", "A part has an encoding that is not known here");
    }
    tracing::error!(uid = uid.get(), %error, "cannot read a message");
    Refusal::no("CORRUPTION", "Some messages could not be read")
}

/// Sets `\Seen` where it is not set (RFC 3501, 6.4.5). Where that cannot be stored, reading goes
/// on all the same.
async fn mark_seen(selected: &mut Selected, uids: &UidSet) -> Result<Option<ModSeq>, Error> {
    let mut unseen = UidSet::new();
    for row in selected.view.snapshot().rows(uids) {
        let row = row?;
        if !row.flags.has(SystemFlag::Seen) {
            unseen.insert(row.uid);
        }
    }
    if unseen.is_empty() {
        return Ok(None);
    }
    let flags = FlagSet::system(&[SystemFlag::Seen]);
    let edit = FlagEdit { uids: unseen, action: FlagAction::Add, flags, unchanged_since: None };
    match selected.mailbox.edit_flags(edit).await {
        Ok(edited) => {
            selected.view.advance_flags(&selected.mailbox)?;
            Ok(edited.modseq)
        }
        Err(error) => {
            tracing::warn!(%error, "a message was read but not marked so");
            Ok(None)
        }
    }
}

/// What is to be answered.
struct Wanted<'w> {
    uids: &'w UidSet,
    since: u64,
    items: &'w FetchItems,
    /// The mod-sequence at which messages were just marked as read.
    marked: Option<ModSeq>,
}

/// Writes the answers; returns why some messages were left out, if any were.
async fn write(
    selected: &Selected,
    Wanted { uids, since, items, marked }: Wanted<'_>,
    last_body: &mut Option<HeldBody>,
    dialogue: &mut Dialogue,
) -> Result<Option<Refusal>, Stop> {
    let snapshot = Arc::clone(selected.view.snapshot());
    let mut writer = Writer {
        rows: RowWriter::new(FlagTexts::new(snapshot.keywords()), dialogue.dialect),
        items,
        sections: items.sections.iter().map(WantedSection::new).collect(),
        marked,
        extra: extra_items(items, selected.authenticated.condstore),
        mailbox: &selected.mailbox,
        listings: selected.mailbox.listings(),
        last_body,
        octets: Vec::new(),
        failed: None,
        started: None,
        is_broken: false,
    };
    let mut walk = Walk::new(snapshot.runs_since(uids, since));
    loop {
        let out = dialogue.out();
        let has_more = if items.reads_messages() {
            reading(|| writer.piece(&mut walk, out))
        } else {
            writer.piece(&mut walk, out)
        }?;
        if writer.is_broken {
            // In the middle of a literal there is no other way to tell the client.
            return Err(StreamError::Closed.into());
        }
        if !has_more {
            return Ok(writer.failed);
        }
        dialogue.connection.flush_if_full().await?;
        tokio::task::yield_now().await;
    }
}

/// What FETCH answers about every message of a mailbox, with no session to send it to: pieces are
/// made in `out`, given to `take` and forgotten. For benches of the formatting alone.
pub fn fetch_answers(
    mailbox: &Mailbox,
    items: &FetchItems,
    out: &mut Vec<u8>,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let snapshot = mailbox.snapshot();
    let uids = snapshot.all_uids()?;
    let mut writer = Writer {
        rows: RowWriter::new(FlagTexts::new(snapshot.keywords()), Dialect::default()),
        items,
        sections: items.sections.iter().map(WantedSection::new).collect(),
        marked: None,
        extra: Vec::new(),
        mailbox,
        listings: mailbox.listings(),
        last_body: &mut None,
        octets: Vec::new(),
        failed: None,
        started: None,
        is_broken: false,
    };
    let mut walk = Walk::new(snapshot.runs(&uids));
    let mut has_more = true;
    while has_more {
        out.clear();
        has_more = writer.piece(&mut walk, out)?;
        take(out);
    }
    Ok(())
}

/// What is told of a message that was just marked as read, besides what was asked for.
fn extra_items(items: &FetchItems, condstore: bool) -> Vec<FetchAttribute> {
    let mut extra = vec![FetchAttribute::Flags];
    if condstore {
        extra.push(FetchAttribute::ModSeq);
    }
    extra.retain(|item| !items.wants(*item));
    extra
}

struct Writer<'f> {
    rows: RowWriter<'f>,
    items: &'f FetchItems,
    sections: Vec<WantedSection<'f>>,
    marked: Option<ModSeq>,
    extra: Vec<FetchAttribute>,
    mailbox: &'f Mailbox,
    /// What messages are listed by; always about the message in hand.
    listings: Listings,
    last_body: &'f mut Option<HeldBody>,
    /// Where header fields are gathered.
    octets: Vec<u8>,
    /// Why some message was left out.
    failed: Option<Refusal>,
    /// A message of which the answer has been begun.
    started: Option<Started>,
    /// Whether such a message could not be read to its end.
    is_broken: bool,
}

/// A message in the middle of a long section.
struct Started {
    message: OpenMessage,
    /// The section after it.
    next: usize,
    /// What of it is still to follow.
    rest: Rest,
}

impl Writer<'_> {
    /// Writes messages until there is enough to send; false when there are no more.
    fn piece(
        &mut self,
        walk: &mut Walk<impl Iterator<Item = Result<Run, Error>>>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        if !self.items.reads_messages() && self.marked.is_none() {
            return self.rows.lines(&self.items.attributes, walk, out, OUTPUT_FULL);
        }
        while out.len() < OUTPUT_FULL {
            if let Some(started) = self.started.take() {
                if let Err(error) = self.go_on(started, out) {
                    tracing::error!(%error, "cannot read on in a message");
                    self.is_broken = true;
                    return Ok(false);
                }
                continue;
            }
            let Some((run, nth)) = walk.here()? else { return Ok(false) };
            self.message((run, nth), out);
            walk.go_to(nth + 1);
        }
        Ok(true)
    }

    /// Writes one message, or begins a long one; one that cannot be read is left out, and
    /// told at the end.
    fn message(&mut self, (run, nth): (&Run, usize), out: &mut Vec<u8>) {
        let Some(row) = run.row(nth) else { return };
        let start = out.len();
        let is_marked = self.marked == Some(row.modseq);
        let extra = self.extra.iter().filter(|_| is_marked);
        let items = self.items.attributes.iter().chain(extra).copied();
        self.rows.begin(items, (run, nth), out);
        if let Err(error) = self.try_message(&row, out) {
            out.truncate(start);
            self.failed = Some(failure(row.uid, &error));
        }
    }

    /// What the message tells.
    fn try_message(&mut self, row: &Row, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        if !self.items.reads_messages() {
            RowWriter::end(out);
            return Ok(());
        }
        // Whoever wants only the message itself waits for no list part, and for none's damage.
        if self.items.lists_messages() {
            self.listings.seek(row)?;
        }
        for attribute in &self.items.attributes {
            section::push(*attribute, &mut self.listings, out)?;
        }
        if self.sections.iter().all(WantedSection::is_listed) {
            for section in &self.sections {
                section.push_listed(&mut self.listings, &mut self.octets, out)?;
            }
            RowWriter::end(out);
            return Ok(());
        }
        let stored = self.mailbox.message(row);
        let message = OpenMessage::new(stored, row.email_id, self.last_body.take());
        self.sections(message, 0, out)
    }

    /// Sections from one on, until a long one, and the end of the answer.
    fn sections(
        &mut self,
        mut message: OpenMessage,
        from: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        for (index, section) in self.sections.iter().enumerate().skip(from) {
            if section.is_listed() {
                section.push_listed(&mut self.listings, &mut self.octets, out)?;
                continue;
            }
            let rest = message.push_section(section, out)?;
            if !matches!(rest, Rest::Nothing) {
                self.started = Some(Started { message, next: index + 1, rest });
                return Ok(());
            }
            out.push(b' ');
        }
        *self.last_body = message.held_body(&self.items.sections);
        RowWriter::end(out);
        Ok(())
    }

    fn go_on(&mut self, started: Started, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let Started { mut message, next, rest } = started;
        let rest = message.push_rest(rest, out)?;
        if !matches!(rest, Rest::Nothing) {
            self.started = Some(Started { message, next, rest });
            return Ok(());
        }
        out.push(b' ');
        self.sections(message, next, out)
    }
}
