//! What clients list messages by, computed once when a message comes in and stored beside it as
//! the *list piece*.
//!
//! | offset | size | field                 | meaning                                           |
//! |-------:|-----:|-----------------------|---------------------------------------------------|
//! |      0 |    1 | version               | 1                                                 |
//! |      1 |    1 | has sent date         | 0 or 1                                            |
//! |      2 |    2 | sent zone             | minutes east of UTC                               |
//! |      4 |    8 | sent date             | seconds since 1970 UTC                            |
//! |     12 |    8 | message-id hash       | 0 if the message has no Message-ID                |
//! |     20 |    8 | thread hash           | of the thread's first message id                  |
//! |     28 |    8 | incomplete hot names  | a bit for each name of the hot field table        |
//! |     36 |    4 | envelope length       |                                                   |
//! |     40 |    4 | body structure length |                                                   |
//! |     44 |    4 | extensions length     |                                                   |
//! |     48 |    4 | structure length      |                                                   |
//! |     52 |    4 | hot fields length     |                                                   |
//! |     56 |    … | envelope              | ENVELOPE, ready IMAP text                         |
//! |      … |    … | body structure        | BODYSTRUCTURE, ready IMAP text                    |
//! |      … |    … | extensions            | what BODY leaves out of it: pairs of varints, bytes kept, bytes left out |
//! |      … |    … | structure             | the part tree, see `structure_codec`              |
//! |      … |    … | hot fields            | raw header fields, each with its line end         |
//!
//! Integers are little-endian; a signed one is in two's complement. Nothing follows the hot
//! fields. ENVELOPE and BODYSTRUCTURE are copied out; BODY is a copy with gaps.

use std::ops::Range;

use super::body_structure::BodyStructure;
use super::date::SentDate;
use super::envelope::push_envelope;
use super::header::header_fields;
use super::hot_fields::{self, HotFields};
use super::message_id::Ids;
use super::structure::Structure;
use super::varint::{push_varint, take_varint};
use crate::error::Fault;

const VERSION: u8 = 1;
const FIXED_LEN: usize = 56;
const LENGTHS_AT: usize = 36;

/// The list piece of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListData {
    /// Encoded as in the table above; everything else is read from it.
    bytes: Vec<u8>,
    sent_date: Option<SentDate>,
    message_id_hash: u64,
    thread_hash: u64,
    incomplete: u64,
    envelope: Range<usize>,
    body_structure: Range<usize>,
    extensions: Range<usize>,
    structure: Range<usize>,
    hot_fields: Range<usize>,
}

impl ListData {
    /// Parses a message, once for all.
    pub fn of(message: &[u8]) -> Self {
        let structure = Structure::of(message);
        let header = message.get(..structure.header_len()).unwrap_or_default();
        let ids = Ids::of(header);
        let hot = HotFields::of(header);
        let mut date = header_fields(header).filter(|field| field.is_named(b"date"));
        let sent_date = date.next().and_then(|field| SentDate::parse(field.value));

        let mut bytes = Vec::with_capacity(FIXED_LEN + 3 * hot.raw.len() + 1024);
        bytes.extend_from_slice(&[VERSION, u8::from(sent_date.is_some())]);
        bytes.extend_from_slice(&sent_date.map_or(0, |date| date.zone_minutes).to_le_bytes());
        bytes.extend_from_slice(&sent_date.map_or(0, |date| date.unix_seconds).to_le_bytes());
        for number in [ids.message_id, ids.thread, hot.incomplete] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.resize(FIXED_LEN, 0);

        let mut ends = [FIXED_LEN; 6];
        let body_structure = BodyStructure::of(message, &structure);
        push_envelope(&mut bytes, header);
        ends[1] = bytes.len();
        bytes.extend_from_slice(&body_structure.text);
        ends[2] = bytes.len();
        push_gaps(&mut bytes, &body_structure.extensions);
        ends[3] = bytes.len();
        structure.encode(&mut bytes);
        ends[4] = bytes.len();
        bytes.extend_from_slice(&hot.raw);
        ends[5] = bytes.len();
        for (number, stretch) in ends.windows(2).enumerate() {
            let len = u32::try_from(stretch[1] - stretch[0])
                .expect("every stretch is bounded far below 4 GiB by limits.rs");
            let at = LENGTHS_AT + 4 * number;
            bytes[at..at + 4].copy_from_slice(&len.to_le_bytes());
        }
        Self {
            bytes,
            sent_date,
            message_id_hash: ids.message_id,
            thread_hash: ids.thread,
            incomplete: hot.incomplete,
            envelope: ends[0]..ends[1],
            body_structure: ends[1]..ends[2],
            extensions: ends[2]..ends[3],
            structure: ends[3]..ends[4],
            hot_fields: ends[4]..ends[5],
        }
    }

