//! The MIME fields of a part's header and the `type; name=value` grammar in them (RFC 2045, 5.1),
//! read forgivingly.

use std::borrow::Cow;

use super::header::header_fields;

/// The values of the fields that describe a body part, as received; the first of each counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MimeHeader<'a> {
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) id: Option<&'a [u8]>,
    pub(crate) description: Option<&'a [u8]>,
    pub(crate) encoding: Option<&'a [u8]>,
    pub(crate) md5: Option<&'a [u8]>,
    pub(crate) disposition: Option<&'a [u8]>,
    pub(crate) language: Option<&'a [u8]>,
    pub(crate) location: Option<&'a [u8]>,
}

impl<'a> MimeHeader<'a> {
    pub(crate) fn of(header: &'a [u8]) -> Self {
        let mut mime = Self::default();
        for field in header_fields(header) {
            let Some((b"content-", rest)) = lower_prefix(field.name) else { continue };
            let slot = match rest.to_ascii_lowercase().as_slice() {
                b"type" => &mut mime.content_type,
                b"id" => &mut mime.id,
                b"description" => &mut mime.description,
                b"transfer-encoding" => &mut mime.encoding,
                b"md5" => &mut mime.md5,
                b"disposition" => &mut mime.disposition,
                b"language" => &mut mime.language,
                b"location" => &mut mime.location,
                _ => continue,
            };
            slot.get_or_insert(field.value);
        }
        mime
    }

    /// How the body is encoded, in lower case; `7bit` when the header does not say
    /// (RFC 2045, 6.1).
    pub(crate) fn encoding_name(&self) -> Vec<u8> {
        let name = token(skip_blanks(self.encoding.unwrap_or_default())).0;
        if name.is_empty() { b"7bit".to_vec() } else { name.to_ascii_lowercase() }
    }
}

/// `content-` and the rest of the name, when it starts so in any case.
fn lower_prefix(name: &[u8]) -> Option<(&'static [u8; 8], &[u8])> {
    let (prefix, rest) = name.split_at_checked(8)?;
    prefix.eq_ignore_ascii_case(b"content-").then_some((b"content-", rest))
}

/// What a part without `Content-Type` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaDefault {
    /// `text/plain; charset=us-ascii` (RFC 2045, 5.2).
    Text,
    /// `message/rfc822`, in a `multipart/digest` (RFC 2046, 5.1.5).
    Message,
}

/// A media type and its parameters.
#[derive(Clone, Debug)]
pub(crate) struct ContentType<'a> {
    pub(crate) kind: Cow<'a, [u8]>,
    pub(crate) subtype: Cow<'a, [u8]>,
    params: &'a [u8],
}

impl<'a> ContentType<'a> {
    /// A value that names no type is taken as if there was none (RFC 2045, 5.2).
    pub(crate) fn parse(value: Option<&'a [u8]>, default: MediaDefault) -> Self {
        Self::parse_given(value.unwrap_or_default()).unwrap_or_else(|| match default {
            MediaDefault::Text => Self::fixed(b"text", b"plain", b";charset=us-ascii"),
            MediaDefault::Message => Self::fixed(b"message", b"rfc822", b""),
        })
    }

    fn fixed(kind: &'static [u8], subtype: &'static [u8], params: &'static [u8]) -> Self {
        Self { kind: Cow::Borrowed(kind), subtype: Cow::Borrowed(subtype), params }
    }

    fn parse_given(value: &'a [u8]) -> Option<Self> {
        let (kind, rest) = token(skip_blanks(value));
        if kind.is_empty() {
            return None;
        }
        let kind = lower(kind);
        let rest = skip_blanks(rest);
        let (subtype, params) = match rest.strip_prefix(b"/") {
            Some(rest) => token(skip_blanks(rest)),
            None => (&b""[..], rest),
        };
        if !subtype.is_empty() {
            return Some(Self { kind, subtype: lower(subtype), params });
        }
        Some(match &*kind {
            b"text" => Self { kind, subtype: Cow::Borrowed(b"plain"), params },
            b"multipart" => Self { kind, subtype: Cow::Borrowed(b"mixed"), params },
            _ => Self { params, ..Self::fixed(b"application", b"octet-stream", b"") },
        })
    }

    pub(crate) fn is(&self, kind: &str, subtype: &str) -> bool {
        &*self.kind == kind.as_bytes() && &*self.subtype == subtype.as_bytes()
    }

    pub(crate) fn is_multipart(&self) -> bool {
        &*self.kind == b"multipart"
    }

    pub(crate) fn params(&self) -> Params<'a> {
        Params { rest: self.params }
    }
}

