//! The arguments of LIST (RFC 3501, 6.3.8; RFC 5258, 6; RFC 5819; RFC 6154; RFC 9590), LSUB (6.3.9) and
//! STATUS (6.3.10).

use super::cursor::{Cursor, Malformed};
use super::metadata::entries;
use super::{decoded_name, next_mailbox};
use crate::imap::command::{Body, ListQuery, StatusItem};
use crate::imap::mailbox_text;

/// Patterns in one LIST.
const PATTERNS_MAX: usize = 100;
/// Options in one list of them, those that come twice counted twice.
const OPTIONS_MAX: usize = 20;

/// What follows `LIST`.
pub(super) fn list(cursor: &mut Cursor<'_>) -> Result<ListQuery, Malformed> {
    let mut query = ListQuery::default();
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        query.is_extended = true;
        selection(cursor, &mut query)?;
        cursor.space()?;
    }
    query.reference = reference(cursor)?;
    cursor.space()?;
    query.is_extended |= cursor.peek() == Some(b'(');
    query.patterns = patterns(cursor)?;
    if cursor.more_words() {
        if !cursor.eat_word("RETURN") {
            return Err(Malformed::Expected("RETURN or the end of the command"));
        }
        query.is_extended = true;
        cursor.space()?;
        returns(cursor, &mut query)?;
    }
    Ok(query)
}

/// RECURSIVEMATCH says nothing by itself, nor about REMOTE (RFC 5258, 3.1). No mailbox is remote.
fn selection(cursor: &mut Cursor<'_>, query: &mut ListQuery) -> Result<(), Malformed> {
    let selection = &mut query.selection;
    options(cursor, |_, option| {
        match option {
            "SUBSCRIBED" => selection.subscribed = true,
            "SPECIAL-USE" => selection.special_use = true,
            "RECURSIVEMATCH" => selection.recursive = true,
            "REMOTE" => {}
            _ => return Err(Malformed::Expected("a selection option we know")),
        }
        Ok(())
    })?;
    if selection.recursive && !selection.subscribed && !selection.special_use {
        return Err(Malformed::Expected("another selection option beside RECURSIVEMATCH"));
    }
    query.tell_subscribed = selection.subscribed;
    Ok(())
}

/// Children and special uses are always told (CLIENTS.md rule 13).
fn returns(cursor: &mut Cursor<'_>, query: &mut ListQuery) -> Result<(), Malformed> {
    options(cursor, |cursor, option| {
        match option {
            "SUBSCRIBED" => query.tell_subscribed = true,
            "CHILDREN" | "SPECIAL-USE" => {}
            "MYRIGHTS" => query.my_rights = true,
            "STATUS" => {
                cursor.space()?;
                query.status = status_items(cursor)?;
            }
            "METADATA" => {
                cursor.space()?;
                query.metadata = entries(cursor)?;
            }
            _ => return Err(Malformed::Expected("a return option we know")),
        }
        Ok(())
    })
}

/// What patterns are relative to.
fn reference(cursor: &mut Cursor<'_>) -> Result<String, Malformed> {
    let reference = cursor.astring()?;
    Ok(mailbox_text::normal(decoded_name(&reference, cursor.dialect())?))
}

fn pattern(cursor: &mut Cursor<'_>) -> Result<String, Malformed> {
    let pattern = cursor.list_pattern()?;
    Ok(mailbox_text::normal(decoded_name(&pattern, cursor.dialect())?))
}

/// What follows `LSUB`.
pub(super) fn lsub(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    let reference = reference(cursor)?;
    cursor.space()?;
    let pattern = pattern(cursor)?;
    Ok(Body::Lsub { reference, pattern })
}

/// What follows `STATUS`.
pub(super) fn status(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    let mailbox = next_mailbox(cursor)?;
    cursor.space()?;
    Ok(Body::Status { mailbox, items: status_items(cursor)? })
}

/// At least one item (RFC 3501, 9: status); what is asked twice is told once.
fn status_items(cursor: &mut Cursor<'_>) -> Result<Vec<StatusItem>, Malformed> {
    cursor.expect(b'(', "status items in parentheses")?;
    let mut items = Vec::new();
    cursor.skip_spaces();
    while items.is_empty() || !cursor.eat(b')') {
        let item = match cursor.upper_word().as_str() {
            "MESSAGES" => StatusItem::Messages,
            "RECENT" => StatusItem::Recent,
            "UIDNEXT" => StatusItem::UidNext,
            "UIDVALIDITY" => StatusItem::UidValidity,
            "UNSEEN" => StatusItem::Unseen,
            "HIGHESTMODSEQ" => StatusItem::HighestModSeq,
            "MAILBOXID" => StatusItem::MailboxId,
            "SIZE" => StatusItem::Size,
            "DELETED" => StatusItem::Deleted,
            "DELETED-STORAGE" => StatusItem::DeletedStorage,
            "APPENDLIMIT" => StatusItem::AppendLimit,
            _ => return Err(Malformed::Expected("a status item")),
        };
        cursor.skip_spaces();
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(items)
}

/// One pattern or several in parentheses (RFC 5258, 6: mbox-or-pat).
fn patterns(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Malformed> {
    cursor.one_or_several((PATTERNS_MAX, "fewer patterns"), pattern)
}

/// Options in parentheses; `take` reads what belongs to one.
fn options(
    cursor: &mut Cursor<'_>,
    mut take: impl FnMut(&mut Cursor<'_>, &str) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    cursor.expect(b'(', "options in parentheses")?;
    cursor.skip_spaces();
    for _ in 0..=OPTIONS_MAX {
        if cursor.eat(b')') {
            return Ok(());
        }
        let option = cursor.upper_word();
        take(cursor, &option)?;
        cursor.skip_spaces();
    }
    Err(Malformed::Expected("fewer options"))
}
