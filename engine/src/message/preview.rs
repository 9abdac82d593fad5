//! Preview: the first words of a message, for lists (RFC 8970).
//!
//! The words come from the first text that is no attachment, plain text before HTML where the
//! sender offers both, in the author's own words where there are some: quoted lines, signatures
//! and rules are left out. They are decoded, on one line, and end after `PREVIEW_CHARS_MAX`
//! characters. Without text, as in an encrypted message, the preview is empty.
//!
//! A preview costs little whatever the size of the message: of a part only the front is decoded,
//! and more of it only where that front says next to nothing, such as style sheets.

mod entity;
mod html;
mod plain;
mod words;

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use self::words::{Reading, Words};
use super::charset;
use super::content_type::{ContentType, MediaDefault, MimeHeader, Params};
use super::structure::{Part, PartKind, Structure};
use super::transfer;
use crate::limits::PREVIEW_PARTS_MAX;

/// Bytes of a part, still encoded, that are looked at first, then if they say too little.
const FRONTS: [usize; 2] = [4 << 10, 64 << 10];
/// Bytes of a part's header that are looked at.
const HEADER_LEN: usize = 64 << 10;
/// Characters with which a preview says enough.
const CHARS_ENOUGH: usize = 60;
/// Bytes of HTML in which it names its charset.
const META_LEN: usize = 1024;

/// The preview of a message, whose parts lie where `structure` says.
pub fn preview(message: &[u8], structure: &Structure) -> String {
    let read = |range| Ok(Cow::Borrowed(message.get(range).unwrap_or_default()));
    let words: Result<String, Infallible> = preview_from(structure, read);
    words.unwrap_or_default()
}

/// The preview of a message of which `read` gives any range; few are asked for, all of them short.
pub(crate) fn preview_from<'a, E>(
    structure: &Structure,
    read: impl FnMut(Range<usize>) -> Result<Cow<'a, [u8]>, E>,
) -> Result<String, E> {
    let mut search = Search { structure, read, parts_left: PREVIEW_PARTS_MAX };
    search.part(0, Wanted::Text).map(Option::unwrap_or_default)
}

/// Which leaves count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Text,
    Plain,
    Html,
}

struct Search<'s, R> {
    structure: &'s Structure,
    read: R,
    parts_left: usize,
}

