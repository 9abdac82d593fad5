//! STATUS (RFC 3501, 6.3.10; RFC 7162, 3.1.7; RFC 8474, 4.3).

use crate::imap::command::{MailboxName, StatusItem};
use crate::imap::dialogue::Dialogue;
use crate::imap::encode::{push_mailbox, push_number};
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;

/// Counters of the latest snapshot: cheap at any size.
pub(crate) fn status(
    session: &mut Authenticated,
    mailbox: &MailboxName,
    items: &[StatusItem],
    dialogue: &mut Dialogue,
) -> Outcome {
    let opened = session.account.mailbox(mailbox.as_str())?;
    let snapshot = opened.snapshot();
    // Asking for it enables CONDSTORE (RFC 7162, 3.1).
    session.condstore |= items.contains(&StatusItem::HighestModSeq);
    let out = dialogue.out();
    out.extend_from_slice(b"* STATUS ");
    push_mailbox(out, mailbox.as_str());
    out.extend_from_slice(b" (");
    for (index, item) in items.iter().enumerate() {
        let uid_next = || snapshot.uid_next().map_or(u32::MAX, engine::Uid::get);
        if index > 0 {
            out.push(b' ');
        }
        let (name, value) = match item {
            StatusItem::MailboxId => {
                out.extend_from_slice(format!("MAILBOXID ({})", opened.id()).as_bytes());
                continue;
            }
            StatusItem::Messages => ("MESSAGES ", u64::from(snapshot.exists())),
            StatusItem::Recent => ("RECENT ", 0),
            StatusItem::UidNext => ("UIDNEXT ", u64::from(uid_next())),
            StatusItem::UidValidity => ("UIDVALIDITY ", snapshot.uid_validity().get().into()),
            StatusItem::Unseen => ("UNSEEN ", u64::from(snapshot.unseen())),
            StatusItem::HighestModSeq => ("HIGHESTMODSEQ ", snapshot.highest_modseq().get()),
        };
        out.extend_from_slice(name.as_bytes());
        push_number(out, value);
    }
    out.extend_from_slice(b")\r\n");
    Ok(Done::ok("STATUS completed"))
}
