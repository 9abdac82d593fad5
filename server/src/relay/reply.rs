//! What servers answer (RFC 5321, 4.2; RFC 2034; RFC 3463), from bytes to a value: a total function over
//! anything a server may send, in bounded memory.

use std::fmt;

/// The longest line that is taken, with its line end; RFC 5321, 4.5.3.1.5 allows 512 octets.
const LINE_LEN_MAX: usize = 4096;
/// Lines of one reply; an answer to EHLO has one for each extension.
const LINES_MAX: usize = 256;
/// Octets of one reply.
const REPLY_LEN_MAX: usize = 64 << 10;

/// One reply, of one line or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits, the first 2 to 5.
    pub code: u16,
    /// The enhanced status code, if one stands in front of the text and agrees with the code.
    pub status: Option<EnhancedStatus>,
    /// The text of each line, without the enhanced status code; no control characters.
    pub lines: Vec<String>,
}

/// An enhanced status code (RFC 3463, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedStatus {
    /// 2 done, 4 not now, 5 never.
    pub class: u8,
    /// What it is about.
    pub subject: u16,
    /// What of that.
    pub detail: u16,
}

/// Why what a server sent is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReplyFault {
    /// A line longer than any reply needs.
    #[error("a line without end instead of a reply")]
    LineTooLong,
    /// More lines, or octets, than any reply needs.
    #[error("a reply without end")]
    TooLong,
    /// Not three digits and a blank or hyphen.
    #[error("something that is no SMTP reply")]
    Malformed,
}

/// Reads one reply, a piece at a time.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    lines: Vec<String>,
    status: Option<EnhancedStatus>,
    octets: usize,
    /// Octets at the front of what is buffered that hold no line end.
    searched: usize,
}

impl ReplyReader {
    /// Takes whole lines from the front of `input`. The number of octets taken, and the reply once it
    /// is whole; until then more input is needed, behind what was not taken.
    pub(super) fn read(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>), ReplyFault> {
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let fresh = rest.get(self.searched..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', fresh) else {
                self.searched = rest.len();
                let fits = rest.len() <= LINE_LEN_MAX;
                return if fits { Ok((taken, None)) } else { Err(ReplyFault::LineTooLong) };
            };
            let len = self.searched + end + 1;
            self.searched = 0;
            taken += len;
            if len > LINE_LEN_MAX {
                return Err(ReplyFault::LineTooLong);
            }
            if let Some(reply) = self.line(rest.get(..len).unwrap_or_default())? {
                return Ok((taken, Some(reply)));
            }
        }
    }

    /// Takes one line; the code of the last one counts, as nearly every client has it.
    fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyFault> {
        self.octets += line.len();
        if self.octets > REPLY_LEN_MAX || self.lines.len() >= LINES_MAX {
            return Err(ReplyFault::TooLong);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, rest) = code(line).ok_or(ReplyFault::Malformed)?;
        let (is_last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(ReplyFault::Malformed),
        };
        let text = printable(text);
        let (status, text) = split_status(code, &text);
        self.status = status.or(self.status);
        self.lines.push(text.to_owned());
        if !is_last {
            return Ok(None);
        }
        let Self { lines, status, .. } = std::mem::take(self);
        let status = status.filter(|status| u16::from(status.class) == code / 100);
        Ok(Some(Reply { code, status, lines }))
    }
}

fn code(line: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !matches!(digits, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']) {
        return None;
    }
    Some((digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')), rest))
}

/// What a server says ends up in logs and in messages to people.
fn printable(text: &[u8]) -> String {
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    String::from_utf8_lossy(text).chars().map(plain).collect()
}

/// Takes an enhanced status code off the text, if it is of the reply's class (RFC 2034, 4).
fn split_status(code: u16, text: &str) -> (Option<EnhancedStatus>, &str) {
    let (front, rest) = text.split_once(' ').unwrap_or((text, ""));
    match EnhancedStatus::parse(front) {
        Some(status) if u16::from(status.class) == code / 100 => (Some(status), rest),
        _ => (None, text),
    }
}

impl Reply {
    /// Whether what was asked for is done (2yz).
    pub fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether it was refused for good (5yz).
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The enhanced status code, or what the code says of itself.
    pub fn status_or_class(&self) -> EnhancedStatus {
        self.status.unwrap_or_else(|| {
            let class = if self.is_permanent() { 5 } else { 4 };
            EnhancedStatus::new(if self.is_success() { 2 } else { class }, 0, 0)
        })
    }
}

/// In one line, with its codes: what Diagnostic-Code has behind `smtp;` (RFC 3464, 2.3.6).
impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.code)?;
        if let Some(status) = self.status {
            write!(out, " {status}")?;
        }
        self.lines
            .iter()
            .filter(|line| !line.is_empty())
            .try_for_each(|line| write!(out, " {line}"))
    }
}

