//! The header fields that clients list by, as received, so that a list never reads a header.
//!
//! This is the union of what Thunderbird, K-9, neomutt, Roundcube, `JavaMail`, `MailKit` and their
//! like ask for. Received, which is long and rarely wanted, stands apart.
//!
//! | field of the hot fields | bytes                                                          |
//! |-------------------------|----------------------------------------------------------------|
//! | incomplete names        | varint: a bit for each name below not all of whose fields are held, bit 63 for Received |
//! | fields                  | list of: number of the name (1 byte), length (varint)          |
//! | raw                     | the fields, one after the other, each with its line end        |
//!
//! | field of the Received fields | bytes                                                     |
//! |------------------------------|-----------------------------------------------------------|
//! | fields                       | list of: hot fields since the one before (varint), length (varint) |
//! | raw                          | as above                                                  |

use std::ops::ControlFlow;

use super::header::{header_fields, push_field};
use super::varint::{push_varint, take_varint};
use crate::error::Fault;
use crate::limits::{HOT_FIELD_LEN_MAX, HOT_FIELDS_LEN_MAX};

/// Names in lower case; one that ends with `*` stands for all that begin like it. A name's place
/// is its number in list parts: names are added at the end only, with a new version.
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

/// The bit of Received.
const RECEIVED: u64 = 1 << 63;

/// A header's hot fields and Received fields, each encoded as in the tables above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HotFields {
    pub(crate) hot: Vec<u8>,
    pub(crate) received: Vec<u8>,
}

#[derive(Default)]
struct Gathered {
    count: usize,
    entries: Vec<u8>,
    raw: Vec<u8>,
}

impl Gathered {
    /// Whether there was room for it.
    fn add(&mut self, number: usize, field: &[u8]) -> bool {
        // A line end that is not there may have to be added.
        let fits = field.len() <= HOT_FIELD_LEN_MAX
            && self.raw.len() + field.len() + 2 <= HOT_FIELDS_LEN_MAX;
        if fits {
            let start = self.raw.len();
            push_field(&mut self.raw, field);
            push_varint(&mut self.entries, number);
            push_varint(&mut self.entries, self.raw.len() - start);
            self.count += 1;
        }
        fits
    }

    fn push(self, out: &mut Vec<u8>) {
        push_varint(out, self.count);
        out.extend_from_slice(&self.entries);
        out.extend_from_slice(&self.raw);
    }
}

impl HotFields {
    /// Takes the fields out of a header, within the bounds.
    pub(crate) fn of(header: &[u8]) -> Self {
        let (mut hot, mut received) = (Gathered::default(), Gathered::default());
        let (mut incomplete, mut since) = (0, 0);
        for field in header_fields(header) {
            if field.is_named(b"received") {
                let before = hot.count - since;
                if received.add(before, field.raw) {
                    since = hot.count;
                } else {
                    incomplete |= RECEIVED;
                }
            } else if let Some(number) = number_of(field.name)
                && !hot.add(number, field.raw)
            {
                incomplete |= 1 << number;
            }
        }
        let mut fields = Self::default();
        push_wide(&mut fields.hot, incomplete);
        hot.push(&mut fields.hot);
        received.push(&mut fields.received);
        fields
    }
}

/// Names of a HEADER.FIELDS request, looked up once for all messages.
#[derive(Clone, Debug)]
pub struct FieldNames {
    names: Vec<Vec<u8>>,
    wanted: u64,
    /// Whether list parts can hold fields of all these names.
    are_held: bool,
}

impl FieldNames {
    /// Names in any case.
    pub fn new(names: &[Vec<u8>]) -> Self {
        let (mut wanted, mut are_held) = (0, true);
        for name in names {
            match number_of(name) {
                Some(number) => wanted |= 1 << number,
                None if name.eq_ignore_ascii_case(b"received") => wanted |= RECEIVED,
                None => are_held = false,
            }
        }
        Self { names: names.to_vec(), wanted, are_held }
    }

    /// The names as given.
    pub fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// Whether list parts can hold fields of all these names.
    pub(crate) fn are_held(&self) -> bool {
        self.are_held
    }

