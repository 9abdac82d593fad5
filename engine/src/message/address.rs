//! Address lists as IMAP sees them: mailboxes and the brackets of groups (RFC 5322, 3.4;
//! RFC 9051, 7.5.2).
//!
//! Anything is read as something: what has no `@` is a local part without a host, a name may hold
//! any words, a comment after a bare address is its name (RFC 5322, A.6.3 calls that usage old,
//! mail still has it). Names stay encoded (RFC 2047).

use std::borrow::Cow;

use super::content_type::{after_comment, quoted_value};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Mailbox {
        name: Option<Vec<u8>>,
        /// The source route of an obsolete address, `@a,@b` (RFC 5322, 4.4).
        route: Option<Vec<u8>>,
        local: Vec<u8>,
        host: Vec<u8>,
    },
    GroupStart(Vec<u8>),
    GroupEnd,
}

/// Walks the addresses of a field's raw value.
pub(super) struct Addresses<'a> {
    rest: &'a [u8],
    is_in_group: bool,
}

impl<'a> Addresses<'a> {
    pub(super) fn of(value: &'a [u8]) -> Self {
        Self { rest: value, is_in_group: false }
    }

    fn bump(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// One address from its first word on; `None` if there is nothing in it.
    fn read(&mut self) -> Option<Address> {
        let mut words = Words::default();
        while let Some(byte) = self.rest.first() {
            match byte {
                b',' | b';' => break,
                b'<' => {
                    self.bump();
                    return Some(self.angle(words.name()));
                }
                b':' if words.at.is_none() && !self.is_in_group => {
                    self.bump();
                    self.is_in_group = true;
                    return Some(Address::GroupStart(words.phrase));
                }
                _ => self.word(&mut words),
            }
        }
        words.into_mailbox()
    }

    /// One token of a phrase or an address.
    fn word(&mut self, words: &mut Words) {
        let Some(byte) = self.rest.first() else { return };
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | 0 => {
                words.is_spaced = true;
                self.bump();
            }
            b'(' => {
                let after = after_comment(self.rest);
                let comment = self.rest.get(..self.rest.len() - after.len()).unwrap_or_default();
                words.comment = Some(comment_text(comment));
                words.is_spaced = true;
                self.rest = after;
            }
            b'"' => {
                let (text, rest) = quoted_value(self.rest.get(1..).unwrap_or_default());
                words.push(&text);
                self.rest = rest;
            }
            b'@' => {
                words.push_at();
                self.bump();
            }
            _ => {
                let (atom, rest) = atom(self.rest);
                words.push(atom);
                self.rest = rest;
            }
        }
    }

    /// After `<`: an optional route, the address, `>`; then up to the next address.
    fn angle(&mut self, name: Option<Vec<u8>>) -> Address {
        let mut route = None;
        if self.rest.trim_ascii_start().starts_with(b"@") {
            // Ending at `<` too keeps a field full of open brackets linear.
            let end = self.rest.iter().position(|byte| matches!(byte, b':' | b'>' | b'<' | b';'));
            let (given, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            if let Some(rest) = rest.strip_prefix(b":") {
                route = Some(given.iter().copied().filter(|byte| *byte > b' ').collect());
                self.rest = rest;
            }
        }
        let mut words = Words::default();
        while self.rest.first().is_some_and(|byte| !matches!(byte, b'>' | b',' | b';')) {
            if self.rest.first() == Some(&b'<') {
                self.bump();
            } else {
                self.word(&mut words);
                words.is_spaced = false;
            }
        }
        // `>` and whatever else stands before the next address.
        let mut ignored = Words::default();
        while self.rest.first().is_some_and(|byte| !matches!(byte, b',' | b';')) {
            self.word(&mut ignored);
        }
        let (local, host) = words.split_address();
        Address::Mailbox { name, route, local, host }
    }
}

impl Iterator for Addresses<'_> {
    type Item = Address;

    fn next(&mut self) -> Option<Address> {
        loop {
            match self.rest.first() {
                None if !self.is_in_group => return None,
                None => {
                    self.is_in_group = false;
                    return Some(Address::GroupEnd);
                }
                Some(b';') => {
                    self.bump();
                    if std::mem::take(&mut self.is_in_group) {
                        return Some(Address::GroupEnd);
                    }
                }
                Some(b',') => self.bump(),
                Some(_) => {
                    if let Some(address) = self.read() {
                        return Some(address);
                    }
                }
            }
        }
    }
}

/// The words of one address, while it is not known whether they are a name or an address.
#[derive(Default)]
struct Words {
    /// All words, one space where there was white space.
    phrase: Vec<u8>,
    /// The last run of words without white space in it, or the first that has an `@`.
    spec: Vec<u8>,
    /// Where `spec` starts in `phrase`.
    spec_start: usize,
    /// The last `@` of `spec`.
    at: Option<usize>,
    is_spaced: bool,
    comment: Option<Vec<u8>>,
}

impl Words {
    fn push(&mut self, text: &[u8]) {
        let joins = |byte: Option<&u8>| matches!(byte, Some(b'.' | b'@'));
        let is_new_run = std::mem::take(&mut self.is_spaced)
            && !self.phrase.is_empty()
            && !joins(self.spec.last())
            && !joins(text.first());
        if is_new_run {
            self.phrase.push(b' ');
        }
        if is_new_run && self.at.is_none() {
            self.spec.clear();
            self.spec_start = self.phrase.len();
        }
        // Words after a finished address belong to no address.
        if self.at.is_none() || !self.phrase.ends_with(b" ") && self.spec_is_last() {
            self.spec.extend_from_slice(text);
        }
        self.phrase.extend_from_slice(text);
    }

