//! FETCH's arguments (RFC 3501, 6.4.5; RFC 7162, 3.1.4 and 3.2.6; RFC 3516; RFC 8474;
//! RFC 8514; RFC 8970; RFC 9394).

use std::num::NonZeroU64;

use super::cursor::{Cursor, Malformed, is_atom_char};
use super::returns::partial_range;
use crate::imap::command::{
    Fetch, FetchAttribute, FetchItems, HeaderFields, Numbering, Partial, SectionForm, SectionPart,
    SectionPath,
};

const ITEM: Malformed = Malformed::Expected("a FETCH item");
const MODIFIERS: Malformed =
    Malformed::Expected("CHANGEDSINCE, or VANISHED or PARTIAL in UID FETCH");
const SECTION: Malformed = Malformed::Expected("a section of a message");

/// Sections in one FETCH, so that one short command cannot ask for a message a million times.
const SECTIONS_MAX: usize = 1000;
/// Part numbers in one section: as deep as a message can be.
const PARTS_MAX: usize = 256;

/// What follows `FETCH`.
pub(super) fn fetch(cursor: &mut Cursor<'_>, numbering: Numbering) -> Result<Fetch, Malformed> {
    cursor.space()?;
    let messages = cursor.sequence_set()?;
    cursor.space()?;
    let mut items = items(cursor)?;
    let (mut changed_since, mut vanished, mut partial) = (None, false, None);
    if cursor.more_words() {
        cursor.expect(b'(', "modifiers in parentheses")?;
        cursor.skip_spaces();
        while !cursor.eat(b')') {
            match cursor.upper_word().as_str() {
                "CHANGEDSINCE" => {
                    cursor.space()?;
                    changed_since = Some(cursor.mod_sequence()?);
                }
                "VANISHED" if numbering == Numbering::Uid => vanished = true,
                "PARTIAL" if numbering == Numbering::Uid && partial.is_none() => {
                    cursor.space()?;
                    partial = Some(partial_range(cursor)?);
                }
                _ => return Err(MODIFIERS),
            }
            cursor.skip_spaces();
        }
        if changed_since.is_none() && (vanished || partial.is_none()) {
            return Err(Malformed::Expected("CHANGEDSINCE"));
        }
    }
    if changed_since.is_some() {
        // CHANGEDSINCE asks for MODSEQ without saying so (RFC 7162, 3.1.4.1).
        items.insert(FetchAttribute::ModSeq);
    }
    // With UIDONLY every answer begins with it.
    if numbering == Numbering::Uid && !cursor.dialect().uid_only {
        items.insert(FetchAttribute::Uid);
    }
    Ok(Fetch { numbering, messages, items, changed_since, vanished, partial })
}

/// `fetch-att`s, one or in parentheses.
pub(super) fn items(cursor: &mut Cursor<'_>) -> Result<FetchItems, Malformed> {
    let mut items = FetchItems::default();
    if !cursor.eat(b'(') {
        if !take_macro(cursor, &mut items) {
            item(cursor, &mut items)?;
        }
        return Ok(items);
    }
    cursor.skip_spaces();
    while !cursor.eat(b')') {
        item(cursor, &mut items)?;
        cursor.skip_spaces();
    }
    if items.attributes.is_empty() && items.sections.is_empty() { Err(ITEM) } else { Ok(items) }
}

/// ALL, FAST and FULL stand alone (RFC 3501, 6.4.5).
fn take_macro(cursor: &mut Cursor<'_>, items: &mut FetchItems) -> bool {
    use FetchAttribute::{Body, Envelope, Flags, InternalDate, Size};
    let last: &[_] = if cursor.eat_word("FAST") {
        &[]
    } else if cursor.eat_word("ALL") {
        &[Envelope]
    } else if cursor.eat_word("FULL") {
        &[Envelope, Body]
    } else {
        return false;
    };
    [Flags, InternalDate, Size].iter().chain(last).for_each(|item| items.insert(*item));
    true
}

