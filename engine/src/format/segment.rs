//! A segment: a file of frames between a header and, once sealed, a footer at its very end.
//!
//! | offset | size | field          | meaning                                      |
//! |-------:|-----:|----------------|----------------------------------------------|
//! |      0 |    4 | magic          | `FKSG`                                       |
//! |      4 |    4 | checksum       | CRC-32 of bytes 8..64                        |
//! |      8 |    2 | format version | 1                                            |
//! |     10 |    2 | shard          | the shard the segment belongs to             |
//! |     12 |    4 | dictionary     | id of its compression dictionary, 0 = none   |
//! |     16 |   16 | store id       | the store the segment belongs to             |
//! |     32 |    8 | segment id     | as in its name                               |
//! |     40 |    8 | file length    | bytes of the whole file, footer included     |
//! |     48 |   16 | reserved       | zero                                         |
//! |     64 |    … | frames         | see `frame.rs`; then zeros                   |
//!
//! | offset from the end | size | field of the footer | meaning                              |
//! |--------------------:|-----:|---------------------|--------------------------------------|
//! |                  88 |    4 | magic               | `FKSF`                               |
//! |                  84 |    4 | checksum            | CRC-32 of the 80 bytes that follow   |
//! |                  80 |    8 | segment id          | as in the header                     |
//! |                  72 |    8 | valid length        | where the last frame ends            |
//! |                  64 |    8 | frame count         | frames in the segment                |
//! |                  56 |    8 | record count        | records in the segment               |
//! |                  48 |   16 | arrivals            | how many of them are messages as they came in, and bytes of their payloads |
//! |                  32 |   16 | archived            | the same of blocks of moved messages |
//! |                  16 |   16 | derived             | the same of derived records          |
//!
//! Integers are little-endian.

use crate::Fault;
use crate::format::reader::{Put, Reader};
use crate::ids::{SegmentId, ShardId};
use crate::record::{Contents, Tally};

/// The version of segments this code writes, and the newest it reads.
pub(crate) const VERSION: u16 = 1;
/// Bytes of a segment header; the first frame follows it.
pub(crate) const HEADER_LEN: u64 = 64;
/// Bytes at the end of the file that no frame may touch.
pub(crate) const FOOTER_LEN: u64 = 88;

const HEADER_MAGIC: &[u8] = b"FKSG";
const FOOTER_MAGIC: &[u8] = b"FKSF";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) store_id: u128,
    pub(crate) shard: ShardId,
    pub(crate) segment: SegmentId,
    pub(crate) file_len: u64,
}

