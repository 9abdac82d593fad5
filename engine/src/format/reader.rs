//! Reading and writing integers, lengths and byte strings: checked, little-endian, bounded.

use crate::Fault;

/// Reads values off the front of a slice; every method fails rather than read past the end.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Fails unless everything was read.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::Invalid("bytes after the end")) }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn u128(&mut self) -> Result<u128, Fault> {
        self.array().map(u128::from_le_bytes)
    }

    /// LEB128, at most ten bytes.
    pub(crate) fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Fault::Invalid("varint"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Invalid("varint"))
    }

    /// A varint that must fit in 32 bits.
    pub(crate) fn varint32(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.varint()?).map_err(|_| Fault::Invalid("32-bit varint"))
    }

    /// A signed number: zigzag of a varint.
    pub(crate) fn zigzag(&mut self) -> Result<i64, Fault> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A count of things that take `each_min` bytes or more: never more than the bytes left can
    /// hold, so that a lying count allocates nothing.
    pub(crate) fn count(&mut self, each_min: usize) -> Result<usize, Fault> {
        let count = usize::try_from(self.varint()?).map_err(|_| Fault::Truncated)?;
        if count.saturating_mul(each_min) > self.0.len() {
            Err(Fault::Truncated)
        } else {
            Ok(count)
        }
    }

    /// A byte string behind its length.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Fault> {
        let len = self.count(1)?;
        self.bytes(len)
    }

    /// UTF-8 text behind its length.
    pub(crate) fn text(&mut self) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.string()?).map_err(|_| Fault::Invalid("text"))
    }
}

/// The table at the front of a payload, and where what it describes starts: a checksum of four
/// bytes, then the table as a string. What follows may be cut off.
pub(crate) fn checked_table(payload: &[u8]) -> Result<(Reader<'_>, usize), Fault> {
    let mut input = Reader::new(payload);
    let checksum = input.u32()?;
    let table = input.string()?;
    if crc32fast::hash(table) != checksum {
        return Err(Fault::Checksum);
    }
    Ok((Reader::new(table), payload.len() - input.rest().len()))
}

/// A table in front of what it describes, with room for so many bytes of that.
pub(crate) fn with_checksum(table: &[u8], room: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(table.len() + 8 + room);
    out.put_u32(crc32fast::hash(table));
    out.put_string(table);
    out
}

/// Appends values to a buffer in the form [`Reader`] reads.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }
    fn put_u128(&mut self, value: u128) {
        self.put(&value.to_le_bytes());
    }
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_u8(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.put_u8(value.to_le_bytes()[0]);
    }
    fn put_zigzag(&mut self, value: i64) {
        self.put_varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }
    fn put_count(&mut self, count: usize) {
        self.put_varint(count as u64);
    }
    fn put_string(&mut self, bytes: &[u8]) {
        self.put_count(bytes.len());
        self.put(bytes);
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes as golden tests write them.
#[cfg(test)]
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_read(number in any::<u64>(), signed in any::<i64>(), text in ".*") {
            let mut bytes = Vec::new();
            bytes.put_varint(number);
            bytes.put_zigzag(signed);
            bytes.put_string(text.as_bytes());
            bytes.put_u128(u128::from(number));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.varint(), Ok(number));
            prop_assert_eq!(reader.zigzag(), Ok(signed));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert_eq!(reader.u128(), Ok(u128::from(number)));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        assert_eq!(Reader::new(&[0x05, 1, 2]).string(), Err(Fault::Truncated));
        assert_eq!(Reader::new(&[0xff; 10]).varint(), Err(Fault::Invalid("varint")));
        assert_eq!(Reader::new(&[0x7f]).count(100), Err(Fault::Truncated));
    }
}