impl<'a, E, R: FnMut(Range<usize>) -> Result<Cow<'a, [u8]>, E>> Search<'_, R> {
    /// The first words in a part. Calls itself for nested parts, at most `PART_DEPTH_MAX` deep,
    /// and twice for the alternatives of the outermost `multipart/alternative`.
    fn part(&mut self, index: usize, wanted: Wanted) -> Result<Option<String>, E> {
        let structure = self.structure;
        let Some(part) = structure.parts().get(index).filter(|_| self.parts_left > 0) else {
            return Ok(None);
        };
        self.parts_left -= 1;
        let header = self.front_of(part.header(), HEADER_LEN)?;
        let mime = MimeHeader::of(&header);
        let (disposition, _) = Params::after_token(mime.disposition.unwrap_or_default());
        if disposition.eq_ignore_ascii_case(b"attachment") {
            return Ok(None);
        }
        let content_type = ContentType::parse(mime.content_type, MediaDefault::Text);
        let is_alternative = content_type.is("multipart", "alternative");
        match (part.kind(), wanted) {
            (PartKind::Leaf, _) => match Body::of(part, &mime, &content_type, wanted) {
                Some(body) => self.first_words(&body),
                None => Ok(None),
            },
            (PartKind::Message, _) => Ok(None),
            (PartKind::Multipart, Wanted::Text) if is_alternative => {
                match self.children(index, Wanted::Plain)? {
                    None => self.children(index, Wanted::Html),
                    plain => Ok(plain),
                }
            }
            (PartKind::Multipart, _) => self.children(index, wanted),
        }
    }

    fn children(&mut self, index: usize, wanted: Wanted) -> Result<Option<String>, E> {
        let structure = self.structure;
        for (child, _) in structure.children(index) {
            if let Some(words) = self.part(child, wanted)? {
                return Ok(Some(words));
            }
        }
        Ok(None)
    }

    fn first_words(&mut self, body: &Body) -> Result<Option<String>, E> {
        let mut text = String::new();
        let mut words = Words::default();
        for len in FRONTS {
            let is_cut = len < body.range.len();
            text = body.text(&self.front_of(body.range.clone(), len)?, is_cut);
            words = body.read(&text, Reading::OwnWords);
            if words.count() >= CHARS_ENOUGH || !is_cut {
                break;
            }
        }
        if words.count() == 0 {
            words = body.read(&text, Reading::Everything);
        }
        Ok(Some(words.into_text()).filter(|words| !words.is_empty()))
    }

    fn front_of(&mut self, range: Range<usize>, len: usize) -> Result<Cow<'a, [u8]>, E> {
        (self.read)(range.start..range.end.min(range.start.saturating_add(len)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Plain,
    Html,
}

/// The body of a text part, still encoded.
struct Body {
    format: Format,
    encoding: Vec<u8>,
    charset: Option<Vec<u8>>,
    /// Where it lies in the message.
    range: Range<usize>,
}

impl Body {
    /// Of a leaf that is text of the kind that is wanted.
    fn of(
        part: &Part,
        mime: &MimeHeader<'_>,
        kind: &ContentType<'_>,
        wanted: Wanted,
    ) -> Option<Self> {
        let format = match &*kind.subtype {
            b"plain" if wanted != Wanted::Html => Format::Plain,
            b"html" if wanted != Wanted::Plain => Format::Html,
            _ => return None,
        };
        let charset = kind.params().value_of("charset");
        let body = Self { format, encoding: mime.encoding_name(), charset, range: part.body() };
        (&*kind.kind == b"text").then_some(body)
    }

    /// The text of the body, or of its front, where it was cut.
    fn text(&self, encoded: &[u8], is_cut: bool) -> String {
        let encoded = if is_cut { without_open_escape(encoded) } else { encoded };
        let decoded = transfer::decode(&self.encoding, encoded);
        let bytes = if is_cut { without_last_character(&decoded) } else { &*decoded };
        let charset = match self.format {
            Format::Html => self.charset.as_deref().or_else(|| charset_in_html(bytes)),
            Format::Plain => self.charset.as_deref(),
        };
        let mut text = charset::decode(charset, bytes).into_owned();
        if is_cut {
            text.truncate(text.trim_end_matches('\u{fffd}').len());
        }
        text
    }

    fn read(&self, text: &str, reading: Reading) -> Words {
        match self.format {
            Format::Plain => plain::words(text, reading),
            Format::Html => html::words(text, reading),
        }
    }
}

/// Without the `=` or `=3` that a cut made of an escape of quoted-printable; whatever the
/// encoding, two bytes less of the front do no harm.
fn without_open_escape(encoded: &[u8]) -> &[u8] {
    let tail_start = encoded.len().saturating_sub(2);
    let tail = encoded.get(tail_start..).unwrap_or_default();
    let at = memchr::memchr(b'=', tail).map_or(encoded.len(), |at| tail_start + at);
    encoded.get(..at).unwrap_or(encoded)
}

/// Without the last character of UTF-8: if a cut left it incomplete, the whole text would look as
/// if it was none.
fn without_last_character(bytes: &[u8]) -> &[u8] {
    let tail_start = bytes.len().saturating_sub(3);
    let tail = bytes.get(tail_start..).unwrap_or_default();
    let lead = tail.iter().rposition(|byte| *byte >= 0xc0);
    let at = lead.map_or(bytes.len(), |lead| tail_start + lead);
    bytes.get(..at).unwrap_or(bytes)
}

/// The charset that HTML names in itself. UTF-16 is never true there: it could not be read.
fn charset_in_html(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.get(..META_LEN).unwrap_or(bytes);
    let at = memchr::memmem::find(start, b"charset=")?;
    let value = start.get(at + b"charset=".len()..)?.trim_ascii_start();
    let value = value.strip_prefix(b"\"").or(value.strip_prefix(b"'")).unwrap_or(value);
    let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"-_:.".contains(byte);
    let label = value.split(is_end).next()?;
    let is_wide = label.get(..6).is_some_and(|front| front.eq_ignore_ascii_case(b"utf-16"));
    (!label.is_empty() && !is_wide).then_some(label)
}

#[cfg(test)]
mod tests;
