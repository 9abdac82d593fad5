//! LIST's and LSUB's arguments (RFC 3501, 6.3.8 and 6.3.9), with the options of RFC 6154, and
//! those of RFC 5258 that clients send unasked.

use super::cursor::{Cursor, Malformed};
use super::decoded_name;
use crate::imap::command::{Body, ListQuery};

/// Patterns in one LIST.
const PATTERNS_MAX: usize = 100;

/// What follows `LIST`.
pub(super) fn list(cursor: &mut Cursor<'_>) -> Result<ListQuery, Malformed> {
    let mut query = ListQuery::default();
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        for option in options(cursor)? {
            match option.as_str() {
                "SUBSCRIBED" => query.only_subscribed = true,
                "SPECIAL-USE" => query.only_special_use = true,
                "REMOTE" => {}
                _ => return Err(Malformed::Expected("a selection option we know")),
            }
        }
        query.tell_subscribed = query.only_subscribed;
        cursor.space()?;
    }
    query.reference = decoded_name(&cursor.astring()?)?;
    cursor.space()?;
    query.patterns = patterns(cursor)?;
    if cursor.more_words() {
        if !cursor.eat_word("RETURN") {
            return Err(Malformed::Expected("RETURN or the end of the command"));
        }
        cursor.space()?;
        for option in options(cursor)? {
            match option.as_str() {
                "SUBSCRIBED" => query.tell_subscribed = true,
                // Always told (CLIENTS.md rule 13).
                "CHILDREN" | "SPECIAL-USE" => {}
                _ => return Err(Malformed::Expected("a return option we know")),
            }
        }
    }
    Ok(query)
}

/// What follows `LSUB`.
pub(super) fn lsub(cursor: &mut Cursor<'_>) -> Result<Body, Malformed> {
    cursor.space()?;
    let reference = decoded_name(&cursor.astring()?)?;
    cursor.space()?;
    let pattern = decoded_name(&cursor.list_pattern()?)?;
    Ok(Body::Lsub { reference, pattern })
}

fn patterns(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Malformed> {
    if !cursor.eat(b'(') {
        return Ok(vec![decoded_name(&cursor.list_pattern()?)?]);
    }
    let mut patterns = Vec::new();
    while !cursor.eat(b')') {
        if patterns.len() >= PATTERNS_MAX {
            return Err(Malformed::Expected("fewer patterns"));
        }
        cursor.skip_spaces();
        patterns.push(decoded_name(&cursor.list_pattern()?)?);
        cursor.skip_spaces();
    }
    Ok(patterns)
}

fn options(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Malformed> {
    cursor.expect(b'(', "options in parentheses")?;
    let mut options = Vec::new();
    cursor.skip_spaces();
    while !cursor.eat(b')') {
        let option = cursor.upper_word();
        if option.is_empty() || options.len() > 20 {
            return Err(Malformed::Expected("an option"));
        }
        options.push(option);
        cursor.skip_spaces();
    }
    Ok(options)
}
