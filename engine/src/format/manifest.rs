//! The manifest: which segments are the log, and where its newest checkpoint is.
//!
//! | offset | size | field              | meaning                                           |
//! |-------:|-----:|--------------------|---------------------------------------------------|
//! |      0 |    4 | magic              | `FKMF`                                            |
//! |      4 |    4 | checksum           | CRC-32 of all bytes from 8 on                     |
//! |      8 |    2 | format version     | 1                                                 |
//! |     10 |    2 | shard              | the shard it belongs to                           |
//! |     12 |    4 | segment count      | how many segments, at least 1                     |
//! |     16 |   16 | store id           | the store it belongs to                           |
//! |     32 |    8 | checkpoint segment | 0 = there is no checkpoint                        |
//! |     40 |    8 | checkpoint offset  | of the checkpoint's record in its segment         |
//! |     48 | 16×n | segments           | id and valid length of each, in order of id       |
//!
//! The last segment is the active one: its valid length is 0, for recovery to find. Integers
//! are little-endian.

use crate::Fault;
use crate::format::reader::{Put, Reader};
use crate::ids::{LogPos, RecordAddr, SegmentId, ShardId};

/// The version of manifests this code writes, and the newest it reads.
pub(crate) const VERSION: u16 = 1;

const MAGIC: &[u8] = b"FKMF";

/// The durable list of live segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) store_id: u128,
    pub(crate) shard: ShardId,
    pub(crate) checkpoint: Option<RecordAddr>,
    /// Id and valid length of the sealed segments, in order.
    pub(crate) sealed: Vec<(SegmentId, u64)>,
    /// The segment that is written to, after all sealed ones.
    pub(crate) active: SegmentId,
}

impl Manifest {
    pub(crate) fn decode(input: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(input);
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(Fault::Invalid("manifest magic"));
        }
        if reader.u32()? != crc32fast::hash(reader.rest()) {
            return Err(Fault::Checksum);
        }
        let version = reader.u16()?;
        if version != VERSION {
            return Err(Fault::Unknown { field: "manifest version", value: u64::from(version) });
        }
        let shard = ShardId(reader.u16()?);
        let count = reader.u32()?;
        let store_id = reader.u128()?;
        let checkpoint = LogPos { segment: SegmentId(reader.u64()?), offset: reader.u64()? };
        let checkpoint = Some(checkpoint).filter(|at| at.segment != SegmentId(0));
        let mut sealed = Vec::new();
        let mut last = SegmentId(0);
        for _ in 1..count {
            let (id, valid_len) = (SegmentId(reader.u64()?), reader.u64()?);
            if id <= last {
                return Err(Fault::Invalid("order of segments"));
            }
            last = id;
            sealed.push((id, valid_len));
        }
        let active = SegmentId(reader.u64()?);
        if active <= last || reader.u64()? != 0 {
            return Err(Fault::Invalid("active segment"));
        }
        reader.finish()?;
        Ok(Self { store_id, shard, checkpoint, sealed, active })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.sealed.len() + 1)
            .expect("2^32 segments of 16 MiB are beyond any file system");
        let checkpoint = self.checkpoint.unwrap_or_default();
        let mut fields = Vec::with_capacity(40 + 16 * (self.sealed.len() + 1));
        fields.put_u16(VERSION);
        fields.put_u16(self.shard.0);
        fields.put_u32(count);
        fields.put_u128(self.store_id);
        fields.put_u64(checkpoint.segment.0);
        fields.put_u64(checkpoint.offset);
        for (id, valid_len) in &self.sealed {
            fields.put_u64(id.0);
            fields.put_u64(*valid_len);
        }
        fields.put_u64(self.active.0);
        fields.put_u64(0);
        let mut out = Vec::with_capacity(8 + fields.len());
        out.put(MAGIC);
        out.put_u32(crc32fast::hash(&fields));
        out.put(&fields);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        Manifest {
            store_id: 0x0102,
            shard: ShardId(3),
            checkpoint: Some(LogPos { segment: SegmentId(4), offset: 104 }),
            sealed: vec![(SegmentId(4), 2048)],
            active: SegmentId(5),
        }
    }

    /// Pins the table above. Changing these bytes means a new format version.
    #[test]
    fn golden_bytes() {
        let bytes = example().encode();
        assert_eq!(bytes[..4], *b"FKMF");
        assert_eq!(bytes[4..8], 0xc5af_13da_u32.to_le_bytes());
        assert_eq!(bytes[8..16], *b"\x01\0\x03\0\x02\0\0\0");
        assert_eq!(bytes[16..32], *b"\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(bytes[32..48], *b"\x04\0\0\0\0\0\0\0\x68\0\0\0\0\0\0\0");
        assert_eq!(bytes[48..64], *b"\x04\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0");
        assert_eq!(bytes[64..], *b"\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(Manifest::decode(&bytes), Ok(example()));
    }

    #[test]
    fn a_flipped_bit_is_a_fault() {
        for bit in 0..example().encode().len() * 8 {
            let mut bytes = example().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn segments_out_of_order_are_refused() {
        let mut manifest = example();
        manifest.active = SegmentId(4);
        let refusal = Err(Fault::Invalid("active segment"));
        assert_eq!(Manifest::decode(&manifest.encode()), refusal);
    }
}
