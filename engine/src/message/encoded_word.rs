//! Header text as people read it: encoded words decoded (RFC 2047), in any field and anywhere in
//! it, since mail puts them everywhere.

use std::borrow::Cow;

use memchr::memmem;

use super::charset;
use super::header::unfold;
use super::transfer::{base64, hex_byte};

/// Far longer than any charset's name with a language (RFC 2231, 5).
const CHARSET_LEN_MAX: usize = 64;

/// Adds a field's value to `out`, decoded. Where it was folded there is one space, whatever the
/// sender folded with: nobody searches for the tab that made the line break.
///
/// White space between two encoded words is no text, and words of one charset are decoded
/// together, so that a character cut in two by a careless sender comes out whole.
pub(crate) fn push_decoded(out: &mut String, value: &[u8]) {
    let value = on_one_line(value);
    let mut rest: &[u8] = &value;
    let mut run = Run::default();
    let mut from = 0;
    while let Some(at) = memmem::find(rest.get(from..).unwrap_or_default(), b"=?") {
        let (before, start) = rest.split_at(from + at);
        match EncodedWord::parse(start) {
            Parsed::Word(word) => {
                if run.is_empty() || !before.trim_ascii().is_empty() {
                    run.finish(out);
                    out.push_str(&charset::decode(None, before));
                }
                run.push(&word, out);
                rest = word.rest;
                from = 0;
            }
            Parsed::NoWord => from += at + 2,
            Parsed::NoEnd => break,
        }
    }
    run.finish(out);
    out.push_str(&charset::decode(None, rest));
}

fn on_one_line(value: &[u8]) -> Cow<'_, [u8]> {
    let unfolded = unfold(value);
    if matches!(unfolded, Cow::Borrowed(_)) {
        return unfolded;
    }
    let mut line = Vec::with_capacity(value.len());
    for part in value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if !line.is_empty() && !part.is_empty() {
            line.push(b' ');
        }
        line.extend(part.iter().filter(|byte| !matches!(byte, b'\r' | 0)));
    }
    Cow::Owned(line)
}

/// Encoded words of one charset, one after the other.
#[derive(Default)]
struct Run {
    charset: Vec<u8>,
    bytes: Vec<u8>,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.charset.is_empty()
    }

    fn push(&mut self, word: &EncodedWord<'_>, out: &mut String) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.finish(out);
            self.charset = word.charset.to_vec();
        }
        if word.is_base64 {
            self.bytes.extend_from_slice(&base64(word.text));
        } else {
            push_q(&mut self.bytes, word.text);
        }
    }

    fn finish(&mut self, out: &mut String) {
        if !self.is_empty() {
            out.push_str(&charset::decode(Some(&self.charset), &self.bytes));
        }
        self.charset.clear();
        self.bytes.clear();
    }
}

struct EncodedWord<'a> {
    charset: &'a [u8],
    is_base64: bool,
    text: &'a [u8],
    rest: &'a [u8],
}

enum Parsed<'a> {
    Word(EncodedWord<'a>),
    NoWord,
    /// There is no `?=` up to the end, so no word can follow either.
    NoEnd,
}

impl<'a> EncodedWord<'a> {
    /// Reads `=?charset?encoding?text?=` at the front.
    fn parse(bytes: &'a [u8]) -> Parsed<'a> {
        let after = bytes.get(2..).unwrap_or_default();
        let window = after.get(..CHARSET_LEN_MAX).unwrap_or(after);
        let Some(len) = memchr::memchr(b'?', window) else { return Parsed::NoWord };
        let charset = after.get(..len).unwrap_or_default();
        let charset = charset.split(|byte| *byte == b'*').next().unwrap_or_default();
        let is_base64 = match after.get(len + 1..len + 3) {
            Some([b'B' | b'b', b'?']) => true,
            Some([b'Q' | b'q', b'?']) => false,
            _ => return Parsed::NoWord,
        };
        if charset.is_empty() {
            return Parsed::NoWord;
        }
        let text = after.get(len + 3..).unwrap_or_default();
        let Some(end) = memmem::find(text, b"?=") else { return Parsed::NoEnd };
        let (text, rest) = text.split_at(end);
        let rest = rest.get(2..).unwrap_or_default();
        Parsed::Word(Self { charset, is_base64, text, rest })
    }
}

/// The Q encoding (RFC 2047, 4.2).
fn push_q(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, hex_byte(after)) {
            (b'=', Some(decoded)) => {
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'_', _) => out.push(b' '),
            _ => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_and_of_life() {
        for (value, text) in [
            ("=?ISO-8859-1?Q?a?=", "a"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=\r\n =?utf-8?Q?b?= c", "ab c"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?utf-8*en?q?=C3?= =?utf-8?q?=A9?=", "é"),
            ("x=?utf-8?B?5pel?==?UTF-8?b?5pys?=y", "x日本y"),
            ("=?ISO-2022-JP?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=", "日本"),
            ("\"=?utf-8?q?quoted?=\" <a@b>", "\"quoted\" <a@b>"),
            ("1 =? 2 =?= =?x?y?z?= =?q?", "1 =? 2 =?= =?x?y?z?= =?q?"),
            ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
            ("caf\u{e9}", "café"),
            ("one\r\n\ttwo \n  three\n", "one two three"),
            ("", ""),
        ] {
            let mut out = String::new();
            push_decoded(&mut out, value.as_bytes());
            assert_eq!(out, text, "{value}");
        }
    }
}
