//! The message record: a table, then the three pieces it describes.
//!
//! | offset | size | field        | meaning                                             |
//! |-------:|-----:|--------------|-----------------------------------------------------|
//! |      0 |    8 | e-mail id    | the shard's number of this message                  |
//! |      8 |   13 | list piece   | what clients list by, see docs/format-list-piece.md |
//! |     21 |   13 | header piece | the header with the empty line that ends it         |
//! |     34 |   13 | body piece   | what follows                                        |
//! |     47 |    … | pieces       | list, header, body as stored                        |
//!
//! A piece entry is described in `compress.rs`. Each piece has its own checksum, so that one can
//! be read without the others.

use crate::Fault;
use crate::format::compress::{ENTRY_LEN, PieceEntry};
use crate::format::reader::{Put, Reader};
use crate::ids::EmailId;

/// Bytes before the pieces.
pub(crate) const TABLE_LEN: usize = 8 + 3 * ENTRY_LEN;

/// One of the three pieces; the value is its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    List = 0,
    Header = 1,
    Body = 2,
}

/// The table at the front of a message record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageTable {
    pub(crate) email_id: EmailId,
    pub(crate) pieces: [PieceEntry; 3],
}

impl MessageTable {
    /// Reads the table; what follows it may be cut off.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Fault> {
        let mut input = Reader::new(payload);
        let email_id = EmailId(input.u64()?);
        let mut pieces = [PieceEntry::default(); 3];
        for piece in &mut pieces {
            *piece = PieceEntry::decode(&mut input)?;
        }
        Ok(Self { email_id, pieces })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TABLE_LEN);
        out.put_u64(self.email_id.0);
        self.pieces.iter().for_each(|piece| piece.encode(&mut out));
        out
    }

    pub(crate) fn piece(&self, kind: PieceKind) -> PieceEntry {
        let [list, header, body] = self.pieces;
        match kind {
            PieceKind::List => list,
            PieceKind::Header => header,
            PieceKind::Body => body,
        }
    }

    /// Where the piece starts in the record's payload.
    pub(crate) fn piece_offset(&self, kind: PieceKind) -> usize {
        let before = self.pieces.iter().take(kind as usize);
        TABLE_LEN + before.map(|piece| piece.stored_len as usize).sum::<usize>()
    }

    /// Bytes of the whole payload.
    pub(crate) fn payload_len(&self) -> usize {
        TABLE_LEN + self.pieces.iter().map(|piece| piece.stored_len as usize).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::compress;

    /// Pins the table above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let piece = |raw: &[u8]| compress::pack(raw, 3).entry;
        let pieces = [piece(b"list"), piece(b"header"), piece(b"")];
        let table = MessageTable { email_id: EmailId(9), pieces };
        let bytes = table.encode();
        assert_eq!(bytes.len(), TABLE_LEN);
        assert_eq!(bytes[..17], *b"\x09\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\0");
        assert_eq!(bytes[17..21], crc32fast::hash(b"list").to_le_bytes());
        assert_eq!(MessageTable::decode(&bytes), Ok(table));
        assert_eq!(table.piece_offset(PieceKind::Body), TABLE_LEN + 10);
        assert_eq!(table.payload_len(), TABLE_LEN + 10);
        assert_eq!(MessageTable::decode(&bytes[..TABLE_LEN - 1]), Err(Fault::Truncated));
    }
}
