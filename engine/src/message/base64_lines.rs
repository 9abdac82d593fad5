//! Base64 in lines, by place: which characters stand where, and which bytes they are.

use std::ops::Range;

use base64_simd::{Base64, STANDARD, STANDARD_NO_PAD};

use super::recipe::{place, places};
use crate::error::Fault;

/// Characters of a line: less than a group is no line, and more than 998 mail does not allow
/// (RFC 5322, 2.1.1).
const LINE_LEN: std::ops::RangeInclusive<u64> = 4..=998;

/// How base64 is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base64Lines {
    /// Characters of every line but the last; 0 = there is one line, as long as it may be.
    pub(super) line_len: u64,
    pub(super) is_crlf: bool,
    /// How many `=` end the data; 0 where they are left out too.
    pub(super) padding: u64,
    /// What follows the data.
    pub(super) tail: Vec<u8>,
}

impl Base64Lines {
    /// How `encoded` seems to be laid out, and how many bytes it stands for.
    pub(super) fn of(encoded: &[u8]) -> Option<(Self, u64)> {
        let first = count_characters(encoded);
        let after = encoded.get(first..)?;
        let line_end: &[u8] = match after {
            [b'\r', b'\n', ..] => b"\r\n",
            [b'\n', ..] => b"\n",
            _ => b"",
        };
        // Without a second line there is nothing that a line length would say.
        let has_lines = first > 0
            && !line_end.is_empty()
            && after.get(line_end.len()).is_some_and(|next| is_character(*next));
        let mut start = 0;
        let mut last = first;
        if has_lines {
            let stride = first + line_end.len();
            let is_full = |start: usize| {
                encoded.get(start + first - 1).is_some_and(|last| is_character(*last))
                    && encoded.get(start + first..start + stride) == Some(line_end)
                    && encoded.get(start + stride).is_some_and(|next| is_character(*next))
            };
            while is_full(start) {
                start += stride;
            }
            last = count_characters(encoded.get(start..)?).min(first);
        }
        let data_end = start + last;
        let paddings = encoded.get(data_end..)?.iter().take(2);
        let padding = paddings.take_while(|byte| **byte == b'=').count();
        // Padding counts as characters of its line.
        let fits = !has_lines || last + padding <= first;
        let lines = if has_lines { start / (first + line_end.len()) * first } else { 0 };
        let characters = (lines + last) as u64;
        let decoded_len = characters / 4 * 3 + (characters % 4).saturating_sub(1);
        let layout = Self {
            line_len: if has_lines { first as u64 } else { 0 },
            is_crlf: has_lines && line_end.len() == 2,
            padding: padding as u64,
            tail: encoded.get(data_end + padding..)?.to_vec(),
        };
        (fits && characters % 4 != 1).then_some((layout, decoded_len))
    }

    pub(super) fn is_valid(&self, decoded_len: u64) -> bool {
        let lacking = (3 - decoded_len % 3) % 3;
        decoded_len > 0
            && (self.padding == 0 || self.padding == lacking)
            && if self.line_len == 0 { !self.is_crlf } else { LINE_LEN.contains(&self.line_len) }
    }

    pub(super) fn encoded_len(&self, decoded_len: u64) -> u64 {
        self.data_len(decoded_len) + self.tail.len() as u64
    }

    /// Adds a range of the decoded bytes to `out`.
    pub(super) fn decode_range(
        &self,
        encoded: &[u8],
        decoded_len: u64,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if range.is_empty() {
            return Ok(());
        }
        let from = range.start / 3 * 4;
        let to = (range.end.div_ceil(3) * 4).min(self.character_count(decoded_len));
        let mut text = Vec::with_capacity(place(to - from));
        let mut at = self.offset_of(from);
        while (text.len() as u64) < to - from {
            let rest_of_line = self.rest_of_line(at);
            let len = rest_of_line.min(to - from - text.len() as u64);
            let stretch = encoded.get(places(at..at + len)).ok_or(Fault::Truncated)?;
            text.extend_from_slice(stretch);
            at += len + self.line_end().len() as u64;
        }
        let start = out.len();
        self.alphabet().decode_append(&text, out).map_err(|_| Fault::Invalid("base64"))?;
        // Whole groups were decoded.
        out.drain(start..start + place(range.start % 3));
        out.truncate(start + places(range).len());
        Ok(())
    }

