//! What a client does itself, it knows (RFC 5464, 4.3; RFC 5465, 5).

use engine::UidSet;

use super::lists::ListEvent;
use crate::imap::command::{Body, MailboxName};
use crate::imap::outcome::Outcome;
use crate::imap::session::Selected;

/// A command that changes the list of mailboxes, as far as events are its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// CREATE, with the levels above, or DELETE.
    Named(MailboxName),
    /// RENAME: from and to.
    Renamed(MailboxName, MailboxName),
    /// SUBSCRIBE or UNSUBSCRIBE.
    Subscribed(MailboxName),
    /// SETMETADATA: whose annotations, and which.
    Annotated(Option<MailboxName>, Vec<String>),
}

impl Own {
    /// What a command changes, should it succeed.
    pub(crate) fn of(body: &Body) -> Option<Self> {
        Some(match body {
            Body::Create { mailbox, .. } | Body::Delete(mailbox) => Self::Named(mailbox.clone()),
            Body::Rename { from, to } => Self::Renamed(from.clone(), to.clone()),
            Body::Subscribe(mailbox) | Body::Unsubscribe(mailbox) => {
                Self::Subscribed(mailbox.clone())
            }
            Body::SetMetadata(set) => {
                let keys = set.entries.iter().map(|(entry, _)| entry.key());
                Self::Annotated(set.mailbox.clone(), keys.collect())
            }
            _ => return None,
        })
    }

    /// Whether that is all there is to an event.
    pub(super) fn caused(&self, event: &ListEvent<'_>) -> bool {
        match (self, event) {
            (Self::Named(own), ListEvent::Name { name, old: None }) => is_at_or_above(name, own),
            (Self::Renamed(from, to), ListEvent::Name { name, old }) => match old {
                Some(old) => from.as_str() == *old && to.as_str() == *name,
                None => is_at_or_above(name, to),
            },
            (Self::Subscribed(own), ListEvent::Subscription(name)) => own.as_str() == *name,
            (Self::Annotated(whose, keys), ListEvent::Annotations { mailbox, entries }) => {
                let is_mine = |entry: &&str| keys.iter().any(|key| key == entry);
                whose.as_ref().map(MailboxName::as_str) == *mailbox && entries.iter().all(is_mine)
            }
            _ => false,
        }
    }
}

impl Selected {
    /// Whether a command puts messages into this very mailbox.
    pub(crate) fn is_target_of(&self, body: &Body) -> bool {
        let name = match body {
            Body::Append(append) => &append.mailbox,
            Body::Replace(replace) => &replace.append.mailbox,
            Body::Copy(transfer) | Body::Move(transfer) => &transfer.mailbox,
            _ => return false,
        };
        let account = &self.authenticated.account;
        let is_own = self.mailbox.account().id() == account.id();
        let list = account.mailboxes();
        is_own && list.find(name.as_str()).is_some_and(|entry| entry.id == self.mailbox.id())
    }
}

/// The messages that a command put somewhere: what APPENDUID and COPYUID name last.
pub(crate) fn own_messages(outcome: &Outcome) -> UidSet {
    let sets = outcome.as_ref().ok().map(|done| &done.sets);
    sets.and_then(|sets| sets.last()).cloned().unwrap_or_default()
}

/// Whether a name is that of a mailbox or of a level above it.
fn is_at_or_above(name: &str, mailbox: &MailboxName) -> bool {
    let rest = mailbox.as_str().strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
