//! The message record: a table, then the two pieces it describes.
//!
//! | field        | bytes                                                                       |
//! |--------------|-----------------------------------------------------------------------------|
//! | checksum     | 4: CRC-32 of the table behind this                                          |
//! | table length | varint: bytes of the table behind this                                      |
//! | number       | varint: the low 48 bits of the e-mail id                                    |
//! | head piece   | its entry: what clients list by, then the header, see docs/format-list-piece.md |
//! | body piece   | its entry: what follows the header, less the attachments                    |
//! | attachments  | list of: start in the body z from the end of the one before, encoded length, number of the blob, recipe (a string) |
//! | pieces       | behind the table: head and body as stored                                   |
//!
//! A piece entry is described in `compress.rs`. Each piece has its own checksum, so that one can
//! be read without the other. An attachment stands elsewhere, decoded; its recipe says how its
//! bytes are made from that.

use crate::Fault;
use crate::format::compress::PieceEntry;
use crate::format::reader::{Put, Reader, checked_table, with_checksum};

/// One of the two pieces; the value is its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    Head = 0,
    Body = 1,
}

/// A stretch of a body that is stored elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Where in the body it starts.
    pub(crate) start: u64,
    /// Bytes it takes in the body.
    pub(crate) encoded_len: u64,
    /// The blob that holds it decoded.
    pub(crate) blob: u64,
    /// How the encoded bytes are made.
    pub(crate) recipe: Vec<u8>,
}

/// The table at the front of a message record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageTable {
    /// The message's number in its shard.
    pub(crate) number: u64,
    pub(crate) pieces: [PieceEntry; 2],
    pub(crate) attachments: Vec<Attachment>,
}

impl MessageTable {
    /// Reads the table, and says where the pieces start; what follows may be cut off.
    pub(crate) fn decode(payload: &[u8]) -> Result<(Self, usize), Fault> {
        let (mut input, start) = checked_table(payload)?;
        let number = input.varint()?;
        let pieces = [PieceEntry::decode(&mut input)?, PieceEntry::decode(&mut input)?];
        let attachments = attachments(&mut input)?;
        input.finish()?;
        Ok((Self { number, pieces, attachments }, start))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut table = Vec::with_capacity(40);
        table.put_varint(self.number);
        self.pieces.iter().for_each(|piece| piece.encode(&mut table));
        put_attachments(&self.attachments, &mut table);
        with_checksum(&table, 0)
    }

    pub(crate) fn piece(&self, kind: PieceKind) -> PieceEntry {
        let [head, body] = self.pieces;
        match kind {
            PieceKind::Head => head,
            PieceKind::Body => body,
        }
    }

    /// Where the piece starts, counted from the start of the pieces.
    pub(crate) fn piece_offset(&self, kind: PieceKind) -> usize {
        match kind {
            PieceKind::Head => 0,
            PieceKind::Body => self.piece(PieceKind::Head).stored_len as usize,
        }
    }

    /// Bytes of both pieces as stored.
    pub(crate) fn pieces_len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.stored_len as usize).sum()
    }

    /// Bytes of the body with its attachments.
    pub(crate) fn body_len(&self) -> u64 {
        let attached: u64 = self.attachments.iter().map(|attached| attached.encoded_len).sum();
        attached.saturating_add(self.piece(PieceKind::Body).raw_len.into())
    }
}

/// Adds a list of attachments, in order and apart from each other.
pub(crate) fn put_attachments(attachments: &[Attachment], out: &mut Vec<u8>) {
    out.put_count(attachments.len());
    let mut end = 0;
    for attachment in attachments {
        out.put_varint(attachment.start - end);
        out.put_varint(attachment.encoded_len);
        out.put_varint(attachment.blob);
        out.put_string(&attachment.recipe);
        end = attachment.start + attachment.encoded_len;
    }
}

/// The list that [`put_attachments`] wrote.
pub(crate) fn attachments(input: &mut Reader<'_>) -> Result<Vec<Attachment>, Fault> {
    let (count, mut end) = (input.count(4)?, 0_u64);
    let mut attachments = Vec::with_capacity(count);
    for _ in 0..count {
        let start = end.checked_add(input.varint()?).ok_or(Fault::Invalid("attachment"))?;
        let encoded_len = input.varint()?;
        end = start.checked_add(encoded_len).ok_or(Fault::Invalid("attachment"))?;
        let (blob, recipe) = (input.varint()?, input.string()?.to_vec());
        attachments.push(Attachment { start, encoded_len, blob, recipe });
    }
    Ok(attachments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::compress;
    use crate::format::dictionary::Effort;

    /// Pins the table above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let piece = |raw: &[u8]| compress::pack(raw, Effort::Arrival, None).entry;
        let attachment = |start, blob| {
            let recipe = b"re".to_vec();
            Attachment { start, encoded_len: 200, blob, recipe }
        };
        let table = MessageTable {
            number: 9,
            pieces: [piece(b"head"), piece(b"")],
            attachments: vec![attachment(3, 7), attachment(300, 8)],
        };
        let bytes = table.encode();
        assert_eq!(bytes[4..9], *b"\x1e\x09\x04\x04\0");
        assert_eq!(bytes[9..13], crc32fast::hash(b"head").to_le_bytes());
        assert_eq!(bytes[13..20], [0; 7], "the empty body");
        assert_eq!(bytes[20..], *b"\x02\x03\xc8\x01\x07\x02re\x61\xc8\x01\x08\x02re");
        assert_eq!(MessageTable::decode(&bytes), Ok((table.clone(), bytes.len())));
        assert_eq!((table.piece_offset(PieceKind::Body), table.pieces_len()), (4, 4));
        assert_eq!(table.body_len(), 400);
        for len in 0..bytes.len() {
            assert_eq!(MessageTable::decode(&bytes[..len]), Err(Fault::Truncated), "cut to {len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(MessageTable::decode(&bytes).is_err(), "bit {bit}");
        }
    }
}
