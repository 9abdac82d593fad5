//! Content-Transfer-Encoding undone (RFC 2045, 6), forgiving: no input is refused.

use std::borrow::Cow;

use super::content_type::MimeHeader;

/// How a body is decoded piece by piece, for those that are too long to be decoded at once. The
/// pieces may be cut anywhere.
#[derive(Clone, Debug)]
pub struct TransferDecoder {
    kind: Kind,
    /// The end of quoted-printable text so far whose meaning depends on what follows.
    pending: Vec<u8>,
    bits: u32,
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Identity,
    Base64,
    QuotedPrintable,
}

impl TransferDecoder {
    /// For a part with this MIME header; `None` if its encoding is unknown (RFC 2045, 6.4).
    pub fn of(header: &[u8]) -> Option<Self> {
        let kind = match MimeHeader::of(header).encoding_name().as_slice() {
            b"7bit" | b"8bit" | b"binary" => Kind::Identity,
            b"base64" => Kind::Base64,
            b"quoted-printable" => Kind::QuotedPrintable,
            _ => return None,
        };
        Some(Self { kind, pending: Vec::new(), bits: 0, count: 0 })
    }

    /// For what is not encoded.
    pub fn identity() -> Self {
        Self { kind: Kind::Identity, pending: Vec::new(), bits: 0, count: 0 }
    }

    /// Whether decoded bytes are the encoded ones.
    pub fn is_identity(&self) -> bool {
        self.kind == Kind::Identity
    }

    /// Decodes a piece, after those before it.
    pub fn push(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        match self.kind {
            Kind::Identity => out.extend_from_slice(encoded),
            Kind::Base64 => self.push_base64(encoded, out),
            Kind::QuotedPrintable => {
                self.pending.extend_from_slice(encoded);
                let done = push_quoted_printable(&self.pending, Follows::More, out);
                self.pending.drain(..done);
            }
        }
    }

    /// Decodes what only the end makes clear.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        push_quoted_printable(&self.pending, Follows::Nothing, out);
        self.pending.clear();
    }

    fn push_base64(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        for byte in encoded {
            let value = SEXTETS[usize::from(*byte)];
            if value == PADDING {
                self.count = 0;
            }
            if value > 63 {
                continue;
            }
            self.bits = self.bits << 6 | u32::from(value);
            self.count += 1;
            // Each sextet after the first of a group completes one byte.
            if self.count > 1 {
                let shift = 6 - 2 * (self.count - 1);
                out.push((self.bits >> shift).to_le_bytes()[0]);
                self.count %= 4;
            }
        }
    }
}

/// The bytes that a body stands for.
pub(super) fn decode<'a>(encoding: &[u8], body: &'a [u8]) -> Cow<'a, [u8]> {
    match encoding {
        b"base64" => Cow::Owned(base64(body)),
        b"quoted-printable" => Cow::Owned(quoted_printable(body)),
        _ => Cow::Borrowed(body),
    }
}

/// Bytes outside the alphabet are passed over (RFC 2045, 6.8); padding ends a run, so that
/// pieces put one after the other all decode.
pub(super) fn base64(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len() / 4 * 3 + 3);
    let mut decoder = TransferDecoder { kind: Kind::Base64, ..TransferDecoder::identity() };
    decoder.push_base64(encoded, &mut out);
    out
}

const PADDING: u8 = 64;
const SKIPPED: u8 = 65;

const SEXTETS: [u8; 256] = {
    let mut table = [SKIPPED; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < 64 {
        table[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    table[b'=' as usize] = PADDING;
    table
};

/// Quoted-printable text that is at hand as a whole.
pub(super) fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len());
    push_quoted_printable(encoded, Follows::Nothing, &mut out);
    out
}

/// What comes after the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    More,
    Nothing,
}

/// Decodes up to a `=` whose meaning depends on what follows; returns how many bytes that were.
fn push_quoted_printable(encoded: &[u8], follows: Follows, out: &mut Vec<u8>) -> usize {
    let mut rest = encoded;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let after = escape.get(1..).unwrap_or_default();
        rest = match Escape::of(after, follows) {
            Escape::Byte(byte) => {
                out.push(byte);
                after.get(2..).unwrap_or_default()
            }
            Escape::SoftBreak(len) => after.get(len..).unwrap_or_default(),
            Escape::Itself => {
                out.push(b'=');
                after
            }
            Escape::Open => return encoded.len() - escape.len(),
        };
    }
    out.extend_from_slice(rest);
    encoded.len()
}

