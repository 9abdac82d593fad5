//! Modified UTF-7, in which mailbox names travel (RFC 3501, 5.1.3).
//!
//! Printable ASCII stands for itself, `&-` for `&`, and `&…-` for UTF-16 in a base64 that has
//! `,` for `/` and no padding.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Decodes a name. Bytes above ASCII are taken as UTF-8, which some clients send unasked. `None`
/// for what is neither.
pub(crate) fn decode(name: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut rest = std::str::from_utf8(name).ok()?;
    while let Some((plain, after)) = rest.split_once('&') {
        text.push_str(plain);
        let (shifted, after) = after.split_once('-')?;
        if shifted.is_empty() {
            text.push('&');
        } else {
            decode_shifted(shifted, &mut text)?;
        }
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn decode_shifted(shifted: &str, text: &mut String) -> Option<()> {
    let (mut bits, mut bit_count) = (0_u32, 0);
    let mut units = Vec::new();
    for byte in shifted.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = (bits << 6 | u32::try_from(value).ok()?) & 0x3f_ffff;
        bit_count += 6;
        if bit_count >= 16 {
            bit_count -= 16;
            units.push(u16::try_from(bits >> bit_count & 0xffff).ok()?);
        }
    }
    if bit_count >= 6 || bits & ((1 << bit_count) - 1) != 0 {
        return None;
    }
    text.push_str(&String::from_utf16(&units).ok()?);
    Some(())
}

/// Appends a name, encoded.
pub(crate) fn encode(name: &str, out: &mut Vec<u8>) {
    let mut units: Vec<u16> = Vec::new();
    for char in name.chars() {
        if !(' '..='~').contains(&char) {
            units.extend_from_slice(char.encode_utf16(&mut [0; 2]));
            continue;
        }
        encode_shifted(&mut units, out);
        match char {
            '&' => out.extend_from_slice(b"&-"),
            _ => out.extend(u8::try_from(char)),
        }
    }
    encode_shifted(&mut units, out);
}

fn encode_shifted(units: &mut Vec<u16>, out: &mut Vec<u8>) {
    if units.is_empty() {
        return;
    }
    let letter = |bits: u32| ALPHABET.get(bits as usize & 63).copied().unwrap_or(b'A');
    out.push(b'&');
    let (mut bits, mut bit_count) = (0_u32, 0);
    for unit in units.drain(..) {
        bits = bits << 16 | u32::from(unit);
        bit_count += 16;
        while bit_count >= 6 {
            bit_count -= 6;
            out.push(letter(bits >> bit_count));
        }
        bits &= (1 << bit_count) - 1;
    }
    if bit_count > 0 {
        out.push(letter(bits << (6 - bit_count)));
    }
    out.push(b'-');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(name: &str) -> String {
        let mut out = Vec::new();
        encode(name, &mut out);
        String::from_utf8(out).expect("modified UTF-7 is ASCII")
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        let name = "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}";
        assert_eq!(encoded(name), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(decode(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-").as_deref(), Some(name));
        assert_eq!(encoded("A&B"), "A&-B");
    }

    #[test]
    fn what_is_neither_encoded_nor_utf_8_is_refused() {
        for bad in [&b"a&b"[..], b"&AOk", b"&A-", b"&AO!-", b"&2D0-", b"\xff"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
        assert_eq!(decode("\u{e9}t\u{e9}".as_bytes()).as_deref(), Some("\u{e9}t\u{e9}"));
    }

    proptest! {
        #[test]
        fn any_name_comes_back(name in "[^\\x00-\\x1f\\x7f]{0,40}") {
            prop_assert_eq!(decode(encoded(&name).as_bytes()), Some(name));
        }

        #[test]
        fn arbitrary_bytes_never_panic(name in prop::collection::vec(any::<u8>(), 0..40)) {
            decode(&name);
        }
    }
}