impl EnhancedStatus {
    /// One of ours.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// Reads `4.4.1` (RFC 3463, 2).
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let class = match parts.next()? {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return None,
        };
        let mut number = || {
            let digits = parts.next()?;
            let fits = (1..=3).contains(&digits.len());
            let is_number = fits && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok())?
        };
        let (subject, detail) = (number()?, number()?);
        parts.next().is_none().then_some(Self { class, subject, detail })
    }

    /// Whether another try may succeed.
    pub fn is_temporary(self) -> bool {
        self.class == 4
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All replies in `bytes`, which come in pieces of these lengths.
    fn read(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Reply>, ReplyFault> {
        let (mut reader, mut buffer, mut replies) =
            (ReplyReader::default(), Vec::new(), Vec::new());
        let (mut rest, mut cuts) = (bytes, cuts.iter());
        loop {
            let (taken, reply) = reader.read(&buffer)?;
            buffer.drain(..taken);
            replies.extend(reply.clone());
            if reply.is_none() {
                if rest.is_empty() {
                    return Ok(replies);
                }
                let (piece, later) =
                    rest.split_at(cuts.next().map_or(rest.len(), |cut| *cut.min(&rest.len())));
                buffer.extend_from_slice(piece);
                rest = later;
            }
        }
    }

    fn one(text: &str) -> Result<Reply, ReplyFault> {
        read(text.as_bytes(), &[]).map(|mut replies| {
            assert_eq!(replies.len(), 1, "{text:?}");
            replies.remove(0)
        })
    }

    #[test]
    fn one_line_or_several_with_the_enhanced_code_taken_off() {
        let reply = one("550-5.1.1 No such user\r\n550 5.1.1 here\r\n").expect("a reply");
        assert_eq!((reply.code, reply.status), (550, Some(EnhancedStatus::new(5, 1, 1))));
        assert_eq!(reply.lines, ["No such user", "here"]);
        assert_eq!(reply.to_string(), "550 5.1.1 No such user here");
        assert_eq!(one("250\r\n").expect("a bare code").to_string(), "250");
        assert_eq!(one("421 \n").expect("LF alone").code, 421);
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_text() {
        let reply = one("250 5.1.1 odd\r\n").expect("a reply");
        assert_eq!((reply.status, reply.lines), (None, vec!["5.1.1 odd".to_owned()]));
        let changing = one("250-2.0.0 a\r\n550 b\r\n").expect("the last line counts");
        assert_eq!((changing.code, changing.status), (550, None));
        assert_eq!(changing.status_or_class(), EnhancedStatus::new(5, 0, 0));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for wrong in [
            "hello\r\n",
            "\0\0\0\n",
            "25\r\n",
            "2500 x\r\n",
            "250x\r\n",
            "150 a\r\n",
            "699 a\r\n",
            "\r\n",
        ] {
            assert_eq!(one(wrong), Err(ReplyFault::Malformed), "{wrong:?}");
        }
        assert_eq!(one(&"2".repeat(5000)), Err(ReplyFault::LineTooLong));
        assert_eq!(one(&format!("250 {}\r\n", "x".repeat(5000))), Err(ReplyFault::LineTooLong));
        assert_eq!(one(&"250-x\r\n".repeat(300)), Err(ReplyFault::TooLong));
        assert_eq!(
            one(&format!("250-{}\r\n", "x".repeat(4000)).repeat(20)),
            Err(ReplyFault::TooLong)
        );
    }

    #[test]
    fn text_is_fit_for_people() {
        assert_eq!(one("550 a\u{7}b\u{1b}[31m\r\n").expect("a reply").lines, ["a b [31m"]);
        let broken = read(b"550 \xff\r\n", &[]).expect("a reply");
        assert_eq!(broken.first().expect("one").lines, ["\u{fffd}"]);
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_replies(
            lines in proptest::collection::vec("(2[0-9]{2}|[345]5[0-9])[ -][2-5. a-z]{0,12}\r?\n", 0..8),
            cuts in proptest::collection::vec(1_usize..20, 0..40),
        ) {
            let bytes = lines.concat().into_bytes();
            prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
        }

        #[test]
        fn anything_ends_in_replies_or_a_fault(bytes: Vec<u8>, cuts in proptest::collection::vec(1_usize..9, 0..40)) {
            prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
        }
    }
}
