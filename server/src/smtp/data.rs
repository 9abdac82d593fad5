//! The framing of DATA: where a message ends, and what its dots stand for (RFC 5321, 4.5.2).
//!
//! Only CR LF . CR LF ends a message. Every other order of CR, LF and dot is part of it, so that
//! this server and the one before it can never disagree about where a message ends and a
//! command begins; a message in which a CR or LF stands alone is read to its real end and then
//! refused (RFC 5321, 2.3.8).

/// Takes the message out of the bytes that follow DATA, however they are cut.
#[derive(Debug)]
pub(super) struct DotDecoder {
    place: Place,
    found_bare: bool,
}

/// What the bytes so far leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a line.
    LineStart,
    /// Inside a line.
    Text,
    /// Behind a CR inside a line; the CR has been passed on.
    Cr,
    /// Behind a dot at the start of a line; the dot has been taken out.
    Dot,
    /// Behind such a dot and a CR, which has not been passed on.
    DotCr,
}

/// How much of the input was taken, and whether the message ended there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// All of it; the message goes on.
    All,
    /// So many bytes; the message ends with them, what follows is a command.
    End(usize),
}

impl DotDecoder {
    /// At the start of a message, which is the start of a line.
    pub(super) fn new() -> Self {
        Self { place: Place::LineStart, found_bare: false }
    }

    /// Whether a CR or LF that stands alone was seen.
    pub(super) fn found_bare(&self) -> bool {
        self.found_bare
    }

