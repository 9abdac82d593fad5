//! The fields of a message header, exactly as received, whatever they look like.
//!
//! A line ends at LF; a CR before it belongs to the line end. The header ends with the first
//! empty line, or with the bytes. A line that is no field and continues none (the `From ` line of
//! an mbox, a line without a colon) is passed over. Every byte is looked at a bounded number of
//! times, so a megabyte line costs a megabyte scan.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

/// One field of a header, as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// The name, without white space before the colon (RFC 5322, 4.5).
    pub name: &'a [u8],
    /// What follows the colon, folding included, without the last line end.
    pub value: &'a [u8],
    /// The whole field with its last line end, if it has one.
    pub raw: &'a [u8],
}

impl<'a> HeaderField<'a> {
    /// Field names compare without case (RFC 5322, 1.2.2).
    pub fn is_named(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value on one line: line ends and NULs removed, white space around it too.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        unfold(self.value)
    }

    fn parse(raw: &'a [u8]) -> Option<Self> {
        let (name, value) = raw.split_at_checked(memchr(b':', raw)?)?;
        let name = name.trim_ascii_end();
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return None;
        }
        Some(Self { name, value: without_line_end(value.get(1..)?), raw })
    }
}

/// Walks the fields of a header; stops at the empty line. A whole message may be given.
pub fn header_fields(header: &[u8]) -> HeaderFields<'_> {
    HeaderFields { rest: header }
}

/// The iterator of [`header_fields`].
#[derive(Clone, Debug)]
pub struct HeaderFields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for HeaderFields<'a> {
    type Item = HeaderField<'a>;

    fn next(&mut self) -> Option<HeaderField<'a>> {
        while !self.rest.is_empty() && empty_line_len(self.rest).is_none() {
            let (raw, rest) = self.rest.split_at_checked(field_len(self.rest))?;
            self.rest = rest;
            if let Some(field) = HeaderField::parse(raw) {
                return Some(field);
            }
        }
        None
    }
}

/// Bytes of the header at the front of a message, its empty line included; what follows is the
/// body. All of the message when no line is empty.
pub fn header_len(message: &[u8]) -> usize {
    if let Some(len) = empty_line_len(message) {
        return len;
    }
    memchr_iter(b'\n', message)
        .find_map(|at| Some(at + 1 + empty_line_len(message.get(at + 1..)?)?))
        .unwrap_or(message.len())
}

/// The line end and nothing before it.
pub(crate) fn empty_line_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// The value on one line: line ends and NULs removed, white space around it too.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        let kept = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        let mut kept: Vec<u8> = kept.collect();
        kept.truncate(kept.trim_ascii_end().len());
        return Cow::Owned(kept);
    }
    Cow::Borrowed(value)
}

/// The fields of `header` that `is_wanted`, in order, as received, with the empty line that ends
/// every header answer (RFC 9051, 6.4.5).
pub(crate) fn select_fields(header: &[u8], mut is_wanted: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for field in header_fields(header) {
        if is_wanted(field.name) {
            push_field(&mut out, field.raw);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Adds a field as received; one that ends with the message gets the line end it lacks.
pub(crate) fn push_field(out: &mut Vec<u8>, raw: &[u8]) {
    out.extend_from_slice(raw);
    if !raw.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
}

/// Bytes up to the end of the line after which no line continues the field (RFC 5322, 2.2.3).
fn field_len(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes)
        .map(|at| at + 1)
        .find(|next| !matches!(bytes.get(*next), Some(b' ' | b'\t')))
        .unwrap_or(bytes.len())
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &[u8]) -> Vec<String> {
        header_fields(header).map(|field| String::from_utf8_lossy(field.name).into()).collect()
    }

    #[test]
    fn fields_are_as_received_with_their_folding() {
        let header = b"Subject : a\r\n\tb\r\nTo:c\nBcc:\r\n\r\nBody: no";
        let fields: Vec<_> = header_fields(header).collect();
        assert_eq!(fields.len(), 3);
        assert_eq!(fields[0].name, b"Subject");
        assert_eq!(fields[0].value, b" a\r\n\tb");
        assert_eq!(fields[0].raw, b"Subject : a\r\n\tb\r\n");
        assert_eq!(&*fields[0].unfolded(), b"a\tb");
        assert_eq!(fields[1].raw, b"To:c\n");
        assert_eq!(fields[2].value, b"");
        assert_eq!(header_len(header), header.len() - 8);
    }

    #[test]
    fn what_is_no_field_is_passed_over() {
        let header = b"From a@b Mon Jan  1 10:00:00 2001\n folded: yes\nno colon\n: x\nFrom: a\n";
        assert_eq!(names(header), ["From"]);
        assert_eq!(names(b" leading: blank\nA: b"), ["A"]);
        assert_eq!(names(b"caf\xc3\xa9: 8-bit\r\nX\0: nul\r\n"), ["caf\u{e9}"]);
    }

    #[test]
    fn the_header_ends_at_the_first_empty_line_or_with_the_bytes() {
        for (message, len) in [
            (&b""[..], 0),
            (b"\r\nbody", 2),
            (b"\nbody", 1),
            (b"A: b", 4),
            (b"A: b\r\n", 6),
            (b"A: b\n\nx", 6),
            (b"A: b\r\n\r\nx", 8),
            (b"A: b\r\n \r\n\r\nx", 11),
            (b"A: b\r\r\n\rx", 9),
        ] {
            assert_eq!(header_len(message), len, "{message:?}");
        }
    }
}
