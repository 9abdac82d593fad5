//! Bytes of stored mail to text, by the charset they claim, or by the look of them.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

/// Names in use that are not in the registry `encoding_rs` follows, with ones that are.
const ALIASES: [(&str, &str); 8] = [
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("cp51932", "euc-jp"),
    ("eucjp", "euc-jp"),
    ("iso-2022-jp-2", "iso-2022-jp"),
    ("utf8mb4", "utf-8"),
];

/// Decodes by the named charset; where it is none, or US-ASCII, or one nobody knows, by sight.
/// What cannot be decoded becomes U+FFFD.
pub(super) fn decode<'a>(charset: Option<&[u8]>, bytes: &'a [u8]) -> Cow<'a, str> {
    let label = charset.unwrap_or_default().trim_ascii().to_ascii_lowercase();
    match &*label {
        b"" | b"us-ascii" | b"ascii" | b"unknown-8bit" => by_sight(bytes),
        b"utf-7" | b"unicode-1-1-utf-7" | b"csunicode11utf7" => utf_7(bytes),
        label => {
            let alias = ALIASES.iter().find(|(name, _)| name.as_bytes() == label);
            let label = alias.map_or(label, |(_, known)| known.as_bytes());
            match Encoding::for_label_no_replacement(label) {
                Some(encoding) if encoding == ISO_2022_JP => iso_2022_jp(bytes),
                Some(encoding) => encoding.decode_with_bom_removal(bytes).0,
                None => by_sight(bytes),
            }
        }
    }
}

/// UTF-8 if it is valid, ISO-2022-JP if an escape sequence asks for it, else Windows-1252, in
/// which every byte is something.
fn by_sight(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.is_ascii() && memchr::memmem::find(bytes, b"\x1b$").is_some() {
        return iso_2022_jp(bytes);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// An escape sequence that another follows at once says nothing, but `encoding_rs` would mark it
/// as an error; such pairs arise where encoded words are put together.
fn iso_2022_jp(bytes: &[u8]) -> Cow<'_, str> {
    const ESCAPE: u8 = 0x1b;
    let mut useful = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(ESCAPE, rest) {
        let (text, escape) = rest.split_at(at);
        let (escape, after) = escape.split_at(escape.len().min(3));
        useful.extend_from_slice(text);
        if after.first() != Some(&ESCAPE) {
            useful.extend_from_slice(escape);
        }
        rest = after;
    }
    useful.extend_from_slice(rest);
    Cow::Owned(ISO_2022_JP.decode_without_bom_handling(&useful).0.into_owned())
}

fn utf_7(bytes: &[u8]) -> Cow<'_, str> {
    match charset_decoder(b"utf-7") {
        Some(decode) => Cow::Owned(decode(bytes)),
        None => by_sight(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charsets_of_mail_are_decoded() {
        for (charset, bytes, text) in [
            ("ISO-2022-JP", &b"\x1b$BF|K\\\x1b(B"[..], "日本"),
            ("Shift_JIS", b"\x93\xfa\x96\x7b", "日本"),
            ("cp932", b"\x93\xfa\x96\x7b", "日本"),
            ("euc-jp", b"\xc6\xfc\xcb\xdc", "日本"),
            ("GB18030", b"\xc8\xd5\xb1\xbe", "日本"),
            ("gb2312", b"\xc8\xd5\xb1\xbe", "日本"),
            ("big5", b"\xa4\xe9\xa5\xbb", "日本"),
            ("EUC-KR", b"\xc7\xd1\xb1\xdb", "한글"),
            ("ks_c_5601-1987", b"\xc7\xd1\xb1\xdb", "한글"),
            ("UTF-7", b"a+ZeVnLA-b", "a日本b"),
            ("koi8-r", b"\xc4\xc1", "да"),
            ("iso-8859-1", b"\xe9", "é"),
            ("us-ascii", "é".as_bytes(), "é"),
            ("x-none-such", b"\xe9", "é"),
            ("", b"\x1b$BF|K\\\x1b(B", "日本"),
            ("utf-8", b"a\xffb", "a\u{fffd}b"),
        ] {
            assert_eq!(decode(Some(charset.as_bytes()), bytes), text, "{charset}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_text_in_any_charset(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
            shifted in "[+A-Za-z0-9/&-]{0,40}",
        ) {
            for charset in ["utf-7", "iso-2022-jp", "utf-16", "gb18030", "", "x"] {
                decode(Some(charset.as_bytes()), &bytes);
                decode(Some(charset.as_bytes()), shifted.as_bytes());
            }
        }
    }
}