/// Walks `; name=value` pairs, RFC 2231 names (`filename*0*`) as they are given.
#[derive(Clone, Debug)]
pub(crate) struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    /// The token at the front of a value such as `Content-Disposition` and the pairs after it.
    pub(crate) fn after_token(value: &'a [u8]) -> (&'a [u8], Self) {
        let (name, rest) = token(skip_blanks(value));
        (name, Self { rest })
    }

    /// The value of a parameter; one in RFC 2231 pieces (`name*0`, `name*1`) is joined.
    pub(crate) fn value_of(self, name: &str) -> Option<Vec<u8>> {
        let mut joined: Option<Vec<u8>> = None;
        let mut next_piece = 0_u32;
        for (given, value) in self {
            let Some((front, rest)) = given.split_at_checked(name.len()) else { continue };
            if !front.eq_ignore_ascii_case(name.as_bytes()) {
                continue;
            }
            if rest.is_empty() {
                return Some(value.into_owned());
            }
            let piece = rest.strip_prefix(b"*").map(|rest| rest.strip_suffix(b"*").unwrap_or(rest));
            if piece == Some(next_piece.to_string().as_bytes()) || rest == b"*" {
                joined.get_or_insert_default().extend_from_slice(&value);
                next_piece += 1;
            }
        }
        joined
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = skip_blanks(self.rest);
            if self.rest.is_empty() {
                return None;
            }
            let (name, rest) = token(self.rest);
            let rest = skip_blanks(rest);
            let value = rest.strip_prefix(b"=").filter(|_| !name.is_empty());
            let Some(value) = value else {
                self.rest = after_semicolon(rest);
                continue;
            };
            let (value, rest) = param_value(skip_blanks(value));
            self.rest = after_semicolon(rest);
            return Some((name, value));
        }
    }
}

fn lower(name: &[u8]) -> Cow<'_, [u8]> {
    if name.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn after_semicolon(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b';', bytes).and_then(|at| bytes.get(at + 1..)).unwrap_or_default()
}

/// What may stand in a type or a parameter name; wider than RFC 2045's token by 8-bit bytes.
fn token(bytes: &[u8]) -> (&[u8], &[u8]) {
    let is_end = |byte: &u8| *byte <= b' ' || *byte == 0x7f || b"()<>@,;:\\\"/[]?=".contains(byte);
    let len = bytes.iter().position(is_end).unwrap_or(bytes.len());
    bytes.split_at(len)
}

/// Past white space, line ends, NULs and comments.
fn skip_blanks(mut bytes: &[u8]) -> &[u8] {
    loop {
        let blank = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0);
        let start = bytes.iter().position(blank).unwrap_or(bytes.len());
        bytes = bytes.get(start..).unwrap_or_default();
        match bytes.first() {
            Some(b'(') => bytes = after_comment(bytes),
            _ => return bytes,
        }
    }
}

/// Past the comment at the front, comments in it included (RFC 5322, 3.2.2).
pub(crate) fn after_comment(bytes: &[u8]) -> &[u8] {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    bytes.get(at..).unwrap_or_default()
}

/// A quoted string, or whatever stands before the next semicolon or comment.
fn param_value(bytes: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    if let Some(quoted) = bytes.strip_prefix(b"\"") {
        return quoted_value(quoted);
    }
    let end = memchr::memchr(b';', bytes).unwrap_or(bytes.len());
    let (value, rest) = bytes.split_at(end);
    let comment = value.windows(2).position(|two| matches!(two, [b' ' | b'\t' | b'\n', b'(']));
    let value = value.get(..comment.unwrap_or(value.len())).unwrap_or_default();
    (super::header::unfold(value), rest)
}

/// The string after its opening quote, and what follows the closing one.
pub(crate) fn quoted_value(bytes: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0);
    let plain = bytes.iter().position(is_special).unwrap_or(bytes.len());
    let (value, rest) = bytes.split_at(plain);
    if let Some(rest) = rest.strip_prefix(b"\"") {
        return (Cow::Borrowed(value), rest);
    }
    let mut value = value.to_vec();
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => {
                value.extend(rest.get(at).filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
                at += 1;
            }
            b'\r' | b'\n' | 0 => {}
            _ => value.push(*byte),
        }
    }
    (Cow::Owned(value), rest.get(at..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> (String, Vec<(String, String)>) {
        let parsed = ContentType::parse(Some(value.as_bytes()), MediaDefault::Text);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let params = parsed.params().map(|(name, value)| (text(name), text(&value))).collect();
        (format!("{}/{}", text(&parsed.kind), text(&parsed.subtype)), params)
    }

    #[test]
    fn types_and_parameters_are_read_forgivingly() {
        for (value, kind, params) in [
            (" Text/HTML; Charset=\"utf-8\"", "text/html", vec![("Charset", "utf-8")]),
            (
                "text/plain; charset=us-ascii (Plain text)",
                "text/plain",
                vec![("charset", "us-ascii")],
            ),
            ("text", "text/plain", vec![]),
            (
                "application/x; name=a b.pdf;;x; y=\r\n z",
                "application/x",
                vec![("name", "a b.pdf"), ("y", "z")],
            ),
            ("(c(d))a /(x) b;n=\"q\\\"\r\n r\"junk;m=1", "a/b", vec![("n", "q\" r"), ("m", "1")]),
            ("a/b; f*0*=utf-8''x%20; f*1=y", "a/b", vec![("f*0*", "utf-8''x%20"), ("f*1", "y")]),
            ("; charset=x", "text/plain", vec![("charset", "us-ascii")]),
            ("weird;x=1", "application/octet-stream", vec![("x", "1")]),
            ("a/b;x=\"never closed", "a/b", vec![("x", "never closed")]),
        ] {
            let want: Vec<_> =
                params.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(parsed(value), (kind.to_owned(), want), "{value}");
        }
    }

    #[test]
    fn a_parameter_in_pieces_is_joined() {
        let given =
            ContentType::parse(Some(b"a/b; boundary*0=x; boundary*1=y"), MediaDefault::Text);
        assert_eq!(given.params().value_of("boundary").as_deref(), Some(&b"xy"[..]));
        assert_eq!(given.params().value_of("charset"), None);
    }
}
