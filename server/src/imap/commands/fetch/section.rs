//! What FETCH reads from stored messages: list data, previews, and sections.

use engine::message::{ListData, Pieces, Section, SectionText, Structure, preview};
use engine::{EmailId, Error, Fault, StoredMessage};

use crate::imap::command::{FetchAttribute, HeaderFields, SectionPart, SectionPath};
use crate::imap::encode::{push_literal, push_number, push_string, push_text_literal};
use crate::imap::session::HeldBody;

/// A smaller body is read again as quickly as it is found.
const HELD_FROM: usize = 64 << 10;

/// A section as asked for, and as the engine finds it.
pub(super) struct WantedSection<'f> {
    part: &'f SectionPart,
    section: Section,
}

impl<'f> WantedSection<'f> {
    /// Translated once for all messages.
    pub(super) fn new(part: &'f SectionPart) -> Self {
        Self { part, section: section(&part.path) }
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

    /// The octets as a literal, or the slice of them that was asked for.
    fn push_octets(&self, octets: &[u8], out: &mut Vec<u8>) {
        let slice = match self.part.partial {
            None => octets,
            Some(partial) => {
                let start = (partial.origin as usize).min(octets.len());
                let end = start.saturating_add(partial.len.get() as usize).min(octets.len());
                octets.get(start..end).unwrap_or_default()
            }
        };
        self.push_literal(&[slice], out);
        out.push(b' ');
    }

    /// What a client takes whole it gets as it came in, NUL and all; a header it parses.
    fn push_literal(&self, pieces: &[&[u8]], out: &mut Vec<u8>) {
        match self.section.text {
            SectionText::Whole | SectionText::Text => push_literal(out, pieces),
            _ => push_text_literal(out, pieces),
        }
    }
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
    header: Option<Vec<u8>>,
    body: Option<Vec<u8>>,
}

impl OpenMessage {
    /// Reads nothing yet.
    pub(super) fn new(
        stored: StoredMessage,
        message: EmailId,
        last_body: Option<HeldBody>,
    ) -> Self {
        let body = last_body.filter(|last| last.message == message).map(|last| last.body);
        Self { stored, message, list: None, structure: None, header: None, body }
    }

    /// The body, if it is large and was asked for in slices: the next slice comes soon.
    pub(super) fn held_body(self, sections: &[SectionPart]) -> Option<HeldBody> {
        let is_sliced = sections.iter().any(|section| section.partial.is_some());
        let body = self.body.filter(|body| is_sliced && body.len() > HELD_FROM)?;
        Some(HeldBody { message: self.message, body })
    }

    /// An item that is told from more than columns, and a space. Others write nothing.
    pub(super) fn push(
        &mut self,
        attribute: FetchAttribute,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        match attribute {
            FetchAttribute::Envelope => {
                out.extend_from_slice(b"ENVELOPE ");
                out.extend_from_slice(self.list()?.envelope());
            }
            FetchAttribute::BodyStructure => {
                out.extend_from_slice(b"BODYSTRUCTURE ");
                out.extend_from_slice(self.list()?.body_structure());
            }
            FetchAttribute::Body => {
                out.extend_from_slice(b"BODY ");
                self.list()?.push_body(out)?;
            }
            FetchAttribute::Preview => {
                out.extend_from_slice(b"PREVIEW ");
                push_string(out, self.preview()?.as_bytes());
            }
            _ => return Ok(()),
        }
        out.push(b' ');
        Ok(())
    }

    /// A section and a space; NIL if the message has no such part.
    pub(super) fn push_section(
        &mut self,
        wanted: &WantedSection<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        wanted.push_label(out);
        if let Some(octets) = self.listed_fields(&wanted.section)? {
            wanted.push_octets(&octets, out);
            return Ok(());
        }
        self.read_structure()?;
        let located = self.structure.as_ref().and_then(|tree| wanted.section.locate(tree));
        let Some(located) = located else {
            out.extend_from_slice(b"NIL ");
            return Ok(());
        };
        let pieces = located.pieces();
        if pieces != Pieces::Body {
            read_once(&mut self.header, || self.stored.header())?;
        }
        if pieces != Pieces::Header {
            read_once(&mut self.body, || self.stored.body())?;
        }
        let header = self.header.as_deref().unwrap_or_default();
        let body = self.body.as_deref().unwrap_or_default();
        let octets = located.octets(header, body);
        let slices = match wanted.part.partial {
            None => octets.slices(),
            Some(partial) => octets.partial(partial.origin.into(), partial.len.get().into()),
        };
        wanted.push_literal(&slices, out);
        out.push(b' ');
        Ok(())
    }

    /// The first words of the text; empty where there is none (RFC 8970, 3).
    fn preview(&mut self) -> Result<String, Unreadable> {
        self.read_structure()?;
        let header = read_once(&mut self.header, || self.stored.header())?;
        let body = read_once(&mut self.body, || self.stored.body())?;
        let message = [&header[..], body].concat();
        let words = self.structure.as_ref().map(|structure| preview(&message, structure));
        Ok(words.unwrap_or_default())
    }

    /// Header fields that clients list by are answered without reading the header.
    fn listed_fields(&mut self, section: &Section) -> Result<Option<Vec<u8>>, Unreadable> {
        match &section.text {
            SectionText::HeaderFields(names) if section.path.is_empty() => {
                Ok(Some(self.list()?.fields(names)))
            }
            _ => Ok(None),
        }
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

fn read_once(
    piece: &mut Option<Vec<u8>>,
    read: impl FnOnce() -> Result<Vec<u8>, Error>,
) -> Result<&Vec<u8>, Error> {
    let bytes = match piece.take() {
        Some(bytes) => bytes,
        None => read()?,
    };
    Ok(piece.insert(bytes))
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
