//! The body of a stored message, read in any ranges: what is stored by itself is read a chunk at
//! a time, and only the chunks that are asked for.

use std::fmt;
use std::ops::Range;

use crate::format::blob::Blob;
use crate::format::message::Attachment;
use crate::ids::RecordAddr;
use crate::message::{ListData, Recipe, TextOctets};
use crate::search::Needle;
use crate::store::reader::ShardReader;
use crate::{Error, Fault};

/// Encoded bytes that are made at once.
const STEP_LEN: u64 = 256 << 10;

/// An open body. Holds what is stored with the message and one chunk of what is not.
pub struct StoredBody {
    reader: ShardReader,
    /// Where the message is, for whoever is told that it is damaged.
    addr: RecordAddr,
    /// The body less its attachments.
    rest: Vec<u8>,
    attached: Vec<Stretch>,
    len: u64,
    open: Option<OpenBlob>,
    decoded: Vec<u8>,
}

/// A stretch that is stored by itself.
struct Stretch {
    start: u64,
    end: u64,
    /// Encoded bytes of the stretches before this one.
    before: u64,
    blob: u64,
    recipe: Recipe,
}

/// The blob that was read last, and a chunk of it.
struct OpenBlob {
    blob: Blob,
    index: Option<usize>,
    chunk: Vec<u8>,
}

impl fmt::Debug for StoredBody {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StoredBody({} bytes, {} apart)", self.len, self.attached.len())
    }
}

impl StoredBody {
    pub(crate) fn new(
        reader: ShardReader,
        addr: RecordAddr,
        rest: Vec<u8>,
        attachments: &[Attachment],
    ) -> Result<Self, Error> {
        let mut len = rest.len() as u64;
        let mut before = 0;
        let mut attached = Vec::with_capacity(attachments.len());
        for attachment in attachments {
            let recipe = Recipe::decode(&attachment.recipe);
            let recipe = recipe.map_err(|fault| reader.damaged(addr, fault))?;
            let (start, end) = (attachment.start, attachment.start + attachment.encoded_len);
            len = len.saturating_add(attachment.encoded_len);
            if recipe.encoded_len() != attachment.encoded_len || end > len {
                return Err(reader.damaged(addr, Fault::Invalid("attachment")));
            }
            attached.push(Stretch { start, end, before, blob: attachment.blob, recipe });
            before += attachment.encoded_len;
        }
        Ok(Self { reader, addr, rest, attached, len, open: None, decoded: Vec::new() })
    }

    /// Octets of the body.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a range of the body to `out`; what is past its end is left out.
    pub fn read(&mut self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), Error> {
        let (mut at, end) = (range.start, range.end.min(self.len));
        while at < end {
            let index = self.attached.partition_point(|stretch| stretch.end <= at);
            let next = self.attached.get(index).map_or(u64::MAX, |stretch| stretch.start);
            let upto = if next <= at {
                let stretch_end = self.attached.get(index).map_or(end, |stretch| stretch.end);
                let upto = end.min(stretch_end).min(at.saturating_add(STEP_LEN));
                self.read_attached(index, at - next..upto - next, out)?;
                upto
            } else {
                let upto = end.min(next);
                self.read_rest(index, at..upto, out)?;
                upto
            };
            at = upto;
        }
        Ok(())
    }

    /// A range that is stored with the message as one stretch; what is past the end is left out.
    fn stretch(&self, range: &Range<u64>) -> Option<&[u8]> {
        let (start, end) = (range.start.min(self.len), range.end.min(self.len));
        let index = self.attached.partition_point(|stretch| stretch.end <= start);
        let next = self.attached.get(index).map_or(u64::MAX, |stretch| stretch.start);
        let last = index.checked_sub(1).and_then(|last| self.attached.get(last));
        let before = last.map_or(0, |last| last.before + (last.end - last.start));
        let place = |at: u64| usize::try_from(at.saturating_sub(before)).unwrap_or(usize::MAX);
        if end <= next { self.rest.get(place(start)..place(end)) } else { None }
    }

