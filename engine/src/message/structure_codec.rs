//! The part tree as bytes, inside the list piece.
//!
//! Parts in order, the message first, each with three or four varints:
//!
//! | field        | meaning                                                             |
//! |--------------|---------------------------------------------------------------------|
//! | kind         | 0 leaf, 1 multipart, 2 message/rfc822                               |
//! | start        | of the header, from the start of the parent's body; 0 for the message |
//! | header length |                                                                    |
//! | body length  |                                                                     |
//! | child count  | of a multipart only; a message/rfc822 has one, a leaf none          |

use super::structure::{Part, PartKind, Structure};
use super::varint::{push_varint, take_varint};
use crate::error::Fault;
use crate::limits::{PART_DEPTH_MAX, PARTS_MAX};

/// A multipart without parts is given one, and so may be every one that is open at the limit.
const PARTS_DECODED_MAX: usize = PARTS_MAX + PART_DEPTH_MAX;

impl Structure {
    /// Adds the bytes of the table above to `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        // The starts of the bodies of the parts around, with where each of those ends.
        let mut around: Vec<(usize, usize)> = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            while around.last().is_some_and(|(_, next)| *next <= index) {
                around.pop();
            }
            let parent_body = around.last().map_or(0, |(body, _)| *body);
            push_varint(out, kind_code(part.kind));
            push_varint(out, part.start - parent_body);
            push_varint(out, part.body - part.start);
            push_varint(out, part.end - part.body);
            if part.kind == PartKind::Multipart {
                push_varint(out, self.children(index).count());
            }
            around.push((part.body, part.next));
        }
    }

    /// Reads what [`Structure::encode`] wrote, and nothing else: every part lies in the body of
    /// its parent, after its elder sister.
    pub(crate) fn decode(mut input: &[u8]) -> Result<Self, Fault> {
        let mut decoder = Decoder { parts: Vec::new(), open: Vec::new() };
        loop {
            decoder.part(&mut input)?;
            if decoder.open.is_empty() {
                break;
            }
        }
        if !input.is_empty() {
            return Err(Fault::Invalid("structure"));
        }
        Ok(Self { parts: decoder.parts })
    }
}

struct Decoder {
    parts: Vec<Part>,
    /// Parts that lack children, from the message down.
    open: Vec<Open>,
}

struct Open {
    index: usize,
    children_left: usize,
    /// Where the next child may start.
    from: usize,
}

impl Decoder {
    fn part(&mut self, input: &mut &[u8]) -> Result<(), Fault> {
        if self.parts.len() >= PARTS_DECODED_MAX || self.open.len() > PART_DEPTH_MAX {
            return Err(Fault::Invalid("structure"));
        }
        let part = self.place(input)?;
        let children_left = match part.kind {
            PartKind::Leaf => 0,
            PartKind::Message => 1,
            PartKind::Multipart => match take_varint(input)? {
                0 => return Err(Fault::Invalid("child count")),
                count => count,
            },
        };
        if let Some(parent) = self.open.last_mut() {
            parent.children_left -= 1;
            parent.from = part.end;
        }
        let index = self.parts.len();
        self.parts.push(part);
        self.open.push(Open { index, children_left, from: part.body });
        while let Some(done) = self.open.pop_if(|part| part.children_left == 0) {
            let next = self.parts.len();
            if let Some(part) = self.parts.get_mut(done.index) {
                part.next = next;
            }
        }
        Ok(())
    }

    fn place(&self, input: &mut &[u8]) -> Result<Part, Fault> {
        let kind = match take_varint(input)? {
            0 => PartKind::Leaf,
            1 => PartKind::Multipart,
            2 => PartKind::Message,
            value => return Err(Fault::Unknown { field: "part kind", value: value as u64 }),
        };
        let parent = self.open.last().and_then(|open| Some((open, self.parts.get(open.index)?)));
        let base = parent.map_or(0, |(_, part)| part.body);
        let add = |at: usize, len: usize| at.checked_add(len).ok_or(Fault::Invalid("structure"));
        let start = add(base, take_varint(input)?)?;
        let body = add(start, take_varint(input)?)?;
        let end = add(body, take_varint(input)?)?;
        let fits = match parent {
            Some((open, part)) => open.from <= start && end <= part.end,
            None => start == 0,
        };
        if !fits {
            return Err(Fault::Invalid("structure"));
        }
        Ok(Part { kind, start, body, end, next: 0 })
    }
}

fn kind_code(kind: PartKind) -> usize {
    match kind {
        PartKind::Leaf => 0,
        PartKind::Multipart => 1,
        PartKind::Message => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n\
        --x\r\n\r\nhello\r\n\
        --x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nside\r\n--x--\r\n";

    /// Pins the table above. Changing these bytes means a new version of the list piece.
    #[test]
    fn golden_bytes() {
        let mut out = Vec::new();
        Structure::of(MESSAGE).encode(&mut out);
        assert_eq!(out, [1, 0, 45, 79, 2, 0, 5, 2, 5, 2, 19, 32, 19, 0, 0, 15, 4]);
    }

    #[test]
    fn the_tree_comes_back_and_a_part_of_it_does_not() {
        let structure = Structure::of(MESSAGE);
        let mut out = Vec::new();
        structure.encode(&mut out);
        assert_eq!(Structure::decode(&out), Ok(structure));
        for len in 0..out.len() {
            assert!(Structure::decode(&out[..len]).is_err(), "{len}");
        }
        out.push(0);
        assert!(Structure::decode(&out).is_err());
    }
}
