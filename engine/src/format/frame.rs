//! The frame: what a segment is a sequence of, and what is on disk whole or not at all.
//!
//! | offset | size | field           | meaning                                                |
//! |-------:|-----:|-----------------|--------------------------------------------------------|
//! |      0 |    4 | magic           | `FKFR`                                                 |
//! |      4 |    4 | header checksum | CRC-32 of the place's seed (below) and bytes 8..40     |
//! |      8 |    8 | segment         | id of the segment the frame stands in                  |
//! |     16 |    8 | offset          | where in the segment the frame starts                  |
//! |     24 |    8 | batch start     | where the batch of this frame starts                   |
//! |     32 |    4 | body length     | bytes of records, padding not counted                  |
//! |     36 |    4 | record count    | how many records                                       |
//! |     40 |    … | records         | one after another, see below                           |
//! |      … | 0..7 | padding         | zeros, up to a multiple of 8                           |
//!
//! | offset | size | field of a record | meaning                                              |
//! |-------:|-----:|-------------------|------------------------------------------------------|
//! |      0 |    4 | checksum          | CRC-32 of bytes 4.. of the record                    |
//! |      4 |    4 | payload length    | bytes of payload                                     |
//! |      8 |    1 | kind              | see `record.rs`                                      |
//! |      9 |    3 | reserved          | zero                                                 |
//! |     12 |    … | payload           | what the kind says                                   |
//!
//! Integers are little-endian. The header has its own checksum, so that a damaged length is
//! never mistaken for a frame cut short by a crash. It names its own place, and its checksum
//! starts from a seed made of store id and shard, so that neither stale bytes nor the bytes of
//! a message can pass for a frame. All that stands before the batch start was on disk, synced,
//! before the frame was written.

use crate::Fault;
use crate::format::reader::{Put, Reader};
use crate::ids::{LogPos, SegmentId, ShardId};
use crate::limits::FRAME_BODY_LEN_MAX;

const MAGIC_LEN: usize = 4;
/// The first bytes of every frame.
pub(crate) const MAGIC: [u8; MAGIC_LEN] = *b"FKFR";
/// Bytes of a frame header.
pub(crate) const HEADER_LEN: usize = 40;
/// Bytes of a record header.
pub(crate) const RECORD_HEADER_LEN: usize = 12;
/// Frames start at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;

/// What the checksums of all frame headers of one shard of one store start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn new(store_id: u128, shard: ShardId) -> Self {
        let mut bytes = Vec::with_capacity(18);
        bytes.put_u128(store_id);
        bytes.put_u16(shard.0);
        Self(crc32fast::hash(&bytes))
    }

    fn checksum(self, bytes: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new_with_initial(self.0);
        crc.update(bytes);
        crc.finalize()
    }
}

/// The header of a frame, which is trusted before its records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Where the frame stands.
    pub(crate) at: LogPos,
    /// Where in the same segment its batch starts.
    pub(crate) batch_start: u64,
    /// Bytes of records.
    pub(crate) body_len: u32,
    /// How many records.
    pub(crate) record_count: u32,
}

impl FrameHeader {
    /// Reads the header at the front of `input`, which must stand at `at`.
    pub(crate) fn decode(input: &[u8], at: LogPos, seed: Seed) -> Result<Self, Fault> {
        let mut reader = Reader::new(input.get(..HEADER_LEN).ok_or(Fault::Truncated)?);
        if reader.bytes(MAGIC_LEN)? != MAGIC {
            return Err(Fault::Invalid("frame magic"));
        }
        if reader.u32()? != seed.checksum(reader.rest()) {
            return Err(Fault::Checksum);
        }
        let place = LogPos { segment: SegmentId(reader.u64()?), offset: reader.u64()? };
        let header = Self {
            at: place,
            batch_start: reader.u64()?,
            body_len: reader.u32()?,
            record_count: reader.u32()?,
        };
        if place != at || header.batch_start > at.offset {
            return Err(Fault::Invalid("frame place"));
        }
        let records_len_min = u64::from(header.record_count) * RECORD_HEADER_LEN as u64;
        let body_len = u64::from(header.body_len);
        if records_len_min > body_len || body_len > FRAME_BODY_LEN_MAX {
            return Err(Fault::Invalid("frame body length"));
        }
        Ok(header)
    }

