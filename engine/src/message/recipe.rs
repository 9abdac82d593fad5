//! The exact recipe of an encoded part: how its bytes, as they stand in the message, are made
//! from what they stand for. A part that no recipe makes to the last byte has none.
//!
//! Base64 is taken in lines of one length, each but the last with the same line end. What follows
//! the last character of the data, be it a line end or the words of a mailing list, is the tail.
//! Parts that are not encoded are what they are.
//!
//! | field          | bytes                                                                  |
//! |----------------|------------------------------------------------------------------------|
//! | form           | 1: 0 = as it is, 1 = base64 with LF, 2 = base64 with CRLF               |
//! | decoded length | varint                                                                 |
//! | line length    | varint: characters of a line; 0 = all in one line. From here on base64 only |
//! | padding        | varint: how many `=` end the data                                       |
//! | tail           | to the end                                                             |

use std::ops::Range;

use super::base64_lines::Base64Lines;
use super::varint::{push_varint, take_varint};
use crate::error::Fault;
use crate::limits::{RECIPE_DECODED_LEN_MAX, RECIPE_TAIL_LEN_MAX};

/// Bytes that are rebuilt at once where a recipe is checked.
const CHECK_LEN: u64 = 32 << 10;

/// How the bytes of a part are made from its decoded bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    decoded_len: u64,
    /// `None` where the part is stored as it is.
    base64: Option<Base64Lines>,
}

impl Recipe {
    /// The recipe that makes exactly `encoded`, whose content transfer encoding has this name, in
    /// lower case. It has been tried out: what it makes was compared.
    pub fn of(encoding: &[u8], encoded: &[u8]) -> Option<Self> {
        match encoding {
            b"" | b"7bit" | b"8bit" | b"binary" => Some(Self::identity(encoded.len() as u64)),
            b"base64" => {
                let (lines, decoded_len) = Base64Lines::of(encoded)?;
                let recipe = Self { decoded_len, base64: Some(lines) };
                recipe.is_valid().then_some(())?;
                recipe.makes(encoded).then_some(recipe)
            }
            _ => None,
        }
    }

    /// The recipe of bytes that are stored as they are.
    pub fn identity(len: u64) -> Self {
        Self { decoded_len: len, base64: None }
    }

    /// Bytes of the part without its encoding.
    pub fn decoded_len(&self) -> u64 {
        self.decoded_len
    }

    /// Bytes of the part in the message.
    pub fn encoded_len(&self) -> u64 {
        match &self.base64 {
            Some(lines) => lines.encoded_len(self.decoded_len),
            None => self.decoded_len,
        }
    }

    /// Adds a range of the decoded bytes to `out`.
    pub fn decode_range(
        &self,
        encoded: &[u8],
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let range = range.start..range.end.min(self.decoded_len);
        if let Some(lines) = &self.base64 {
            return lines.decode_range(encoded, self.decoded_len, range, out);
        }
        out.extend_from_slice(encoded.get(places(range)).ok_or(Fault::Truncated)?);
        Ok(())
    }

    /// The decoded bytes that a range of the encoded ones is made from.
    pub fn decoded_range_for(&self, encoded: Range<u64>) -> Range<u64> {
        let decoded = match &self.base64 {
            Some(lines) => lines.decoded_range_for(self.decoded_len, encoded),
            None => encoded,
        };
        decoded.start.min(self.decoded_len)..decoded.end.min(self.decoded_len)
    }

    /// Adds a range of the encoded bytes to `out`, made from `decoded`, which starts at
    /// `decoded_start` and covers what [`Recipe::decoded_range_for`] says.
    pub fn rebuild(
        &self,
        decoded: &[u8],
        decoded_start: u64,
        encoded: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let needed = self.decoded_range_for(encoded.clone());
        let from = needed.start.checked_sub(decoded_start).ok_or(Fault::Truncated)?;
        let from_to = places(from..from + (needed.end - needed.start));
        let needed = decoded.get(from_to).ok_or(Fault::Truncated)?;
        match &self.base64 {
            Some(lines) => lines.rebuild(needed, self.decoded_len, encoded, out),
            None => out.extend_from_slice(needed),
        }
        Ok(())
    }

    /// Whether it makes exactly these bytes.
    fn makes(&self, encoded: &[u8]) -> bool {
        let len = encoded.len() as u64;
        if self.encoded_len() != len {
            return false;
        }
        let (mut decoded, mut rebuilt) = (Vec::new(), Vec::new());
        let mut starts = (0..len).step_by(places(0..CHECK_LEN).len());
        starts.all(|start| {
            let range = start..(start + CHECK_LEN).min(len);
            let needed = self.decoded_range_for(range.clone());
            decoded.clear();
            rebuilt.clear();
            self.decode_range(encoded, needed.clone(), &mut decoded).is_ok()
                && self.rebuild(&decoded, needed.start, range.clone(), &mut rebuilt).is_ok()
                && encoded.get(places(range)) == Some(&rebuilt)
        })
    }

    /// Adds the bytes of the table above to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Some(lines) = &self.base64 else {
            out.push(0);
            return push_varint(out, place(self.decoded_len));
        };
        out.push(if lines.is_crlf { 2 } else { 1 });
        push_varint(out, place(self.decoded_len));
        push_varint(out, place(lines.line_len));
        push_varint(out, place(lines.padding));
        out.extend_from_slice(&lines.tail);
    }

    /// Reads what [`Recipe::encode`] made.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (form, mut rest) = bytes.split_first().ok_or(Fault::Truncated)?;
        let decoded_len = take_varint(&mut rest)? as u64;
        let base64 = match form {
            0 if rest.is_empty() => None,
            0 => return Err(Fault::Invalid("recipe")),
            1 | 2 => {
                let line_len = take_varint(&mut rest)? as u64;
                let padding = take_varint(&mut rest)? as u64;
                let tail = rest.to_vec();
                Some(Base64Lines { line_len, is_crlf: *form == 2, padding, tail })
            }
            form => return Err(Fault::Unknown { field: "recipe", value: u64::from(*form) }),
        };
        let recipe = Self { decoded_len, base64 };
        if recipe.is_valid() { Ok(recipe) } else { Err(Fault::Invalid("recipe")) }
    }

    fn is_valid(&self) -> bool {
        self.decoded_len <= RECIPE_DECODED_LEN_MAX
            && self.base64.as_ref().is_none_or(|lines| {
                lines.tail.len() <= RECIPE_TAIL_LEN_MAX && lines.is_valid(self.decoded_len)
            })
    }
}

/// A place in bytes that are in memory; beyond them where it is beyond all memory.
pub(super) fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// The same of both ends of a range.
pub(super) fn places(range: Range<u64>) -> Range<usize> {
    place(range.start)..place(range.end)
}

#[cfg(test)]
mod tests;