    pub(super) fn decoded_range_for(&self, decoded_len: u64, encoded: Range<u64>) -> Range<u64> {
        let data_len = self.data_len(decoded_len);
        let from = self.characters_before(encoded.start.min(data_len));
        let to = self.characters_before(encoded.end.min(data_len));
        from / 4 * 3..(to.div_ceil(4) * 3).min(decoded_len)
    }

    /// Adds a range of the encoded bytes to `out`, made from exactly the decoded bytes that
    /// [`Base64Lines::decoded_range_for`] names.
    pub(super) fn rebuild(
        &self,
        decoded: &[u8],
        decoded_len: u64,
        encoded: Range<u64>,
        out: &mut Vec<u8>,
    ) {
        let data_len = self.data_len(decoded_len);
        let data = encoded.start.min(data_len)..encoded.end.min(data_len);
        let mut text = Vec::with_capacity(decoded.len().div_ceil(3) * 4);
        self.alphabet().encode_append(decoded, &mut text);
        let skipped = place(self.characters_before(data.start) % 4);
        let mut text = text.get(skipped..).unwrap_or_default();
        let mut at = data.start;
        while at < data.end {
            let len = self.rest_of_line(at).min(data.end - at);
            let (line, rest) = text.split_at(place(len).min(text.len()));
            out.extend_from_slice(line);
            text = rest;
            at += len;
            let end = self.rest_of_line_end(at).min(data.end - at);
            let line_end = self.line_end();
            let from = line_end.len() - place(self.rest_of_line_end(at));
            out.extend_from_slice(line_end.get(from..from + place(end)).unwrap_or_default());
            at += end;
        }
        let in_tail = |at: u64| place(at.max(data_len) - data_len);
        out.extend_from_slice(
            self.tail.get(in_tail(encoded.start)..in_tail(encoded.end)).unwrap_or_default(),
        );
    }

    fn alphabet(&self) -> Base64 {
        if self.padding > 0 { STANDARD } else { STANDARD_NO_PAD }
    }

    fn line_end(&self) -> &'static [u8] {
        match (self.line_len, self.is_crlf) {
            (0, _) => b"",
            (_, true) => b"\r\n",
            (_, false) => b"\n",
        }
    }

    fn stride(&self) -> u64 {
        self.line_len + self.line_end().len() as u64
    }

    /// Characters of the data, padding included.
    fn character_count(&self, decoded_len: u64) -> u64 {
        let last = match decoded_len % 3 {
            0 => 0,
            rest => rest + 1 + self.padding,
        };
        decoded_len / 3 * 4 + last
    }

    /// Bytes of the data with the line ends in it.
    fn data_len(&self, decoded_len: u64) -> u64 {
        let count = self.character_count(decoded_len);
        self.offset_of(count.saturating_sub(1)) + count.min(1)
    }

    /// Where a character stands.
    fn offset_of(&self, character: u64) -> u64 {
        match character.checked_div(self.line_len) {
            Some(line) => character + line * self.line_end().len() as u64,
            None => character,
        }
    }

    /// How many characters stand before a place.
    fn characters_before(&self, offset: u64) -> u64 {
        match offset.checked_div(self.stride()) {
            Some(line) => line * self.line_len + (offset % self.stride()).min(self.line_len),
            None => offset,
        }
    }

    /// Characters from a place to the end of its line.
    fn rest_of_line(&self, offset: u64) -> u64 {
        match offset.checked_rem(self.stride()) {
            Some(in_line) => self.line_len.saturating_sub(in_line),
            None => u64::MAX - offset,
        }
    }

    /// Bytes of the line end from a place on; none where characters stand.
    fn rest_of_line_end(&self, offset: u64) -> u64 {
        match offset.checked_rem(self.stride()) {
            Some(in_line) if in_line >= self.line_len => self.stride() - in_line,
            _ => 0,
        }
    }
}

fn is_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_character(**byte)).count()
}
