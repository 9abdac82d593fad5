//! Gathers the bytes of one command as they come in, however they are split.
//!
//! A line that ends in `{n}` is followed by n bytes of literal and then by more of the command
//! (RFC 3501, 4.3). For `{n}` the client waits for us to say `+`; for `{n+}` it does not
//! (RFC 7888), so that what we refuse must be swallowed to find the next command.

use memchr::{memchr, memchr_iter};

/// How long commands may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All of a command but its literals.
    pub command_len_max: usize,
    /// All literals of a command together, but for APPEND's messages.
    pub literals_len_max: usize,
    /// Each of APPEND's messages.
    pub message_len_max: u64,
}

/// What is needed next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More input.
    More,
    /// The client waits to be told to go on.
    Continuation,
    /// Nothing: this is the command, with its last line end.
    Complete(Vec<u8>),
    /// Nothing: the command was too long. The front of it is given, for its tag.
    Refused(Vec<u8>, Oversize),
    /// The connection must end: the client sends more than we are ready to throw away.
    Hopeless,
}

/// What was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversize {
    /// The command.
    Command,
    /// APPEND's message: `[TOOBIG]` (RFC 7889, 4).
    Message,
    /// All messages that are coming in together; another try may succeed.
    Together,
    /// The message, for what the disk takes now.
    Disk,
}

/// One command on its way in.
#[derive(Clone, Debug)]
pub struct Assembler {
    limits: Limits,
    /// The command so far; once `refused`, its front and the end of its current line.
    bytes: Vec<u8>,
    /// The front of what was drained.
    front: Vec<u8>,
    /// Where the current line begins in `bytes`.
    line_start: usize,
    /// Bytes of the lines so far.
    lines_len: usize,
    /// Bytes of literals so far, but for APPEND's messages.
    literals_len: usize,
    has_message: bool,
    literal_left: u64,
    swallowed: u64,
    refused: Option<Oversize>,
}

/// What is kept of a command that is refused: enough for its tag, and the literal at a line's end.
const FRONT_LEN: usize = 256;
const TAIL_LEN: usize = 64;

