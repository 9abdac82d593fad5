//! A message as it follows DATA (RFC 5321, 4.5.2), a bounded piece at a time.

/// The least that one piece has, but for the last.
const PIECE_LEN: usize = 64 << 10;

/// A message with dots doubled at the beginning of lines, and its end.
#[derive(Debug)]
pub(super) struct Stuffed<'a> {
    rest: Option<&'a [u8]>,
    is_at_line_start: bool,
}

/// Whether all CR and LF of a message stand together. Where they do not, servers can disagree about
/// where the message ends, and one could be smuggled inside another.
pub(super) fn has_clean_line_ends(message: &[u8]) -> bool {
    let mut after = 0;
    for at in memchr::memchr2_iter(b'\r', b'\n', message) {
        if message.get(at) == Some(&b'\n') {
            // What belongs to a CR was stepped over with it.
            if at >= after {
                return false;
            }
        } else if message.get(at + 1) == Some(&b'\n') {
            after = at + 2;
        } else {
            return false;
        }
    }
    true
}

impl<'a> Stuffed<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: Some(message), is_at_line_start: true }
    }

    /// Puts the next piece into `out`, which is emptied; false once there is none. The last one ends
    /// in the line with the dot.
    pub(super) fn next_into(&mut self, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(mut rest) = self.rest else { return false };
        while out.len() < PIECE_LEN && !rest.is_empty() {
            if self.is_at_line_start && rest.first() == Some(&b'.') {
                out.push(b'.');
            }
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (line, later) = rest.split_at(end.min(PIECE_LEN));
            out.extend_from_slice(line);
            self.is_at_line_start = line.ends_with(b"\n");
            rest = later;
        }
        self.rest = Some(rest).filter(|rest| !rest.is_empty());
        if self.rest.is_none() {
            out.extend_from_slice(if self.is_at_line_start { b".\r\n" } else { b"\r\n.\r\n" });
        }
        true
    }

    /// Whether the last piece was given out.
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stuffed(message: &[u8]) -> Vec<u8> {
        let (mut stuffed, mut piece, mut all) = (Stuffed::new(message), Vec::new(), Vec::new());
        while stuffed.next_into(&mut piece) {
            assert!(piece.len() <= 2 * PIECE_LEN + 6, "pieces are bounded");
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn dots_at_the_beginning_of_lines_are_doubled() {
        assert_eq!(stuffed(b".a\r\n..\r\nb.\r\n"), b"..a\r\n...\r\nb.\r\n.\r\n");
        assert_eq!(stuffed(b""), b".\r\n");
        assert_eq!(stuffed(b"no end"), b"no end\r\n.\r\n");
        let long = [b".".repeat(3 * PIECE_LEN), b"\r\n".to_vec()].concat();
        assert_eq!(stuffed(&long).len(), 1 + long.len() + 3, "only the first dot of a long line");
    }

    #[test]
    fn line_ends_are_clean_or_not() {
        for clean in ["", "a", "a\r\n", "\r\n\r\na\r\n.\r\n"] {
            assert!(has_clean_line_ends(clean.as_bytes()), "{clean:?}");
        }
        for wrong in ["\n", "\r", "a\nb\r\n", "a\r", "\r\r\n", "\r\n\n", "a\r\n.\nb"] {
            assert!(!has_clean_line_ends(wrong.as_bytes()), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_stuffed_can_be_read_again(lines in proptest::collection::vec("[.a]{0,5}", 0..30)) {
            let message = [&lines[..], &[String::new()]].concat().join("\r\n");
            let sent = String::from_utf8(stuffed(message.as_bytes())).expect("text");
            let body = sent.strip_suffix(".\r\n").expect("the end");
            let lines = format!("\r\n{body}");
            prop_assert!(!lines.contains("\r\n.\r\n"));
            let read = body.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line));
            prop_assert_eq!(read.collect::<String>(), message);
        }
    }
}
