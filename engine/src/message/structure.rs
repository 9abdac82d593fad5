//! The tree of a message's MIME parts: where each part's header and body lie (RFC 2046, 5.1).
//!
//! The parts stand in the order of their headers, each followed by its children, and one pass
//! over the bytes with a stack of open parts finds them. Bounds: `PART_DEPTH_MAX` levels, below
//! which everything is a leaf, and `PARTS_MAX` parts, after which the rest belongs to the last.
//! A multipart in which no part is found gets one: its whole body, as plain text.

use std::ops::Range;

use super::parse::Parser;

/// What a part is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Content that is not looked into.
    Leaf,
    /// A `multipart/*`; has one or more children.
    Multipart,
    /// A `message/rfc822`; its one child is the message in it.
    Message,
}

/// One part: three places in the message's bytes and how many parts are below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub(super) kind: PartKind,
    /// Of the header.
    pub(super) start: usize,
    /// Of the body: the end of the header.
    pub(super) body: usize,
    /// Of the body.
    pub(super) end: usize,
    /// The index after the part's last descendant.
    pub(super) next: usize,
}

impl Part {
    /// What the part is made of.
    pub fn kind(&self) -> PartKind {
        self.kind
    }

    /// The part's MIME header, with its empty line if it has one.
    pub fn header(&self) -> Range<usize> {
        self.start..self.body
    }

    /// The part's body, still encoded.
    pub fn body(&self) -> Range<usize> {
        self.body..self.end
    }
}

/// The tree of a message's parts, the message itself as its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    pub(super) parts: Vec<Part>,
}

impl Structure {
    /// Finds the parts. Anything is a message; in doubt it is one leaf.
    pub fn of(message: &[u8]) -> Self {
        Self { parts: Parser::new(message).run() }
    }

    /// All parts: each before its children, in the order of the bytes. The first is the message.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Bytes of the message's own header, its empty line included.
    pub fn header_len(&self) -> usize {
        self.root().body
    }

    /// Bytes of the message.
    pub fn message_len(&self) -> usize {
        self.root().end
    }

    /// The message as a part.
    pub fn root(&self) -> &Part {
        self.parts.first().expect("the parser and the decoder make at least one part")
    }

    /// The children of a part, with their indexes.
    pub(crate) fn children(&self, index: usize) -> impl Iterator<Item = (usize, &Part)> {
        let end = self.parts.get(index).map_or(0, |part| part.next);
        let mut at = index + 1;
        std::iter::from_fn(move || {
            let (child, part) = (at, self.parts.get(at).filter(|_| at < end)?);
            at = part.next;
            Some((child, part))
        })
    }
}