impl Assembler {
    /// Begins a command.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: Vec::new(),
            front: Vec::new(),
            line_start: 0,
            lines_len: 0,
            literals_len: 0,
            has_message: false,
            literal_left: 0,
            swallowed: 0,
            refused: None,
        }
    }

    /// Whether nothing of the command has come yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.refused.is_none()
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Hands over what has come of a command that has a message, but for its last line: it need
    /// not stay here. What [`Step::Complete`] gives is what follows it.
    pub fn drain_settled(&mut self, sink: impl FnOnce(&[u8])) {
        if !self.has_message || self.refused.is_some() {
            return;
        }
        let settled_len = if self.literal_left > 0 { self.bytes.len() } else { self.line_start };
        let settled_len = settled_len.min(self.bytes.len());
        let settled = self.bytes.get(..settled_len).unwrap_or_default();
        if self.front.is_empty() {
            self.front.extend_from_slice(settled.get(..FRONT_LEN).unwrap_or(settled));
        }
        sink(settled);
        self.bytes.drain(..settled_len);
        self.line_start -= settled_len.min(self.line_start);
    }

    /// The front of what was drained, for its tag.
    pub fn drained_front(&self) -> &[u8] {
        &self.front
    }

    /// Takes bytes from the front of `input`: says how many, and what is needed next. With
    /// [`Step::More`] all of them were taken.
    pub fn push(&mut self, input: &[u8]) -> (usize, Step) {
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                return (taken, Step::More);
            }
            if self.literal_left > 0 {
                taken += self.take_literal(rest);
                continue;
            }
            let line_end = memchr(b'\n', rest);
            let count = line_end.map_or(rest.len(), |end| end + 1);
            self.take_line(rest.get(..count).unwrap_or_default());
            taken += count;
            if self.swallowed > self.swallow_max() {
                return (taken, Step::Hopeless);
            }
            if line_end.is_some()
                && let Some(step) = self.end_line()
            {
                return (taken, step);
            }
        }
    }

    fn take_literal(&mut self, rest: &[u8]) -> usize {
        let left = usize::try_from(self.literal_left).unwrap_or(usize::MAX);
        let count = rest.len().min(left);
        self.literal_left -= count as u64;
        match self.refused {
            Some(_) => self.swallowed += count as u64,
            None => self.bytes.extend_from_slice(rest.get(..count).unwrap_or_default()),
        }
        if self.literal_left == 0 {
            self.line_start = self.bytes.len();
        }
        count
    }

    fn take_line(&mut self, part: &[u8]) {
        self.lines_len = self.lines_len.saturating_add(part.len());
        if self.refused.is_none() && self.lines_len > self.limits.command_len_max {
            self.refuse(Oversize::Command);
        }
        if self.refused.is_some() {
            self.swallowed += part.len() as u64;
        }
        self.bytes.extend_from_slice(part);
        if self.refused.is_some() && self.bytes.len() > FRONT_LEN + TAIL_LEN {
            let tail_start = self.bytes.len() - TAIL_LEN;
            self.bytes.drain(FRONT_LEN..tail_start);
            self.line_start = self.line_start.min(FRONT_LEN);
        }
    }

    /// The line is whole: what now? `None` to go on reading.
    fn end_line(&mut self) -> Option<Step> {
        let line = self.bytes.get(self.line_start..).unwrap_or_default();
        let Some(literal) = Literal::at_end_of(line) else {
            let bytes = std::mem::take(&mut self.bytes);
            return Some(match self.refused {
                None => Step::Complete(bytes),
                Some(oversize) => Step::Refused(bytes, oversize),
            });
        };
        if self.refused.is_none()
            && let Err(oversize) = self.admit(&literal)
        {
            self.refuse(oversize);
        }
        match (literal.is_synchronizing, self.refused) {
            // The client waits, and takes the tagged answer for a no (RFC 3501, 7.5).
            (true, Some(oversize)) => {
                Some(Step::Refused(std::mem::take(&mut self.bytes), oversize))
            }
            (false, Some(_)) if literal.len > self.swallow_max() => Some(Step::Hopeless),
            (is_synchronizing, _) => {
                self.literal_left = literal.len;
                self.line_start = self.bytes.len();
                is_synchronizing.then_some(Step::Continuation)
            }
        }
    }

    /// APPEND's messages, which are the literals that are not its mailbox name, have a limit of
    /// their own, each; every other literal is part of the command.
    fn admit(&mut self, literal: &Literal) -> Result<(), Oversize> {
        // Behind the first message of an APPEND there are only messages (RFC 3502).
        if self.has_message || is_append_message(&self.bytes) {
            self.has_message = true;
            return if literal.len <= self.limits.message_len_max {
                Ok(())
            } else {
                Err(Oversize::Message)
            };
        }
        let len = usize::try_from(literal.len).unwrap_or(usize::MAX);
        self.literals_len = self.literals_len.saturating_add(len);
        if self.literals_len <= self.limits.literals_len_max {
            Ok(())
        } else {
            Err(Oversize::Command)
        }
    }

    /// Keeps no more of the command than its tag: the rest is swallowed.
    pub fn refuse(&mut self, oversize: Oversize) {
        if self.refused.is_some() {
            return;
        }
        self.refused = Some(oversize);
        self.line_start += self.front.len();
        self.bytes.splice(0..0, self.front.drain(..));
        // Only the tag and the last line's end matter from here on.
        let line_len = self.bytes.len() - self.line_start;
        if self.bytes.len() > FRONT_LEN {
            let keep_from = self.bytes.len() - line_len.min(TAIL_LEN);
            self.bytes.drain(FRONT_LEN..keep_from.max(FRONT_LEN));
            self.bytes.shrink_to_fit();
        }
        self.line_start = self.bytes.len() - line_len.min(self.bytes.len());
    }

    /// Past this much thrown away it is kinder to hang up.
    fn swallow_max(&self) -> u64 {
        4 * (self.limits.message_len_max + self.limits.command_len_max as u64)
    }
}

struct Literal {
    len: u64,
    is_synchronizing: bool,
}