    pub(crate) fn encode(&self, seed: Seed) -> Vec<u8> {
        let mut fields = Vec::with_capacity(HEADER_LEN - 8);
        fields.put_u64(self.at.segment.0);
        fields.put_u64(self.at.offset);
        fields.put_u64(self.batch_start);
        fields.put_u32(self.body_len);
        fields.put_u32(self.record_count);
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.put(&MAGIC);
        out.put_u32(seed.checksum(&fields));
        out.put(&fields);
        out
    }

    /// Bytes of the frame in the segment: header, records and padding.
    pub(crate) fn stored_len(&self) -> u64 {
        (HEADER_LEN as u64 + u64::from(self.body_len)).next_multiple_of(ALIGNMENT as u64)
    }

    /// Checks all records in `body`, the stored frame without its header.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), Fault> {
        let body_len = self.body_len as usize;
        let (records, padding) = body.split_at_checked(body_len).ok_or(Fault::Truncated)?;
        let mut count = 0_u32;
        for record in Records::new(records) {
            record?;
            count += 1;
        }
        if count != self.record_count {
            return Err(Fault::Invalid("record count"));
        }
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Fault::Invalid("padding"));
        }
        Ok(())
    }

    /// The records of a `body` that was checked, each with its address.
    pub(crate) fn records<'a>(
        &self,
        body: &'a [u8],
    ) -> impl Iterator<Item = Result<(LogPos, u8, &'a [u8]), Fault>> + use<'a> {
        let body = body.get(..self.body_len as usize).unwrap_or(body);
        let at = self.at;
        Records::new(body).map(move |record| {
            let (offset, kind, payload) = record?;
            let offset = at.offset + (HEADER_LEN + offset) as u64;
            Ok((LogPos { offset, ..at }, kind, payload))
        })
    }
}

/// The header of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    checksum: u32,
    /// What the payload holds.
    pub(crate) kind: u8,
    /// Bytes of payload.
    pub(crate) payload_len: u32,
}

impl RecordHeader {
    /// Reads the header at the front of `input`; [`RecordHeader::check`] tells whether it is true.
    pub(crate) fn decode(input: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(input);
        let (checksum, payload_len, kind) = (reader.u32()?, reader.u32()?, reader.u8()?);
        if reader.bytes(3)? != [0; 3] {
            return Err(Fault::Invalid("reserved bytes of a record"));
        }
        Ok(Self { checksum, kind, payload_len })
    }

    /// Whether the checksum is that of this header and `payload`.
    pub(crate) fn check(&self, payload: &[u8]) -> Result<(), Fault> {
        let checksum = record_checksum(&covered(self.kind, self.payload_len), &[payload]);
        if checksum == self.checksum { Ok(()) } else { Err(Fault::Checksum) }
    }
}

/// Appends a record whose payload is `parts` one after another.
pub(crate) fn put_record(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let payload_len: usize = parts.iter().map(|part| part.len()).sum();
    let payload_len =
        u32::try_from(payload_len).expect("records are bounded by FRAME_BODY_LEN_MAX, below 4 GiB");
    let covered = covered(kind, payload_len);
    out.put_u32(record_checksum(&covered, parts));
    out.put(&covered);
    for part in parts {
        out.put(part);
    }
}

/// Bytes 4..12 of a record.
fn covered(kind: u8, payload_len: u32) -> [u8; RECORD_HEADER_LEN - 4] {
    let [a, b, c, d] = payload_len.to_le_bytes();
    [a, b, c, d, kind, 0, 0, 0]
}