    /// Whether `phrase` still ends with `spec`.
    fn spec_is_last(&self) -> bool {
        self.spec_start + self.spec.len() == self.phrase.len()
    }

    fn push_at(&mut self) {
        self.is_spaced = false;
        if self.spec_is_last() {
            self.at = Some(self.spec.len());
            self.spec.push(b'@');
        }
        self.phrase.push(b'@');
    }

    fn name(self) -> Option<Vec<u8>> {
        Some(self.phrase).filter(|phrase| !phrase.is_empty()).or(self.comment)
    }

    fn split_address(self) -> (Vec<u8>, Vec<u8>) {
        match self.at.and_then(|at| Some((self.spec.get(..at)?, self.spec.get(at + 1..)?))) {
            Some((local, host)) => (local.to_vec(), host.to_vec()),
            None => (self.phrase, Vec::new()),
        }
    }

    /// A bare address. Words before it are its name, else a comment is.
    fn into_mailbox(mut self) -> Option<Address> {
        if self.phrase.is_empty() {
            return None;
        }
        let mut name = self.comment.take();
        if self.at.is_some() {
            let before = self.phrase.get(..self.spec_start).unwrap_or_default().trim_ascii();
            name = Some(before.to_vec()).filter(|name| !name.is_empty()).or(name);
        }
        let name = name.filter(|name| !name.is_empty());
        let (local, host) = self.split_address();
        Some(Address::Mailbox { name, route: None, local, host })
    }
}

/// Up to a byte that means something; at least one byte.
fn atom(bytes: &[u8]) -> (&[u8], &[u8]) {
    if bytes.first() == Some(&b'[') {
        let end = bytes.iter().position(|byte| matches!(byte, b']' | b'>' | b',' | b'\n'));
        let end = end.map_or(bytes.len(), |end| end + usize::from(bytes.get(end) == Some(&b']')));
        return bytes.split_at(end);
    }
    let is_special = |byte: &u8| {
        matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n') || b"\"(<>@,;:[".contains(byte)
    };
    let rest = bytes.get(1..).unwrap_or_default();
    let len = rest.iter().position(is_special).unwrap_or(rest.len());
    bytes.split_at((len + 1).min(bytes.len()))
}

/// What stands between the parentheses, without quoting and line ends.
fn comment_text(comment: &[u8]) -> Vec<u8> {
    let text = comment.strip_prefix(b"(").unwrap_or(comment);
    let text = text.strip_suffix(b")").unwrap_or(text);
    let text: Cow<'_, [u8]> = super::header::unfold(text);
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.extend(if *byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name|route|local|host`, `[group` and `]`.
    fn read(value: &str) -> Vec<String> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let or_dash = |bytes: Option<Vec<u8>>| bytes.map_or("-".to_owned(), text);
        Addresses::of(value.as_bytes())
            .map(|address| match address {
                Address::Mailbox { name, route, local, host } => {
                    [or_dash(name), or_dash(route), text(local), text(host)].join("|")
                }
                Address::GroupStart(name) => format!("[{}", text(name)),
                Address::GroupEnd => "]".to_owned(),
            })
            .collect()
    }

    #[test]
    fn addresses_of_every_shape_are_read() {
        for (value, addresses) in [
            ("a@b", &["-|-|a|b"][..]),
            (
                " Ann Other <ann@example.test>, bob@x ",
                &["Ann Other|-|ann|example.test", "-|-|bob|x"],
            ),
            ("\"O, \\\"x\\\"\" <o@x>", &["O, \"x\"|-|o|x"]),
            ("o@x (Old\r\n (style))", &["Old (style)|-|o|x"]),
            ("=?utf-8?q?A=2C?= =?utf-8?q?B?= <a@b>", &["=?utf-8?q?A=2C?= =?utf-8?q?B?=|-|a|b"]),
            ("<@a,@b:c@d>", &["-|@a,@b|c|d"]),
            ("Team: a@x, B <b@x>;, c@x", &["[Team", "-|-|a|x", "B|-|b|x", "]", "-|-|c|x"]),
            ("undisclosed-recipients:;", &["[undisclosed-recipients", "]"]),
            ("open: a@x", &["[open", "-|-|a|x", "]"]),
            ("root", &["-|-|root|"]),
            ("Ann Other", &["-|-|Ann Other|"]),
            ("x@y <a@b>", &["x@y|-|a|b"]),
            ("Ann ann@x", &["Ann|-|ann|x"]),
            ("a . b @ c . d", &["-|-|a.b|c.d"]),
            ("\"a b\"@c", &["-|-|a b|c"]),
            ("<>", &["-|-||"]),
            ("<@a,<@b:c@d>", &["-|-||a", "-|@b|c|d"]),
            ("a@[1.2.3.4]", &["-|-|a|[1.2.3.4]"]),
            ("A <a@b", &["A|-|a|b"]),
            ("A <a@b, c@d", &["A|-|a|b", "-|-|c|d"]),
            (",,;, (nobody)", &[]),
            ("a@b@c", &["-|-|a@b|c"]),
            ("", &[]),
        ] {
            assert_eq!(read(value), addresses, "{value}");
        }
    }
}
