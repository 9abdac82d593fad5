//! SELECT's arguments (RFC 3501, 6.3.1; RFC 7162, 3.1.8 and 3.2.5).

use super::cursor::{Cursor, Malformed};
use super::next_mailbox;
use crate::imap::command::{Access, Body, Condstore, Resync, SequenceSet};

/// What follows `SELECT` or `EXAMINE`.
pub(super) fn select(cursor: &mut Cursor<'_>, access: Access) -> Result<Body, Malformed> {
    let mailbox = next_mailbox(cursor)?;
    let (mut condstore, mut resync) = (Condstore::Unmentioned, None);
    if cursor.more_words() {
        cursor.expect(b'(', "parameters in parentheses")?;
        cursor.skip_spaces();
        while !cursor.eat(b')') {
            match cursor.upper_word().as_str() {
                "CONDSTORE" => condstore = Condstore::Enabled,
                "QRESYNC" if resync.is_none() => resync = Some(Box::new(what_is_known(cursor)?)),
                _ => return Err(Malformed::Expected("CONDSTORE or QRESYNC")),
            }
            cursor.skip_spaces();
        }
    }
    Ok(Body::Select { mailbox, access, condstore, resync })
}

/// `(uidvalidity modseq [known-uids] [(numbers uids)])`.
fn what_is_known(cursor: &mut Cursor<'_>) -> Result<Resync, Malformed> {
    cursor.space()?;
    cursor.expect(b'(', "what is known of the mailbox, in parentheses")?;
    cursor.skip_spaces();
    let uid_validity = cursor.nonzero()?;
    cursor.space()?;
    let modseq = cursor.mod_sequence()?;
    let (mut known, mut pairs) = (None, None);
    cursor.skip_spaces();
    if cursor.peek().is_some_and(|byte| byte.is_ascii_digit() || byte == b'*') {
        known = Some(plain_set(cursor)?);
        cursor.skip_spaces();
    }
    if cursor.eat(b'(') {
        let numbers = plain_set(cursor)?;
        cursor.space()?;
        pairs = Some((numbers, plain_set(cursor)?));
        cursor.expect(b')', "the end of the numbers and UIDs")?;
        cursor.skip_spaces();
    }
    cursor.expect(b')', "the end of what is known")?;
    Ok(Resync { uid_validity, modseq, known, pairs })
}

/// A client cannot know what `*` is.
fn plain_set(cursor: &mut Cursor<'_>) -> Result<SequenceSet, Malformed> {
    let set = cursor.sequence_set()?;
    if set.is_plain() { Ok(set) } else { Err(Malformed::Expected("a set without * and $")) }
}