    /// BODY: the body contains the string. Of attachments only what is text is read.
    pub fn contains(&mut self, head: &ListData, needle: &Needle) -> Result<bool, Error> {
        let structure = head.structure().map_err(|_| self.damaged())?;
        let mut octets = Vec::new();
        let header = head.header();
        needle.is_in_body(&mut Message { header, body: self, octets: &mut octets }, &structure)
    }

    /// TEXT: the header or the body contains the string.
    pub fn text_contains(&mut self, head: &ListData, needle: &Needle) -> Result<bool, Error> {
        Ok(needle.is_in_header(head.header()) || self.contains(head, needle)?)
    }

    /// Copies what is stored with the message and lies before the stretch with this index.
    fn read_rest(&self, index: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), Error> {
        let last = index.checked_sub(1).and_then(|last| self.attached.get(last));
        let before = last.map_or(0, |last| last.before + (last.end - last.start));
        let place = |at: u64| usize::try_from(at - before).unwrap_or(usize::MAX);
        let bytes = self.rest.get(place(range.start)..place(range.end));
        out.extend_from_slice(bytes.ok_or_else(|| self.damaged())?);
        Ok(())
    }

    fn read_attached(
        &mut self,
        index: usize,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Some(stretch) = self.attached.get(index) else { return Ok(()) };
        let mut open = match self.open.take() {
            Some(open) if open.blob.number == stretch.blob => open,
            _ => OpenBlob::new(self.reader.blob(stretch.blob)?),
        };
        if open.blob.len != stretch.recipe.decoded_len() {
            return Err(self.damaged());
        }
        let needed = stretch.recipe.decoded_range_for(range.clone());
        let chunk_len = u64::from(open.blob.chunk_len);
        let first = needed.start / chunk_len;
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        let rebuilt = if needed.end <= (first + 1) * chunk_len && !needed.is_empty() {
            let chunk = open.chunk(&self.reader, first)?;
            stretch.recipe.rebuild(chunk, first * chunk_len, range, out)
        } else {
            for index in first..needed.end.div_ceil(chunk_len) {
                decoded.extend_from_slice(open.chunk(&self.reader, index)?);
            }
            stretch.recipe.rebuild(&decoded, first * chunk_len, range, out)
        };
        rebuilt.map_err(|_| self.damaged())?;
        (self.decoded, self.open) = (decoded, Some(open));
        Ok(())
    }

    fn damaged(&self) -> Error {
        self.reader.damaged(self.addr, Fault::Invalid("attachment"))
    }
}

/// A message whose body is open.
struct Message<'m> {
    header: &'m [u8],
    body: &'m mut StoredBody,
    /// What had to be put together.
    octets: &'m mut Vec<u8>,
}

impl TextOctets for Message<'_> {
    type Error = Error;

    fn octets(&mut self, range: Range<usize>) -> Result<&[u8], Error> {
        let header_len = self.header.len();
        if range.start < header_len {
            let end = range.end.min(header_len);
            return Ok(self.header.get(range.start..end).unwrap_or_default());
        }
        let range = (range.start - header_len) as u64..range.end.saturating_sub(header_len) as u64;
        // Asked twice, because the first answer would be borrowed for as long as the second.
        if self.body.stretch(&range).is_none() {
            self.octets.clear();
            self.body.read(range, self.octets)?;
            return Ok(self.octets);
        }
        Ok(self.body.stretch(&range).unwrap_or_default())
    }
}

impl OpenBlob {
    fn new(blob: Blob) -> Self {
        Self { blob, index: None, chunk: Vec::new() }
    }

    fn chunk(&mut self, reader: &ShardReader, index: u64) -> Result<&[u8], Error> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if self.index != Some(index) {
            self.index = None;
            while let Err(error) = reader.blob_chunk(&self.blob, index, &mut self.chunk) {
                // The blob may have been moved in the log since it was opened.
                let moved = reader.blob(self.blob.number)?;
                if moved == self.blob {
                    return Err(error);
                }
                self.blob = moved;
            }
            self.index = Some(index);
        }
        Ok(&self.chunk)
    }
}
