//! What a client does itself, it knows (RFC 5464, 4.3; RFC 5465, 5).

use super::lists::ListEvent;
use crate::imap::command::{Body, MailboxName};

/// A command that changes the list of mailboxes, as far as its events are told by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// SETMETADATA: whose annotations, and which.
    Annotated(Option<MailboxName>, Vec<String>),
}

impl Own {
    /// What a command changes, should it succeed.
    pub(crate) fn of(body: &Body) -> Option<Self> {
        match body {
            Body::SetMetadata(set) => {
                let keys = set.entries.iter().map(|(entry, _)| entry.key());
                Some(Self::Annotated(set.mailbox.clone(), keys.collect()))
            }
            _ => None,
        }
    }

    /// Whether that is all there is to an event.
    pub(super) fn caused(&self, event: &ListEvent<'_>) -> bool {
        match (self, event) {
            (Self::Annotated(whose, keys), ListEvent::Annotations { mailbox, entries }) => {
                let is_mine = |entry: &&str| keys.iter().any(|key| key == entry);
                whose.as_ref().map(MailboxName::as_str) == *mailbox && entries.iter().all(is_mine)
            }
        }
    }
}
