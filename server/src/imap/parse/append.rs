//! APPEND's and REPLACE's arguments (RFC 3501, 6.3.11; RFC 3502; RFC 4469; RFC 8508, 5).

use std::ops::Range;

use engine::FlagSet;

use super::cursor::{Cursor, Malformed};
use super::{date, flag_list, next_mailbox, url};
use crate::imap::command::{
    Append, AppendMessage, AppendText, CatenatePart, CatenateUrl, Numbering, Replace,
};

/// Messages in one APPEND, so that many small ones do not take more memory than a large one.
const MESSAGES_MAX: usize = 10_000;
/// Parts in one message.
const PARTS_MAX: usize = 10_000;

/// One message or more (RFC 3502).
pub(super) fn append(cursor: &mut Cursor<'_>) -> Result<Append, Malformed> {
    let mailbox = next_mailbox(cursor)?;
    cursor.space()?;
    let mut messages = vec![message(cursor)?];
    while cursor.more_words() {
        if messages.len() >= MESSAGES_MAX {
            return Err(Malformed::Expected("fewer messages"));
        }
        messages.push(message(cursor)?);
    }
    Ok(Append { mailbox, messages })
}

/// `REPLACE 4 Drafts (\Seen) {312}` (RFC 8508, 5).
pub(super) fn replace(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Replace, Malformed> {
    cursor.space()?;
    let old = cursor.bound()?;
    let mailbox = next_mailbox(cursor)?;
    cursor.space()?;
    let messages = vec![message(cursor)?];
    Ok(Replace { numbering, message: old, append: Append { mailbox, messages } })
}

/// `append-message`: in a literal, a literal8 (RFC 3516, 4.4), or in parts.
fn message(cursor: &mut Cursor<'_>) -> Result<AppendMessage, Malformed> {
    let mut flags = FlagSet::default();
    if cursor.peek() == Some(b'(') {
        flags = flag_list(cursor)?;
        cursor.space()?;
    }
    let mut date = None;
    if cursor.peek() == Some(b'"') {
        date = Some(date::date_time(&cursor.string()?)?);
        cursor.space()?;
    }
    let text = if cursor.eat_word("CATENATE") {
        cursor.space()?;
        AppendText::Parts(parts(cursor)?)
    } else if matches!(cursor.peek(), Some(b'{' | b'~')) {
        AppendText::Literal(literal(cursor)?)
    } else {
        AppendText::Literal(utf8_literal(cursor)?)
    };
    Ok(AppendMessage { flags, date, text })
}

/// A literal or a literal8.
fn literal(cursor: &mut Cursor<'_>) -> Result<Range<usize>, Malformed> {
    cursor.eat(b'~');
    cursor.literal_range()
}

/// `UTF8 (literal8)`, which RFC 9755 dropped: what is appended is octets, however it is announced.
fn utf8_literal(cursor: &mut Cursor<'_>) -> Result<Range<usize>, Malformed> {
    if !cursor.eat_word("UTF8") {
        return Err(Malformed::Expected("a message"));
    }
    cursor.space()?;
    cursor.expect(b'(', "a literal8 in parentheses")?;
    let place = literal(cursor)?;
    cursor.expect(b')', "the end of UTF8")?;
    Ok(place)
}

/// `(cat-part …)` (RFC 4469, 5; RFC 6855, 4).
fn parts(cursor: &mut Cursor<'_>) -> Result<Vec<CatenatePart>, Malformed> {
    cursor.expect(b'(', "parts in parentheses")?;
    let mut parts = Vec::new();
    loop {
        cursor.skip_spaces();
        if parts.len() >= PARTS_MAX {
            return Err(Malformed::Expected("fewer parts"));
        }
        parts.push(part(cursor)?);
        cursor.skip_spaces();
        if cursor.eat(b')') {
            return Ok(parts);
        }
    }
}

fn part(cursor: &mut Cursor<'_>) -> Result<CatenatePart, Malformed> {
    if cursor.eat_word("TEXT") {
        cursor.space()?;
        return Ok(CatenatePart::Text(literal(cursor)?));
    }
    if !cursor.eat_word("URL") {
        return Ok(CatenatePart::Text(utf8_literal(cursor)?));
    }
    cursor.space()?;
    let url = cursor.astring()?;
    if url.len() > url::LEN_MAX {
        return Err(Malformed::Expected("a shorter URL"));
    }
    let (text, target) = (url::as_told(&url), url::target(&url));
    Ok(CatenatePart::Url(Box::new(CatenateUrl { text, target })))
}
