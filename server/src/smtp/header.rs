//! What reception must know of a message's header: how many servers it has been through, and
//! which fields a submitted message lacks.

/// Bytes of a line that are looked at: no field name comes near.
const LINE_LEN_MAX: usize = 1000;

/// One pass over the header, while it arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each field that is looked for")]
pub(super) struct HeaderSurvey {
    /// `Received` fields (RFC 5321, 6.3).
    pub(super) received_count: usize,
    /// Whether there is a `Date` field.
    pub(super) has_date: bool,
    /// Whether there is a `Message-ID` field.
    pub(super) has_message_id: bool,
    /// Whether there is `TLS-Required: no` (RFC 8689, 3).
    pub(super) tls_is_optional: bool,
    /// Whether the message has no header at all: its first line is no field.
    pub(super) is_headless: bool,
    /// The front of a line that has not ended yet.
    line: Vec<u8>,
    place: Place,
}

/// What the next line of a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    FirstLine,
    Header,
    Body,
}

impl HeaderSurvey {
    /// Looks at the next piece of the message.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while self.place != Place::Body && !rest.is_empty() {
            let line_end = memchr::memchr(b'\n', rest);
            let (part, next) = rest.split_at(line_end.map_or(rest.len(), |end| end + 1));
            let room = LINE_LEN_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            if line_end.is_some() {
                self.end_line();
            }
            rest = next;
        }
    }

    /// Nothing of the message follows any more.
    pub(super) fn end(&mut self) {
        if self.place != Place::Body && !self.line.is_empty() {
            self.end_line();
        }
        self.place = Place::Body;
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        // The header ends at its first empty line.
        if line == b"\r\n" || line == b"\n" {
            self.place = Place::Body;
            return;
        }
        self.look_at(&line);
        if self.place == Place::FirstLine {
            self.is_headless = !is_field(&line);
        }
        self.place = Place::Header;
        self.line = line;
        self.line.clear();
    }

    fn look_at(&mut self, line: &[u8]) {
        let names = |name: &[u8]| {
            let Some((front, rest)) = line.split_at_checked(name.len()) else { return false };
            // Obsolete syntax allows blanks before the colon (RFC 5322, 4.5.8).
            front.eq_ignore_ascii_case(name) && rest.trim_ascii_start().starts_with(b":")
        };
        match line.first().map(u8::to_ascii_lowercase) {
            Some(b'r') => self.received_count += usize::from(names(b"received")),
            Some(b'd') => self.has_date |= names(b"date"),
            Some(b't') => {
                let value = line.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
                let says_no = value.trim_ascii().eq_ignore_ascii_case(b"no");
                self.tls_is_optional |= says_no && names(b"tls-required");
            }
            Some(b'm') => self.has_message_id |= names(b"message-id"),
            _ => {}
        }
    }
}

/// Whether a line has the form of a header field (RFC 5322, 2.2).
fn is_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end();
    let has_colon = name.len() < line.len() && line.contains(&b':');
    has_colon && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HeaderSurvey {
        /// Of a message that is there already.
        pub(in crate::smtp) fn of(message: &[u8]) -> Self {
            let mut survey = Self::default();
            survey.push(message);
            survey.end();
            survey
        }
    }

    #[test]
    fn fields_are_counted_in_the_header_only() {
        let survey = HeaderSurvey::of(
            b"RECEIVED : a\r\n\tby b\r\nReceived: c\r\nReceived-SPF: pass\r\ndate: x\r\n\
              \r\nReceived: d\r\nMessage-ID: <e>\r\n",
        );
        assert_eq!((survey.received_count, survey.has_date), (2, true));
        assert!(!survey.has_message_id && !survey.is_headless);
    }

    #[test]
    fn a_sender_may_do_without_tls() {
        assert!(HeaderSurvey::of(b"TLS-Required: No\r\n\r\n").tls_is_optional);
        assert!(!HeaderSurvey::of(b"TLS-Required: yes\r\nTo: no\r\n\r\n").tls_is_optional);
        assert!(!HeaderSurvey::of(b"\r\nTLS-Required: No\r\n").tls_is_optional);
    }

    #[test]
    fn a_message_without_header_is_noticed() {
        assert!(HeaderSurvey::of(b"hello there: you\r\n").is_headless);
        assert!(HeaderSurvey::of(b"hello\r\n\r\n").is_headless);
        assert!(!HeaderSurvey::of(b"\r\nhello\r\n").is_headless);
        assert!(!HeaderSurvey::of(b"Subject: x\r\n").is_headless);
        assert!(!HeaderSurvey::of(b"").is_headless);
        assert!(HeaderSurvey::of(b"Message-Id:<a>\r\n").has_message_id);
    }
}
