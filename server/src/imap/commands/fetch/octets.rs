//! The octets of a section by themselves, piece by piece: what CATENATE puts into another message.

use std::ops::Range;

use engine::message::Section;

use super::section::{OpenMessage, SLICE_LEN, Unreadable};

/// What of a section was not taken yet.
pub(in crate::imap::commands) struct SectionOctets {
    /// Octets of header fields that were picked out, or of the message's header.
    front: Vec<u8>,
    /// Behind them, in the message's body.
    rest: Range<u64>,
}

impl SectionOctets {
    /// How many octets there are.
    pub(in crate::imap::commands) fn len(&self) -> u64 {
        self.front.len() as u64 + (self.rest.end - self.rest.start)
    }

    /// Only those in a range.
    pub(in crate::imap::commands) fn slice(mut self, wanted: &Range<u64>) -> Self {
        let front_len = self.front.len() as u64;
        let (start, end) = (wanted.start.min(self.len()), wanted.end.min(self.len()));
        let place = |at: u64| usize::try_from(at.min(front_len)).unwrap_or(usize::MAX);
        self.front = self.front.get(place(start)..place(end)).unwrap_or_default().to_vec();
        let in_body = |at: u64| self.rest.start + at.saturating_sub(front_len);
        self.rest = in_body(start)..in_body(end.max(start));
        self
    }
}

impl OpenMessage {
    /// Finds a section; `None` if the message has no such part.
    pub(in crate::imap::commands) fn find(
        &mut self,
        section: &Section,
    ) -> Result<Option<SectionOctets>, Unreadable> {
        let structure = self.structure()?;
        let header_len = structure.header_len();
        let Some(located) = section.locate(structure) else { return Ok(None) };
        let (in_header, in_body) = (located.in_header(), located.in_body());
        if !located.selects_fields() {
            let front = self.octets_at(in_header)?;
            return Ok(Some(SectionOctets { front, rest: in_body }));
        }
        let at = |at: u64| header_len + usize::try_from(at).unwrap_or(usize::MAX);
        let fields =
            if in_body.is_empty() { in_header } else { at(in_body.start)..at(in_body.end) };
        let selected = {
            let octets = self.octets_at(fields)?;
            let located = section.locate(self.structure()?);
            located.map(|located| located.select(&octets)).unwrap_or_default()
        };
        Ok(Some(SectionOctets { front: selected, rest: 0..0 }))
    }

    /// The next octets; none at the end.
    pub(in crate::imap::commands) fn next_octets(
        &mut self,
        octets: &mut SectionOctets,
    ) -> Result<Vec<u8>, Unreadable> {
        if !octets.front.is_empty() {
            return Ok(std::mem::take(&mut octets.front));
        }
        let middle = octets.rest.end.min(octets.rest.start.saturating_add(SLICE_LEN));
        let next = octets.rest.start..middle;
        octets.rest.start = middle;
        if next.is_empty() { Ok(Vec::new()) } else { self.read_body(next) }
    }
}
