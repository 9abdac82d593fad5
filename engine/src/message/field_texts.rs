//! The texts of the fields that are searched most, each kind of field in a column of its own: so
//! that who looks for a subject reads subjects and nothing else.
//!
//! A field that says no more than its text, such as `Subject: lunch`, stands in its column alone;
//! the hot fields name it and leave its text out. Of others the column has what a search compares,
//! and the hot fields the bytes as received.
//!
//! | column     | fields       |
//! |------------|--------------|
//! | subjects   | Subject      |
//! | senders    | From         |
//! | recipients | To, Cc, Bcc  |
//!
//! A column has of each message the texts that stand here alone, in the order of the header, and then
//! the others. Behind each text is a mark, a byte that UTF-8 never has:
//!
//! | mark    | means                                                                         |
//! |---------|-------------------------------------------------------------------------------|
//! | F8 + f  | the text as written, printable ASCII                                          |
//! | FB      | no text: only the header itself can tell what the field says                  |
//! | FC + f  | the text decoded and folded as a search compares it                           |
//!
//! where f is 0 for Subject, From and To, 1 for Cc, 2 for Bcc.

use super::header::HeaderField;
use super::text::plain_value;
use crate::error::Fault;

/// How many columns there are.
pub(crate) const TEXT_COLUMNS: usize = 3;

/// The least of all marks.
const MARK: u8 = 0xf8;
/// Only the header can tell.
const UNHELD: u8 = 0xfb;
/// The bit of texts that are not as written.
const FOLDED: u8 = 0x04;

/// A name whose fields have their texts in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextName {
    /// The number of the name among all hot fields.
    number: usize,
    /// As it is written most.
    written: &'static str,
    /// Subjects, senders or recipients: 0, 1, 2.
    pub(crate) column: usize,
    kind: u8,
}

const TEXT_NAMES: [TextName; 5] = [
    TextName { number: 0, written: "From", column: 1, kind: 0 },
    TextName { number: 1, written: "To", column: 2, kind: 0 },
    TextName { number: 2, written: "Cc", column: 2, kind: 1 },
    TextName { number: 3, written: "Bcc", column: 2, kind: 2 },
    TextName { number: 4, written: "Subject", column: 0, kind: 0 },
];

impl TextName {
    /// The name with this number, if it is one of these.
    pub(crate) fn of(number: usize) -> Option<Self> {
        // A name's place in the table is its number.
        TEXT_NAMES.get(number).copied()
    }

    /// The text of a field that says no more than it.
    pub(crate) fn text_of<'f>(self, field: &HeaderField<'f>) -> Option<&'f [u8]> {
        let text = plain_value(field)?;
        let rest = field.raw.strip_prefix(self.written.as_bytes())?.strip_prefix(b": ")?;
        (rest.strip_suffix(b"\r\n")? == text).then_some(text)
    }

    /// The mark behind a text that is as written.
    fn written_mark(self) -> u8 {
        MARK | self.kind
    }

    /// Whether a text with this mark is of a field of this name.
    pub(crate) fn has(self, mark: u8) -> bool {
        mark & !FOLDED == self.written_mark()
    }

    /// Adds a field as received, of which this is the text.
    pub(crate) fn push_field(self, text: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.written.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether a byte is a mark.
pub(crate) fn is_mark(byte: u8) -> bool {
    byte >= MARK
}

/// Whether a byte says that only the header can tell.
pub(crate) fn is_unheld(byte: u8) -> bool {
    byte == UNHELD
}

/// The texts of a header on their way into columns.
#[derive(Default)]
pub(crate) struct TextColumns {
    written: [Vec<u8>; TEXT_COLUMNS],
    others: [Vec<u8>; TEXT_COLUMNS],
}

impl TextColumns {
    /// Adds a text that stands here alone.
    pub(crate) fn push_written(&mut self, name: TextName, text: &[u8]) {
        if let Some(column) = self.written.get_mut(name.column) {
            column.extend_from_slice(text);
            column.push(name.written_mark());
        }
    }

    /// Adds what a search compares, made by `fold`; that only the header can tell where this fails.
    pub(crate) fn push_other(&mut self, name: TextName, fold: impl FnOnce(&mut Vec<u8>) -> bool) {
        if let Some(column) = self.others.get_mut(name.column) {
            let start = column.len();
            if fold(column) {
                column.push(name.written_mark() | FOLDED);
            } else {
                column.truncate(start);
                column.push(UNHELD);
            }
        }
    }

    /// What each column has of this header.
    pub(crate) fn finish(self) -> [Vec<u8>; TEXT_COLUMNS] {
        let mut columns = self.written;
        columns.iter_mut().zip(&self.others).for_each(|(column, others)| {
            column.extend_from_slice(others);
        });
        columns
    }
}

/// Takes the texts that stand in columns alone, in the order of the header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrittenTexts<'c>(pub(crate) [&'c [u8]; TEXT_COLUMNS]);

impl<'c> WrittenTexts<'c> {
    /// The next text of the column of this name, of which the length is known.
    pub(crate) fn take(&mut self, name: TextName, len: usize) -> Result<&'c [u8], Fault> {
        let column = self.0.get_mut(name.column).ok_or(Fault::Truncated)?;
        let (text, rest) = column.split_at_checked(len).ok_or(Fault::Truncated)?;
        match rest.split_first() {
            Some((mark, rest)) if *mark == name.written_mark() => {
                *column = rest;
                Ok(text)
            }
            _ => Err(Fault::Invalid("text of a field")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::header::header_fields;

    #[test]
    fn the_place_of_a_name_is_its_number() {
        for (number, name) in TEXT_NAMES.iter().enumerate() {
            assert_eq!(number, name.number);
            assert!(name.has(name.written_mark()) && name.has(name.written_mark() | FOLDED));
            assert!(!name.has(UNHELD) && !name.has(UNHELD | FOLDED));
        }
    }

    #[test]
    fn a_field_stands_in_its_column_alone_where_it_comes_back_to_the_byte() {
        let subject = TextName::of(4).expect("Subject");
        for (raw, text) in [
            ("Subject: a b\r\n", Some("a b")),
            ("Subject: \r\n", Some("")),
            ("Subject:a\r\n", None),
            ("Subject: a \r\n", None),
            ("Subject:  a\r\n", None),
            ("subject: a\r\n", None),
            ("Subject: a\n", None),
            ("Subject: a", None),
            ("Subject: a\r\n b\r\n", None),
            ("Subject: =?utf-8?q?a?=\r\n", None),
            ("Subject: caf\u{e9}\r\n", None),
        ] {
            let field = header_fields(raw.as_bytes()).next().expect("a field");
            let found = subject.text_of(&field);
            assert_eq!(found, text.map(str::as_bytes), "{raw:?}");
            if let Some(text) = found {
                let mut again = Vec::new();
                subject.push_field(text, &mut again);
                assert_eq!(again, raw.as_bytes());
            }
        }
    }
}
