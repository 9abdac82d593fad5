//! What FETCH reads from stored messages: list data, previews, and sections.

use std::ops::Range;

use engine::message::{FieldNames, ListData, Section, SectionText, Structure};
use engine::{EmailId, Error, Fault, Listings, StoredBody, StoredMessage};

use super::decoded::Decoding;
use crate::imap::command::{FetchAttribute, HeaderFields, SectionForm, SectionPart, SectionPath};
use crate::imap::encode::{push_literal_head, push_number, push_string, push_text_literal};
use crate::imap::session::HeldBody;

/// A smaller body is read again as quickly as it is found.
const HELD_FROM: u64 = 64 << 10;

/// Octets of a section that are put into the answer before the client's pace is looked at.
pub(super) const SLICE_LEN: u64 = 256 << 10;

/// A section as asked for, and as the engine finds it.
pub(super) struct WantedSection<'f> {
    part: &'f SectionPart,
    section: Section,
    /// Header fields of the message itself: those that clients list by stand ready.
    fields: Option<FieldNames>,
}

impl<'f> WantedSection<'f> {
    /// Translated once for all messages.
    pub(super) fn new(part: &'f SectionPart) -> Self {
        let section = section(&part.path);
        let fields = match &section.text {
            SectionText::HeaderFields(names) if section.path.is_empty() => {
                Some(FieldNames::new(names))
            }
            _ => None,
        };
        Self { part, section, fields }
    }

    /// Whether it is told without opening the message, from what messages are listed by.
    pub(super) fn is_listed(&self) -> bool {
        self.fields.is_some()
    }

    /// A section that is told so, and a space; any other one writes nothing. `octets` is a place
    /// to gather them in.
    pub(super) fn push_listed(
        &self,
        listings: &mut Listings,
        octets: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if let Some(names) = &self.fields {
            self.push_label(out);
            octets.clear();
            listings.push_fields(names, octets)?;
            self.push_octets(octets, out);
            out.push(b' ');
        }
        Ok(())
    }

    /// `BODY[…]<origin> `.
    fn push_label(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.part.label.as_bytes());
        if let Some(partial) = self.part.partial {
            out.push(b'<');
            push_number(out, partial.origin);
            out.push(b'>');
        }
        out.push(b' ');
    }

    /// Octets that the client parses as a literal, or the slice of them that was asked for.
    fn push_octets(&self, octets: &[u8], out: &mut Vec<u8>) {
        let slice = self.slice(octets.len() as u64);
        let slice = octets.get(place(slice.start)..place(slice.end)).unwrap_or_default();
        push_text_literal(out, &[slice]);
    }

    /// The slice that was asked for of so many octets.
    pub(super) fn slice(&self, len: u64) -> Range<u64> {
        match self.part.partial {
            None => 0..len,
            Some(partial) => {
                let start = partial.origin.min(len);
                start..start.saturating_add(partial.len.get()).min(len)
            }
        }
    }

    /// The section as the engine finds it.
    pub(super) fn section(&self) -> &Section {
        &self.section
    }

    /// In which form it is wanted.
    pub(super) fn form(&self) -> SectionForm {
        self.part.form
    }

    /// Whether it is the message itself, header and all.
    pub(super) fn is_whole_message(&self) -> bool {
        self.section.path.is_empty() && self.section.text == SectionText::Whole
    }

    /// What a client takes whole it gets as it came in, NUL and all; a header it parses.
    fn is_parsed(&self) -> bool {
        !matches!(self.section.text, SectionText::Whole | SectionText::Text)
    }
}

