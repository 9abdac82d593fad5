//! Blobs: stretches of messages that stand by themselves, without their encoding, once for all
//! messages of a shard that have them. In chunks, so that a part of one is read by itself.
//!
//! | kind | record     | payload                                                               |
//! |-----:|------------|-----------------------------------------------------------------------|
//! |    7 | `BlobChunk`  | number of the blob, index of the chunk, its piece's entry, the piece    |
//! |    8 | Blob       | number, BLAKE3 of the whole (32 bytes), length, length of each chunk but the last, list of chunks (addresses) |
//! |   70 | `BlobTable`  | version (1 byte), list of: BLAKE3 (32 bytes), number, messages that have it |
//!
//! Numbers are varints, and a piece entry is described in `compress.rs`. The numbers of blobs and
//! of messages are from one sequence, and places say where either is. All chunks of a blob stand
//! in the log before it.

use crate::Fault;
use crate::format::compress::{self, PieceEntry};
use crate::format::image::{addr, list, put_addr, version};
use crate::format::reader::{Put, Reader};
use crate::ids::RecordAddr;
use crate::image::{BLOB_PAGE_LEN, BlobUse};

/// A blob as its record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) number: u64,
    /// BLAKE3 of its bytes.
    pub(crate) hash: [u8; 32],
    pub(crate) len: u64,
    /// Bytes of each chunk but the last.
    pub(crate) chunk_len: u32,
    pub(crate) chunks: Vec<RecordAddr>,
}

impl Blob {
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Fault> {
        let mut input = Reader::new(payload);
        let number = input.varint()?;
        let hash = hash(&mut input)?;
        let (len, chunk_len) = (input.varint()?, input.varint32()?);
        let chunks = list(&mut input, 2, addr)?;
        input.finish()?;
        let count = len.div_ceil(u64::from(chunk_len.max(1)));
        if chunk_len == 0 || count != chunks.len() as u64 {
            return Err(Fault::Invalid("chunks of a blob"));
        }
        Ok(Self { number, hash, len, chunk_len, chunks })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.chunks.len() * 6);
        out.put_varint(self.number);
        out.put(&self.hash);
        out.put_varint(self.len);
        out.put_varint(self.chunk_len.into());
        out.put_count(self.chunks.len());
        self.chunks.iter().for_each(|chunk| put_addr(*chunk, &mut out));
        out
    }
}

/// What stands before the piece in a chunk's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobChunk {
    /// The blob's.
    pub(crate) number: u64,
    pub(crate) index: u64,
    pub(crate) entry: PieceEntry,
}

impl BlobChunk {
    /// The chunk, and its piece as stored.
    pub(crate) fn decode(payload: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let mut input = Reader::new(payload);
        let (number, index) = (input.varint()?, input.varint()?);
        let entry = PieceEntry::decode(&mut input)?;
        if input.rest().len() != entry.stored_len as usize {
            return Err(Fault::Truncated);
        }
        Ok((Self { number, index, entry }, input.rest()))
    }

    /// What stands before the piece.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.put_varint(self.number);
        out.put_varint(self.index);
        self.entry.encode(&mut out);
        out
    }

    /// The chunk's own bytes, into a buffer of which nothing stays. No dictionary makes them.
    pub(crate) fn unpack_into(payload: &[u8], raw: &mut Vec<u8>) -> Result<Self, Fault> {
        let (chunk, stored) = Self::decode(payload)?;
        compress::unpack_into(chunk.entry, stored, &(), raw)?;
        Ok(chunk)
    }
}

/// A page of the table of blobs as the payload of a record.
pub(crate) fn encode_table(page: &[BlobUse]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + page.len() * 40);
    out.put_u8(crate::format::image::VERSION);
    out.put_count(page.len());
    for used in page {
        out.put(&used.hash);
        out.put_varint(used.number);
        out.put_varint(used.uses);
    }
    out
}

/// A page of the table of blobs.
pub(crate) fn decode_table(payload: &[u8]) -> Result<Vec<BlobUse>, Fault> {
    let mut input = Reader::new(payload);
    version(&mut input)?;
    let page = list(&mut input, 34, |input| {
        Ok(BlobUse { hash: hash(input)?, number: input.varint()?, uses: input.varint()? })
    })?;
    input.finish()?;
    if page.len() > BLOB_PAGE_LEN { Err(Fault::Invalid("blobs of a page")) } else { Ok(page) }
}

fn hash(input: &mut Reader<'_>) -> Result<[u8; 32], Fault> {
    input.bytes(32)?.try_into().map_err(|_| Fault::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::dictionary::Effort;
    use crate::ids::{LogPos, SegmentId};

    fn blob() -> Blob {
        let addr = |offset| LogPos { segment: SegmentId(2), offset };
        let chunks = vec![addr(64), addr(300)];
        Blob { number: 9, hash: [7; 32], len: 500, chunk_len: 256, chunks }
    }

    /// Pins the table above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let bytes = blob().encode();
        assert_eq!(bytes[..2], *b"\x09\x07");
        assert_eq!(bytes[33..], *b"\xf4\x03\x80\x02\x02\x02\x40\x02\xac\x02");
        assert_eq!(Blob::decode(&bytes), Ok(blob()));
        for len in 0..bytes.len() {
            assert!(Blob::decode(&bytes[..len]).is_err(), "cut to {len}");
        }
        let wrong = Blob { len: 600, ..blob() };
        assert_eq!(Blob::decode(&wrong.encode()), Err(Fault::Invalid("chunks of a blob")));

        let piece = compress::pack(b"chunk", Effort::Arrival, None);
        let chunk = BlobChunk { number: 9, index: 300, entry: piece.entry };
        let payload = [&chunk.encode()[..], &piece.bytes].concat();
        assert_eq!(payload[..6], *b"\x09\xac\x02\x05\x05\0");
        assert_eq!(payload[10..], *b"chunk");
        let mut raw = Vec::new();
        assert_eq!(BlobChunk::unpack_into(&payload, &mut raw), Ok(chunk));
        assert_eq!(raw, b"chunk");
        assert!(BlobChunk::decode(&payload[..14]).is_err());

        let used = BlobUse { hash: [7; 32], number: 9, uses: 200 };
        let page = encode_table(&[used]);
        assert_eq!((page[..3].to_vec(), page[34..].to_vec()), (vec![1, 1, 7], vec![9, 200, 1]));
        assert_eq!(decode_table(&page), Ok(vec![used]));
    }
}