    /// Hands the message's own bytes in `input` to `sink`, in few large pieces.
    pub(super) fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Decoded {
        // Bytes from `start` on that belong to the message and have not been handed over.
        let mut start = 0;
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match (self.place, byte) {
                (Place::DotCr, b'\n') => return Decoded::End(at + 1),
                (Place::DotCr, _) => {
                    self.found_bare = true;
                    sink(b"\r");
                    start = at;
                    self.place = if byte == b'\r' { Place::Cr } else { Place::Text };
                }
                (Place::Dot, b'\r') => self.place = Place::DotCr,
                (Place::LineStart, b'.') => {
                    sink(input.get(start..at).unwrap_or_default());
                    start = at + 1;
                    self.place = Place::Dot;
                }
                _ => {
                    at += self.line(input.get(at..).unwrap_or_default());
                    continue;
                }
            }
            at += 1;
        }
        if self.place != Place::DotCr {
            sink(input.get(start..).unwrap_or_default());
        }
        Decoded::All
    }

    /// Passes over text up to the next place where a dot or a line end matters; at least one
    /// byte of `text`, which is not empty.
    fn line(&mut self, text: &[u8]) -> usize {
        let Some(index) = memchr::memchr2(b'\r', b'\n', text) else {
            self.found_bare |= self.place == Place::Cr;
            self.place = Place::Text;
            return text.len();
        };
        let is_after_cr = self.place == Place::Cr && index == 0;
        self.found_bare |= self.place == Place::Cr && index > 0;
        if text.get(index) == Some(&b'\n') {
            self.place = if is_after_cr { Place::LineStart } else { Place::Text };
            self.found_bare |= !is_after_cr;
            return index + 1;
        }
        self.found_bare |= is_after_cr;
        // The whole line end at once, where it has come: nearly always.
        if text.get(index + 1) == Some(&b'\n') {
            self.place = Place::LineStart;
            return index + 2;
        }
        self.place = Place::Cr;
        index + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a decoder makes of input that comes in these pieces: message, rest, bare.
    fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Option<Vec<u8>>, bool) {
        let (mut decoder, mut message) = (DotDecoder::new(), Vec::new());
        let mut rest: Option<Vec<u8>> = None;
        for piece in pieces {
            if let Some(rest) = &mut rest {
                rest.extend_from_slice(piece);
                continue;
            }
            match decoder.decode(piece, |bytes| message.extend_from_slice(bytes)) {
                Decoded::All => {}
                Decoded::End(count) => rest = Some(piece[count..].to_vec()),
            }
        }
        (message, rest, decoder.found_bare())
    }

    /// Byte by byte, straight from RFC 5321, 4.5.2.
    fn stuffed(message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut is_line_start = true;
        for (index, byte) in message.iter().enumerate() {
            if is_line_start && *byte == b'.' {
                wire.push(b'.');
            }
            wire.push(*byte);
            is_line_start = *byte == b'\n' && index > 0 && message[index - 1] == b'\r';
        }
        wire
    }

    #[test]
    fn dots_are_taken_out_and_the_end_is_found() {
        let (message, rest, found_bare) = decoded([&b"..a\r\nb.\r\n...\r\n.\r\nQUIT\r\n"[..]]);
        assert_eq!(message, b".a\r\nb.\r\n..\r\n");
        assert_eq!((rest.as_deref(), found_bare), (Some(&b"QUIT\r\n"[..]), false));
        let (message, rest, found_bare) = decoded([&b".\r\n"[..]]);
        assert_eq!((message.as_slice(), rest.as_deref()), (&b""[..], Some(&b""[..])));
        assert!(!found_bare);
        // The first of several characters is deleted if it is a dot, stuffed or not.
        assert_eq!(decoded([&b".a\r\n.\r\n"[..]]).0, b"a\r\n");
    }

    #[test]
    fn nothing_but_crlf_dot_crlf_ends_a_message() {
        for smuggled in [
            "\n.\n",
            "\n.\r\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\n",
            "\r\n.\r",
            "\n.\r",
            "\r.\n",
            "\n\n.\r\n",
            "\r\r\n.\r\r\n",
            "\r\n.\r\r\n",
            "\r\n\0.\r\n",
            "\r\n.\0\r\n",
            "\n\r.\r\n",
            "\r\n .\r\n",
            "\r\n. \r\n",
        ] {
            let wire = format!("a{smuggled}MAIL FROM:<x@y.test>\r\n.\r\nNOOP\r\n");
            let (message, rest, found_bare) = decoded([wire.as_bytes()]);
            assert_eq!(rest.as_deref(), Some(&b"NOOP\r\n"[..]), "{smuggled:?}");
            assert!(message.ends_with(b"MAIL FROM:<x@y.test>\r\n"), "{smuggled:?}");
            let is_bare = smuggled.replace("\r\n", "").contains(['\r', '\n']);
            assert_eq!(found_bare, is_bare, "{smuggled:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_stuffed_comes_back_at_every_split(
            lines in prop::collection::vec("[.a\0é]{0,4}", 0..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let message = lines.iter().map(|line| format!("{line}\r\n")).collect::<Vec<_>>().concat();
            let mut wire = stuffed(message.as_bytes());
            wire.extend_from_slice(b".\r\nQUIT\r\n");
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
            cuts.extend([0, wire.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &wire[cut[0]..cut[1]]);
            let (decoded, rest, found_bare) = decoded(pieces);
            prop_assert_eq!(decoded, message.as_bytes());
            prop_assert_eq!(rest.as_deref(), Some(&b"QUIT\r\n"[..]));
            prop_assert!(!found_bare);
        }

        #[test]
        fn any_bytes_are_judged_the_same_at_every_split(
            wire in "[.a\r\n]{0,14}",
            cut in any::<prop::sample::Index>(),
        ) {
            let wire = wire.as_bytes();
            let (front, back) = wire.split_at(cut.index(wire.len() + 1));
            prop_assert_eq!(decoded([front, back]), decoded(wire.chunks(1)));
            prop_assert_eq!(decoded([front, back]), decoded([wire]));
        }

        #[test]
        fn a_bare_line_end_is_never_missed(text in "[.a\r\n]{0,14}") {
            let wire = format!("{text}\r\n.\r\n");
            let (message, rest, found_bare) = decoded([wire.as_bytes()]);
            if rest.as_deref() == Some(&b""[..]) {
                let shown = String::from_utf8(message).expect("ASCII");
                prop_assert_eq!(found_bare, shown.replace("\r\n", "").contains(['\r', '\n']));
            }
        }
    }
}
