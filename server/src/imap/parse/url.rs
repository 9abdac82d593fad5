//! IMAP URLs that name a message of this server, or a part of one (RFC 5092).
//!
//! Only those without a server are followed (RFC 4469, 3): `/mailbox;UIDVALIDITY=n/;UID=n` with or
//! without `/;SECTION=s` and `/;PARTIAL=o.l`, and `;UID=n` for the selected mailbox. The `/` before a
//! `;` may be missing, as it is in an example of RFC 4469.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use super::cursor::Cursor;
use super::fetch;
use crate::imap::command::{MailboxName, SectionPath, UrlTarget};
use crate::imap::mailbox_text;

/// A longer URL is not read.
pub(super) const LEN_MAX: usize = 8 << 10;

/// What the URL names; `None` if that is no message of this server, or if it is no URL.
pub(super) fn target(url: &[u8]) -> Option<UrlTarget> {
    let url = std::str::from_utf8(url).ok()?;
    let is_part = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && !b"?#".contains(&byte);
    if !url.bytes().all(is_part) {
        return None;
    }
    // The selected mailbox, or a path from the root; `//` is another server.
    let path = match url.strip_prefix('/') {
        Some(path) if !path.starts_with('/') => without_dots(path),
        None if url.starts_with(';') => url.to_owned(),
        _ => return None,
    };
    let mut pieces = path.split(';');
    let mailbox = pieces.next()?;
    let mailbox = mailbox.strip_suffix('/').unwrap_or(mailbox);
    let mailbox = if url.starts_with(';') { None } else { Some(mailbox_name(mailbox)?) };
    Parameters::of(pieces)?.target(mailbox)
}

/// The URL as `BADURL` gives it back: whatever a response code cannot hold is encoded.
pub(super) fn as_told(url: &[u8]) -> String {
    let mut told = String::with_capacity(url.len());
    for byte in url {
        if *byte == b' ' || byte.is_ascii_graphic() && !b"]\\".contains(byte) {
            told.push(char::from(*byte));
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(told, "%{byte:02X}");
        }
    }
    told
}

/// What follows the mailbox, each in its place and at most once.
#[derive(Default)]
struct Parameters {
    uid_validity: Option<NonZeroU32>,
    uid: Option<NonZeroU32>,
    section: Option<SectionPath>,
    partial: Option<(u32, Option<NonZeroU32>)>,
}

impl Parameters {
    fn of<'p>(pieces: impl Iterator<Item = &'p str>) -> Option<Self> {
        let mut found = Self::default();
        let mut last = 0;
        for piece in pieces {
            let (name, value) = piece.strip_suffix('/').unwrap_or(piece).split_once('=')?;
            let place = match name.to_ascii_uppercase().as_str() {
                "UIDVALIDITY" => 1,
                "UID" => 2,
                "SECTION" => 3,
                "PARTIAL" => 4,
                _ => return None,
            };
            if place <= last {
                return None;
            }
            last = place;
            match place {
                1 => found.uid_validity = Some(nonzero(value)?),
                2 => found.uid = Some(nonzero(value)?),
                3 => found.section = Some(section(value)?),
                _ => found.partial = Some(partial(value)?),
            }
        }
        Some(found)
    }

    fn target(self, mailbox: Option<MailboxName>) -> Option<UrlTarget> {
        if mailbox.is_none() && self.uid_validity.is_some() {
            return None;
        }
        Some(UrlTarget {
            mailbox,
            uid_validity: self.uid_validity,
            uid: self.uid?,
            section: self.section.unwrap_or_default(),
            partial: self.partial,
        })
    }
}

/// `enc-mailbox`: UTF-8 in percent encoding, whatever names look like elsewhere (RFC 5092, 8).
fn mailbox_name(encoded: &str) -> Option<MailboxName> {
    let name = String::from_utf8(decoded(encoded)?).ok()?;
    let is_name = !name.is_empty() && mailbox_text::is_name(&name);
    is_name.then(|| MailboxName::new(&name))
}

