//! The parts of a message that are worth storing by themselves, for others may have them too.

use std::ops::Range;

use super::content_type::MimeHeader;
use super::structure::{PartKind, Structure};

/// A part that may be stored by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedPart {
    /// Where its body is in the message.
    pub body: Range<usize>,
    /// Its content transfer encoding, in lower case.
    pub encoding: Vec<u8>,
}

/// The leaf parts with about `len_min` decoded bytes or more, in order; no two overlap.
pub fn attachments(message: &[u8], structure: &Structure, len_min: usize) -> Vec<AttachedPart> {
    let mut found: Vec<AttachedPart> = Vec::new();
    let leaves = structure.parts().iter().filter(|part| part.kind() == PartKind::Leaf);
    for part in leaves.filter(|part| part.body().len() >= len_min) {
        let body = part.body();
        let is_in_message = message.get(body.clone()).is_some();
        let is_behind = found.last().is_none_or(|last| last.body.end <= body.start);
        let header = message.get(part.header()).unwrap_or_default();
        let encoding = MimeHeader::of(header).encoding_name();
        let decoded_len = if encoding == b"base64" { body.len() / 4 * 3 } else { body.len() };
        if is_in_message && is_behind && decoded_len >= len_min {
            found.push(AttachedPart { body, encoding });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(message: &str, len_min: usize) -> Vec<(&str, String)> {
        let structure = Structure::of(message.as_bytes());
        let parts = attachments(message.as_bytes(), &structure, len_min);
        let text = |encoding: &[u8]| String::from_utf8_lossy(encoding).into_owned();
        parts.iter().map(|part| (&message[part.body.clone()], text(&part.encoding))).collect()
    }

    #[test]
    fn leaves_of_nested_multiparts_and_messages_are_found_in_order() {
        let message = "Content-Type: multipart/mixed; boundary=a\r\n\r\n\
            --a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
            --b\r\n\r\nshort\r\n\
            --b\r\nContent-Transfer-Encoding: BASE64\r\n\r\nQUJDREVGR0hJSktM\r\n\
            --b--\r\n\
            --a\r\nContent-Type: message/rfc822\r\n\r\n\
            Content-Transfer-Encoding: 8bit\r\n\r\ninner message text\r\n\
            --a--\r\n";
        let (base64, inner) = ("QUJDREVGR0hJSktM", "inner message text");
        assert_eq!(found(message, 12), [(base64, "base64".into()), (inner, "8bit".into())]);
        assert_eq!(found(message, 13), [(inner, "8bit".into())], "the decoded length counts");
        assert_eq!(found(message, 19), []);
        assert_eq!(found("\r\nnothing but text", 8), [("nothing but text", "7bit".into())]);
    }

    #[test]
    fn lying_boundaries_never_make_parts_overlap() {
        let lies = [
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n--a--\r\n--a\r\n\r\nbody body",
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; \
             boundary=a\r\n\r\n--a\r\n\r\nbody body\r\n--a\r\n\r\nbody body\r\n--a--\r\n",
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; \
             boundary=ab\r\n\r\n--ab\r\n\r\nbody body\r\n--a\r\n\r\nbody body",
            "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nbody body",
        ];
        for message in lies {
            let structure = Structure::of(message.as_bytes());
            let parts = attachments(message.as_bytes(), &structure, 1);
            assert!(parts.windows(2).all(|two| two[0].body.end <= two[1].body.start));
            assert!(parts.iter().all(|part| part.body.end <= message.len()));
        }
    }
}
