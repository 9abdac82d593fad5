//! Content-Transfer-Encoding undone (RFC 2045, 6), forgiving: no input is refused.

use std::borrow::Cow;

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
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in encoded {
        let value = SEXTETS[usize::from(*byte)];
        if value == PADDING {
            count = 0;
        }
        if value > 63 {
            continue;
        }
        bits = bits << 6 | u32::from(value);
        count += 1;
        // Each sextet after the first of a group completes one byte.
        if count > 1 {
            let shift = 6 - 2 * (count - 1);
            out.push((bits >> shift).to_le_bytes()[0]);
            count %= 4;
        }
    }
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

/// A `=` that is followed by neither two digits nor a line end stands for itself (RFC 2045, 6.7).
pub(super) fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let after = escape.get(1..).unwrap_or_default();
        rest = if let Some(byte) = hex_byte(after) {
            out.push(byte);
            after.get(2..).unwrap_or_default()
        } else if let Some(rest) = after_soft_break(after) {
            rest
        } else {
            out.push(b'=');
            after
        };
    }
    out.extend_from_slice(rest);
    out
}

/// The byte that two hexadecimal digits at the front stand for, in either case.
pub(super) fn hex_byte(bytes: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let [high, low, ..] = bytes else { return None };
    Some((digit(high)? * 16 + digit(low)?).to_le_bytes()[0])
}

/// Past white space and the line end, or the end of the body.
fn after_soft_break(bytes: &[u8]) -> Option<&[u8]> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    match bytes.get(blank) {
        Some(b'\n') => bytes.get(blank + 1..),
        None => Some(&[]),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(quoted_printable(encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
        }
    }
}