/// `enc-section`: what stands in the brackets of FETCH.
fn section(encoded: &str) -> Option<SectionPath> {
    let mut section = decoded(encoded).filter(|section| !section.is_empty())?;
    section.push(b']');
    let mut cursor = Cursor::new(&section);
    let path = fetch::path(&mut cursor).ok()?;
    cursor.expect(b']', "the end of a section").ok()?;
    cursor.peek().is_none().then_some(path)
}

/// `partial-range`: where to begin, and perhaps how many octets.
fn partial(text: &str) -> Option<(u32, Option<NonZeroU32>)> {
    match text.split_once('.') {
        Some((origin, len)) => Some((number(origin)?, Some(nonzero(len)?))),
        None => Some((number(text)?, None)),
    }
}

fn number(text: &str) -> Option<u32> {
    // `parse` takes a sign too.
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn nonzero(text: &str) -> Option<NonZeroU32> {
    number(text).and_then(NonZeroU32::new)
}

fn decoded(encoded: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((plain, after)) = rest.split_once('%') {
        octets.extend_from_slice(plain.as_bytes());
        let (digits, after) = after.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        octets.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        rest = after;
    }
    octets.extend_from_slice(rest.as_bytes());
    Some(octets)
}

/// A path without its `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut levels = Vec::new();
    let mut is_open = false;
    for level in path.split('/') {
        is_open = matches!(level, "." | "..");
        match level {
            "." => {}
            ".." => drop(levels.pop()),
            level => levels.push(level),
        }
    }
    if is_open {
        levels.push("");
    }
    levels.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::command::HeaderFields;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not 0")
    }

    #[test]
    fn a_url_names_a_message_a_part_of_it_or_a_slice() {
        let whole = target(b"/%E6%97%A5%26%3B/x;UIDVALIDITY=7/;UID=20").expect("a message");
        let mailbox = Some(MailboxName::new("\u{65e5}&;/x"));
        assert_eq!((whole.mailbox, whole.uid_validity), (mailbox, Some(number(7))));
        assert_eq!(
            (whole.uid, whole.section, whole.partial),
            (number(20), SectionPath::default(), None)
        );
        let part = target(b"/inbox/;uid=1;section=1.2.MIME/;partial=5.9").expect("a part");
        assert_eq!(part.mailbox, Some(MailboxName::new("inbox")));
        assert_eq!((part.section.parts.len(), part.section.fields), (2, HeaderFields::Mime));
        assert_eq!(part.partial, Some((5, Some(number(9)))));
        let here = target(b";UID=3/;SECTION=HEADER.FIELDS%20(To%20Cc)/;PARTIAL=4").expect("here");
        assert_eq!((here.mailbox, here.partial), (None, Some((4, None))));
        assert_eq!(here.section.fields, HeaderFields::Only(vec!["To".into(), "Cc".into()]));
        let dots = target(b"/a/../b/./;UID=1").expect("dots go");
        assert_eq!(dots.mailbox, Some(MailboxName::new("b")));
    }

    #[test]
    fn what_names_no_message_of_this_server_is_refused() {
        for bad in [
            "imap://example.test/INBOX/;UID=1",
            "//example.test/INBOX/;UID=1",
            "INBOX/;UID=1",
            "/INBOX",
            "/;UID=1",
            "/foo/;UID=20/..",
            "/INBOX;UIDVALIDITY=1",
            ";UIDVALIDITY=1/;UID=1",
            "/INBOX/;UID=0",
            "/INBOX/;UID=+1",
            "/INBOX/;UID=1/;UID=2",
            "/INBOX/;SECTION=1/;UID=1",
            "/INBOX/;UID=1/;SECTION=",
            "/INBOX/;UID=1/;SECTION=1.X",
            "/INBOX/;UID=1/;SECTION=1]",
            "/INBOX/;UID=1/;PARTIAL=1.0",
            "/INBOX/;UID=1;URLAUTH=anonymous",
            "/IN%2/;UID=1",
            "/%ff/;UID=1",
            "/%0a/;UID=1",
            "/\u{e9}/;UID=1",
            "/INBOX?SUBJECT%20x/;UID=1",
            "",
        ] {
            assert_eq!(target(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_bad_url_is_told_in_what_a_response_code_can_hold() {
        assert_eq!(as_told(b"/a]b\r\n\xff;UID=x y"), "/a%5Db%0D%0A%FF;UID=x y");
    }
}
