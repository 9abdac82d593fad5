//! Finds the parts of a message in one pass.
//!
//! The delimiter of the innermost open multipart is looked for first, so that nested multiparts
//! with the same boundary end from the inside. A line is a delimiter only if nothing but white
//! space follows the boundary, so a boundary that begins like another is not taken for it. An
//! outer delimiter also ends whatever inside it was left open (RFC 2046, 5.1.2).

use memchr::{memchr, memmem};

use super::content_type::{ContentType, MediaDefault, MimeHeader};
use super::header::empty_line_len;
use super::structure::{Part, PartKind};
use crate::limits::{PART_DEPTH_MAX, PARTS_MAX};

pub(super) struct Parser<'a> {
    bytes: &'a [u8],
    parts: Vec<Part>,
    /// From the message down to the part being read.
    open: Vec<Open>,
    /// Always the start of a line.
    at: usize,
    line_start: memmem::Finder<'static>,
}

/// A part whose end is not found yet.
struct Open {
    index: usize,
    /// Of a multipart whose close delimiter has not been seen.
    boundary: Option<Vec<u8>>,
    child_default: MediaDefault,
    /// Where its last child ended.
    child_end: usize,
}

struct Delimiter {
    start: usize,
    after: usize,
    /// The place of its multipart in `open`.
    level: usize,
    is_close: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let line_start = memmem::Finder::new(b"\n--");
        Self { bytes, parts: Vec::new(), open: Vec::new(), at: 0, line_start }
    }

    pub(super) fn run(mut self) -> Vec<Part> {
        self.open_part(MediaDefault::Text);
        while let Some(delimiter) = self.next_delimiter() {
            self.close_above(delimiter.level + 1, content_end(self.bytes, delimiter.start));
            self.at = delimiter.after;
            let Some(multipart) = self.open.last_mut() else { break };
            if delimiter.is_close {
                multipart.boundary = None;
            } else {
                let default = multipart.child_default;
                self.open_part(default);
            }
        }
        self.close_above(0, self.bytes.len());
        self.parts
    }

    /// Reads a part's header and opens it; of a `message/rfc822` its content too, and so on.
    fn open_part(&mut self, mut default: MediaDefault) {
        loop {
            let start = self.at;
            self.skip_header();
            let header = self.bytes.get(start..self.at).unwrap_or_default();
            let mime = MimeHeader::of(header);
            let content_type = ContentType::parse(mime.content_type, default);
            let kind = self.kind_of(&content_type);
            let index = self.parts.len();
            let body = self.at;
            self.parts.push(Part { kind, start, body, end: body, next: index + 1 });

            let is_multipart = kind == PartKind::Multipart;
            let boundary = if is_multipart { boundary(&content_type) } else { None };
            let is_digest = is_multipart && content_type.is("multipart", "digest");
            let child_default = if is_digest { MediaDefault::Message } else { MediaDefault::Text };
            self.open.push(Open { index, boundary, child_default, child_end: 0 });
            if kind != PartKind::Message {
                return;
            }
            default = MediaDefault::Text;
        }
    }

    fn kind_of(&self, content_type: &ContentType<'_>) -> PartKind {
        if self.open.len() >= PART_DEPTH_MAX || self.parts.len() + 1 >= PARTS_MAX {
            PartKind::Leaf
        } else if content_type.is_multipart() {
            PartKind::Multipart
        } else if content_type.is("message", "rfc822") {
            PartKind::Message
        } else {
            PartKind::Leaf
        }
    }

    /// Past the header's empty line, or to a delimiter that cuts the header short.
    fn skip_header(&mut self) {
        while let Some(rest) = self.bytes.get(self.at..).filter(|rest| !rest.is_empty()) {
            if let Some(len) = empty_line_len(rest) {
                self.at += len;
                return;
            }
            if self.delimiter_at(self.at).is_some() {
                return;
            }
            self.at += memchr(b'\n', rest).map_or(rest.len(), |line_end| line_end + 1);
        }
    }

    fn next_delimiter(&self) -> Option<Delimiter> {
        let is_open = self.open.iter().any(|part| part.boundary.is_some());
        if !is_open || self.parts.len() >= PARTS_MAX {
            return None;
        }
        self.delimiter_at(self.at).or_else(|| {
            let rest = self.bytes.get(self.at..)?;
            let mut starts = self.line_start.find_iter(rest);
            starts.find_map(|line_end| self.delimiter_at(self.at + line_end + 1))
        })
    }

    fn delimiter_at(&self, start: usize) -> Option<Delimiter> {
        let line = self.bytes.get(start..)?.strip_prefix(b"--")?;
        self.open.iter().enumerate().rev().find_map(|(level, part)| {
            let rest = line.strip_prefix(part.boundary.as_deref()?)?;
            let (is_close, after) = match rest.strip_prefix(b"--").and_then(after_blank_line) {
                Some(after) => (true, after),
                None => (false, after_blank_line(rest)?),
            };
            Some(Delimiter { start, after: self.bytes.len() - after.len(), level, is_close })
        })
    }

    /// Ends the open parts from the innermost up to `level`.
    fn close_above(&mut self, level: usize, end: usize) {
        let mut child_end = 0;
        while self.open.len() > level {
            let Some(closed) = self.open.pop() else { return };
            let next = self.parts.len();
            let Some(part) = self.parts.get_mut(closed.index) else { return };
            part.end = end.max(part.body).max(closed.child_end).max(child_end);
            part.next = next;
            child_end = part.end;
            if part.kind == PartKind::Multipart && next == closed.index + 1 {
                // The grammar of BODYSTRUCTURE knows no multipart without parts (RFC 9051, 9).
                let (body, end) = (part.body, part.end);
                part.next += 1;
                let kind = PartKind::Leaf;
                self.parts.push(Part { kind, start: body, body, end, next: next + 1 });
            }
        }
        if let Some(parent) = self.open.last_mut() {
            parent.child_end = parent.child_end.max(child_end);
        }
    }
}

/// The boundary without white space at its end, which no boundary has (RFC 2046, 5.1.1).
fn boundary(content_type: &ContentType<'_>) -> Option<Vec<u8>> {
    let mut boundary = content_type.params().value_of("boundary")?;
    boundary.truncate(boundary.trim_ascii_end().len());
    (!boundary.is_empty()).then_some(boundary)
}

/// The line end before a delimiter belongs to the delimiter (RFC 2046, 5.1.1).
fn content_end(bytes: &[u8], delimiter: usize) -> usize {
    let before = bytes.get(..delimiter).unwrap_or_default();
    let content = before.strip_suffix(b"\n").unwrap_or(before);
    content.strip_suffix(b"\r").filter(|_| before.ends_with(b"\n")).unwrap_or(content).len()
}

/// What follows the line end, if only white space stands before it.
fn after_blank_line(bytes: &[u8]) -> Option<&[u8]> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    match bytes.get(blank) {
        None => Some(&[]),
        Some(b'\n') => bytes.get(blank + 1..),
        Some(_) => None,
    }
}
