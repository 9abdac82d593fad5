//! Which mailboxes a command means, by what they are or by name (RFC 5465, 8: filter-mailboxes;
//! RFC 7377, 4).

use super::cursor::{Cursor, Malformed};
use super::mailbox_name;
use crate::imap::command::{MailboxFilter, MailboxName};

/// Mailboxes named in one filter.
const NAMES_MAX: usize = 1000;

/// One filter.
pub(super) fn filter(cursor: &mut Cursor<'_>) -> Result<MailboxFilter, Malformed> {
    Ok(match cursor.upper_word().as_str() {
        "SELECTED" => MailboxFilter::Selected,
        "INBOXES" => MailboxFilter::Inboxes,
        "PERSONAL" => MailboxFilter::Personal,
        "SUBSCRIBED" => MailboxFilter::Subscribed,
        "SUBTREE" => MailboxFilter::Subtree(names(cursor)?),
        "SUBTREE-ONE" => MailboxFilter::SubtreeOne(names(cursor)?),
        "MAILBOXES" => MailboxFilter::Mailboxes(names(cursor)?),
        _ => return Err(Malformed::Expected("which mailboxes")),
    })
}

/// `one-or-more-mailbox`.
fn names(cursor: &mut Cursor<'_>) -> Result<Vec<MailboxName>, Malformed> {
    cursor.space()?;
    if !cursor.eat(b'(') {
        return Ok(vec![mailbox_name(cursor)?]);
    }
    let mut names = Vec::new();
    loop {
        cursor.skip_spaces();
        names.push(mailbox_name(cursor)?);
        cursor.skip_spaces();
        if cursor.eat(b')') {
            return Ok(names);
        }
        if names.len() >= NAMES_MAX {
            return Err(Malformed::Expected("fewer mailboxes"));
        }
    }
}
