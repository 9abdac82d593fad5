//! What NOTIFY is asked (RFC 5465).

use super::{FetchItems, MailboxFilter};

/// NOTIFY's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// `NONE`: nothing is told.
    None,
    /// `SET`: this is told, and nothing else.
    Set(NotifySet),
    /// An event that is not known here, among others (RFC 5465, 3.1: BADEVENT).
    UnknownEvent,
}

/// What is told from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifySet {
    /// Tell first how the mailboxes are.
    pub status: bool,
    /// What happens in the selected mailbox; without it nothing is told of that.
    pub selected: Option<SelectedEvents>,
    /// What happens in others.
    pub groups: Vec<EventGroup>,
}

/// Events of the selected mailbox (RFC 5465, 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedEvents {
    /// When removals are told.
    pub timing: Timing,
    /// Message events only.
    pub events: Events,
    /// What is told of a new message.
    pub items: Option<FetchItems>,
}

/// When removals in the selected mailbox are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// `SELECTED`: at once.
    Immediate,
    /// `SELECTED-DELAYED`: when a command allows it.
    Delayed,
}

/// Events of some mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventGroup {
    /// Which mailboxes, the selected one aside.
    pub filter: MailboxFilter,
    /// Which events.
    pub events: Events,
}

/// A set of events (RFC 5465, 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events(u8);

impl Events {
    /// `MessageNew` and `MessageExpunge`, which are always asked for together.
    pub const MESSAGES: Self = Self(1);
    /// `FlagChange`.
    pub const FLAGS: Self = Self(2);
    /// `MailboxName`.
    pub const NAMES: Self = Self(4);
    /// `SubscriptionChange`.
    pub const SUBSCRIPTIONS: Self = Self(8);
    /// `MailboxMetadataChange`.
    pub const MAILBOX_METADATA: Self = Self(16);
    /// `ServerMetadataChange`.
    pub const SERVER_METADATA: Self = Self(32);
    /// As the response code BADEVENT lists them.
    pub const NAMES_OF_ALL: &str = "MessageNew MessageExpunge FlagChange MailboxName \
                                    SubscriptionChange MailboxMetadataChange ServerMetadataChange";

    /// Whether any of `events` is in the set.
    pub fn has(self, events: Self) -> bool {
        self.0 & events.0 != 0
    }

    /// All of both.
    #[must_use]
    pub fn and(self, events: Self) -> Self {
        Self(self.0 | events.0)
    }

    /// Whether they are all of messages.
    pub fn are_of_messages(self) -> bool {
        self.0 & !(Self::MESSAGES.0 | Self::FLAGS.0) == 0
    }
}
