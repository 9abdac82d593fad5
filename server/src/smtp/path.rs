//! Reverse-path and forward-path (RFC 5321, 4.1.2; with UTF-8: RFC 6531, 3.3).
//!
//! ```text
//! Path     = "<" [ source-route ":" ] local-part "@" ( domain / address-literal ) ">"
//! ```
//!
//! A source route is read and ignored (RFC 5321, 4.1.1.3). A path is kept as the client wrote it,
//! less the quotes of its local part, because a sender's local part belongs to others: it may
//! differ from another in case alone.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest path that is taken, more than the 256 octets of RFC 5321, 4.5.3.1.3: encoded
/// return addresses of mailing lists are long.
const PATH_LEN_MAX: usize = 512;
const DOMAIN_LEN_MAX: usize = 255;
const LABEL_LEN_MAX: usize = 63;

/// Where failures are reported to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReversePath {
    /// `<>`: nowhere, because the message is such a report (RFC 5321, 4.5.5).
    Null,
    /// To this address.
    Path(Path),
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardPath {
    /// `<postmaster>`, without a domain (RFC 5321, 4.1.1.3).
    Postmaster,
    /// To this address.
    Path(Path),
}

/// An address as a client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    local_part: String,
    domain: String,
}

impl Path {
    /// What stands before the `@`, without quotes.
    pub fn local_part(&self) -> &str {
        &self.local_part
    }

    /// A domain, or an address literal in its brackets.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether it can be written without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.local_part.is_ascii() && self.domain.is_ascii()
    }

    /// Reads a path in angle brackets at the front of `text`; also returns what follows it.
    fn read(text: &str) -> Option<(Self, &str)> {
        let inner = without_source_route(text.strip_prefix('<')?)?;
        let (local_part, rest) = match inner.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => dot_string(inner)?,
        };
        let (domain, rest) = domain(rest.strip_prefix('@')?)?;
        let rest = rest.strip_prefix('>')?;
        if text.len() - rest.len() > PATH_LEN_MAX {
            return None;
        }
        Some((Self { local_part, domain: domain.to_owned() }, rest))
    }
}

impl ReversePath {
    /// Reads a reverse-path at the front of `text`; also returns what follows it.
    pub(super) fn read(text: &str) -> Option<(Self, &str)> {
        if let Some(rest) = text.strip_prefix("<>") {
            return Some((Self::Null, rest));
        }
        let (path, rest) = Path::read(text)?;
        Some((Self::Path(path), rest))
    }

    /// Whether it can be written without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Path(path) => path.is_ascii(),
        }
    }
}

impl ForwardPath {
    /// Reads a forward-path at the front of `text`; also returns what follows it.
    pub(super) fn read(text: &str) -> Option<(Self, &str)> {
        const POSTMASTER: &str = "<postmaster>";
        if let Some((name, rest)) = text.split_at_checked(POSTMASTER.len())
            && name.eq_ignore_ascii_case(POSTMASTER)
        {
            return Some((Self::Postmaster, rest));
        }
        let (path, rest) = Path::read(text)?;
        Some((Self::Path(path), rest))
    }
}

fn without_source_route(inner: &str) -> Option<&str> {
    if !inner.starts_with('@') {
        return Some(inner);
    }
    let (route, rest) = inner.split_once(':')?;
    let is_route =
        route.split(',').all(|hop| matches!(hop.strip_prefix('@').and_then(domain), Some((_, ""))));
    is_route.then_some(rest)
}

/// The rest of a quoted string behind its first quote.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut plain = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' if plain.is_empty() => return None,
            '"' => return Some((plain, text.get(index + 1..)?)),
            '\\' => plain.push(
                characters
                    .next()
                    .map(|(_, quoted)| quoted)
                    .filter(|quoted| !quoted.is_control())?,
            ),
            other if !other.is_control() => plain.push(other),
            _ => return None,
        }
    }
    None
}

fn dot_string(text: &str) -> Option<(String, &str)> {
    let end = text.find(|character| !is_atom_text(character) && character != '.')?;
    let (local_part, rest) = text.split_at_checked(end)?;
    let is_dot_string = local_part.split('.').all(|atom| !atom.is_empty());
    is_dot_string.then(|| (local_part.to_owned(), rest))
}

fn is_atom_text(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character)
    } else {
        !character.is_control()
    }
}

