//! The text of a message as exact search reads it: fields with their encoded words decoded, and
//! the text parts without transfer encoding, in their charset.
//!
//! Text comes field by field and part by part, so no more than one part is held. HTML comes as it
//! is, tags and all: the rule is the decoded text of the part, not what a browser makes of it.

use std::convert::Infallible;
use std::ops::{ControlFlow, Range};

use super::charset;
use super::content_type::{ContentType, MediaDefault, MimeHeader};
use super::encoded_word::push_decoded;
use super::header::{HeaderField, header_fields};
use super::structure::{Part, PartKind, Structure};
use super::transfer;

/// What is called with each stretch of text; `Break` ends the walk.
pub type Visit<'v> = dyn FnMut(&str) -> ControlFlow<()> + 'v;

/// The decoded values of the fields of that name, in order.
pub fn field_text(header: &[u8], name: &[u8], visit: &mut Visit<'_>) -> ControlFlow<()> {
    let mut text = String::new();
    for field in header_fields(header).filter(|field| field.is_named(name)) {
        text.clear();
        push_decoded(&mut text, field.value);
        visit(&text)?;
    }
    ControlFlow::Continue(())
}

/// The value of a field whose text is its octets as they are: printable ASCII on one line, without
/// encoded words.
pub(crate) fn plain_value<'f>(field: &HeaderField<'f>) -> Option<&'f [u8]> {
    let value = field.value.trim_ascii();
    let is_plain = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    (is_plain && memchr::memmem::find(value, b"=?").is_none()).then_some(value)
}

/// The decoded fields of a header, each as `name: value`.
pub fn header_text(header: &[u8], visit: &mut Visit<'_>) -> ControlFlow<()> {
    let mut text = String::new();
    for field in header_fields(header) {
        text.clear();
        text.push_str(&String::from_utf8_lossy(field.name));
        text.push_str(": ");
        push_decoded(&mut text, field.value);
        visit(&text)?;
    }
    ControlFlow::Continue(())
}

/// What gives stretches of a message.
pub(crate) trait Octets {
    /// Why it may not.
    type Error;

    /// The octets of a range, which are text or part of a header; what is past the end is left out.
    fn octets(&mut self, range: Range<usize>) -> Result<&[u8], Self::Error>;
}

impl Octets for &[u8] {
    type Error = Infallible;

    fn octets(&mut self, range: Range<usize>) -> Result<&[u8], Infallible> {
        Ok(self.get(range).unwrap_or_default())
    }
}

/// The decoded text of a message's body: text parts, and the headers of parts and of messages
/// inside it.
pub fn body_text(message: &[u8], structure: &Structure, visit: &mut Visit<'_>) -> ControlFlow<()> {
    let mut message = message;
    let Ok(walked) = body_text_of(&mut message, structure, visit);
    walked
}

/// The same of a message of which only what is text is looked at.
pub(crate) fn body_text_of<M: Octets>(
    message: &mut M,
    structure: &Structure,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, M::Error> {
    let mut header = Vec::new();
    for (index, part) in structure.parts().iter().enumerate() {
        if index == 0 && part.kind() != PartKind::Leaf {
            continue;
        }
        header.clear();
        header.extend_from_slice(message.octets(part.header())?);
        let mut walked = ControlFlow::Continue(());
        if index > 0 {
            walked = header_text(&header, visit);
        }
        if walked.is_continue() && part.kind() == PartKind::Leaf {
            walked = leaf_text(message, &header, part, visit)?;
        }
        if walked.is_break() {
            return Ok(walked);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// A leaf that claims to be a multipart or a message is one too deep to be looked into: its bytes
/// are searched as they are.
fn leaf_text<M: Octets>(
    message: &mut M,
    header: &[u8],
    part: &Part,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, M::Error> {
    let mime = MimeHeader::of(header);
    let content_type = ContentType::parse(mime.content_type, MediaDefault::Text);
    if !matches!(&*content_type.kind, b"text" | b"message" | b"multipart") {
        return Ok(ControlFlow::Continue(()));
    }
    let bytes = transfer::decode(&mime.encoding_name(), message.octets(part.body())?);
    let charset = content_type.params().value_of("charset");
    Ok(visit(&charset::decode(charset.as_deref(), &bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(message: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        let done = body_text(message, &Structure::of(message), &mut |text| {
            texts.push(text.to_owned());
            ControlFlow::Continue(())
        });
        assert_eq!(done, ControlFlow::Continue(()));
        texts
    }

    #[test]
    fn text_parts_and_the_headers_inside_are_decoded() {
        let message = b"Subject: not in the body\r\n\
            Content-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n\
            --x\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\
            Content-Transfer-Encoding: Base64\r\n\r\nGyRCRnxLXBsoQg==\r\n\
            --x\r\nContent-Type: image/png; name=\"=?utf-8?q?caf=C3=A9?=\"\r\n\r\nbytes\r\n\
            --x\r\nContent-Type: message/rfc822\r\n\r\n\
            Subject: =?utf-8?q?in=20ner?=\r\nContent-Type: text/html\r\n\r\n<b>bold</b>\r\n--x--\r\n";
        assert_eq!(
            texts(message),
            [
                "Content-Type: text/plain; charset=iso-2022-jp",
                "Content-Transfer-Encoding: Base64",
                "日本",
                "Content-Type: image/png; name=\"café\"",
                "Content-Type: message/rfc822",
                "Subject: in ner",
                "Content-Type: text/html",
                "<b>bold</b>",
            ]
        );
    }

    #[test]
    fn a_walk_ends_when_it_is_told_to() {
        let mut count = 0;
        let done = header_text(b"A: 1\r\nB: 2\r\n", &mut |_| {
            count += 1;
            ControlFlow::Break(())
        });
        assert_eq!((done, count), (ControlFlow::Break(()), 1));
    }
}
