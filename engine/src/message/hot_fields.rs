//! The header fields that clients list by, as received, so that a list never reads a header.
//!
//! This is the union of what Thunderbird, K-9, neomutt, Roundcube, `JavaMail`, `MailKit` and their
//! like ask for. Received, which is long and rarely wanted, stands apart; so do the texts of fields
//! that are searched most, see `field_texts.rs`.
//!
//! | field of the hot fields | bytes                                                          |
//! |-------------------------|----------------------------------------------------------------|
//! | incomplete names        | varint: a bit for each name below not all of whose fields are held, bit 63 for Received |
//! | fields                  | list of: number of the name (1 byte), length (varint); where the text stands in its column alone: 64 + number, length of the text |
//! | raw                     | the other fields, one after the other, each with its line end  |
//!
//! | field of the Received fields | bytes                                                     |
//! |------------------------------|-----------------------------------------------------------|
//! | fields                       | list of: hot fields since the one before (varint), length (varint) |
//! | raw                          | as above                                                  |

use std::ops::ControlFlow;

use super::field_texts::{TEXT_COLUMNS, TextColumns, TextName, WrittenTexts};
use super::header::{HeaderField, header_fields, push_field};
use super::varint::{push_varint, take_varint};
use crate::error::Fault;
use crate::limits::{HOT_FIELD_LEN_MAX, HOT_FIELDS_LEN_MAX};

/// Names in lower case; one that ends with `*` stands for all that begin like it. A name's place
/// is its number in list parts: names are added at the end only, with a new version.
const HOT_NAMES: [&str; 37] = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "priority",
    "x-priority",
    "importance",
    "references",
    "newsgroups",
    "in-reply-to",
    "content-type",
    "reply-to",
    "sender",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-id",
    "content-description",
    "lines",
    "x-label",
    "x-original-to",
    "disposition-notification-to",
    "mail-followup-to",
    "autocrypt",
    "chat-*",
    "x-spam-*",
    "content-transfer-encoding",
    "content-disposition",
    "mime-version",
    "list-help",
    "list-archive",
    "delivered-to",
    "envelope-to",
    "x-keywords",
];

/// The bit of Received.
const RECEIVED: u64 = 1 << 63;

/// Added to the number of a field whose text stands in its column alone.
const IN_COLUMN: usize = 64;

/// A header's hot fields and Received fields, each encoded as in the tables above, and its texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HotFields {
    pub(crate) hot: Vec<u8>,
    pub(crate) received: Vec<u8>,
    pub(crate) texts: [Vec<u8>; TEXT_COLUMNS],
}

/// Adds the value of a field, decoded and folded as a search compares it, to a column; false where
/// a column cannot hold it.
pub(crate) type FoldValue<'f> = dyn Fn(&[u8], &mut Vec<u8>) -> bool + 'f;

#[derive(Default)]
struct Gathered {
    count: usize,
    entries: Vec<u8>,
    raw: Vec<u8>,
    /// Bytes of fields whose texts stand in columns alone.
    in_columns: usize,
}

impl Gathered {
    fn has_room(&self, field: &[u8]) -> bool {
        // A line end that is not there may have to be added.
        field.len() <= HOT_FIELD_LEN_MAX
            && self.raw.len() + self.in_columns + field.len() + 2 <= HOT_FIELDS_LEN_MAX
    }

    /// Whether there was room for it.
    fn add(&mut self, number: usize, field: &[u8]) -> bool {
        let fits = self.has_room(field);
        if fits {
            let start = self.raw.len();
            push_field(&mut self.raw, field);
            self.note(number, self.raw.len() - start);
        }
        fits
    }

    /// Notes a field whose text stands in its column alone.
    fn add_in_column(&mut self, number: usize, field: &[u8], text: &[u8]) {
        self.in_columns += field.len();
        self.note(number + IN_COLUMN, text.len());
    }

    fn note(&mut self, number: usize, len: usize) {
        push_varint(&mut self.entries, number);
        push_varint(&mut self.entries, len);
        self.count += 1;
    }

    fn push(self, out: &mut Vec<u8>) {
        push_varint(out, self.count);
        out.extend_from_slice(&self.entries);
        out.extend_from_slice(&self.raw);
    }
}