    /// The list piece's bytes, uncompressed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a list piece. The parts in it are looked at when they are asked for.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, Fault> {
        let mut fixed = Fixed { rest: bytes.get(..FIXED_LEN).ok_or(Fault::Truncated)? };
        let [version, has_date] = fixed.take()?;
        if version != VERSION {
            return Err(Fault::Unknown { field: "list piece version", value: version.into() });
        }
        let zone_minutes = i16::from_le_bytes(fixed.take()?);
        let unix_seconds = i64::from_le_bytes(fixed.take()?);
        let sent_date = match has_date {
            0 => None,
            1 => Some(SentDate { unix_seconds, zone_minutes }),
            value => return Err(Fault::Unknown { field: "has sent date", value: value.into() }),
        };
        let message_id_hash = u64::from_le_bytes(fixed.take()?);
        let thread_hash = u64::from_le_bytes(fixed.take()?);
        let incomplete = u64::from_le_bytes(fixed.take()?);
        let mut end = FIXED_LEN;
        let mut stretch = || {
            let start = end;
            let len = u32::from_le_bytes(fixed.take()?) as usize;
            end =
                start.checked_add(len).filter(|end| *end <= bytes.len()).ok_or(Fault::Truncated)?;
            Ok(start..end)
        };
        let (envelope, body_structure, extensions) = (stretch()?, stretch()?, stretch()?);
        let (structure, hot_fields) = (stretch()?, stretch()?);
        if end != bytes.len() {
            return Err(Fault::Invalid("list piece length"));
        }
        Ok(Self {
            bytes,
            sent_date,
            message_id_hash,
            thread_hash,
            incomplete,
            envelope,
            body_structure,
            extensions,
            structure,
            hot_fields,
        })
    }

    /// ENVELOPE, ready to send.
    pub fn envelope(&self) -> &[u8] {
        self.stretch(&self.envelope)
    }

    /// BODYSTRUCTURE, ready to send.
    pub fn body_structure(&self) -> &[u8] {
        self.stretch(&self.body_structure)
    }

    /// Adds BODY to `out`: BODYSTRUCTURE without its extension data (RFC 9051, 7.5.2).
    pub fn push_body(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut rest = self.body_structure();
        let mut gaps = self.stretch(&self.extensions);
        while !gaps.is_empty() {
            let (kept, left_out) = (take_varint(&mut gaps)?, take_varint(&mut gaps)?);
            let (text, after) = rest.split_at_checked(kept).ok_or(Fault::Truncated)?;
            out.extend_from_slice(text);
            rest = after.get(left_out..).ok_or(Fault::Truncated)?;
        }
        out.extend_from_slice(rest);
        Ok(())
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

    /// The hot fields as received, one after the other.
    pub fn header_fields(&self) -> &[u8] {
        self.stretch(&self.hot_fields)
    }

    /// The answer to HEADER.FIELDS with these names, its empty line included; `None` if only
    /// the header itself can tell.
    pub fn fields(&self, names: &[Vec<u8>]) -> Option<Vec<u8>> {
        hot_fields::answer(self.header_fields(), self.incomplete, names)
    }

    /// When the message says it was sent.
    pub fn sent_date(&self) -> Option<SentDate> {
        self.sent_date
    }

    /// Of the message's own id; 0 without one.
    pub fn message_id_hash(&self) -> u64 {
        self.message_id_hash
    }

    /// The same for the messages of a conversation.
    pub fn thread_hash(&self) -> u64 {
        self.thread_hash
    }

    fn stretch(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

fn push_gaps(out: &mut Vec<u8>, gaps: &[Range<usize>]) {
    let mut at = 0;
    for gap in gaps {
        push_varint(out, gap.start - at);
        push_varint(out, gap.len());
        at = gap.end;
    }
}

/// The fixed fields, front to back.
struct Fixed<'a> {
    rest: &'a [u8],
}

impl Fixed<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (front, rest) = self.rest.split_first_chunk::<N>().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(*front)
    }
}
