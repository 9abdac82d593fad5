//! The header fields that clients list by, as received, so that a list never reads a header.
//!
//! This is the union of what Thunderbird, K-9, neomutt, Roundcube, `JavaMail`, `MailKit` and their
//! like ask for, without Received, which is long and rarely wanted.

use super::header::{header_fields, push_field, select_fields};
use crate::limits::{HOT_FIELD_LEN_MAX, HOT_FIELDS_LEN_MAX};

/// Names in lower case; one that ends with `*` stands for all that begin like it. A name's place
/// is its bit in the list piece: names are added at the end only, with a new version.
const HOT_NAMES: [&str; 37] = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "priority",
    "x-priority",
    "importance",
    "references",
    "newsgroups",
    "in-reply-to",
    "content-type",
    "reply-to",
    "sender",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "list-id",
    "content-description",
    "lines",
    "x-label",
    "x-original-to",
    "disposition-notification-to",
    "mail-followup-to",
    "autocrypt",
    "chat-*",
    "x-spam-*",
    "content-transfer-encoding",
    "content-disposition",
    "mime-version",
    "list-help",
    "list-archive",
    "delivered-to",
    "envelope-to",
    "x-keywords",
];

/// Hot fields in their order, and which names they do not hold all fields of.
#[derive(Debug, Default)]
pub(super) struct HotFields {
    pub(super) raw: Vec<u8>,
    /// A bit for each of `HOT_NAMES`.
    pub(super) incomplete: u64,
}

impl HotFields {
    /// Takes the hot fields out of a header, within the bounds.
    pub(super) fn of(header: &[u8]) -> Self {
        let mut hot = Self::default();
        for field in header_fields(header) {
            let Some(bit) = bit_of(field.name) else { continue };
            // A line end that is not there may have to be added.
            let fits = field.raw.len() <= HOT_FIELD_LEN_MAX
                && hot.raw.len() + field.raw.len() + 2 <= HOT_FIELDS_LEN_MAX;
            if fits {
                push_field(&mut hot.raw, field.raw);
            } else {
                hot.incomplete |= bit;
            }
        }
        hot
    }
}

/// The answer to HEADER.FIELDS with those names, the same as the whole header would give;
/// `None` if one of them may be missing from `raw`.
pub(super) fn answer(raw: &[u8], incomplete: u64, names: &[Vec<u8>]) -> Option<Vec<u8>> {
    for name in names {
        if bit_of(name)? & incomplete != 0 {
            return None;
        }
    }
    Some(select_fields(raw, |name| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))))
}

fn bit_of(name: &[u8]) -> Option<u64> {
    let is_match = |hot: &str| match hot.strip_suffix('*') {
        Some(prefix) => name
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())),
        None => name.eq_ignore_ascii_case(hot.as_bytes()),
    };
    HOT_NAMES.iter().position(|hot| is_match(hot)).map(|at| 1 << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Vec<u8>> {
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    #[test]
    fn an_answer_is_that_of_the_whole_header() {
        let header =
            b"Received: x\r\nTO: a\r\nX-Spam-Score: 1\r\nSubject : s\n t\nto: b\r\nFrom: c";
        let hot = HotFields::of(header);
        let asked = names(&["to", "SUBJECT", "x-spam-score", "from", "cc"]);
        let answered = answer(&hot.raw, hot.incomplete, &asked);
        let want = b"TO: a\r\nX-Spam-Score: 1\r\nSubject : s\n t\nto: b\r\nFrom: c\r\n\r\n";
        assert_eq!(answered.as_deref(), Some(&want[..]));
        assert_eq!(answer(&hot.raw, hot.incomplete, &names(&["to", "received"])), None);
    }

    #[test]
    fn a_field_that_is_too_long_is_not_answered_from_here() {
        let long = "a@b, ".repeat(HOT_FIELD_LEN_MAX / 5);
        let hot = HotFields::of(format!("To: {long}\r\nTo: c\r\nSubject: s\r\n").as_bytes());
        assert_eq!(answer(&hot.raw, hot.incomplete, &names(&["To"])), None);
        let subject = answer(&hot.raw, hot.incomplete, &names(&["Subject"]));
        assert_eq!(subject.as_deref(), Some(&b"Subject: s\r\n\r\n"[..]));
    }

    #[test]
    fn every_name_has_a_bit_and_is_in_lower_case() {
        assert!(HOT_NAMES.len() <= 64);
        for name in HOT_NAMES {
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }
}
