//! The head of a message: what clients list it by, computed once when it comes in, and its header.
//!
//! | field                 | meaning                                                          |
//! |-----------------------|------------------------------------------------------------------|
//! | version               | 1 byte: 2                                                        |
//! | body structure length | varint                                                           |
//! | extensions length     | varint                                                           |
//! | structure length      | varint                                                           |
//! | body structure        | BODYSTRUCTURE, ready IMAP text                                   |
//! | extensions            | what BODY leaves out of it: pairs of varints, bytes kept, bytes left out |
//! | structure             | the part tree, see `structure_codec`                             |
//! | header                | to the end: the header with the empty line that ends it          |
//!
//! BODYSTRUCTURE is copied out; BODY is a copy with gaps. ENVELOPE is made from the header when it
//! is asked for: a copy of it would be a seventh of a head as stored, and messages that are
//! listed often are in list parts, where it stands ready.

use std::ops::Range;

use super::body_structure::BodyStructure;
use super::date::SentDate;
use super::envelope::push_envelope;
use super::header::{header_fields, select_fields};
use super::message_id::Ids;
use super::structure::Structure;
use super::varint::{push_varint, take_varint};
use crate::error::Fault;

const VERSION: u8 = 2;
/// Body structure, extensions, structure.
const STRETCHES: usize = 3;

/// The head of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListData {
    /// Encoded as in the table above; everything else is read from it.
    bytes: Vec<u8>,
    body_structure: Range<usize>,
    extensions: Range<usize>,
    structure: Range<usize>,
    header: Range<usize>,
}

impl ListData {
    /// Parses a message, once for all.
    pub fn of(message: &[u8]) -> Self {
        let structure = Structure::of(message);
        let header = message.get(..structure.header_len()).unwrap_or_default();
        let body_structure = BodyStructure::of(message, &structure);
        let mut stretches = Vec::with_capacity(header.len() + 1024);
        let mut ends = [0; STRETCHES];
        stretches.extend_from_slice(&body_structure.text);
        ends[0] = stretches.len();
        push_gaps(&mut stretches, &body_structure.extensions);
        ends[1] = stretches.len();
        structure.encode(&mut stretches);
        ends[2] = stretches.len();

        let mut bytes = Vec::with_capacity(stretches.len() + header.len() + 16);
        bytes.push(VERSION);
        let mut start = 0;
        for end in ends {
            push_varint(&mut bytes, end - start);
            start = end;
        }
        bytes.append(&mut stretches);
        bytes.extend_from_slice(header);
        Self::decode(bytes).expect("what was just encoded")
    }

    /// The head's bytes, uncompressed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a head. The parts in it are looked at when they are asked for.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, Fault> {
        let mut rest = match bytes.split_first() {
            Some((&VERSION, rest)) => rest,
            Some((version, _)) => {
                return Err(Fault::Unknown { field: "head version", value: (*version).into() });
            }
            None => return Err(Fault::Truncated),
        };
        let mut lengths = [0; STRETCHES];
        for len in &mut lengths {
            *len = take_varint(&mut rest)?;
        }
        let mut end = bytes.len() - rest.len();
        let mut stretch = |len: usize| {
            let start = end;
            end = start.checked_add(len).filter(|end| *end <= bytes.len())?;
            Some(start..end)
        };
        let mut next = |len| stretch(len).ok_or(Fault::Truncated);
        let [body_structure, extensions, structure] = lengths;
        let body_structure = next(body_structure)?;
        let (extensions, structure) = (next(extensions)?, next(structure)?);
        let header = structure.end..bytes.len();
        Ok(Self { bytes, body_structure, extensions, structure, header })
    }

    /// Adds ENVELOPE to `out`, ready to send; made from the header each time.
    pub fn push_envelope(&self, out: &mut Vec<u8>) {
        push_envelope(out, self.header());
    }

    /// BODYSTRUCTURE, ready to send.
    pub fn body_structure(&self) -> &[u8] {
        self.stretch(&self.body_structure)
    }

    /// Adds BODY to `out`: BODYSTRUCTURE without its extension data (RFC 9051, 7.5.2).
    pub fn push_body(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        push_without_extensions(self.body_structure(), self.extensions(), out)
    }

    /// What BODY leaves out of BODYSTRUCTURE.
    pub(crate) fn extensions(&self) -> &[u8] {
        self.stretch(&self.extensions)
    }

    /// BODYSTRUCTURE and what BODY leaves out of it, as [`take_body_structure`] reads them.
    pub(crate) fn body_structure_with_extensions(&self) -> Vec<u8> {
        let text = self.body_structure();
        let mut out = Vec::with_capacity(text.len() + self.extensions.len() + 3);
        push_varint(&mut out, text.len());
        out.extend_from_slice(text);
        out.extend_from_slice(self.extensions());
        out
    }

    /// BODY, ready to send.
    pub fn body(&self) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::with_capacity(self.body_structure.len());
        self.push_body(&mut out)?;
        Ok(out)
    }

    /// Where the parts of the message lie.
    pub fn structure(&self) -> Result<Structure, Fault> {
        Structure::decode(self.stretch(&self.structure))
    }

    /// The part tree as it is stored.
    pub(crate) fn structure_bytes(&self) -> &[u8] {
        self.stretch(&self.structure)
    }

    /// The header with the empty line that ends it.
    pub fn header(&self) -> &[u8] {
        self.stretch(&self.header)
    }

    /// The answer to HEADER.FIELDS with these names, its empty line included.
    pub fn fields(&self, names: &[Vec<u8>]) -> Vec<u8> {
        let is_wanted = |name: &[u8]| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        select_fields(self.header(), is_wanted)
    }

    /// When the message says it was sent.
    pub fn sent_date(&self) -> Option<SentDate> {
        let mut dates = header_fields(self.header()).filter(|field| field.is_named(b"date"));
        dates.next().and_then(|field| SentDate::parse(field.value))
    }

    /// Of the message's own id; 0 without one.
    pub fn message_id_hash(&self) -> u64 {
        Ids::of(self.header()).message_id
    }

    /// The same for the messages of a conversation.
    pub fn thread_hash(&self) -> u64 {
        Ids::of(self.header()).thread
    }

    fn stretch(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

/// BODYSTRUCTURE, and what BODY leaves out of it; both empty where the bytes are none.
pub(crate) fn take_body_structure(mut bytes: &[u8]) -> (&[u8], &[u8]) {
    let len = take_varint(&mut bytes).unwrap_or(usize::MAX);
    bytes.split_at_checked(len).unwrap_or_default()
}

/// BODYSTRUCTURE without its extension data (RFC 9051, 7.5.2).
pub(crate) fn push_without_extensions(
    body_structure: &[u8],
    mut gaps: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut rest = body_structure;
    while !gaps.is_empty() {
        let (kept, left_out) = (take_varint(&mut gaps)?, take_varint(&mut gaps)?);
        let (text, after) = rest.split_at_checked(kept).ok_or(Fault::Truncated)?;
        out.extend_from_slice(text);
        rest = after.get(left_out..).ok_or(Fault::Truncated)?;
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn push_gaps(out: &mut Vec<u8>, gaps: &[Range<usize>]) {
    let mut at = 0;
    for gap in gaps {
        push_varint(out, gap.start - at);
        push_varint(out, gap.len());
        at = gap.end;
    }
}
