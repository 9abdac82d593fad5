//! Mailbox names as text: how they are read, in which form they are kept, and how they are written.
//!
//! They travel in modified UTF-7 (RFC 3501, 5.1.3) until a client has enabled something that says
//! UTF-8. They are kept in Unicode's form C (RFC 9051, 5.1: Net-Unicode), so that one name written in
//! two ways is one mailbox.

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::dialect::Dialect;
use super::utf7;

/// Decodes a name. `None` for what is neither, and for names that nobody may have.
pub(super) fn decode(name: &[u8], dialect: Dialect) -> Option<String> {
    let name = if dialect.has_utf8() {
        std::str::from_utf8(name).ok().map(str::to_owned)
    } else {
        utf7::decode(name)
    };
    name.filter(|name| is_name(name))
}

/// Whether a name, or a pattern, has only what RFC 9755, 3, allows: no control characters and no
/// line or paragraph separators.
pub(super) fn is_name(name: &str) -> bool {
    !name.chars().any(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}'))
}

/// The form that names are kept in.
pub(super) fn normal(name: String) -> String {
    if is_nfc(&name) { name } else { name.nfc().collect() }
}

/// Appends a name as the client reads it, not yet quoted.
pub(super) fn encode(name: &str, dialect: Dialect, out: &mut Vec<u8>) {
    if dialect.has_utf8() {
        out.extend_from_slice(name.as_bytes());
    } else {
        utf7::encode(name, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTF8: Dialect = Dialect { utf8_accept: true, rev2: false, uid_only: false };

    #[test]
    fn after_enable_a_name_is_utf_8_and_an_ampersand_is_one() {
        assert_eq!(decode(b"A&B", UTF8).as_deref(), Some("A&B"));
        assert_eq!(decode(b"&AOk-", UTF8).as_deref(), Some("&AOk-"));
        assert_eq!(decode(b"&AOk-", Dialect::default()).as_deref(), Some("\u{e9}"));
        let mut out = Vec::new();
        encode("A&\u{e9}", UTF8, &mut out);
        assert_eq!(out, "A&\u{e9}".as_bytes());
    }

    #[test]
    fn control_characters_and_separators_are_no_part_of_a_name() {
        for bad in ["a\u{1}", "a\u{7f}", "a\u{85}", "a\u{2028}b", "a\u{2029}"] {
            assert_eq!(decode(bad.as_bytes(), UTF8), None, "{bad:?}");
            assert_eq!(decode(bad.as_bytes(), Dialect::default()), None, "{bad:?}");
        }
        assert_eq!(decode(b"\xe9", UTF8), None);
    }

    #[test]
    fn two_ways_to_write_a_name_are_one() {
        assert_eq!(normal("e\u{301}".to_owned()), "\u{e9}");
        assert_eq!(normal("\u{e9}".to_owned()), "\u{e9}");
    }
}