/// What a `=` is (RFC 2045, 6.7).
enum Escape {
    Byte(u8),
    /// With the bytes after it that go with it: white space and a line end, or the end of the body.
    SoftBreak(usize),
    /// Followed by neither two digits nor a line end, it stands for itself.
    Itself,
    /// What follows decides.
    Open,
}

/// White space between a `=` and its line end that is looked past: a line holds no more octets
/// (RFC 5322, 2.1.1), and what is held back of a body in pieces stays small.
const BLANK_MAX: usize = 998;

impl Escape {
    fn of(after: &[u8], follows: Follows) -> Self {
        if let Some(byte) = hex_byte(after) {
            return Self::Byte(byte);
        }
        let is_open = follows == Follows::More;
        let blank = after
            .iter()
            .take(BLANK_MAX + 1)
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            .count();
        match after.get(blank) {
            _ if blank > BLANK_MAX => Self::Itself,
            Some(b'\n') => Self::SoftBreak(blank + 1),
            None if is_open => Self::Open,
            None => Self::SoftBreak(blank),
            Some(digit) if is_open && after.len() < 2 && digit.is_ascii_hexdigit() => Self::Open,
            Some(_) => Self::Itself,
        }
    }
}

/// The byte that two hexadecimal digits at the front stand for, in either case.
pub(super) fn hex_byte(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let [high, low, ..] = bytes else { return None };
    Some((digit(high)? * 16 + digit(low)?).to_le_bytes()[0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_read_through_noise() {
        for (encoded, decoded) in [
            ("aGVsbG8=", "hello"),
            ("aGVs\r\nbG8", "hello"),
            ("aGk=aGk=", "hihi"),
            ("a*G!k", "hi"),
            ("", ""),
            ("a", ""),
            ("====", ""),
        ] {
            assert_eq!(base64(encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
        }
    }

    #[test]
    fn quoted_printable_is_read_through_noise() {
        for (encoded, decoded) in [
            ("a=3D=3db", "a==b"),
            ("soft=\r\nbreak= \nend=", "softbreakend"),
            ("100=% = x", "100=% = x"),
            ("=4", "=4"),
            ("========", "======="),
        ] {
            assert_eq!(quoted_printable(encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
        }
    }

    #[test]
    fn white_space_without_end_is_not_held_back() {
        let encoded = [b"a=", &[b' '; 5000][..]].concat();
        let mut decoder =
            TransferDecoder { kind: Kind::QuotedPrintable, ..TransferDecoder::identity() };
        let mut out = Vec::new();
        for piece in encoded.chunks(100) {
            decoder.push(piece, &mut out);
            assert!(decoder.pending.len() <= BLANK_MAX + 1, "{}", decoder.pending.len());
        }
        decoder.end(&mut out);
        assert!(out == encoded && out == quoted_printable(&encoded));
    }

    proptest! {
        #[test]
        fn pieces_decode_to_what_the_whole_does(
            encoded in prop::collection::vec(
                prop::sample::select(b"=aGVsbG8 \t\r\n3dD\0+/".to_vec()), 0..60),
            cuts in prop::collection::vec(0_usize..60, 0..6),
            is_base64 in any::<bool>(),
        ) {
            let name = if is_base64 { "base64" } else { "quoted-printable" };
            let header = format!("Content-Transfer-Encoding: {name}\r\n\r\n");
            let mut decoder = TransferDecoder::of(header.as_bytes()).expect("known");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(encoded.len())).collect();
            cuts.sort_unstable();
            let (mut out, mut from) = (Vec::new(), 0);
            for cut in cuts.into_iter().chain([encoded.len()]) {
                decoder.push(&encoded[from..cut], &mut out);
                from = cut;
            }
            decoder.end(&mut out);
            prop_assert_eq!(&out[..], &*decode(name.as_bytes(), &encoded));
        }
    }
}
