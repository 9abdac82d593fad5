//! What FETCH reads from stored messages: list data, previews, and sections.

use std::ops::Range;

use engine::message::{FieldNames, ListData, Section, SectionText, Structure};
use engine::{EmailId, Error, Fault, Listings, StoredBody, StoredMessage};

use crate::imap::command::{FetchAttribute, HeaderFields, SectionPart, SectionPath};
use crate::imap::encode::{push_literal_head, push_number, push_string, push_text_literal};
use crate::imap::session::HeldBody;

/// A smaller body is read again as quickly as it is found.
const HELD_FROM: u64 = 64 << 10;

/// Most messages' fields that clients list by fit in this.
const FIELDS_LEN: usize = 2 << 10;

/// Octets of a section that are put into the answer before the client's pace is looked at.
const SLICE_LEN: u64 = 256 << 10;

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
    fn slice(&self, len: u64) -> Range<u64> {
        match self.part.partial {
            None => 0..len,
            Some(partial) => {
                let start = u64::from(partial.origin).min(len);
                start..start.saturating_add(partial.len.get().into()).min(len)
            }
        }
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
pub(super) enum Unreadable {
    /// The store could not read it.
    #[error(transparent)]
    Store(#[from] Error),
    /// Its list data contradicts itself.
    #[error("list data: {0}")]
    ListData(#[from] Fault),
}

/// One message, of which each piece is read when it is first needed.
pub(super) struct OpenMessage {
    stored: StoredMessage,
    message: EmailId,
    list: Option<ListData>,
    structure: Option<Structure>,
    body: Option<StoredBody>,
}

impl OpenMessage {
    /// Reads nothing yet.
    pub(super) fn new(
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

    /// A section; NIL if the message has no such part. Of a long one only the beginning, and the
    /// range of the body that is still to follow.
    pub(super) fn push_section(
        &mut self,
        wanted: &WantedSection<'_>,
        listings: &mut Listings,
        out: &mut Vec<u8>,
    ) -> Result<Range<u64>, Unreadable> {
        wanted.push_label(out);
        if let Some(names) = &wanted.fields {
            let mut octets = Vec::with_capacity(FIELDS_LEN);
            listings.push_fields(names, &mut octets)?;
            wanted.push_octets(&octets, out);
            return Ok(0..0);
        }
        self.read_structure()?;
        let located = self.structure.as_ref().and_then(|tree| wanted.section.locate(tree));
        let Some(located) = located else {
            out.extend_from_slice(b"NIL");
            return Ok(0..0);
        };
        let (in_header, in_body) = (located.in_header(), located.in_body());
        if wanted.is_parsed() {
            let mut octets = self.header(in_header)?.to_vec();
            if !in_body.is_empty() {
                self.body()?.read(in_body, &mut octets)?;
            }
            wanted.push_octets(&located.select(&octets), out);
            return Ok(0..0);
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
        self.push_body(at_body(slice.start)..at_body(slice.end), out)
    }

    /// The next octets of a range of the body; returns what is left of it.
    pub(super) fn push_body(
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

    fn read_structure(&mut self) -> Result<(), Unreadable> {
        if self.structure.is_none() {
            self.structure = Some(self.list()?.structure()?);
        }
        Ok(())
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
            out.extend_from_slice(listings.envelope()?);
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

fn section(path: &SectionPath) -> Section {
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
