//! SELECT and EXAMINE (RFC 3501, 6.3.1 and 6.3.2; RFC 7162, 3.1.2, 3.1.8 and 3.2.5; RFC 8474, 4.2).

mod resync;

use engine::{Error, Mailbox, MailboxId, Snapshot, SystemFlag};

use super::Contexts;
use super::list::{attributes_of, push_line, push_renamed};
use crate::imap::command::{Access, Condstore, MailboxName, Resync, Tag};
use crate::imap::dialect::Dialect;
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::push_flag_set;
use crate::imap::outcome::Stop;
use crate::imap::response::{Done, Refusal};
use crate::imap::session::{Authenticated, Selected, Session};
use crate::imap::sharing::{Place, Rights};
use crate::imap::view::SelectedView;
use crate::stream::StreamError;

/// How a mailbox is opened.
pub(crate) type How = (Access, Condstore, Option<Box<Resync>>);

/// Opens a mailbox: whatever its size, that is to take a pointer.
pub(crate) async fn select(
    mut session: Authenticated,
    tag: &Tag,
    (name, (access, condstore, resync)): (&MailboxName, How),
    dialogue: &mut Dialogue,
) -> Result<Session, StreamError> {
    let opened = open(&session, name, access, dialogue).await;
    let (mailbox, view, access, rights) = match opened {
        Ok(opened) => opened,
        Err(refusal) => {
            dialogue.refused(Some(tag), &refusal);
            return Ok(Session::Authenticated(session));
        }
    };
    session.condstore |= condstore == Condstore::Enabled;
    let authenticated = session;
    let contexts = Contexts::default();
    let selected =
        Selected { authenticated, mailbox, view, access, rights, contexts, last_body: None };
    if let Some(resync) = resync {
        match resync::resync(&selected, &resync, dialogue).await {
            Ok(()) => {}
            Err(Stop::Refused(refusal)) => {
                dialogue.refused(Some(tag), &refusal);
                return Ok(Session::Authenticated(selected.authenticated));
            }
            Err(Stop::Broken(error)) => return Err(error),
        }
    }
    let (code, text) = match access {
        Access::ReadWrite => ("READ-WRITE", "SELECT completed"),
        Access::ReadOnly => ("READ-ONLY", "The mailbox is open read-only"),
    };
    dialogue.done(tag, &Done::with(code.to_owned(), text));
    dialogue.connection.flush_if_full().await?;
    Ok(Session::Selected(Box::new(selected)))
}

/// Who may change nothing opens it read-only (RFC 4314, 5.2).
async fn open(
    session: &Authenticated,
    name: &MailboxName,
    access: Access,
    dialogue: &mut Dialogue,
) -> Result<(Mailbox, SelectedView, Access, Rights), Refusal> {
    const CHANGES: Rights = Rights::SEEN
        .and(Rights::WRITE)
        .and(Rights::INSERT)
        .and(Rights::DELETE_MESSAGES)
        .and(Rights::EXPUNGE);
    let place = session.place(name, dialogue).await?;
    place.require(Rights::READ)?;
    let (mailbox, rights) = (place.open()?, place.rights);
    let access = if rights.has_any(CHANGES) { access } else { Access::ReadOnly };
    let snapshot = mailbox.snapshot();
    describe((mailbox.id(), &snapshot), (access, rights), dialogue)?;
    if dialogue.dialect.rev2 {
        tell_name(&place, name, dialogue);
    }
    Ok((mailbox, SelectedView::new(snapshot), access, rights))
}

/// LIST, also of how the client wrote the name (RFC 9051, 6.3.2).
fn tell_name(place: &Place, name: &MailboxName, dialogue: &mut Dialogue) {
    let attributes = attributes_of(&place.account.mailboxes(), &place.name);
    match name.other_spelling() {
        Some(given) => push_renamed(dialogue, &attributes, (given, name.as_str())),
        None => push_line(dialogue, "LIST", &attributes, name.as_str()),
    }
}

/// What SELECT tells, all of it always (CLIENTS.md rule 8).
fn describe(
    (id, snapshot): (MailboxId, &Snapshot),
    (access, rights): (Access, Rights),
    dialogue: &mut Dialogue,
) -> Result<(), Error> {
    let first_unseen = snapshot.first_unseen()?;
    let keywords = snapshot.keywords();
    dialogue.out().extend_from_slice(b"* FLAGS ");
    push_flag_set(dialogue.out(), SystemFlag::ALL, keywords, false);
    dialogue.out().extend_from_slice(b"\r\n* OK [PERMANENTFLAGS ");
    match access {
        Access::ReadWrite => rights.push_permanent_flags(dialogue.out(), keywords),
        // None can be changed (RFC 3501, 6.3.2).
        Access::ReadOnly => dialogue.out().extend_from_slice(b"()"),
    }
    dialogue.out().extend_from_slice(b"] Flags that stay\r\n");
    dialogue.untagged(format_args!("{} EXISTS", snapshot.exists()));
    // IMAP4rev2 has neither (RFC 9051, appendix E, 11 and 12); the second names a message by number.
    let Dialect { rev2, uid_only, .. } = dialogue.dialect;
    if !rev2 {
        dialogue.untagged("0 RECENT");
    }
    if let Some(first) = first_unseen.filter(|_| !rev2 && !uid_only) {
        dialogue.untagged(format_args!("OK [UNSEEN {}] First unseen", first.get()));
    }
    dialogue.untagged(format_args!("OK [MAILBOXID ({id})] The same under any name"));
    let validity = snapshot.uid_validity().get();
    dialogue.untagged(format_args!("OK [UIDVALIDITY {validity}] UIDs are valid"));
    // A mailbox whose UIDs are spent takes no message, and has no next UID to tell.
    if let Some(next) = snapshot.uid_next() {
        dialogue.untagged(format_args!("OK [UIDNEXT {}] The next UID", next.get()));
    }
    let highest = snapshot.highest_modseq().get();
    dialogue.untagged(format_args!("OK [HIGHESTMODSEQ {highest}] The highest mod-sequence"));
    Ok(())
}
