//! What reception must know of a message's header: how many servers it has been through, and
//! which fields a submitted message lacks.

/// One pass over the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeaderSurvey {
    /// `Received` fields (RFC 5321, 6.3).
    pub(super) received_count: usize,
    /// Whether there is a `Date` field.
    pub(super) has_date: bool,
    /// Whether there is a `Message-ID` field.
    pub(super) has_message_id: bool,
    /// Whether the message has no header at all: its first line is no field.
    pub(super) is_headless: bool,
}

impl HeaderSurvey {
    /// Looks at the header of `message`, up to its first empty line.
    pub(super) fn of(message: &[u8]) -> Self {
        let mut survey = Self::default();
        let mut rest = message;
        let mut is_first = true;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (line, next) = rest.split_at(end);
            if line == b"\r\n" || line == b"\n" {
                break;
            }
            survey.look_at(line);
            if is_first {
                survey.is_headless = !is_field(line);
            }
            is_first = false;
            rest = next;
        }
        survey
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

    #[test]
    fn fields_are_counted_in_the_header_only() {
        let survey = HeaderSurvey::of(
            b"RECEIVED : a\r\n\tby b\r\nReceived: c\r\nReceived-SPF: pass\r\ndate: x\r\n\
              \r\nReceived: d\r\nMessage-ID: <e>\r\n",
        );
        let expected = HeaderSurvey { received_count: 2, has_date: true, ..Default::default() };
        assert_eq!(survey, expected);
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