impl HotFields {
    /// Takes the fields out of a header, within the bounds.
    pub(crate) fn of(header: &[u8], fold: &FoldValue<'_>) -> Self {
        let (mut hot, mut received) = (Gathered::default(), Gathered::default());
        let mut texts = TextColumns::default();
        let (mut incomplete, mut since) = (0, 0);
        for field in header_fields(header) {
            if field.is_named(b"received") {
                let before = hot.count - since;
                if received.add(before, field.raw) {
                    since = hot.count;
                } else {
                    incomplete |= RECEIVED;
                }
            } else if let Some(number) = number_of(field.name)
                && !add(number, &field, (&mut hot, &mut texts), fold)
            {
                incomplete |= 1 << number;
            }
        }
        let mut fields = Self::default();
        push_wide(&mut fields.hot, incomplete);
        hot.push(&mut fields.hot);
        received.push(&mut fields.received);
        fields.texts = texts.finish();
        fields
    }
}

/// Whether there was room for the field.
fn add(
    number: usize,
    field: &HeaderField<'_>,
    (hot, texts): (&mut Gathered, &mut TextColumns),
    fold: &FoldValue<'_>,
) -> bool {
    let Some(name) = TextName::of(number) else { return hot.add(number, field.raw) };
    let written = name.text_of(field).filter(|_| hot.has_room(field.raw));
    if let Some(text) = written {
        hot.add_in_column(number, field.raw, text);
        texts.push_written(name, text);
        return true;
    }
    let fits = hot.add(number, field.raw);
    texts.push_other(name, |column| fits && fold(field.value, column));
    fits
}

/// Names of a HEADER.FIELDS request, looked up once for all messages.
#[derive(Clone, Debug)]
pub struct FieldNames {
    names: Vec<Vec<u8>>,
    wanted: u64,
    /// Whether list parts can hold fields of all these names.
    are_held: bool,
    /// Which columns may have their texts.
    columns: [bool; TEXT_COLUMNS],
}

impl FieldNames {
    /// Names in any case.
    pub fn new(names: &[Vec<u8>]) -> Self {
        let (mut wanted, mut are_held) = (0, true);
        for name in names {
            match number_of(name) {
                Some(number) => wanted |= 1 << number,
                None if name.eq_ignore_ascii_case(b"received") => wanted |= RECEIVED,
                None => are_held = false,
            }
        }
        let mut columns = [false; TEXT_COLUMNS];
        let numbers = (0..64).filter(|number| wanted & (1_u64 << number) != 0);
        for name in numbers.filter_map(TextName::of) {
            if let Some(column) = columns.get_mut(name.column) {
                *column = true;
            }
        }
        Self { names: names.to_vec(), wanted, are_held, columns }
    }

    /// The names as given.
    pub fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// Whether list parts can hold fields of all these names.
    pub(crate) fn are_held(&self) -> bool {
        self.are_held
    }

    /// Whether Received is one of them.
    pub(crate) fn want_received(&self) -> bool {
        self.wanted & RECEIVED != 0
    }

    /// The name, if it is one whose fields have their texts in a column.
    pub(crate) fn text_name(&self) -> Option<TextName> {
        let name = TextName::of(usize::try_from(self.wanted.trailing_zeros()).ok()?)?;
        (self.are_held && self.wanted.is_power_of_two()).then_some(name)
    }

    /// Which columns may have texts of these names.
    pub(crate) fn text_columns(&self) -> [bool; TEXT_COLUMNS] {
        self.columns
    }

    /// A number that ends with `*` in the table stands for more than one name.
    fn wants(&self, number: usize, raw: &[u8]) -> bool {
        if number >= 63 || self.wanted & (1 << number) == 0 {
            return false;
        }
        let is_prefix = HOT_NAMES.get(number).is_some_and(|name| name.ends_with('*'));
        !is_prefix || {
            let end = memchr::memchr(b':', raw).unwrap_or(raw.len());
            let name = raw.get(..end).unwrap_or_default().trim_ascii_end();
            self.names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        }
    }

