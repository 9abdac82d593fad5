//! What SORT and THREAD compare messages by, so that no header is read at query time
//! (RFC 5256; RFC 5957).
//!
//! | field                  | meaning                                                         |
//! |------------------------|-----------------------------------------------------------------|
//! | marks                  | 1 byte: 1 the subject is of a reply or forward, 2 a message-id hash follows |
//! | base subject           | string (RFC 5256, 2.1)                                          |
//! | from, to, cc           | strings: the local part of the first address                    |
//! | display from, to       | strings: the name of the first address, else the address        |
//! | message-id hash        | 8 bytes, little-endian, when marked                             |
//! | references count       | varint                                                          |
//! | references             | hashes as above, the oldest first                               |
//!
//! A string is a varint of its bytes and that many bytes of UTF-8. Strings are decoded and in the
//! case they came in: i;unicode-casemap (RFC 5051) belongs to the search layer, and whoever
//! compares keys folds them with it first. Sizes and dates are in the columns.

mod view;

pub use view::SortKeysRef;

use super::address::{Address, Addresses};
use super::base_subject::BaseSubject;
use super::charset;
use super::encoded_word::push_decoded;
use super::header::header_fields;
use super::message_id::{ids_in, own_id};
use super::varint::push_varint;
use crate::error::Fault;
use crate::limits::{REFERENCES_FIRST, REFERENCES_MAX, SORT_ADDRESS_LEN_MAX, SORT_SUBJECT_LEN_MAX};

const REPLY_OR_FORWARD: u8 = 1;
const MESSAGE_ID: u8 = 2;

/// The keys of one message. None is folded; what is absent is empty, or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortKeys {
    /// The decoded subject without the marks of replies, forwards and lists (RFC 5256, 2.1).
    pub base_subject: String,
    /// Whether a mark of a reply or forward was among what the subject lost.
    pub is_reply_or_forward: bool,
    /// `addr-mailbox` of the first From address: its local part, or the name of a group.
    pub from: String,
    /// The same of To.
    pub to: String,
    /// The same of Cc.
    pub cc: String,
    /// The decoded name of the first From address, else its `mailbox@host` (RFC 5957, 3).
    pub display_from: String,
    /// The same of To.
    pub display_to: String,
    /// Of the message's own id; 0 without one.
    pub message_id: u64,
    /// Of the ids in References, the oldest first; without any, of the first in In-Reply-To
    /// (RFC 5256, 3). Of a very long list the first and the last ones.
    pub references: Vec<u64>,
}

impl SortKeys {
    /// Reads a header, once for all.
    pub fn of(header: &[u8]) -> Self {
        let Fields { subject, from, to, cc, message_id, mut references, in_reply_to } =
            Fields::of(header);
        let subject = subject.map(BaseSubject::of).unwrap_or_default();
        if references.is_empty() {
            references.extend(in_reply_to);
        }
        Self {
            base_subject: cut(subject.text, SORT_SUBJECT_LEN_MAX),
            is_reply_or_forward: subject.is_reply_or_forward,
            from: mailbox_key(from.as_ref()),
            to: mailbox_key(to.as_ref()),
            cc: mailbox_key(cc.as_ref()),
            display_from: display_key(from.as_ref()),
            display_to: display_key(to.as_ref()),
            message_id: message_id.unwrap_or(0),
            references,
        }
    }

    /// Adds the bytes of the table above to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut marks = if self.is_reply_or_forward { REPLY_OR_FORWARD } else { 0 };
        if self.message_id != 0 {
            marks |= MESSAGE_ID;
        }
        out.push(marks);
        for text in [
            &self.base_subject,
            &self.from,
            &self.to,
            &self.cc,
            &self.display_from,
            &self.display_to,
        ] {
            push_varint(out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        if self.message_id != 0 {
            out.extend_from_slice(&self.message_id.to_le_bytes());
        }
        push_varint(out, self.references.len());
        self.references.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
    }

    /// Reads what [`SortKeys::encode`] wrote, and nothing else.
    pub fn decode(input: &[u8]) -> Result<Self, Fault> {
        SortKeysRef::decode(input)?.to_owned()
    }
}

/// What the keys are made of. Of repeated fields the first that says something counts.
#[derive(Default)]
struct Fields<'a> {
    subject: Option<&'a [u8]>,
    from: Option<Address>,
    to: Option<Address>,
    cc: Option<Address>,
    message_id: Option<u64>,
    references: Vec<u64>,
    in_reply_to: Option<u64>,
}

impl<'a> Fields<'a> {
    fn of(header: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for field in header_fields(header) {
            let address = if field.is_named(b"from") {
                &mut fields.from
            } else if field.is_named(b"to") {
                &mut fields.to
            } else if field.is_named(b"cc") {
                &mut fields.cc
            } else {
                fields.text(field.name, field.value);
                continue;
            };
            if address.is_none() {
                *address = Addresses::of(field.value).next();
            }
        }
        fields
    }

    fn text(&mut self, name: &[u8], value: &'a [u8]) {
        if name.eq_ignore_ascii_case(b"subject") {
            self.subject.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"message-id") {
            self.message_id = self.message_id.or_else(|| own_id(value));
        } else if name.eq_ignore_ascii_case(b"in-reply-to") {
            self.in_reply_to = self.in_reply_to.or_else(|| ids_in(value).next());
        } else if name.eq_ignore_ascii_case(b"references") && self.references.is_empty() {
            for id in ids_in(value) {
                if self.references.len() == REFERENCES_MAX {
                    self.references.remove(REFERENCES_FIRST);
                }
                self.references.push(id);
            }
        }
    }
}

/// `addr-mailbox` as ENVELOPE has it. A group's name is a phrase, so it may be encoded.
fn mailbox_key(address: Option<&Address>) -> String {
    match address {
        Some(Address::Mailbox { local, .. }) => {
            cut(charset::decode(None, local).into_owned(), SORT_ADDRESS_LEN_MAX)
        }
        Some(Address::GroupStart(name)) => decoded(name),
        Some(Address::GroupEnd) | None => String::new(),
    }
}

/// The name, else the address, else what there is of it (RFC 5957, 3).
fn display_key(address: Option<&Address>) -> String {
    let Some(Address::Mailbox { name, local, host, .. }) = address else {
        return mailbox_key(address);
    };
    let name = name.as_deref().map(decoded).unwrap_or_default();
    if !name.is_empty() {
        return name;
    }
    let mut text = charset::decode(None, local).into_owned();
    if !host.is_empty() {
        text.push('@');
        text.push_str(&charset::decode(None, host));
    }
    cut(text, SORT_ADDRESS_LEN_MAX)
}

fn decoded(phrase: &[u8]) -> String {
    let mut text = String::with_capacity(phrase.len());
    push_decoded(&mut text, phrase);
    cut(text, SORT_ADDRESS_LEN_MAX)
}

fn cut(mut text: String, len_max: usize) -> String {
    text.truncate(text.floor_char_boundary(len_max));
    text
}

#[cfg(test)]
mod tests;
