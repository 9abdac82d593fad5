//! From values to bytes on the wire, appended to an output buffer without an allocation for each
//! message (RFC 3501, 9).

mod date_text;
mod flags;
mod row;
mod set;
mod sheet;

pub(crate) use date_text::DateTexts;
pub(crate) use flags::{FlagTexts, push_flag_set};
pub(crate) use row::RowWriter;
pub(crate) use set::SetWriter;
pub(crate) use sheet::{Digits, Pen, Sheet};

use super::dialect::Dialect;
use super::mailbox_text;

/// A number in decimal.
pub(crate) fn push_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A string: quoted, or a literal if a quoted one could not hold it.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        push_quoted(out, text);
    } else {
        push_literal(out, &[text]);
    }
}

fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Octets as they are: a string, or a literal8 if NUL is among them (RFC 3516, 4.2).
pub(crate) fn push_binary(out: &mut Vec<u8>, octets: &[u8]) {
    if octets.contains(&0) {
        out.push(b'~');
        push_literal(out, &[octets]);
    } else {
        push_string(out, octets);
    }
}

/// The name of an annotation: plain where it can be.
pub(crate) fn push_entry_name(out: &mut Vec<u8>, name: &str) {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.:+=@".contains(&byte)) {
        out.extend_from_slice(name.as_bytes());
    } else {
        push_string(out, name.as_bytes());
    }
}

/// What stands before the octets of a literal.
pub(crate) fn push_literal_head(out: &mut Vec<u8>, len: u64) {
    out.push(b'{');
    push_number(out, len);
    out.extend_from_slice(b"}\r\n");
}

/// A literal of some octets, in any number of pieces, as they are.
pub(crate) fn push_literal(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    push_literal_head(out, pieces.iter().map(|piece| piece.len() as u64).sum());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// The same for text that clients parse. A literal cannot carry NUL (RFC 3501, 9: CHAR8), so what
/// of it stands there is sent as 0x80; the count stays true.
pub(crate) fn push_text_literal(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    let start = out.len();
    push_literal(out, pieces);
    // Without a branch, many octets at a time.
    for octet in out.get_mut(start..).unwrap_or_default() {
        *octet = if *octet == 0 { 0x80 } else { *octet };
    }
}

/// A mailbox name as the client reads it, always quoted: some clients split answers at spaces.
pub(crate) fn push_mailbox(out: &mut Vec<u8>, name: &str, dialect: Dialect) {
    let mut encoded = Vec::with_capacity(name.len());
    mailbox_text::encode(name, dialect, &mut encoded);
    // There is no control character in a name.
    push_quoted(out, &encoded);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn strings_are_quoted_where_they_can_be() {
        assert_eq!(written(|out| push_string(out, b"a \"b\\")), "\"a \\\"b\\\\\"");
        assert_eq!(written(|out| push_string(out, b"a\r\nb")), "{4}\r\na\r\nb");
        let mut out = Vec::new();
        push_text_literal(&mut out, &[b"\0a", b"b\0"]);
        assert_eq!(out, b"{4}\r\n\x80ab\x80");
        assert_eq!(written(|out| push_binary(out, b"a\0")), "~{2}\r\na\0");
        assert_eq!(written(|out| push_entry_name(out, "/private/a")), "/private/a");
        assert_eq!(written(|out| push_entry_name(out, "/private/a b")), "\"/private/a b\"");
        let name = |dialect| written(|out| push_mailbox(out, "A&\u{e9}\"", dialect));
        assert_eq!(name(Dialect::default()), "\"A&-&AOk-\\\"\"");
        assert_eq!(name(Dialect { rev2: true, ..Dialect::default() }), "\"A&\u{e9}\\\"\"");
    }
}
