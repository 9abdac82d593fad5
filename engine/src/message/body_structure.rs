//! BODYSTRUCTURE (RFC 9051, 7.5.2) as ready IMAP text, with the places of its extension data so
//! that BODY is the same text with those left out.
//!
//! The text is valid for any message: a multipart always has a part, and a leaf that claims a
//! type with a structure it could not be given is `application/octet-stream`.

use std::borrow::Cow;
use std::ops::Range;

use super::content_type::{ContentType, MediaDefault, MimeHeader, Params};
use super::envelope::push_envelope;
use super::header::unfold;
use super::imap_string::{is_long, push_nstring, push_number, push_string};
use super::structure::{Part, PartKind, Structure};
use crate::limits::PARAMS_MAX;

/// The text of BODYSTRUCTURE and which stretches of it BODY leaves out, ascending.
#[derive(Debug, Default)]
pub(super) struct BodyStructure {
    pub(super) text: Vec<u8>,
    pub(super) extensions: Vec<Range<usize>>,
}

impl BodyStructure {
    pub(super) fn of(message: &[u8], structure: &Structure) -> Self {
        let mut writer = Writer { message, structure, written: Self::default() };
        writer.part(0, MediaDefault::Text);
        writer.written
    }
}

struct Writer<'a> {
    message: &'a [u8],
    structure: &'a Structure,
    written: BodyStructure,
}

impl<'a> Writer<'a> {
    /// Calls itself for nested parts, at most `PART_DEPTH_MAX` deep.
    fn part(&mut self, index: usize, default: MediaDefault) {
        let Some(part) = self.structure.parts().get(index).copied() else { return };
        let mime = MimeHeader::of(self.bytes(part.header()));
        // The part that stands for a multipart's undivided body has no header at all.
        let default = if part.header().is_empty() { MediaDefault::Text } else { default };
        let mut content_type = ContentType::parse(mime.content_type, default);
        let claims_more = content_type.is_multipart() || content_type.is("message", "rfc822");
        if part.kind() == PartKind::Leaf && claims_more {
            content_type.kind = Cow::Borrowed(b"application");
            content_type.subtype = Cow::Borrowed(b"octet-stream");
        }
        self.push(b"(");
        match part.kind() {
            PartKind::Multipart => self.multipart(index, &mime, &content_type),
            PartKind::Message | PartKind::Leaf => self.single(index, &part, &mime, &content_type),
        }
        self.push(b")");
    }

    fn multipart(&mut self, index: usize, mime: &MimeHeader<'a>, kind: &ContentType<'a>) {
        let is_digest = kind.is("multipart", "digest");
        let default = if is_digest { MediaDefault::Message } else { MediaDefault::Text };
        let structure = self.structure;
        for (child, _) in structure.children(index) {
            self.part(child, default);
        }
        self.push(b" ");
        push_string(&mut self.written.text, &kind.subtype);
        let start = self.written.text.len();
        self.push(b" ");
        self.params(kind.params());
        self.extensions(mime);
        self.written.extensions.push(start..self.written.text.len());
    }

    fn single(&mut self, index: usize, part: &Part, mime: &MimeHeader<'a>, kind: &ContentType<'a>) {
        let body = self.bytes(part.body());
        let out = &mut self.written.text;
        push_string(out, &kind.kind);
        out.push(b' ');
        push_string(out, &kind.subtype);
        out.push(b' ');
        self.params(kind.params());
        let out = &mut self.written.text;
        out.push(b' ');
        push_nstring(out, text(mime.id).as_deref());
        out.push(b' ');
        push_nstring(out, text(mime.description).as_deref());
        out.push(b' ');
        push_string(out, &mime.encoding_name());
        out.push(b' ');
        push_number(out, body.len());
        if let Some(content) = self.content_of(index, part) {
            self.push(b" ");
            push_envelope(&mut self.written.text, content);
            self.push(b" ");
            self.part(index + 1, MediaDefault::Text);
        }
        if part.kind() == PartKind::Message || &*kind.kind == b"text" {
            self.push(b" ");
            push_number(&mut self.written.text, memchr::memchr_iter(b'\n', body).count());
        }
        let start = self.written.text.len();
        self.push(b" ");
        push_nstring(&mut self.written.text, text(mime.md5).as_deref());
        self.extensions(mime);
        self.written.extensions.push(start..self.written.text.len());
    }

    /// The header of the message in a `message/rfc822`.
    fn content_of(&self, index: usize, part: &Part) -> Option<&'a [u8]> {
        let content = self.structure.parts().get(index + 1)?;
        (part.kind() == PartKind::Message).then(|| self.bytes(content.header()))
    }

    /// Disposition, language and location.
    fn extensions(&mut self, mime: &MimeHeader<'a>) {
        self.push(b" ");
        let (name, params) = Params::after_token(mime.disposition.unwrap_or_default());
        if name.is_empty() || is_long(&self.written.text) {
            self.push(b"NIL");
        } else {
            self.push(b"(");
            push_string(&mut self.written.text, name);
            self.push(b" ");
            self.params(params);
            self.push(b")");
        }
        self.push(b" ");
        self.languages(mime.language.unwrap_or_default());
        self.push(b" ");
        push_nstring(&mut self.written.text, text(mime.location).as_deref());
    }

    fn params(&mut self, params: Params<'_>) {
        let out = &mut self.written.text;
        let start = out.len();
        for (name, value) in params.take(PARAMS_MAX) {
            if is_long(out) {
                break;
            }
            out.push(if out.len() == start { b'(' } else { b' ' });
            push_string(out, name);
            out.push(b' ');
            push_string(out, &value);
        }
        let end: &[u8] = if out.len() == start { b"NIL" } else { b")" };
        out.extend_from_slice(end);
    }

    /// The tags of `Content-Language` (RFC 3282).
    fn languages(&mut self, value: &[u8]) {
        let out = &mut self.written.text;
        let start = out.len();
        let unfolded = unfold(value);
        let tags = unfolded.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        for tag in tags.filter(|tag| !tag.is_empty()).take(PARAMS_MAX) {
            if is_long(out) {
                break;
            }
            out.push(if out.len() == start { b'(' } else { b' ' });
            push_string(out, tag);
        }
        let end: &[u8] = if out.len() == start { b"NIL" } else { b")" };
        out.extend_from_slice(end);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.written.text.extend_from_slice(bytes);
    }

    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.message.get(range).unwrap_or_default()
    }
}

fn text(value: Option<&[u8]>) -> Option<Cow<'_, [u8]>> {
    value.map(unfold)
}