fn item(cursor: &mut Cursor<'_>, items: &mut FetchItems) -> Result<(), Malformed> {
    let word = cursor.item_word();
    let attribute = match word.as_str() {
        "UID" => FetchAttribute::Uid,
        "FLAGS" => FetchAttribute::Flags,
        "INTERNALDATE" => FetchAttribute::InternalDate,
        "RFC822.SIZE" => FetchAttribute::Size,
        "MODSEQ" => FetchAttribute::ModSeq,
        "ENVELOPE" => FetchAttribute::Envelope,
        "BODYSTRUCTURE" => FetchAttribute::BodyStructure,
        "SAVEDATE" => FetchAttribute::SaveDate,
        "EMAILID" => FetchAttribute::EmailId,
        "THREADID" => FetchAttribute::ThreadId,
        // The hyphen is part of no other item.
        "X" if cursor.eat_prefix("-GUID") => FetchAttribute::Guid,
        "PREVIEW" => preview(cursor)?,
        "BODY" if cursor.peek() != Some(b'[') => FetchAttribute::Body,
        "BODY" => return section(cursor, items, true),
        "BODY.PEEK" if cursor.peek() == Some(b'[') => return section(cursor, items, false),
        "BINARY" | "BINARY.PEEK" | "BINARY.SIZE" if cursor.peek() == Some(b'[') => {
            return binary(cursor, items, &word);
        }
        "RFC822" => return rfc822(items, &word, HeaderFields::Whole),
        "RFC822.HEADER" => return rfc822(items, &word, HeaderFields::Header),
        "RFC822.TEXT" => return rfc822(items, &word, HeaderFields::Text),
        _ => return Err(ITEM),
    };
    items.insert(attribute);
    Ok(())
}

/// `PREVIEW`, perhaps with modifiers. Alone it may be followed by those of FETCH, which look the
/// same but for their first word.
fn preview(cursor: &mut Cursor<'_>) -> Result<FetchAttribute, Malformed> {
    if cursor.eat_prefix(" (LAZY") {
        while cursor.eat_prefix(" LAZY") {}
        cursor.expect(b')', "LAZY, the one modifier of PREVIEW that we know")?;
    }
    Ok(FetchAttribute::Preview)
}

/// RFC822.HEADER is BODY.PEEK[HEADER]; the others set `\Seen` (RFC 3501, 6.4.5).
fn rfc822(items: &mut FetchItems, word: &str, fields: HeaderFields) -> Result<(), Malformed> {
    let marks_seen = fields != HeaderFields::Header;
    let path = SectionPath { parts: Vec::new(), fields };
    let (label, form) = (word.to_owned(), SectionForm::AsItIs);
    push(items, SectionPart { label, path, partial: None, marks_seen, form })
}

fn section(
    cursor: &mut Cursor<'_>,
    items: &mut FetchItems,
    marks_seen: bool,
) -> Result<(), Malformed> {
    cursor.expect(b'[', "a section in brackets")?;
    let path = path(cursor)?;
    cursor.expect(b']', "the end of a section")?;
    let partial = partial(cursor)?;
    let (label, form) = (label("BODY[", &path), SectionForm::AsItIs);
    push(items, SectionPart { label, path, partial, marks_seen, form })
}

/// `BINARY[1.2]<0.9>`, `BINARY.PEEK[…]` and `BINARY.SIZE[…]` (RFC 3516, 4.2): a part by number.
fn binary(cursor: &mut Cursor<'_>, items: &mut FetchItems, word: &str) -> Result<(), Malformed> {
    cursor.expect(b'[', "a section in brackets")?;
    let path = path(cursor)?;
    cursor.expect(b']', "the end of a section")?;
    if path.fields != HeaderFields::Whole {
        return Err(SECTION);
    }
    let (name, form) = match word {
        "BINARY.SIZE" => ("BINARY.SIZE[", SectionForm::DecodedSize),
        _ => ("BINARY[", SectionForm::Decoded),
    };
    let partial = if form == SectionForm::Decoded { partial(cursor)? } else { None };
    let (label, marks_seen) = (label(name, &path), word == "BINARY");
    push(items, SectionPart { label, path, partial, marks_seen, form })
}

