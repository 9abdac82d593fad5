//! Encodings that mail travels in: base64 and quoted-printable bodies, encoded words.

use std::fmt::Write as _;

use super::draw::Draw;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Octets that a full line of 76 columns holds.
const LINE_OCTETS: usize = 57;

/// Base64 without line ends (RFC 4648, 4).
pub(crate) fn base64(octets: &[u8], out: &mut String) {
    for three in octets.chunks(3) {
        let at = |place: usize| three.get(place).copied().map_or(0, u32::from);
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4_usize {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > three.len() { '=' } else { char::from(letter) });
        }
    }
}

/// A base64 body: lines of 76 columns (RFC 2045, 6.8).
pub(crate) fn base64_body(octets: &[u8], out: &mut String) {
    for line in octets.chunks(LINE_OCTETS) {
        base64(line, out);
        out.push_str("\r\n");
    }
}

/// So many octets, drawn.
pub(crate) fn octets(draw: &mut Draw, count: usize) -> Vec<u8> {
    let mut drawn = Vec::with_capacity(count + 8);
    while drawn.len() < count {
        drawn.extend_from_slice(&draw.number().to_le_bytes());
    }
    drawn.truncate(count);
    drawn
}

/// Letters that look like base64, for identifiers and signatures.
pub(crate) fn token(draw: &mut Draw, octets_count: usize) -> String {
    let mut text = String::new();
    base64(&octets(draw, octets_count), &mut text);
    text
}

/// A quoted-printable body (RFC 2045, 6.7). `text` has CRLF line ends.
pub(crate) fn quoted_printable(text: &str, out: &mut String) {
    for line in text.split_inclusive("\r\n") {
        let bare = line.trim_end_matches("\r\n");
        let mut column = 0;
        for (place, octet) in bare.bytes().enumerate() {
            let is_last = place + 1 == bare.len();
            let is_plain =
                (b'!'..=b'~').contains(&octet) && octet != b'=' || octet == b' ' && !is_last;
            let width = if is_plain { 1 } else { 3 };
            if column + width > 75 {
                out.push_str("=\r\n");
                column = 0;
            }
            if is_plain {
                out.push(char::from(octet));
            } else {
                let _ = write!(out, "={octet:02X}");
            }
            column += width;
        }
        out.push_str("\r\n");
    }
}

/// Text in ISO-2022-JP, which is all ASCII octets.
pub(crate) fn iso_2022_jp(text: &str) -> String {
    let (octets, _, _) = encoding_rs::ISO_2022_JP.encode(text);
    octets.iter().map(|octet| char::from(*octet & 0x7f)).collect()
}

/// Text as encoded words (RFC 2047), folded.
pub(crate) fn encoded_words(text: &str, is_utf8: bool) -> String {
    const WORD_CHARS: usize = 13;
    let letters: Vec<char> = text.chars().collect();
    let word = |letters: &[char]| {
        let text: String = letters.iter().collect();
        let mut word = String::new();
        if is_utf8 {
            word.push_str("=?UTF-8?B?");
            base64(text.as_bytes(), &mut word);
        } else {
            word.push_str("=?ISO-2022-JP?B?");
            base64(iso_2022_jp(&text).as_bytes(), &mut word);
        }
        word + "?="
    };
    letters.chunks(WORD_CHARS).map(word).collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_the_standard_says() {
        let encoded = |text: &str| {
            let mut out = String::new();
            base64(text.as_bytes(), &mut out);
            out
        };
        assert_eq!(["f", "fo", "foo", "foob"].map(encoded), ["Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[test]
    fn quoted_printable_lines_are_at_most_76_columns() {
        let mut out = String::new();
        quoted_printable(&format!("{}=\r\nend \r\n", "é".repeat(90)), &mut out);
        assert!(out.lines().all(|line| line.len() <= 76), "{out}");
        assert!(out.ends_with("=3D\r\nend=20\r\n"), "{out}");
    }

    #[test]
    fn encoded_words_of_a_name_decode_to_it() {
        assert_eq!(encoded_words("山田", true), "=?UTF-8?B?5bGx55Sw?=");
        assert_eq!(encoded_words("山田", false), "=?ISO-2022-JP?B?GyRCOzNFRBsoQg==?=");
    }
}