    /// Whether Received is one of them.
    pub(crate) fn want_received(&self) -> bool {
        self.wanted & RECEIVED != 0
    }

    /// A number that ends with `*` in the table stands for more than one name.
    fn wants(&self, number: u8, raw: &[u8]) -> bool {
        if number >= 63 || self.wanted & (1 << number) == 0 {
            return false;
        }
        let is_prefix = HOT_NAMES.get(usize::from(number)).is_some_and(|name| name.ends_with('*'));
        !is_prefix || {
            let end = memchr::memchr(b':', raw).unwrap_or(raw.len());
            let name = raw.get(..end).unwrap_or_default().trim_ascii_end();
            self.names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        }
    }

    /// Adds the fields of these names, in the order of the header, and the empty line that ends
    /// every header answer (RFC 9051, 6.4.5). `false`, and nothing added, where only the header
    /// itself can tell; `received` is not looked at unless Received is wanted.
    pub(crate) fn push(
        &self,
        hot: &[u8],
        received: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        let mut hot = hot;
        let incomplete = take_wide(&mut hot)?;
        if !self.are_held || self.wanted & incomplete != 0 {
            return Ok(false);
        }
        let start = out.len();
        let pushed = self.push_merged(Entries::of(hot)?, received, out);
        if pushed.is_err() {
            out.truncate(start);
        }
        pushed.map(|()| true)
    }

    /// Visits the fields of these names, in the order of the header, each with its name. `None` where
    /// only the header itself can tell, as for [`Self::push`], and where Received is wanted.
    pub(crate) fn visit<'f>(
        &self,
        hot: &'f [u8],
        mut visit: impl FnMut(&'f [u8]) -> ControlFlow<()>,
    ) -> Result<Option<ControlFlow<()>>, Fault> {
        let mut hot = hot;
        let incomplete = take_wide(&mut hot)?;
        if !self.are_held || self.want_received() || self.wanted & incomplete != 0 {
            return Ok(None);
        }
        let mut hot = Entries::of(hot)?;
        while let Some((number, raw)) = hot.next()? {
            if u8::try_from(number).is_ok_and(|number| self.wants(number, raw))
                && visit(raw).is_break()
            {
                return Ok(Some(ControlFlow::Break(())));
            }
        }
        Ok(Some(ControlFlow::Continue(())))
    }

    fn push_merged(
        &self,
        mut hot: Entries<'_>,
        received: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        if self.want_received() {
            let mut received = Entries::of(received)?;
            while let Some((before, field)) = received.next()? {
                for _ in 0..before {
                    self.push_next(&mut hot, out)?;
                }
                out.extend_from_slice(field);
            }
        }
        while self.push_next(&mut hot, out)? {}
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn push_next(&self, hot: &mut Entries<'_>, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let Some((number, raw)) = hot.next()? else { return Ok(false) };
        if u8::try_from(number).is_ok_and(|number| self.wants(number, raw)) {
            out.extend_from_slice(raw);
        }
        Ok(true)
    }
}

/// Walks encoded fields: the number beside each, and its bytes.
struct Entries<'a> {
    left: usize,
    numbers: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Entries<'a> {
    fn of(mut bytes: &'a [u8]) -> Result<Self, Fault> {
        let left = take_varint(&mut bytes)?;
        let mut raw = bytes;
        for _ in 0..left {
            take_varint(&mut raw)?;
            take_varint(&mut raw)?;
        }
        Ok(Self { left, numbers: bytes, raw })
    }

    fn next(&mut self) -> Result<Option<(usize, &'a [u8])>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (number, len) = (take_varint(&mut self.numbers)?, take_varint(&mut self.numbers)?);
        let (field, rest) = self.raw.split_at_checked(len).ok_or(Fault::Truncated)?;
        self.raw = rest;
        Ok(Some((number, field)))
    }
}

/// A varint of 64 bits.
fn push_wide(out: &mut Vec<u8>, value: u64) {
    push_varint(out, usize::try_from(value & 0xffff_ffff).unwrap_or(0));
    push_varint(out, usize::try_from(value >> 32).unwrap_or(0));
}

