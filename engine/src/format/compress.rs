//! Pieces: stretches of a message that are compressed and checked by themselves.
//!
//! A piece of the log is described by 13 bytes in the table of the record that holds it:
//!
//! | offset | size | field         | meaning                              |
//! |-------:|-----:|---------------|--------------------------------------|
//! |      0 |    4 | raw length    | bytes once decompressed              |
//! |      4 |    4 | stored length | bytes in the record                  |
//! |      8 |    1 | codec         | 0 = stored as it is, 1 = zstd frame  |
//! |      9 |    4 | checksum      | CRC-32 of the bytes as stored        |

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use crate::Fault;
use crate::format::reader::{Put, Reader};

/// Bytes that an entry of a piece table takes.
pub(crate) const ENTRY_LEN: usize = 13;

const STORED: u8 = 0;
const ZSTD: u8 = 1;

/// Pieces shorter than this are not worth a frame of their own.
const COMPRESS_FROM: usize = 48;

/// What the table says of one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PieceEntry {
    pub(crate) raw_len: u32,
    pub(crate) stored_len: u32,
    codec: u8,
    checksum: u32,
}

/// A piece as it is stored.
pub(crate) struct Piece {
    pub(crate) entry: PieceEntry,
    pub(crate) bytes: Vec<u8>,
}

impl PieceEntry {
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let (raw_len, stored_len) = (reader.u32()?, reader.u32()?);
        let (codec, checksum) = (reader.u8()?, reader.u32()?);
        Ok(Self { raw_len, stored_len, codec, checksum })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.raw_len);
        out.put_u32(self.stored_len);
        out.put_u8(self.codec);
        out.put_u32(self.checksum);
    }
}

/// Compresses a piece, or stores it as it is where that is no longer.
pub(crate) fn pack(raw: &[u8], level: i32) -> Piece {
    let compressed = if raw.len() < COMPRESS_FROM { None } else { compress(raw, level) };
    let (codec, bytes) = match compressed {
        Some(bytes) if bytes.len() < raw.len() => (ZSTD, bytes),
        _ => (STORED, raw.to_vec()),
    };
    let len = |len| u32::try_from(len).unwrap_or(u32::MAX);
    let checksum = crc32fast::hash(&bytes);
    let entry =
        PieceEntry { raw_len: len(raw.len()), stored_len: len(bytes.len()), codec, checksum };
    Piece { entry, bytes }
}

/// Checks and decompresses a piece. Allocates what the entry promises and no more, and that
/// only after the checksum has vouched for the bytes.
pub(crate) fn unpack(entry: PieceEntry, stored: &[u8]) -> Result<Vec<u8>, Fault> {
    if stored.len() != entry.stored_len as usize {
        return Err(Fault::Truncated);
    }
    if crc32fast::hash(stored) != entry.checksum {
        return Err(Fault::Checksum);
    }
    let raw = match entry.codec {
        STORED => stored.to_vec(),
        ZSTD => decompress(stored, entry.raw_len as usize)?,
        codec => return Err(Fault::Unknown { field: "codec", value: codec.into() }),
    };
    if raw.len() == entry.raw_len as usize { Ok(raw) } else { Err(Fault::Compression) }
}

// A context costs hundreds of kilobytes to set up and nothing to use again.
thread_local! {
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn compress(raw: &[u8], level: i32) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(has, _)| *has != level) {
            *slot = Some((level, Compressor::new(level).ok()?));
        }
        slot.as_mut()?.1.compress(raw).ok()
    })
}

fn decompress(stored: &[u8], raw_len: usize) -> Result<Vec<u8>, Fault> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Decompressor::new().ok();
        }
        let context = slot.as_mut().ok_or(Fault::Compression)?;
        context.decompress(stored, raw_len).map_err(|_| Fault::Compression)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_come_back(raw in prop::collection::vec(0_u8..4, 0..3000), level in 1..6) {
            let piece = pack(&raw, level);
            prop_assert!(piece.bytes.len() <= raw.len());
            let mut table = Vec::new();
            piece.entry.encode(&mut table);
            prop_assert_eq!(table.len(), ENTRY_LEN);
            let entry = PieceEntry::decode(&mut Reader::new(&table));
            prop_assert_eq!(entry, Ok(piece.entry));
            prop_assert_eq!(unpack(piece.entry, &piece.bytes), Ok(raw));
        }
    }

    #[test]
    fn damage_and_lying_lengths_are_faults() {
        let mut piece = pack(&[7; 1000], 3);
        let entry = PieceEntry { raw_len: 999, ..piece.entry };
        assert_eq!(unpack(entry, &piece.bytes), Err(Fault::Compression));
        let entry = PieceEntry { raw_len: 1001, ..piece.entry };
        assert_eq!(unpack(entry, &piece.bytes), Err(Fault::Compression));
        piece.bytes[3] ^= 1;
        assert_eq!(unpack(piece.entry, &piece.bytes), Err(Fault::Checksum));
    }
}