impl Literal {
    fn at_end_of(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
        let is_synchronizing = !matches!(line.last(), Some(b'+' | b'-'));
        let line = if is_synchronizing { line } else { line.split_last()?.1 };
        let digits = line.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (before, digits) = line.split_at_checked(line.len() - digits)?;
        if !before.ends_with(b"{") || digits.is_empty() {
            return None;
        }
        // A length beyond 64 bits is beyond every limit too.
        let len = std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
        Some(Self { len, is_synchronizing })
    }
}

/// Whether the literal that now follows is a message: `tag APPEND mailbox …` stands before it, or
/// `tag REPLACE number mailbox …`, perhaps with UID.
fn is_append_message(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut word = || {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        let (word, behind) = rest.split_at_checked(end)?;
        rest = behind.trim_ascii_start();
        Some(word)
    };
    let _tag = word();
    let mut name = word();
    if name.is_some_and(|name| name.eq_ignore_ascii_case(b"UID")) {
        name = word().filter(|name| name.eq_ignore_ascii_case(b"REPLACE"));
    }
    let is_append = match name {
        Some(name) if name.eq_ignore_ascii_case(b"APPEND") => true,
        Some(name) if name.eq_ignore_ascii_case(b"REPLACE") => word().is_some(),
        _ => false,
    };
    // Where the mailbox name is itself a literal, the message is the next one.
    let mailbox_is_literal = rest.starts_with(b"{");
    let lines = memchr_iter(b'\n', rest).count();
    is_append && lines > usize::from(mailbox_is_literal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits =
        Limits { command_len_max: 100, literals_len_max: 100, message_len_max: 1000 };

    /// Feeds pieces; gives the finished step and how many continuations were asked for.
    fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Step, usize, Vec<u8>) {
        let mut assembler = Assembler::new(LIMITS);
        let mut continuations = 0;
        let mut done = None;
        let mut unread = Vec::new();
        for mut piece in pieces {
            while !piece.is_empty() && done.is_none() {
                let (taken, step) = assembler.push(piece);
                piece = &piece[taken..];
                match step {
                    Step::More => {}
                    Step::Continuation => continuations += 1,
                    step => done = Some(step),
                }
            }
            unread.extend_from_slice(piece);
        }
        (done.unwrap_or(Step::More), continuations, unread)
    }

    #[test]
    fn literals_belong_to_the_command_and_only_synchronizing_ones_are_asked_for() {
        let input = b"a LOGIN {3}\r\nbob {4+}\r\n{9}\n\r\nb NOOP\r\n";
        let (step, continuations, unread) = feed([&input[..]]);
        assert_eq!(step, Step::Complete(b"a LOGIN {3}\r\nbob {4+}\r\n{9}\n\r\n".to_vec()));
        assert_eq!((continuations, &unread[..]), (1, &b"b NOOP\r\n"[..]));
    }

    #[test]
    fn an_append_has_room_for_its_message_and_for_nothing_else() {
        let message = [b'x'; 900];
        for front in [
            "a append in () {900}\r\n",
            "a APPEND {2+}\r\nin {900}\r\n",
            "a REPLACE 4 in {900}\r\n",
            "a uid replace 7 {2+}\r\nin (\\Seen) {900}\r\n",
        ] {
            let (step, ..) = feed([front.as_bytes(), &message, b"\r\n"]);
            assert!(matches!(step, Step::Complete(bytes) if bytes.len() == front.len() + 902));
        }
        let (step, ..) = feed([&b"a APPEND {900}\r\n"[..]]);
        assert!(matches!(step, Step::Refused(_, Oversize::Command)), "{step:?}");
        let (step, ..) = feed([&b"a APPEND in {1001}\r\n"[..]]);
        assert!(matches!(step, Step::Refused(_, Oversize::Message)), "{step:?}");
    }

    #[test]
    fn each_message_of_an_append_has_room() {
        let message = [b'x'; 900];
        let more = b" (\\Seen) ~{900+}\r\n";
        let (step, continuations, _) =
            feed([b"a APPEND in {900}\r\n", &message[..], more, &message, more, &message, b"\r\n"]);
        let len = 20 + 3 * 900 + 2 * more.len() + 1;
        assert!(matches!(step, Step::Complete(bytes) if bytes.len() == len));
        assert_eq!(continuations, 1);
        let (step, ..) = feed([b"a APPEND in {900}\r\n", &message[..], b" {1001}\r\n"]);
        assert!(matches!(step, Step::Refused(_, Oversize::Message)), "{step:?}");
    }

    #[test]
    fn what_is_too_long_is_swallowed_and_the_next_command_found() {
        let long = [b'x'; 4000];
        for input in [
            [&b"tag "[..], &long[..], b"\r\nb NOOP\r\n"].concat(),
            [&b"tag "[..], &long[..2000], b" {2000+}\r\n", &long[..2000], b"\r\nb NOOP\r\n"]
                .concat(),
            [b"tag APPEND a {1500+}\r\n", &long[..1500], b"\r\nb NOOP\r\n"].concat(),
        ] {
            let (step, _, unread) = feed([&input[..]]);
            assert!(matches!(step, Step::Refused(front, _) if front.starts_with(b"tag ")));
            assert_eq!(unread, b"b NOOP\r\n");
        }
        assert_eq!(feed([&b"a APPEND b {99999999999999999999+}\r\n"[..]]).0, Step::Hopeless);
    }

    #[test]
    fn a_message_leaves_while_it_comes_and_the_command_is_still_understood() {
        let lines: [&[u8]; 2] = [b"tag APPEND in {900+}\r\n", b" (\\Seen) {900+}\r\n"];
        let message = [b'x'; 900];
        let mut whole = [lines[0], &message, lines[1], &message, b"\r\n"].concat();
        for piece_len in 1..whole.len() {
            let (mut assembler, mut drained) = (Assembler::new(LIMITS), Vec::new());
            let mut rest = Vec::new();
            for piece in whole.chunks(piece_len) {
                match assembler.push(piece) {
                    (_, Step::More) => {}
                    (_, Step::Complete(bytes)) => rest = bytes,
                    (_, step) => panic!("{step:?}"),
                }
                assembler.drain_settled(|bytes| drained.extend_from_slice(bytes));
                assert!(assembler.len() <= piece_len + LIMITS.command_len_max);
            }
            assert!([drained, rest].concat() == whole, "pieces of {piece_len}");
        }
        // The second message is one octet too long, and what follows is swallowed.
        let place = whole.len() - 900 - 2 - lines[1].len();
        whole.splice(place.., b" {1001+}\r\n".iter().chain(&[b'y'; 1001]).chain(b"\r\n").copied());
        for piece_len in [1, 7, 500, 5000] {
            let (mut assembler, mut step) = (Assembler::new(LIMITS), Step::More);
            for piece in whole.chunks(piece_len) {
                step = assembler.push(piece).1;
                assembler.drain_settled(|_| {});
            }
            let Step::Refused(front, Oversize::Message) = step else { panic!("{step:?}") };
            assert!(front.starts_with(b"tag APPEND"), "{}", front.escape_ascii());
        }
    }

    #[test]
    fn a_refused_command_keeps_little_memory() {
        let mut assembler = Assembler::new(LIMITS);
        for _ in 0..40 {
            assembler.push(&[b'x'; 90]);
        }
        assert!(assembler.bytes.len() <= FRONT_LEN + TAIL_LEN);
    }

    proptest! {
        #[test]
        fn every_split_gives_the_same_command(
            input in prop::collection::vec(
                prop::sample::select(vec![
                    "a ", "APPEND x ", "{3}\r\n", "{200+}\r\n", "xyz", "{", "}\r\n", "\n",
                    "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
                ]), 0..12),
            cuts in prop::collection::vec(0_usize..600, 0..8),
        ) {
            let input = input.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < input.len()).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([input.len()]) {
                pieces.push(&input[from..cut]);
                from = cut;
            }
            let whole = feed([&input[..]]);
            let cut = feed(pieces);
            prop_assert_eq!(whole.1, cut.1);
            prop_assert_eq!(&whole.2, &cut.2);
            match (whole.0, cut.0) {
                // What is kept of a refused command depends on how it came; its front does not.
                (Step::Refused(one, a), Step::Refused(two, b)) => {
                    prop_assert_eq!(a, b);
                    let tag = |bytes: &[u8]| crate::imap::parse::tag_of(bytes);
                    prop_assert_eq!(tag(&one), tag(&two));
                }
                (one, two) => prop_assert_eq!(one, two),
            }
        }
    }
}
