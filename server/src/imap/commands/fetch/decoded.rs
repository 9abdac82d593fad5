//! Sections without their content transfer encoding (RFC 3516), decoded piece by piece and twice: the
//! first time to know how long the answer is, and whether there is a NUL in it.

use std::ops::Range;

use engine::message::{SectionText, TransferDecoder};

use super::section::{OpenMessage, Rest, SLICE_LEN, Unreadable, WantedSection};
use crate::imap::command::SectionForm;
use crate::imap::encode::{push_literal_head, push_number};

/// The rest of a section that is being decoded.
pub(super) struct Decoding {
    /// What of the body is not decoded yet.
    encoded: Range<u64>,
    decoder: TransferDecoder,
    /// Decoded octets before those that are wanted.
    skip: u64,
    /// Decoded octets that are wanted still.
    left: u64,
}

impl Decoding {
    /// The next decoded octets, those before the wanted ones among them; none at the end.
    fn next(&mut self, message: &mut OpenMessage) -> Result<Vec<u8>, Unreadable> {
        let mut decoded = Vec::new();
        while decoded.is_empty() && !self.encoded.is_empty() {
            let middle = self.encoded.end.min(self.encoded.start + SLICE_LEN);
            let octets = message.read_body(self.encoded.start..middle)?;
            self.encoded.start = middle;
            self.decoder.push(&octets, &mut decoded);
            if self.encoded.is_empty() {
                self.decoder.end(&mut decoded);
            }
        }
        Ok(decoded)
    }
}

impl OpenMessage {
    /// A decoded section, or its size; NIL if the message has no such part.
    pub(super) fn push_decoded(
        &mut self,
        wanted: &WantedSection<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Rest, Unreadable> {
        let Some((encoded, decoder)) = self.encoded(wanted)? else {
            // Of what is not there no octets can be counted.
            let nothing: &[u8] =
                if wanted.form() == SectionForm::DecodedSize { b"0" } else { b"NIL" };
            out.extend_from_slice(nothing);
            return Ok(Rest::Nothing);
        };
        let header = if wanted.is_whole_message() { self.whole_header()? } else { Vec::new() };
        let (mut len, mut has_nul) = (header.len() as u64, header.contains(&0));
        let mut measured = Decoding { encoded, decoder, skip: 0, left: u64::MAX };
        let (encoded, decoder) = (measured.encoded.clone(), measured.decoder.clone());
        loop {
            let octets = measured.next(self)?;
            if octets.is_empty() {
                break;
            }
            len += octets.len() as u64;
            has_nul |= memchr::memchr(0, &octets).is_some();
        }
        if wanted.form() == SectionForm::DecodedSize {
            push_number(out, len);
            return Ok(Rest::Nothing);
        }
        let slice = wanted.slice(len);
        if has_nul {
            // literal8: no other may carry NUL.
            out.push(b'~');
        }
        push_literal_head(out, slice.end - slice.start);
        let header_len = header.len() as u64;
        let from_header = slice.start.min(header_len)..slice.end.min(header_len);
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let octets = header.get(place(from_header.start)..place(from_header.end));
        out.extend_from_slice(octets.unwrap_or_default());
        let skip = slice.start.saturating_sub(header_len);
        let left = slice.end.saturating_sub(header_len) - skip;
        self.push_decoding(Box::new(Decoding { encoded, decoder, skip, left }), out)
    }

    /// The next octets of a section that is being decoded.
    pub(super) fn push_decoding(
        &mut self,
        mut decoding: Box<Decoding>,
        out: &mut Vec<u8>,
    ) -> Result<Rest, Unreadable> {
        let start = out.len();
        while decoding.left > 0 && (out.len() - start) as u64 <= SLICE_LEN {
            let octets = decoding.next(self)?;
            if octets.is_empty() {
                return Err(Unreadable::ListData(engine::Fault::Truncated));
            }
            let skipped = decoding.skip.min(octets.len() as u64);
            let taken = decoding.left.min(octets.len() as u64 - skipped);
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let octets = octets.get(place(skipped)..place(skipped + taken)).unwrap_or_default();
            out.extend_from_slice(octets);
            decoding.skip -= skipped;
            decoding.left -= taken;
        }
        Ok(if decoding.left == 0 { Rest::Nothing } else { Rest::Decoded(decoding) })
    }

    /// Where in the body a section is encoded, and how.
    fn encoded(
        &mut self,
        wanted: &WantedSection<'_>,
    ) -> Result<Option<(Range<u64>, TransferDecoder)>, Unreadable> {
        let section = wanted.section();
        debug_assert_eq!(section.text, SectionText::Whole);
        let (located, header) = {
            let structure = self.structure()?;
            let located = section.locate(structure).map(|located| located.in_body());
            (located, section.leaf_header(structure))
        };
        let Some(in_body) = located else { return Ok(None) };
        let decoder = match header {
            None => TransferDecoder::identity(),
            Some(header) => {
                let header = self.octets_at(header)?;
                TransferDecoder::of(&header).ok_or(Unreadable::UnknownEncoding)?
            }
        };
        Ok(Some((in_body, decoder)))
    }
}
