//! The strings of IMAP answers: quoted where the grammar allows it, else literals (RFC 9051, 4.3).

use crate::limits::{STRUCTURE_LEN_SOFT, STRUCTURE_STRING_LEN_MAX};

/// Whether the answer is so long that what may be left out should be.
pub(super) fn is_long(out: &[u8]) -> bool {
    out.len() > STRUCTURE_LEN_SOFT
}

/// A string, or NIL if there is none.
pub(super) fn push_nstring(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) if !is_long(out) => push_string(out, value),
        _ => out.extend_from_slice(b"NIL"),
    }
}

/// A string without CR, LF and NUL, which are dropped; cut if it is absurdly long.
///
/// 8-bit bytes go into a literal: a quoted string of `IMAP4rev1` may hold none (RFC 3501, 9).
pub(super) fn push_string(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.get(..STRUCTURE_STRING_LEN_MAX).unwrap_or(value);
    let is_kept = |byte: &u8| !matches!(byte, b'\r' | b'\n' | 0);
    if !value.is_ascii() {
        let len = value.iter().filter(|byte| is_kept(byte)).count();
        out.push(b'{');
        push_number(out, len);
        out.extend_from_slice(b"}\r\n");
        out.extend(value.iter().filter(|byte| is_kept(byte)));
        return;
    }
    out.push(b'"');
    let is_plain = |byte: &u8| is_kept(byte) && !matches!(byte, b'"' | b'\\');
    if value.iter().all(is_plain) {
        out.extend_from_slice(value);
    } else {
        for byte in value.iter().filter(|byte| is_kept(byte)) {
            if !is_plain(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
    }
    out.push(b'"');
}

/// A number in decimal.
pub(super) fn push_number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_unless_they_hold_8_bit_bytes() {
        for (value, written) in [
            (&b""[..], &b"\"\""[..]),
            (b"a b", b"\"a b\""),
            (b"say \"x\\y\"", b"\"say \\\"x\\\\y\\\"\""),
            (b"a\0b\r\nc", b"\"abc\""),
            (b"\xe9\0", b"{1}\r\n\xe9"),
        ] {
            let mut out = Vec::new();
            push_string(&mut out, value);
            assert_eq!(out, written);
        }
    }
}
