//! How a message travels in a multi-line answer: dots doubled at the start of lines, ended by a
//! line with one dot (RFC 1939, 3).
//!
//! A dot behind a bare LF is doubled too. Messages here rarely hold one, but a client that takes
//! LF for a line end would otherwise see the answer end where its sender wanted it to.

/// Writes a message into the answer piece by piece.
#[derive(Debug)]
pub(super) struct DotEncoder {
    last: [u8; 2],
}

impl DotEncoder {
    /// At the start of a message, which is the start of a line.
    pub(super) fn new() -> Self {
        Self { last: *b"\r\n" }
    }

    /// Appends the next piece of the message to `out`.
    pub(super) fn write(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while !rest.is_empty() {
            if self.last[1] == b'\n' && rest.first() == Some(&b'.') {
                out.push(b'.');
            }
            let end = memchr::memmem::find(rest, b"\n.").map_or(rest.len(), |end| end + 1);
            let (front, back) = rest.split_at(end);
            out.extend_from_slice(front);
            self.remember(front);
            rest = back;
        }
    }

    /// Ends the message, with a line end if it has none at its own end, and the answer.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if self.last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }

    fn remember(&mut self, written: &[u8]) {
        match written {
            [.., before, last] => self.last = [*before, *last],
            [only] => self.last = [self.last[1], *only],
            [] => {}
        }
    }
}

/// The front of a body: its first `line_count` lines.
pub(super) fn first_lines(body: &[u8], line_count: u64) -> &[u8] {
    let Some(last) = line_count.checked_sub(1) else { return &[] };
    let Ok(last) = usize::try_from(last) else { return body };
    let end = memchr::memchr_iter(b'\n', body).nth(last);
    end.and_then(|end| body.get(..=end)).unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut encoder, mut out) = (DotEncoder::new(), Vec::new());
        pieces.into_iter().for_each(|piece| encoder.write(piece, &mut out));
        encoder.finish(&mut out);
        out
    }

    #[test]
    fn dots_are_doubled_and_the_end_is_marked() {
        assert_eq!(encoded([&b".a\r\nb.\r\n..\r\n"[..]]), b"..a\r\nb.\r\n...\r\n.\r\n");
        assert_eq!(encoded([]), b".\r\n");
    }

    #[test]
    fn a_message_without_final_line_end_gets_one() {
        assert_eq!(encoded([&b"a"[..]]), b"a\r\n.\r\n");
        assert_eq!(encoded([&b"a\n"[..]]), b"a\n\r\n.\r\n");
        assert_eq!(encoded([&b"a\r"[..], b"\n"]), b"a\r\n.\r\n");
        assert_eq!(encoded([&b"\n"[..]]), b"\n\r\n.\r\n");
    }

    #[test]
    fn lines_of_a_body_are_counted() {
        assert_eq!(first_lines(b"a\r\nb\r\nc", 0), b"");
        assert_eq!(first_lines(b"a\r\nb\r\nc", 2), b"a\r\nb\r\n");
        assert_eq!(first_lines(b"a\r\nb\r\nc", 3), b"a\r\nb\r\nc");
        assert_eq!(first_lines(b"a\r\nb\r\nc", u64::MAX), b"a\r\nb\r\nc");
    }

    proptest! {
        #[test]
        fn every_split_is_written_as_the_whole_and_reads_back(
            message in "[.a\r\n]{0,12}",
            cut in any::<prop::sample::Index>(),
        ) {
            let message = message.as_bytes();
            let (front, back) = message.split_at(cut.index(message.len() + 1));
            let whole = encoded([message]);
            prop_assert_eq!(&encoded([front, back]), &whole);
            // A client that ends lines at LF: no line but the last is a lone dot.
            let mut lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
            prop_assert_eq!(lines.pop(), Some(&b".\r\n"[..]));
            let read: Vec<u8> = lines
                .iter()
                .flat_map(|line| line.strip_prefix(b".").unwrap_or(line))
                .copied()
                .collect();
            prop_assert!(lines.iter().all(|line| !matches!(line, [b'.', b'\r' | b'\n', ..])));
            prop_assert!(read.starts_with(message));
        }
    }
}
