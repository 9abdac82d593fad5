//! The message block: neighbouring messages of a mailbox that compaction moved, compressed
//! together.
//!
//! | field        | bytes                                                                       |
//! |--------------|-----------------------------------------------------------------------------|
//! | checksum     | 4: CRC-32 of the table behind this                                          |
//! | table length | varint: bytes of the table behind this                                      |
//! | messages     | list of: number z from the one before, structure length, header length, body length (varints), attachments as in a message record |
//! | heads piece  | its entry: of each message the part tree, then the header                   |
//! | bodies piece | its entry: of each message what follows the header, less the attachments    |
//! | pieces       | behind the table: heads and bodies as stored                                |
//!
//! A piece entry is described in `compress.rs`, the part tree in docs/format-list-piece.md.

use std::ops::Range;

use crate::Fault;
use crate::format::compress::{self, PieceEntry};
use crate::format::dictionary::{Dictionary, Effort};
use crate::format::message::{Attachment, attachments, put_attachments};
use crate::format::reader::{Put, checked_table, with_checksum};
use crate::limits::BLOCK_MESSAGES_MAX;

/// One message of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockMessage {
    /// Its number in its shard.
    pub(crate) number: u64,
    /// The part tree, in the heads.
    pub(crate) structure: Range<usize>,
    /// The header, in the heads.
    pub(crate) header: Range<usize>,
    /// The body less its attachments, in the bodies.
    pub(crate) body: Range<usize>,
    pub(crate) attachments: Vec<Attachment>,
}

/// The table at the front of a message block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockTable {
    pub(crate) messages: Vec<BlockMessage>,
    pub(crate) heads: PieceEntry,
    pub(crate) bodies: PieceEntry,
}

impl BlockTable {
    /// Reads the table, and says where the pieces start; what follows may be cut off.
    pub(crate) fn decode(payload: &[u8]) -> Result<(Self, usize), Fault> {
        let (mut input, start) = checked_table(payload)?;
        let count = input.count(5)?;
        if count == 0 || count > BLOCK_MESSAGES_MAX {
            return Err(Fault::Invalid("messages of a block"));
        }
        let mut messages = Vec::with_capacity(count);
        let (mut number, mut head_end, mut body_end) = (0_u64, 0, 0);
        for _ in 0..count {
            number = number.wrapping_add(input.zigzag()?.cast_unsigned());
            let mut stretch = |end: &mut usize| {
                let start = *end;
                let len = input.varint32()? as usize;
                *end = start.checked_add(len).ok_or(Fault::Invalid("message of a block"))?;
                Ok::<_, Fault>(start..*end)
            };
            let (structure, header) = (stretch(&mut head_end)?, stretch(&mut head_end)?);
            let body = stretch(&mut body_end)?;
            let attachments = attachments(&mut input)?;
            messages.push(BlockMessage { number, structure, header, body, attachments });
        }
        let (heads, bodies) = (PieceEntry::decode(&mut input)?, PieceEntry::decode(&mut input)?);
        input.finish()?;
        if (heads.raw_len as usize, bodies.raw_len as usize) != (head_end, body_end) {
            return Err(Fault::Invalid("lengths of a block"));
        }
        Ok((Self { messages, heads, bodies }, start))
    }

    /// The message with this number.
    pub(crate) fn find(&self, number: u64) -> Option<&BlockMessage> {
        self.messages.iter().find(|message| message.number == number)
    }

    /// Bytes of both pieces as stored.
    pub(crate) fn pieces_len(&self) -> usize {
        self.heads.stored_len as usize + self.bodies.stored_len as usize
    }
}

/// What a message brings into a block.
pub(crate) struct Moved<'a> {
    pub(crate) number: u64,
    pub(crate) structure: &'a [u8],
    pub(crate) header: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) attachments: &'a [Attachment],
}