fn record_checksum(covered: &[u8], parts: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(covered);
    for part in parts {
        crc.update(part);
    }
    crc.finalize()
}

/// Walks the records of a frame: offset in the body, kind, payload. Ends after the first fault.
struct Records<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Records<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self { rest: body, offset: 0 }
    }

    fn step(&mut self) -> Result<(usize, u8, &'a [u8]), Fault> {
        let mut reader = Reader::new(self.rest);
        let header = RecordHeader::decode(reader.bytes(RECORD_HEADER_LEN)?)?;
        let payload = reader.bytes(header.payload_len as usize)?;
        header.check(payload)?;
        let offset = self.offset;
        self.offset += RECORD_HEADER_LEN + payload.len();
        self.rest = reader.rest();
        Ok((offset, header.kind, payload))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(usize, u8, &'a [u8]), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.rest = &[];
        }
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: LogPos = LogPos { segment: SegmentId(2), offset: 64 };

    fn seed() -> Seed {
        Seed::new(7, ShardId(1))
    }

    fn encoded() -> Vec<u8> {
        let mut body = Vec::new();
        put_record(&mut body, 1, &[b"hel", b"lo"]);
        put_record(&mut body, 2, &[]);
        let body_len = u32::try_from(body.len()).expect("small");
        let header = FrameHeader { at: AT, batch_start: 64, body_len, record_count: 2 };
        let mut out = header.encode(seed());
        out.put(&body);
        out.resize(usize::try_from(header.stored_len()).expect("small"), 0);
        out
    }

    fn decoded(bytes: &[u8]) -> Result<Vec<(u64, u8, Vec<u8>)>, Fault> {
        let header = FrameHeader::decode(bytes, AT, seed())?;
        let body = &bytes[HEADER_LEN..];
        header.check_body(body)?;
        header.records(body).map(|r| r.map(|(at, kind, p)| (at.offset, kind, p.to_vec()))).collect()
    }

    /// Pins the table above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let bytes = encoded();
        assert_eq!(bytes[..4], *b"FKFR");
        assert_eq!(bytes[4..8], 0x6ca0_8156_u32.to_le_bytes());
        assert_eq!(bytes[8..24], *b"\x02\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0");
        assert_eq!(bytes[24..40], *b"\x40\0\0\0\0\0\0\0\x1d\0\0\0\x02\0\0\0");
        assert_eq!(bytes[40..44], 0xf512_b049_u32.to_le_bytes());
        assert_eq!(bytes[44..57], *b"\x05\0\0\0\x01\0\0\0hello");
        assert_eq!(bytes[57..61], 0xcf2b_17e2_u32.to_le_bytes());
        assert_eq!(bytes[61..], *b"\0\0\0\0\x02\0\0\0\0\0\0");
        let records = vec![(104, 1, b"hello".to_vec()), (121, 2, Vec::new())];
        assert_eq!(decoded(&bytes), Ok(records));
    }

    #[test]
    fn a_flipped_bit_is_a_fault_and_never_a_short_frame() {
        for bit in 0..encoded().len() * 8 {
            let mut bytes = encoded();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let fault = decoded(&bytes).expect_err("a flipped bit is a fault");
            let is_in_header = bit / 8 < HEADER_LEN;
            assert!(!is_in_header || fault != Fault::Truncated, "bit {bit}: {fault}");
        }
    }

    #[test]
    fn a_frame_is_valid_only_in_its_place() {
        let bytes = encoded();
        let elsewhere = LogPos { offset: 72, ..AT };
        let other_segment = LogPos { segment: SegmentId(3), ..AT };
        for at in [elsewhere, other_segment] {
            assert_eq!(FrameHeader::decode(&bytes, at, seed()), Err(Fault::Invalid("frame place")));
        }
        let other_store = Seed::new(8, ShardId(1));
        assert_eq!(FrameHeader::decode(&bytes, AT, other_store), Err(Fault::Checksum));
    }
}