fn take_wide(input: &mut &[u8]) -> Result<u64, Fault> {
    let (low, high) = (take_varint(input)? as u64, take_varint(input)? as u64);
    Ok(high << 32 | (low & 0xffff_ffff))
}

fn number_of(name: &[u8]) -> Option<usize> {
    let is_match = |hot: &str| match hot.strip_suffix('*') {
        Some(prefix) => name
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())),
        None => name.eq_ignore_ascii_case(hot.as_bytes()),
    };
    HOT_NAMES.iter().position(|hot| is_match(hot))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::header::select_fields;

    fn answer(header: &[u8], names: &[&str]) -> Option<String> {
        let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let fields = HotFields::of(header);
        let mut out = b"before ".to_vec();
        let names = FieldNames::new(&names);
        let held = names.push(&fields.hot, &fields.received, &mut out);
        let mut visited = Vec::new();
        let walked = names.visit(&fields.hot, |field| {
            visited.extend_from_slice(field);
            ControlFlow::Continue(())
        });
        if walked.expect("our own fields").is_some() {
            let answer = [b"before ", &visited[..], b"\r\n"].concat();
            assert_eq!((&held, &answer), (&Ok(true), &out));
        } else {
            assert!(names.want_received() || held == Ok(false));
        }
        let text = String::from_utf8_lossy(&out).strip_prefix("before ").map(str::to_owned);
        if held.expect("our own fields") { text } else { None }
    }

    #[test]
    fn an_answer_is_that_of_the_whole_header() {
        let header = b"Received: x\r\nTO: a\r\nX-Spam-Score: 1\r\nreceived: y\r\n z\r\n\
            Subject : s\n t\nX-Other: o\r\nto: b\r\nX-Spam-Flag: no\r\nFrom: c";
        let want = "TO: a\r\nX-Spam-Score: 1\r\nSubject : s\n t\nto: b\r\nFrom: c\r\n\r\n";
        let asked = ["to", "SUBJECT", "x-spam-score", "from", "cc"];
        assert_eq!(answer(header, &asked).as_deref(), Some(want));
        let want = "Received: x\r\nTO: a\r\nreceived: y\r\n z\r\nto: b\r\n\r\n";
        assert_eq!(answer(header, &["to", "Received"]).as_deref(), Some(want));
        assert_eq!(answer(header, &["to", "x-other"]), None);
    }

    #[test]
    fn a_field_that_is_too_long_is_not_answered_from_here() {
        let long = "a@b, ".repeat(HOT_FIELD_LEN_MAX / 5);
        let header = format!("To: {long}\r\nReceived: {long}\r\nTo: c\r\nSubject: s\r\n");
        for name in ["To", "Received"] {
            assert_eq!(answer(header.as_bytes(), &[name]), None, "{name}");
        }
        let subject = answer(header.as_bytes(), &["Subject"]);
        assert_eq!(subject.as_deref(), Some("Subject: s\r\n\r\n"));
    }

    #[test]
    fn every_name_has_a_bit_and_is_in_lower_case() {
        assert!(HOT_NAMES.len() < 63);
        for name in HOT_NAMES {
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }

    proptest! {
        #[test]
        fn any_header_is_answered_as_by_a_scan(
            fields in prop::collection::vec(
                (prop::sample::select(&["From", "received", "X-Spam-A", "X-B", "Lines"][..]), "[a-z \t]{0,9}"),
                0..12,
            ),
            asked in prop::sample::subsequence(&["from", "Received", "x-spam-a", "lines"][..], 0..4),
        ) {
            let lines: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
            let header = lines.concat();
            let wanted = |name: &[u8]| {
                asked.iter().any(|asked| name.eq_ignore_ascii_case(asked.as_bytes()))
            };
            let scanned = select_fields(header.as_bytes(), wanted);
            let scanned = String::from_utf8(scanned).expect("ASCII");
            prop_assert_eq!(answer(header.as_bytes(), &asked), Some(scanned));
        }

        #[test]
        fn any_bytes_are_fields_or_a_fault(
            hot in prop::collection::vec(any::<u8>(), 0..60),
            received in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let names = FieldNames::new(&[b"from".to_vec(), b"received".to_vec()]);
            let _ = names.push(&hot, &received, &mut Vec::new());
        }
    }
}
