//! SEARCH's text keys (RFC 9051, 6.4.4): is this string in that field, body or message?

use std::ops::ControlFlow;

use memchr::memmem::Finder;

use super::casemap::push_folded;
use crate::message::{
    Structure, TextOctets, body_text, body_text_of, field_text, header_fields, header_text,
    plain_value,
};

/// A string to look for, folded once.
#[derive(Clone, Debug)]
pub struct Needle {
    finder: Finder<'static>,
}

impl Needle {
    /// The empty string is in every text.
    pub fn new(text: &str) -> Self {
        let mut folded = Vec::with_capacity(text.len());
        push_folded(&mut folded, text);
        Self { finder: Finder::new(&folded).into_owned() }
    }

    /// Whether `text` contains it, without regard to case.
    pub fn is_in(&self, text: &str) -> bool {
        self.is_in_folded(text, &mut Vec::new())
    }

    fn is_empty(&self) -> bool {
        self.finder.needle().is_empty()
    }

    /// The same with a buffer that is used again from text to text.
    fn is_in_folded(&self, text: &str, folded: &mut Vec<u8>) -> bool {
        folded.clear();
        folded.reserve(text.len());
        push_folded(folded, text);
        self.finder.find(folded).is_some()
    }

    /// Where folded text contains it first.
    pub(super) fn find(&self, folded: &[u8]) -> Option<usize> {
        self.finder.find(folded)
    }

    /// Whether the value of a field contains it, of which this is all there is: the quick way for a
    /// value that has nothing to decode.
    pub(crate) fn is_in_field(&self, raw: &[u8], folded: &mut Vec<u8>) -> bool {
        header_fields(raw).any(|field| match plain_value(&field) {
            Some(value) => {
                folded.clear();
                folded.extend_from_slice(value);
                folded.make_ascii_uppercase();
                self.finder.find(folded).is_some()
            }
            None => field_contains(raw, field.name, self),
        })
    }

    /// Whether the body of a message contains it, of which only what is text is looked at.
    pub(crate) fn is_in_body<M: TextOctets>(
        &self,
        message: &mut M,
        structure: &Structure,
    ) -> Result<bool, M::Error> {
        if self.is_empty() {
            return Ok(true);
        }
        self.visiting(|visit| body_text_of(message, structure, visit)).map(|found| found.is_break())
    }

    /// Whether a field of a header contains it, its name included.
    pub(crate) fn is_in_header(&self, header: &[u8]) -> bool {
        self.is_empty() || self.is_in_any(|visit| header_text(header, visit))
    }

    /// Whether one of the texts that `walk` visits contains it.
    fn is_in_any(
        &self,
        walk: impl FnOnce(&mut dyn FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()>,
    ) -> bool {
        self.visiting(walk).is_break()
    }

    /// Walks over texts until one contains it.
    fn visiting<T>(&self, walk: impl FnOnce(&mut dyn FnMut(&str) -> ControlFlow<()>) -> T) -> T {
        let mut folded = Vec::new();
        walk(&mut |text: &str| {
            if self.is_in_folded(text, &mut folded) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
    }
}

impl PartialEq for Needle {
    fn eq(&self, other: &Self) -> bool {
        self.finder.needle() == other.finder.needle()
    }
}

impl Eq for Needle {}

/// HEADER `name`, and FROM, TO, CC, BCC, SUBJECT, which are the same on those fields: one field
/// of that name contains the string. The empty string is in any field there is.
pub fn field_contains(header: &[u8], name: &[u8], needle: &Needle) -> bool {
    needle.is_in_any(|visit| field_text(header, name, visit))
}

/// BODY: the body contains the string.
pub fn body_contains(message: &[u8], structure: &Structure, needle: &Needle) -> bool {
    needle.is_empty() || needle.is_in_any(|visit| body_text(message, structure, visit))
}

/// TEXT: the header or the body contains the string.
pub fn text_contains(message: &[u8], structure: &Structure, needle: &Needle) -> bool {
    let header = message.get(..structure.header_len()).unwrap_or_default();
    needle.is_empty()
        || needle.is_in_any(|visit| {
            header_text(header, visit)?;
            body_text(message, structure, visit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "From: =?iso-8859-1?q?Andr=E9?= <andre@example.test>\r\n\
        Subject: =?utf-8?b?5pel5pys?=\r\n =?utf-8?b?6Kqe?=\r\n\
        X-Empty:\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n\
        Stra=C3=9Fe, caf=C3=\r\n=A9 and soft br=\r\neak\r\n";

    #[test]
    fn fields_are_searched_decoded_and_without_case() {
        let found = |name: &str, text: &str| {
            field_contains(MESSAGE.as_bytes(), name.as_bytes(), &Needle::new(text))
        };
        assert!(found("from", "ANDRÉ"));
        assert!(found("From", "andre@EXAMPLE"));
        assert!(found("subject", "本語"));
        assert!(!found("subject", "andré"));
        assert!(found("x-empty", ""));
        assert!(!found("x-absent", ""));
        assert!(!found("x-empty", "x"));
    }

    #[test]
    fn a_field_by_itself_contains_what_it_does_among_others() {
        let needles = ["", " ", "a", "B c", "é", "=?", "本", "straße", "b  c", "bc"];
        for value in [
            "",
            " ",
            "a",
            "A b C d ",
            "a b\r\n c",
            "=?utf-8?q?=C3=89?= x",
            "a =? b",
            "日本",
            "B  c",
            "stra\u{df}e",
            "a\0b",
            "x\tb c",
            "STRASSE",
        ] {
            let field = format!("Subject:{value}\r\n");
            for needle in needles {
                let needle = Needle::new(needle);
                let alone = needle.is_in_field(field.as_bytes(), &mut Vec::new());
                assert_eq!(
                    alone,
                    field_contains(field.as_bytes(), b"subject", &needle),
                    "{value:?}"
                );
            }
        }
    }

    #[test]
    fn bodies_and_whole_messages_are_searched_decoded_and_without_case() {
        let structure = Structure::of(MESSAGE.as_bytes());
        let in_body =
            |text: &str| body_contains(MESSAGE.as_bytes(), &structure, &Needle::new(text));
        let in_text =
            |text: &str| text_contains(MESSAGE.as_bytes(), &structure, &Needle::new(text));
        assert!(in_body("straße, CAFÉ and SOFT BREAK"));
        assert!(!in_body("andré"));
        assert!(!in_body("=C3"));
        assert!(in_text("andré"));
        assert!(in_text("subject: 日本語"));
        assert!(!in_text("quoted-printable and"));
        assert!(in_body("") && in_text(""));
    }
}