fn place(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// Why a message could not be told.
#[derive(Debug, thiserror::Error)]
pub(in crate::imap::commands) enum Unreadable {
    /// The store could not read it.
    #[error(transparent)]
    Store(#[from] Error),
    /// Its list data contradicts itself.
    #[error("list data: {0}")]
    ListData(#[from] Fault),
    /// A part of it cannot be decoded (RFC 3516, 4.3).
    #[error("an unknown content transfer encoding")]
    UnknownEncoding,
}

/// What of a long section is still to follow.
pub(super) enum Rest {
    /// Nothing: it is written.
    Nothing,
    /// A range of the body.
    Body(Range<u64>),
    /// What is being decoded.
    Decoded(Box<Decoding>),
}

impl Rest {
    /// A range of the body, if anything is in it.
    fn of(range: Range<u64>) -> Self {
        if range.is_empty() { Self::Nothing } else { Self::Body(range) }
    }
}

/// One message, of which each piece is read when it is first needed.
pub(in crate::imap::commands) struct OpenMessage {
    stored: StoredMessage,
    message: EmailId,
    list: Option<ListData>,
    structure: Option<Structure>,
    body: Option<StoredBody>,
}

impl OpenMessage {
    /// Reads nothing yet.
    pub(in crate::imap::commands) fn new(
        stored: StoredMessage,
        message: EmailId,
        last_body: Option<HeldBody>,
    ) -> Self {
        let body = last_body.filter(|last| last.message == message).map(|last| last.body);
        Self { stored, message, list: None, structure: None, body }
    }

    /// The open body, if it is large and was asked for in slices: the next slice comes soon.
    pub(super) fn held_body(self, sections: &[SectionPart]) -> Option<HeldBody> {
        let is_sliced = sections.iter().any(|section| section.partial.is_some());
        let body = self.body.filter(|body| is_sliced && body.len() > HELD_FROM)?;
        Some(HeldBody { message: self.message, body })
    }

    /// A section; NIL if the message has no such part. Of a long one only the beginning, and what
    /// is still to follow.
    pub(super) fn push_section(
        &mut self,
        wanted: &WantedSection<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Rest, Unreadable> {
        wanted.push_label(out);
        if wanted.form() != SectionForm::AsItIs {
            return self.push_decoded(wanted, out);
        }
        self.structure()?;
        let located = self.structure.as_ref().and_then(|tree| wanted.section.locate(tree));
        let Some(located) = located else {
            out.extend_from_slice(b"NIL");
            return Ok(Rest::Nothing);
        };
        let (in_header, in_body) = (located.in_header(), located.in_body());
        if wanted.is_parsed() {
            let mut octets = self.header(in_header)?.to_vec();
            if !in_body.is_empty() {
                self.body()?.read(in_body, &mut octets)?;
            }
            wanted.push_octets(&located.select(&octets), out);
            return Ok(Rest::Nothing);
        }
        let header_len = in_header.len() as u64;
        let slice = wanted.slice(header_len + (in_body.end - in_body.start));
        push_literal_head(out, slice.end - slice.start);
        let at_header = |at: u64| in_header.start + place(at.min(header_len));
        let from_header = at_header(slice.start)..at_header(slice.end);
        if !from_header.is_empty() {
            out.extend_from_slice(self.header(from_header)?);
        }
        let at_body = |at: u64| in_body.start + at.saturating_sub(header_len);
        let range = at_body(slice.start)..at_body(slice.end);
        self.push_body(range, out).map(Rest::of)
    }

    /// The next octets of a long section.
    pub(super) fn push_rest(&mut self, rest: Rest, out: &mut Vec<u8>) -> Result<Rest, Unreadable> {
        match rest {
            Rest::Nothing => Ok(Rest::Nothing),
            Rest::Body(range) => self.push_body(range, out).map(Rest::of),
            Rest::Decoded(decoding) => self.push_decoding(decoding, out),
        }
    }

    /// The next octets of a range of the body; returns what is left of it.
    fn push_body(
        &mut self,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<Range<u64>, Unreadable> {
        if range.is_empty() {
            return Ok(range);
        }
        let middle = range.end.min(range.start + SLICE_LEN);
        let before = out.len();
        self.body()?.read(range.start..middle, out)?;
        if (out.len() - before) as u64 != middle - range.start {
            return Err(Unreadable::ListData(Fault::Truncated));
        }
        Ok(middle..range.end)
    }

    /// A range of the body; fewer octets than that are damage.
    pub(super) fn read_body(&mut self, range: Range<u64>) -> Result<Vec<u8>, Unreadable> {
        let mut octets = Vec::new();
        let left = self.push_body(range, &mut octets)?;
        if left.is_empty() { Ok(octets) } else { Err(Unreadable::ListData(Fault::Truncated)) }
    }

    /// Octets of a part's header, wherever it is in the message.
    pub(super) fn octets_at(&mut self, range: Range<usize>) -> Result<Vec<u8>, Unreadable> {
        let header_len = self.structure()?.header_len();
        let mut octets =
            self.header(range.start.min(header_len)..range.end.min(header_len))?.to_vec();
        let at_body = |at: usize| at.saturating_sub(header_len) as u64;
        let in_body = at_body(range.start)..at_body(range.end);
        if !in_body.is_empty() {
            self.body()?.read(in_body, &mut octets)?;
        }
        Ok(octets)
    }

    /// The message's header, with its empty line.
    pub(super) fn whole_header(&mut self) -> Result<Vec<u8>, Unreadable> {
        let header_len = self.structure()?.header_len();
        Ok(self.header(0..header_len)?.to_vec())
    }

    /// The tree of its parts.
    pub(super) fn structure(&mut self) -> Result<&Structure, Unreadable> {
        let structure = match self.structure.take() {
            Some(structure) => structure,
            None => self.list()?.structure()?,
        };
        Ok(self.structure.insert(structure))
    }

    fn header(&mut self, range: Range<usize>) -> Result<&[u8], Error> {
        let header = self.list()?.header();
        Ok(header.get(range.start..range.end.min(header.len())).unwrap_or_default())
    }

    fn body(&mut self) -> Result<&mut StoredBody, Error> {
        let body = match self.body.take() {
            Some(body) => body,
            None => self.stored.open_body()?,
        };
        Ok(self.body.insert(body))
    }

    fn list(&mut self) -> Result<&ListData, Error> {
        let list = match self.list.take() {
            Some(list) => list,
            None => self.stored.list()?,
        };
        Ok(self.list.insert(list))
    }
}

/// An item that is told from what messages are listed by, and a space. Others write nothing.
pub(super) fn push(
    attribute: FetchAttribute,
    listings: &mut Listings,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match attribute {
        FetchAttribute::Envelope => {
            out.extend_from_slice(b"ENVELOPE ");
            listings.push_envelope(out)?;
        }
        FetchAttribute::BodyStructure => {
            out.extend_from_slice(b"BODYSTRUCTURE ");
            out.extend_from_slice(listings.body_structure()?);
        }
        FetchAttribute::Body => {
            out.extend_from_slice(b"BODY ");
            listings.push_body(out)?;
        }
        FetchAttribute::Preview => {
            out.extend_from_slice(b"PREVIEW ");
            push_string(out, listings.preview()?.as_bytes());
        }
        _ => return Ok(()),
    }
    out.push(b' ');
    Ok(())
}

/// A section as the engine finds it.
pub(in crate::imap::commands) fn section(path: &SectionPath) -> Section {
    let bytes = |names: &[String]| names.iter().map(|name| name.clone().into_bytes()).collect();
    let text = match &path.fields {
        HeaderFields::Whole => SectionText::Whole,
        HeaderFields::Header => SectionText::Header,
        HeaderFields::Only(names) => SectionText::HeaderFields(bytes(names)),
        HeaderFields::Except(names) => SectionText::HeaderFieldsNot(bytes(names)),
        HeaderFields::Text => SectionText::Text,
        HeaderFields::Mime => SectionText::Mime,
    };
    Section { path: path.parts.iter().map(|part| part.get()).collect(), text }
}