/// A block being made.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    count: usize,
    last_number: u64,
    table: Vec<u8>,
    heads: Vec<u8>,
    bodies: Vec<u8>,
    numbers: Vec<u64>,
}

impl BlockBuilder {
    pub(crate) fn push(&mut self, message: &Moved<'_>) {
        let delta = message.number.wrapping_sub(self.last_number);
        self.table.put_zigzag(delta.cast_signed());
        for part in [message.structure, message.header, message.body] {
            self.table.put_count(part.len());
        }
        put_attachments(message.attachments, &mut self.table);
        self.heads.extend_from_slice(message.structure);
        self.heads.extend_from_slice(message.header);
        self.bodies.extend_from_slice(message.body);
        self.numbers.push(message.number);
        self.last_number = message.number;
        self.count += 1;
    }

    /// Messages so far.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Bytes so far, uncompressed.
    pub(crate) fn raw_len(&self) -> usize {
        self.heads.len() + self.bodies.len()
    }

    /// The numbers of the messages and the payload of the record; `None` without messages.
    pub(crate) fn finish(
        self,
        head: Option<&Dictionary>,
        body: Option<&Dictionary>,
    ) -> Option<(Vec<u64>, Vec<u8>)> {
        if self.count == 0 {
            return None;
        }
        let heads = compress::pack(&self.heads, Effort::Archive, head);
        let bodies = compress::pack(&self.bodies, Effort::Archive, body);
        let mut table = Vec::with_capacity(self.table.len() + 32);
        table.put_count(self.count);
        table.extend_from_slice(&self.table);
        heads.entry.encode(&mut table);
        bodies.entry.encode(&mut table);
        let pieces_len = heads.bytes.len() + bodies.bytes.len();
        let mut out = with_checksum(&table, pieces_len);
        out.put(&heads.bytes);
        out.put(&bodies.bytes);
        Some((self.numbers, out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Vec<u8> {
        let mut builder = BlockBuilder::default();
        for (number, body) in [(9, &b"first body"[..]), (7, b"second"), (40, b"")] {
            let attachment = Attachment { start: 3, encoded_len: 8, blob: 5, recipe: vec![1] };
            builder.push(&Moved {
                number,
                structure: b"tree",
                header: b"A: b\r\n\r\n",
                body,
                attachments: if number == 7 { std::slice::from_ref(&attachment) } else { &[] },
            });
        }
        assert_eq!(builder.len(), 3);
        let (numbers, payload) = builder.finish(None, None).expect("it has messages");
        assert_eq!(numbers, [9, 7, 40]);
        payload
    }

    #[test]
    fn a_block_comes_back() {
        let payload = block();
        let (table, start) = BlockTable::decode(&payload).expect("a block");
        assert_eq!(start + table.pieces_len(), payload.len());
        let second = table.find(7).expect("it is there");
        assert_eq!((second.structure.clone(), second.header.clone()), (12..16, 16..24));
        assert_eq!((second.body.clone(), second.attachments.len()), (10..16, 1));
        assert!(table.find(8).is_none() && BlockBuilder::default().finish(None, None).is_none());
    }

    /// Pins the table above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let payload = block();
        let table =
            b"\x03\x12\x04\x08\x0a\0\x03\x04\x08\x06\x01\x03\x08\x05\x01\x01\x42\x04\x08\0\0";
        assert_eq!(payload[5..5 + table.len()], *table);
        assert!(payload.ends_with(b"first bodysecond"));
    }

    #[test]
    fn a_cut_or_a_flipped_bit_in_the_table_is_a_fault() {
        let payload = block();
        let (_, start) = BlockTable::decode(&payload).expect("a block");
        for len in 0..start {
            assert!(BlockTable::decode(&payload[..len]).is_err(), "cut to {len}");
        }
        for bit in 0..start * 8 {
            let mut payload = payload.clone();
            payload[bit / 8] ^= 1 << (bit % 8);
            assert!(BlockTable::decode(&payload).is_err(), "bit {bit}");
        }
    }
}
