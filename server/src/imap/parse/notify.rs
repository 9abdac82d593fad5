//! The arguments of NOTIFY (RFC 5465, 8).

use super::cursor::{Cursor, Malformed};
use super::fetch::items;
use super::sources;
use crate::imap::command::{
    Body, EventGroup, Events, FetchItems, MailboxFilter, Notify, NotifySet, SelectedEvents, Timing,
};

/// Groups in one command.
const GROUPS_MAX: usize = 100;
/// Bytes of what is asked for: a session keeps it.
const LEN_MAX: usize = 64 << 10;
/// Events in one group, those that come twice counted twice.
const EVENTS_MAX: usize = 20;

/// What follows `NOTIFY`.
pub(super) fn notify(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    if cursor.eat_word("NONE") {
        return Ok(Body::Notify(Notify::None));
    }
    if !cursor.eat_word("SET") {
        return Err(Malformed::Expected("SET or NONE"));
    }
    cursor.space()?;
    if cursor.left() > LEN_MAX {
        return Err(Malformed::Expected("a shorter list of events"));
    }
    let mut set = NotifySet::default();
    if cursor.eat_word("STATUS") {
        set.status = true;
        cursor.space()?;
    }
    let mut all_known = true;
    for count in 0.. {
        if count > 0 && !cursor.more_words() {
            break;
        }
        if count >= GROUPS_MAX {
            return Err(Malformed::Expected("fewer groups of events"));
        }
        all_known &= group(cursor, &mut set)?;
    }
    Ok(Body::Notify(if all_known { Notify::Set(set) } else { Notify::UnknownEvent }))
}

/// Adds one group; false if an event of it is not known here.
fn group(cursor: &mut Cursor<'_>, set: &mut NotifySet) -> Result<bool, Malformed> {
    cursor.expect(b'(', "a group of events in parentheses")?;
    cursor.skip_spaces();
    let mut ahead = cursor.clone();
    let timing = match ahead.upper_word().as_str() {
        "SELECTED" => Some(Timing::Immediate),
        "SELECTED-DELAYED" => Some(Timing::Delayed),
        _ => None,
    };
    let filter = if timing.is_some() {
        *cursor = ahead;
        MailboxFilter::Selected
    } else {
        sources::filter(cursor)?
    };
    cursor.space()?;
    let asked = events(cursor)?;
    cursor.skip_spaces();
    cursor.expect(b')', "the end of the group")?;
    let events = asked.checked()?;
    match (timing, filter) {
        (_, MailboxFilter::SubtreeOne(_)) => return Err(Malformed::Expected("which mailboxes")),
        (None, _) if asked.items.is_some() => {
            return Err(Malformed::Expected("FETCH items for the selected mailbox only"));
        }
        (None, filter) => set.groups.push(EventGroup { filter, events }),
        (Some(_), _) if set.selected.is_some() => {
            return Err(Malformed::Expected("the selected mailbox only once"));
        }
        (Some(_), _) if !events.are_of_messages() => {
            return Err(Malformed::Expected("events of messages for the selected mailbox"));
        }
        (Some(timing), _) => {
            set.selected = Some(SelectedEvents { timing, events, items: asked.items });
        }
    }
    Ok(asked.unknown.is_none())
}

/// The events of a group as they were read.
#[derive(Default)]
struct Asked {
    events: Events,
    new: bool,
    expunge: bool,
    items: Option<FetchItems>,
    unknown: Option<Unknown>,
}

/// An event that cannot be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// `AnnotationChange`.
    Annotations,
    /// Any other.
    Other,
}

impl Asked {
    /// What must be asked for together (RFC 5465, 5).
    fn checked(&self) -> Result<Events, Malformed> {
        let changes = self.events.has(Events::FLAGS) || self.unknown == Some(Unknown::Annotations);
        if self.new != self.expunge || changes && !self.new {
            return Err(Malformed::Expected("MessageNew and MessageExpunge together"));
        }
        Ok(self.events)
    }
}

/// Events in parentheses, or NONE. Without parentheses, as an example of the RFC has them, they end
/// with the group.
fn events(cursor: &mut Cursor<'_>) -> Result<Asked, Malformed> {
    let mut asked = Asked::default();
    if cursor.eat_word("NONE") {
        return Ok(asked);
    }
    let is_enclosed = cursor.eat(b'(');
    cursor.skip_spaces();
    for _ in 0..EVENTS_MAX {
        event(cursor, &mut asked)?;
        cursor.skip_spaces();
        if cursor.peek() == Some(b')') {
            if is_enclosed {
                cursor.advance(1);
            }
            return Ok(asked);
        }
    }
    Err(Malformed::Expected("fewer events"))
}

fn event(cursor: &mut Cursor<'_>, asked: &mut Asked) -> Result<(), Malformed> {
    let events = match cursor.upper_word().as_str() {
        "" => return Err(Malformed::Expected("an event")),
        "MESSAGENEW" => {
            asked.new = true;
            let mut ahead = cursor.clone();
            ahead.skip_spaces();
            if ahead.peek() == Some(b'(') {
                *cursor = ahead;
                asked.items = Some(items(cursor)?);
            }
            Events::MESSAGES
        }
        "MESSAGEEXPUNGE" => {
            asked.expunge = true;
            Events::MESSAGES
        }
        "FLAGCHANGE" => Events::FLAGS,
        "MAILBOXNAME" => Events::NAMES,
        "SUBSCRIPTIONCHANGE" => Events::SUBSCRIPTIONS,
        "MAILBOXMETADATACHANGE" => Events::MAILBOX_METADATA,
        "SERVERMETADATACHANGE" => Events::SERVER_METADATA,
        "ANNOTATIONCHANGE" => {
            asked.unknown = Some(Unknown::Annotations);
            return Ok(());
        }
        _ => {
            asked.unknown = asked.unknown.or(Some(Unknown::Other));
            return Ok(());
        }
    };
    asked.events = asked.events.and(events);
    Ok(())
}