fn partial(cursor: &mut Cursor<'_>) -> Result<Option<Partial>, Malformed> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    // 63 bits in IMAP4rev2 (RFC 9051, 9: number64).
    let origin = cursor.mod_sequence()?;
    cursor.expect(b'.', "a dot between origin and length")?;
    let len = NonZeroU64::new(cursor.mod_sequence()?);
    let len = len.ok_or(Malformed::Expected("a length above 0"))?;
    cursor.expect(b'>', "the end of a partial")?;
    Ok(Some(Partial { origin, len }))
}

fn push(items: &mut FetchItems, part: SectionPart) -> Result<(), Malformed> {
    if items.sections.len() >= SECTIONS_MAX {
        return Err(Malformed::Expected("fewer sections"));
    }
    items.sections.push(part);
    Ok(())
}

/// What stands in the brackets, up to `]`.
pub(super) fn path(cursor: &mut Cursor<'_>) -> Result<SectionPath, Malformed> {
    let mut path = SectionPath::default();
    if cursor.peek() == Some(b']') {
        return Ok(path);
    }
    while cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        path.parts.push(cursor.nonzero()?);
        if path.parts.len() > PARTS_MAX {
            return Err(SECTION);
        }
        if !cursor.eat(b'.') {
            return Ok(path);
        }
    }
    path.fields = match cursor.item_word().as_str() {
        "HEADER" => HeaderFields::Header,
        "HEADER.FIELDS" => HeaderFields::Only(field_names(cursor)?),
        "HEADER.FIELDS.NOT" => HeaderFields::Except(field_names(cursor)?),
        "TEXT" => HeaderFields::Text,
        "MIME" if !path.parts.is_empty() => HeaderFields::Mime,
        _ => return Err(SECTION),
    };
    Ok(path)
}

fn field_names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Malformed> {
    const NAME: Malformed = Malformed::Expected("header field names in parentheses");
    cursor.space()?;
    cursor.expect(b'(', "header field names in parentheses")?;
    cursor.skip_spaces();
    let mut names = Vec::new();
    while !cursor.eat(b')') {
        let name = cursor.astring()?;
        // `ftext` (RFC 5322, 3.6.8): what else could a field be called?
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':') {
            return Err(NAME);
        }
        names.push(String::from_utf8_lossy(&name).into_owned());
        cursor.skip_spaces();
    }
    if names.is_empty() { Err(NAME) } else { Ok(names) }
}

/// The section as the answer spells it.
fn label(name: &str, path: &SectionPath) -> String {
    let mut label = name.to_owned();
    for (index, part) in path.parts.iter().enumerate() {
        let dot = if index == 0 { "" } else { "." };
        label.push_str(dot);
        label.push_str(&part.to_string());
    }
    if !path.parts.is_empty() && path.fields != HeaderFields::Whole {
        label.push('.');
    }
    match &path.fields {
        HeaderFields::Whole => {}
        HeaderFields::Header => label.push_str("HEADER"),
        HeaderFields::Text => label.push_str("TEXT"),
        HeaderFields::Mime => label.push_str("MIME"),
        HeaderFields::Only(names) => push_names(&mut label, "HEADER.FIELDS", names),
        HeaderFields::Except(names) => push_names(&mut label, "HEADER.FIELDS.NOT", names),
    }
    label.push(']');
    label
}

fn push_names(label: &mut String, word: &str, names: &[String]) {
    label.push_str(word);
    for (index, name) in names.iter().enumerate() {
        label.push_str(if index == 0 { " (" } else { " " });
        if name.bytes().all(|byte| is_atom_char(byte) || byte == b']') {
            label.push_str(name);
        } else {
            label.push('"');
            for char in name.chars() {
                if matches!(char, '"' | '\\') {
                    label.push('\\');
                }
                label.push(char);
            }
            label.push('"');
        }
    }
    label.push(')');
}
