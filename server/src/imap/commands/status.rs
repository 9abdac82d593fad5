//! STATUS (RFC 3501, 6.3.10; RFC 7162, 3.1.7; RFC 8438; RFC 8474, 4.3), also within LIST
//! (RFC 5819).

use engine::{Error, MailboxId, Snapshot};

use crate::imap::command::{MailboxName, StatusItem};
use crate::imap::dialogue::{Dialogue, blocking};
use crate::imap::encode::{push_mailbox, push_number};
use crate::imap::outcome::Outcome;
use crate::imap::response::Done;
use crate::imap::session::Authenticated;
use crate::imap::sharing::Rights;

/// Counters of the latest snapshot: cheap at any size.
pub(crate) async fn status(
    session: &mut Authenticated,
    mailbox: &MailboxName,
    items: &[StatusItem],
    dialogue: &mut Dialogue,
) -> Outcome {
    let name = mailbox.as_str();
    let place = session.place(mailbox, dialogue).await?;
    place.require(Rights::READ)?;
    let opened = place.open()?;
    session.notice_items(items);
    let append_limit = append_limit(dialogue);
    let (snapshot, id) = (opened.snapshot(), opened.id());
    let deleted_kib = deleted_kib(&snapshot, items)?;
    let counted = Counted { id, snapshot: &snapshot, append_limit, deleted_kib };
    push_line(dialogue, name, &counted, items);
    Ok(Done::ok("STATUS completed"))
}

impl Authenticated {
    /// To ask for the highest mod-sequence enables CONDSTORE (RFC 7162, 3.1).
    pub(super) fn notice_items(&mut self, items: &[StatusItem]) {
        self.condstore |= items.contains(&StatusItem::HighestModSeq);
    }
}

/// What a message may have to be appended, in octets: the same for all mailboxes.
pub(super) fn append_limit(dialogue: &Dialogue) -> u64 {
    dialogue.context.config.limits.message_bytes_max as u64
}

/// What the items are taken from.
pub(super) struct Counted<'a> {
    pub(super) id: MailboxId,
    pub(super) snapshot: &'a Snapshot,
    pub(super) append_limit: u64,
    /// See [`deleted_kib`].
    pub(super) deleted_kib: u64,
}

/// What an expunge would free, if that is asked for: the one item that counters do not tell.
pub(super) fn deleted_kib(snapshot: &Snapshot, items: &[StatusItem]) -> Result<u64, Error> {
    if items.contains(&StatusItem::DeletedStorage) && snapshot.deleted() > 0 {
        blocking(|| snapshot.deleted_size()).map(|octets| octets.div_ceil(1024))
    } else {
        Ok(0)
    }
}

/// `* STATUS name (items)`, of what counters alone can tell.
pub(crate) fn push_counters(
    dialogue: &mut Dialogue,
    (name, id): (&str, MailboxId),
    snapshot: &Snapshot,
    items: &[StatusItem],
) {
    let counted = Counted { id, snapshot, append_limit: 0, deleted_kib: 0 };
    push_line(dialogue, name, &counted, items);
}

/// `* STATUS name (items)`.
pub(super) fn push_line(
    dialogue: &mut Dialogue,
    name: &str,
    &Counted { id, snapshot, append_limit, deleted_kib }: &Counted<'_>,
    items: &[StatusItem],
) {
    let dialect = dialogue.dialect;
    let out = dialogue.out();
    out.extend_from_slice(b"* STATUS ");
    push_mailbox(out, name, dialect);
    out.extend_from_slice(b" (");
    for (index, item) in items.iter().enumerate() {
        let uid_next = || snapshot.uid_next().map_or(u32::MAX, engine::Uid::get);
        if index > 0 {
            out.push(b' ');
        }
        let (name, value) = match item {
            StatusItem::MailboxId => {
                out.extend_from_slice(format!("MAILBOXID ({id})").as_bytes());
                continue;
            }
            StatusItem::Messages => ("MESSAGES ", u64::from(snapshot.exists())),
            StatusItem::Recent => ("RECENT ", 0),
            StatusItem::UidNext => ("UIDNEXT ", u64::from(uid_next())),
            StatusItem::UidValidity => ("UIDVALIDITY ", snapshot.uid_validity().get().into()),
            StatusItem::Unseen => ("UNSEEN ", u64::from(snapshot.unseen())),
            StatusItem::HighestModSeq => ("HIGHESTMODSEQ ", snapshot.highest_modseq().get()),
            StatusItem::Size => ("SIZE ", snapshot.size_total()),
            StatusItem::Deleted => ("DELETED ", u64::from(snapshot.deleted())),
            StatusItem::DeletedStorage => ("DELETED-STORAGE ", deleted_kib),
            StatusItem::AppendLimit => ("APPENDLIMIT ", append_limit),
        };
        out.extend_from_slice(name.as_bytes());
        push_number(out, value);
    }
    out.extend_from_slice(b")\r\n");
}
