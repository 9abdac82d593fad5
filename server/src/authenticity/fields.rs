//! The fields of a header as they stand there. Lines that are no fields are passed over.

use std::ops::Range;

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// What stands before the colon, without blanks at its end.
    pub(super) name: &'a [u8],
    /// What stands behind the colon, up to the end of its last line and with it.
    pub(super) value: &'a [u8],
    /// Where the name stands in the header.
    pub(super) place: Range<usize>,
}

impl Field<'_> {
    /// Whether it has this name, in any case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// All fields, from the top.
pub(super) fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = header.get(start..).filter(|rest| !rest.is_empty())?;
            let len = field_len(rest);
            let (text, from) = (rest.get(..len)?, start);
            start += len;
            if let Some(field) = field(text, from) {
                return Some(field);
            }
        }
    })
}

/// The first line and those that continue it.
fn field_len(text: &[u8]) -> usize {
    let ends = memchr::memchr_iter(b'\n', text).map(|at| at + 1);
    let is_end = |end: &usize| !matches!(text.get(*end), Some(b' ' | b'\t'));
    ends.into_iter().find(is_end).unwrap_or(text.len())
}

fn field(text: &[u8], from: usize) -> Option<Field<'_>> {
    let colon = memchr::memchr(b':', text)?;
    let (name, value) = (text.get(..colon)?.trim_ascii_end(), text.get(colon + 1..)?);
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| Field { name, value, place: from..from + name.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_with_their_continuations_and_nothing_else() {
        let header = b"From: a\r\n\tb\r\nno field\r\n with: a colon\r\n: x\r\nTo :c\r\nX:";
        let found: Vec<_> = fields(header).map(|field| (field.name, field.value)).collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"From", b" a\r\n\tb\r\n"), (b"To", b"c\r\n"), (b"X", b"")];
        assert_eq!(found, expected);
        let places: Vec<_> = fields(header).map(|field| &header[field.place]).collect();
        assert_eq!(places, [b"From".as_slice(), b"To", b"X"]);
        assert_eq!(fields(b"").count(), 0);
    }
}