impl SegmentHeader {
    pub(crate) fn decode(input: &[u8]) -> Result<Self, Fault> {
        let mut reader = checked(input, HEADER_MAGIC, HEADER_LEN)?;
        let version = reader.u16()?;
        if version != VERSION {
            return Err(Fault::Unknown { field: "segment version", value: u64::from(version) });
        }
        let shard = ShardId(reader.u16()?);
        let dictionary = reader.u32()?;
        if dictionary != 0 {
            return Err(Fault::Unknown { field: "dictionary", value: u64::from(dictionary) });
        }
        Ok(Self {
            shard,
            store_id: reader.u128()?,
            segment: SegmentId(reader.u64()?),
            file_len: reader.u64()?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        fields.put_u16(VERSION);
        fields.put_u16(self.shard.0);
        fields.put_u32(0);
        fields.put_u128(self.store_id);
        fields.put_u64(self.segment.0);
        fields.put_u64(self.file_len);
        fields.put_u128(0);
        with_checksum(HEADER_MAGIC, &fields)
    }
}

/// What is known of a segment once nothing is added any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFooter {
    pub(crate) segment: SegmentId,
    pub(crate) valid_len: u64,
    pub(crate) frame_count: u64,
    pub(crate) record_count: u64,
    pub(crate) contents: Contents,
}

impl SegmentFooter {
    pub(crate) fn decode(input: &[u8]) -> Result<Self, Fault> {
        let mut reader = checked(input, FOOTER_MAGIC, FOOTER_LEN)?;
        Ok(Self {
            segment: SegmentId(reader.u64()?),
            valid_len: reader.u64()?,
            frame_count: reader.u64()?,
            record_count: reader.u64()?,
            contents: Contents {
                arrivals: tally(&mut reader)?,
                archived: tally(&mut reader)?,
                derived: tally(&mut reader)?,
            },
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        fields.put_u64(self.segment.0);
        fields.put_u64(self.valid_len);
        fields.put_u64(self.frame_count);
        fields.put_u64(self.record_count);
        let Contents { arrivals, archived, derived } = self.contents;
        for tally in [arrivals, archived, derived] {
            fields.put_u64(tally.records);
            fields.put_u64(tally.len);
        }
        with_checksum(FOOTER_MAGIC, &fields)
    }
}

fn tally(reader: &mut Reader<'_>) -> Result<Tally, Fault> {
    Ok(Tally { records: reader.u64()?, len: reader.u64()? })
}

/// The fields behind magic and checksum.
fn checked<'a>(input: &'a [u8], magic: &[u8], len: u64) -> Result<Reader<'a>, Fault> {
    let len = usize::try_from(len).map_err(|_| Fault::Truncated)?;
    let mut reader = Reader::new(input.get(..len).ok_or(Fault::Truncated)?);
    if reader.bytes(magic.len())? != magic {
        return Err(Fault::Invalid("segment magic"));
    }
    if reader.u32()? != crc32fast::hash(reader.rest()) {
        return Err(Fault::Checksum);
    }
    Ok(reader)
}

fn with_checksum(magic: &[u8], fields: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(magic.len() + 4 + fields.len());
    out.put(magic);
    out.put_u32(crc32fast::hash(fields));
    out.put(fields);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: SegmentHeader = SegmentHeader {
        store_id: 0x0102,
        shard: ShardId(3),
        segment: SegmentId(4),
        file_len: 4096,
    };
    const FOOTER: SegmentFooter = SegmentFooter {
        segment: SegmentId(4),
        valid_len: 2048,
        frame_count: 5,
        record_count: 6,
        contents: Contents {
            arrivals: Tally { records: 1, len: 2 },
            archived: Tally { records: 3, len: 4 },
            derived: Tally { records: 5, len: 6 },
        },
    };

    /// Pins the tables above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let bytes = HEADER.encode();
        assert_eq!(bytes[..4], *b"FKSG");
        assert_eq!(bytes[4..8], 0xae51_02ff_u32.to_le_bytes());
        assert_eq!(bytes[8..16], *b"\x01\0\x03\0\0\0\0\0");
        assert_eq!(bytes[16..32], *b"\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(bytes[32..48], *b"\x04\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0");
        assert_eq!(bytes[48..], [0; 16]);
        let bytes = FOOTER.encode();
        assert_eq!(bytes[..4], *b"FKSF");
        assert_eq!(bytes[4..8], 0xaeac_e525_u32.to_le_bytes());
        assert_eq!(bytes[8..24], *b"\x04\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0");
        assert_eq!(bytes[24..40], *b"\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0");
        let tallies = (1..=6_u64).flat_map(u64::to_le_bytes);
        assert_eq!(bytes[40..], tallies.collect::<Vec<_>>());
    }

    #[test]
    fn what_was_written_is_read_and_a_flipped_bit_is_a_fault() {
        assert_eq!(SegmentHeader::decode(&HEADER.encode()), Ok(HEADER));
        assert_eq!(SegmentFooter::decode(&FOOTER.encode()), Ok(FOOTER));
        for bit in 0..HEADER.encode().len() * 8 {
            let mut bytes = HEADER.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit} of the header");
        }
        for bit in 0..FOOTER.encode().len() * 8 {
            let mut bytes = FOOTER.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentFooter::decode(&bytes).is_err(), "bit {bit} of the footer");
        }
    }
}