    /// Adds the fields of these names, in the order of the header, and the empty line that ends
    /// every header answer (RFC 9051, 6.4.5). `false`, and nothing added, where only the header
    /// itself can tell; `received` is not looked at unless Received is wanted, nor are columns that
    /// [`Self::text_columns`] does not name.
    pub(crate) fn push(
        &self,
        hot: &[u8],
        (received, texts): (&[u8], WrittenTexts<'_>),
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        let mut hot = hot;
        let incomplete = take_wide(&mut hot)?;
        if !self.are_held || self.wanted & incomplete != 0 {
            return Ok(false);
        }
        let start = out.len();
        let pushed = self.push_merged((Entries::of(hot)?, texts), received, out);
        if pushed.is_err() {
            out.truncate(start);
        }
        pushed.map(|()| true)
    }

    /// Visits the fields of these names, in the order of the header, each with its name. `None` where
    /// only the header itself can tell, as for [`Self::push`], and where what is wanted stands elsewhere:
    /// Received, and fields whose texts are in columns.
    pub(crate) fn visit<'f>(
        &self,
        hot: &'f [u8],
        mut visit: impl FnMut(&'f [u8]) -> ControlFlow<()>,
    ) -> Result<Option<ControlFlow<()>>, Fault> {
        let mut hot = hot;
        let incomplete = take_wide(&mut hot)?;
        let is_elsewhere = self.want_received() || self.columns.contains(&true);
        if !self.are_held || is_elsewhere || self.wanted & incomplete != 0 {
            return Ok(None);
        }
        let mut hot = Entries::of(hot)?;
        while let Some((number, raw)) = hot.next()? {
            if self.wants(number, raw) && visit(raw).is_break() {
                return Ok(Some(ControlFlow::Break(())));
            }
        }
        Ok(Some(ControlFlow::Continue(())))
    }

    fn push_merged(
        &self,
        (mut hot, mut texts): (Entries<'_>, WrittenTexts<'_>),
        received: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if self.want_received() {
            let mut received = Entries::of(received)?;
            while let Some((before, field)) = received.next()? {
                for _ in 0..before {
                    self.push_next(&mut hot, &mut texts, out)?;
                }
                out.extend_from_slice(field);
            }
        }
        while self.push_next(&mut hot, &mut texts, out)? {}
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn push_next(
        &self,
        hot: &mut Entries<'_>,
        texts: &mut WrittenTexts<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        let Some((number, len)) = hot.next_entry()? else { return Ok(false) };
        let Some(number) = number.checked_sub(IN_COLUMN) else {
            let raw = hot.take_raw(len)?;
            if self.wants(number, raw) {
                out.extend_from_slice(raw);
            }
            return Ok(true);
        };
        let name = TextName::of(number).ok_or(Fault::Invalid("name of a field"))?;
        // The columns of others are not looked at.
        if self.columns.get(name.column) == Some(&true) {
            let text = texts.take(name, len)?;
            if self.wanted & (1 << number) != 0 {
                name.push_field(text, out);
            }
        }
        Ok(true)
    }
}

/// Walks encoded fields: the number beside each, and its bytes.
struct Entries<'a> {
    left: usize,
    numbers: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Entries<'a> {
    fn of(mut bytes: &'a [u8]) -> Result<Self, Fault> {
        let left = take_varint(&mut bytes)?;
        let mut raw = bytes;
        for _ in 0..left {
            take_varint(&mut raw)?;
            take_varint(&mut raw)?;
        }
        Ok(Self { left, numbers: bytes, raw })
    }

    /// The next field whose bytes stand here.
    fn next(&mut self) -> Result<Option<(usize, &'a [u8])>, Fault> {
        while let Some((number, len)) = self.next_entry()? {
            if number < IN_COLUMN {
                return Ok(Some((number, self.take_raw(len)?)));
            }
        }
        Ok(None)
    }

    fn next_entry(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (number, len) = (take_varint(&mut self.numbers)?, take_varint(&mut self.numbers)?);
        Ok(Some((number, len)))
    }

    fn take_raw(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (field, rest) = self.raw.split_at_checked(len).ok_or(Fault::Truncated)?;
        self.raw = rest;
        Ok(field)
    }
}

/// A varint of 64 bits.
fn push_wide(out: &mut Vec<u8>, value: u64) {
    push_varint(out, usize::try_from(value & 0xffff_ffff).unwrap_or(0));
    push_varint(out, usize::try_from(value >> 32).unwrap_or(0));
}

fn take_wide(input: &mut &[u8]) -> Result<u64, Fault> {
    let (low, high) = (take_varint(input)? as u64, take_varint(input)? as u64);
    Ok(high << 32 | (low & 0xffff_ffff))
}

fn number_of(name: &[u8]) -> Option<usize> {
    let is_match = |hot: &str| match hot.strip_suffix('*') {
        Some(prefix) => name
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())),
        None => name.eq_ignore_ascii_case(hot.as_bytes()),
    };
    HOT_NAMES.iter().position(|hot| is_match(hot))
}

#[cfg(test)]
mod tests;
