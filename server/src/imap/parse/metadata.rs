//! The arguments of GETMETADATA and SETMETADATA (RFC 5464, 5), and entries in LIST (RFC 9590, 5).

use super::cursor::{Cursor, Malformed};
use super::decoded_name;
use crate::imap::command::{Body, Depth, EntryName, GetMetadata, MailboxName, SetMetadata};

/// Entries in one command.
const ENTRIES_MAX: usize = 1000;

const ENTRY: Malformed = Malformed::Expected("an entry below /private or /shared");

/// What follows `GETMETADATA`. Options come before the mailbox; that they come after it is forgiven,
/// since an example of the RFC has them there.
pub(super) fn get(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    let mut get =
        GetMetadata { mailbox: None, entries: Vec::new(), depth: Depth::Entry, size_max: None };
    cursor.space()?;
    let has_options = options(cursor, &mut get)?;
    get.mailbox = mailbox(cursor)?;
    cursor.space()?;
    if !has_options {
        options(cursor, &mut get)?;
    }
    get.entries = entries(cursor)?;
    Ok(Body::GetMetadata(get))
}

/// What follows `SETMETADATA`.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    let mailbox = mailbox(cursor)?;
    cursor.space()?;
    cursor.expect(b'(', "entries and values in parentheses")?;
    cursor.skip_spaces();
    let mut entries = Vec::new();
    while entries.is_empty() || !cursor.eat(b')') {
        if entries.len() >= ENTRIES_MAX {
            return Err(Malformed::Expected("fewer entries"));
        }
        let entry = entry(cursor)?;
        if !entry.is_below() {
            return Err(ENTRY);
        }
        cursor.space()?;
        entries.push((entry, value(cursor)?));
        cursor.skip_spaces();
    }
    Ok(Body::SetMetadata(SetMetadata { mailbox, entries }))
}

/// One entry, or several in parentheses.
pub(super) fn entries(cursor: &mut Cursor<'_>) -> Result<Vec<EntryName>, Malformed> {
    cursor.one_or_several((ENTRIES_MAX, "fewer entries"), entry)
}

/// Options in parentheses and the space behind them, if such are next: entries begin otherwise.
fn options(cursor: &mut Cursor<'_>, get: &mut GetMetadata) -> Result<bool, Malformed> {
    let mut ahead = cursor.clone();
    if !ahead.eat(b'(') {
        return Ok(false);
    }
    ahead.skip_spaces();
    if matches!(ahead.peek(), Some(b'/' | b'"' | b'{')) {
        return Ok(false);
    }
    *cursor = ahead;
    for at in 0.. {
        if at > 0 && cursor.eat(b')') {
            break;
        }
        match cursor.upper_word().as_str() {
            "MAXSIZE" if get.size_max.is_none() => {
                cursor.space()?;
                get.size_max = Some(cursor.number()?);
            }
            "DEPTH" => {
                cursor.space()?;
                get.depth = match cursor.upper_word().as_str() {
                    "0" => Depth::Entry,
                    "1" => Depth::Children,
                    "INFINITY" => Depth::All,
                    _ => return Err(Malformed::Expected("0, 1 or infinity")),
                };
            }
            _ => return Err(Malformed::Expected("MAXSIZE or DEPTH")),
        }
        cursor.skip_spaces();
    }
    cursor.space()?;
    Ok(true)
}

/// The name of a mailbox; the empty one is the server.
fn mailbox(cursor: &mut Cursor<'_>) -> Result<Option<MailboxName>, Malformed> {
    let name = cursor.astring()?;
    let name = decoded_name(&name, cursor.dialect())?;
    Ok(if name.is_empty() { None } else { Some(MailboxName::new(&name)) })
}

fn entry(cursor: &mut Cursor<'_>) -> Result<EntryName, Malformed> {
    EntryName::new(&cursor.astring()?).ok_or(ENTRY)
}

/// `nstring` or `literal8`, which may hold NUL.
fn value(cursor: &mut Cursor<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    if cursor.eat_word("NIL") {
        return Ok(None);
    }
    if cursor.eat(b'~') {
        return Ok(Some(cursor.literal()?.to_vec()));
    }
    Ok(Some(cursor.string()?.into_owned()))
}
