//! `BODY[section]<partial>`: which octets of a message a FETCH asks for (RFC 9051, 6.4.5).

use std::borrow::Cow;
use std::ops::Range;

use super::header::select_fields;
use super::structure::{PartKind, Structure};

/// What is asked for inside the brackets of `BODY[…]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Part numbers from the message down, each 1 or more; empty for the message itself.
    pub path: Vec<u32>,
    /// Which octets of that part.
    pub text: SectionText,
}

/// Which octets of a part a [`Section`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SectionText {
    /// `[]`, `[1.2]`: the whole message, or the body of the part.
    #[default]
    Whole,
    /// `[HEADER]`, `[1.HEADER]`: of the message, or of the `message/rfc822` part.
    Header,
    /// `[HEADER.FIELDS (…)]`: those fields.
    HeaderFields(Vec<Vec<u8>>),
    /// `[HEADER.FIELDS.NOT (…)]`: all but those fields.
    HeaderFieldsNot(Vec<Vec<u8>>),
    /// `[TEXT]`, `[1.TEXT]`: the body of the message, or of the `message/rfc822` part.
    Text,
    /// `[1.MIME]`: the MIME header of the part. Needs a part number.
    Mime,
}

/// The pieces of a stored message that a section lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// Only the message's header, or nothing at all.
    Header,
    /// Only its body.
    Body,
    /// Both.
    HeaderAndBody,
}

/// A section found in a message: places, no bytes yet.
#[derive(Clone, Debug)]
pub struct Located<'s> {
    section: &'s Section,
    range: Range<usize>,
    header_len: usize,
}

impl Section {
    /// Finds the section; `None` if the message has no such part, for which FETCH answers NIL.
    pub fn locate(&self, structure: &Structure) -> Option<Located<'_>> {
        let part = if self.path.is_empty() { None } else { Some(self.part(structure)?) };
        let message = match part {
            // The message itself.
            None => Some(0),
            Some(index) => match structure.parts().get(index)?.kind() {
                PartKind::Message => Some(index + 1),
                PartKind::Leaf | PartKind::Multipart => None,
            },
        };
        let at = |index: usize| structure.parts().get(index);
        let range = match (&self.text, part) {
            (SectionText::Whole, None) => 0..structure.message_len(),
            (SectionText::Whole, Some(index)) => at(index)?.body(),
            (SectionText::Mime, index) => at(index?)?.header(),
            (SectionText::Text, _) => at(message?)?.body(),
            (
                SectionText::Header
                | SectionText::HeaderFields(_)
                | SectionText::HeaderFieldsNot(_),
                _,
            ) => at(message?)?.header(),
        };
        Some(Located { section: self, range, header_len: structure.header_len() })
    }

    /// Where the MIME header is of the leaf part that the numbers name, which says how its body is
    /// encoded. `None` for everything else: what has parts is not encoded (RFC 2045, 6.4).
    pub fn leaf_header(&self, structure: &Structure) -> Option<Range<usize>> {
        let index = if self.path.is_empty() { None } else { self.part(structure) }?;
        let part = structure.parts().get(index)?;
        (part.kind() == PartKind::Leaf).then(|| part.header())
    }

    /// The index of the part that the numbers name. Part 1 of what is no multipart is its only
    /// body.
    fn part(&self, structure: &Structure) -> Option<usize> {
        let mut found: Option<usize> = None;
        for number in &self.path {
            // Inside a message its content is counted; inside a leaf there is nothing to count.
            let container = match found {
                None => 0,
                Some(index) => match structure.parts().get(index)?.kind() {
                    PartKind::Leaf => return None,
                    PartKind::Multipart => index,
                    PartKind::Message => index + 1,
                },
            };
            let nth = usize::try_from(*number).ok()?.checked_sub(1)?;
            found = Some(match structure.parts().get(container)?.kind() {
                PartKind::Multipart => structure.children(container).nth(nth)?.0,
                PartKind::Leaf | PartKind::Message if nth == 0 => container,
                PartKind::Leaf | PartKind::Message => return None,
            });
        }
        found
    }
}

impl Located<'_> {
    /// What must be read to answer.
    pub fn pieces(&self) -> Pieces {
        if self.range.end <= self.header_len || self.range.is_empty() {
            Pieces::Header
        } else if self.range.start >= self.header_len {
            Pieces::Body
        } else {
            Pieces::HeaderAndBody
        }
    }

    /// Where in the message's header its octets are.
    pub fn in_header(&self) -> Range<usize> {
        self.range.start.min(self.header_len)..self.range.end.min(self.header_len)
    }

    /// Where in what follows the header they go on.
    pub fn in_body(&self) -> Range<u64> {
        let in_body = |at: usize| at.saturating_sub(self.header_len) as u64;
        in_body(self.range.start)..in_body(self.range.end)
    }

    /// Whether only some of the fields in those octets are the answer: [`Located::select`] takes
    /// them out.
    pub fn selects_fields(&self) -> bool {
        matches!(self.section.text, SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_))
    }

    /// The answer out of the octets that the section names.
    pub fn select(&self, octets: &[u8]) -> Vec<u8> {
        let (listed, is_kept) = match &self.section.text {
            SectionText::HeaderFields(listed) => (listed, true),
            SectionText::HeaderFieldsNot(listed) => (listed, false),
            _ => return octets.to_vec(),
        };
        select_fields(octets, |name| {
            listed.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)) == is_kept
        })
    }

    /// Octets of the answer where they are known without reading: all but filtered headers.
    pub fn octet_count(&self) -> Option<usize> {
        match self.section.text {
            SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_) => None,
            _ => Some(self.range.len()),
        }
    }

    /// The octets. Of the header and the body only what [`Located::pieces`] names is looked at.
    pub fn octets<'a>(&self, header: &'a [u8], body: &'a [u8]) -> Octets<'a> {
        let in_body = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let Range { start, end } = self.in_body();
        let second = body.get(in_body(start)..in_body(end)).unwrap_or_default();
        let Range { start, end } = self.in_header();
        let first = header.get(start..end.min(header.len())).unwrap_or_default();
        if !self.selects_fields() {
            return Octets { first: Cow::Borrowed(first), second };
        }
        let fields = if second.is_empty() { first } else { second };
        Octets { first: Cow::Owned(self.select(fields)), second: &[] }
    }
}

/// The octets of a section, in up to two stretches so that header and body need no joining.
#[derive(Clone, Debug)]
pub struct Octets<'a> {
    first: Cow<'a, [u8]>,
    second: &'a [u8],
}

impl Octets<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One after the other they are the answer.
    pub fn slices(&self) -> [&[u8]; 2] {
        [&self.first, self.second]
    }

    /// `<offset.count>`: the octets from `offset` on, `count` at most, none past the end
    /// (RFC 9051, 6.4.5).
    pub fn partial(&self, offset: u64, count: u64) -> [&[u8]; 2] {
        let len = self.len();
        let start = usize::try_from(offset).map_or(len, |offset| offset.min(len));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let end = start.saturating_add(count).min(len);
        let split = self.first.len();
        let first = self.first.get(start.min(split)..end.min(split)).unwrap_or_default();
        let second = self.second.get(start.saturating_sub(split)..end.saturating_sub(split));
        [first, second.unwrap_or_default()]
    }

    /// All of them in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        self.slices().concat()
    }
}