/// A domain or an address literal, and what follows it.
fn domain(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('[') {
        let (literal, rest) = text.split_at_checked(text.find(']')? + 1)?;
        return is_address_literal(literal).then_some((literal, rest));
    }
    let is_name = |character: char| {
        // An underscore is in no host name, but in addresses that exist.
        character.is_ascii_alphanumeric()
            || "-_.".contains(character)
            || (!character.is_ascii() && !character.is_control())
    };
    let end = text.find(|character| !is_name(character)).unwrap_or(text.len());
    let (domain, rest) = text.split_at_checked(end)?;
    let is_label = |label: &str| {
        (1..=LABEL_LEN_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_domain = domain.len() <= DOMAIN_LEN_MAX && domain.split('.').all(is_label);
    is_domain.then_some((domain, rest))
}

/// RFC 5321, 4.1.3, less the general form, for which no tag was ever registered.
fn is_address_literal(literal: &str) -> bool {
    let Some(address) = literal.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return false;
    };
    match address.split_at_checked(5) {
        Some((tag, v6)) if tag.eq_ignore_ascii_case("IPv6:") => v6.parse::<Ipv6Addr>().is_ok(),
        _ => address.parse::<Ipv4Addr>().is_ok(),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.local_part.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_text))
        {
            return write!(out, "{}@{}", self.local_part, self.domain);
        }
        out.write_str("\"")?;
        for character in self.local_part.chars() {
            if matches!(character, '"' | '\\') {
                out.write_str("\\")?;
            }
            write!(out, "{character}")?;
        }
        write!(out, "\"@{}", self.domain)
    }
}

/// As it stands between angle brackets: nothing for the null reverse-path.
impl fmt::Display for ReversePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Path(path) => path.fmt(out),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => out.write_str("postmaster"),
            Self::Path(path) => path.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Option<String> {
        let (path, rest) = Path::read(text)?;
        (rest.is_empty()).then(|| path.to_string())
    }

    #[test]
    fn paths_are_read_as_written() {
        for text in [
            "a@b.test",
            "First.Last+tag@Example.TEST",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "\"a b\"@c.test",
            "\"a\\\"\\\\b\"@c.test",
            "\"a..b\"@c.test",
            "用户@例え.テスト",
            "a@under_score.test",
        ] {
            assert_eq!(path(&format!("<{text}>")).as_deref(), Some(text));
        }
        assert_eq!(path("<\"plain\"@c.test>").as_deref(), Some("plain@c.test"));
        assert_eq!(path("<@one.test,@two.test:a@b.test>").as_deref(), Some("a@b.test"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let long = format!("<{}@b.test>", "a".repeat(PATH_LEN_MAX));
        for text in [
            "",
            "a@b.test",
            "<a@b.test",
            "<a>",
            "<@b.test>",
            "<a@>",
            "<a@b..test>",
            "<a@.b>",
            "<.a@b.test>",
            "<a.@b.test>",
            "<a..b@c.test>",
            "<a b@c.test>",
            "<a@b.test >",
            "<a@-b.test>",
            "<a@b-.test>",
            "<a@[192.0.2]>",
            "<a@[IPv6:x]>",
            "<a@[192.0.2.1>",
            "<\"\"@c.test>",
            "<\"a@c.test>",
            "<\"a\"b@c.test>",
            "<\"a\r\n\"@c.test>",
            "<a\r\nb@c.test>",
            "<@:a@b.test>",
            "<@one.test a@b.test>",
            "<a@b.test\r\n>",
            &long,
        ] {
            assert_eq!(path(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_null_path_and_the_bare_postmaster_are_paths() {
        assert_eq!(ReversePath::read("<> SIZE=1"), Some((ReversePath::Null, " SIZE=1")));
        assert_eq!(ForwardPath::read("<>"), None);
        assert_eq!(ForwardPath::read("<PostMaster>"), Some((ForwardPath::Postmaster, "")));
        assert_eq!(ReversePath::read("<postmaster>"), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(local_part in "[ -~é用]{1,20}", domain in "[a-z]{1,9}\\.test") {
            let written = Path { local_part, domain };
            let text = format!("<{written}>");
            prop_assert_eq!(Path::read(&text), Some((written, "")));
        }

        #[test]
        fn no_text_panics_or_lets_a_line_end_through(text in "(<|)[\\PC\r\n\"\\\\@<>:,.]{0,40}") {
            if let Some((path, _)) = Path::read(&text) {
                prop_assert!(!path.to_string().contains(['\r', '\n', '\0']));
            }
        }
    }
}
