//! Addresses in the one form in which they are stored and compared.
//!
//! The domain is an A-label in lower case. The local part is in lower case too: a local domain
//! takes `Alice@` and `alice@` for the same user, and this server looks at no other domains.
//! UTF-8 in it stays UTF-8 (RFC 6531).

use std::fmt;

/// The longest local part, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_LEN_MAX: usize = 64;
/// The longest domain (RFC 5321, 4.5.3.1.2).
const DOMAIN_LEN_MAX: usize = 255;

/// An address in normal form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local_part: String,
    domain: String,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `@`.
    #[error("an address has the form user@domain")]
    NoDomain,
    /// Nothing before the `@`, or too much, or a control character.
    #[error("the part before the @ is not allowed")]
    LocalPart,
    /// Not a domain name.
    #[error("that is not a domain name")]
    Domain,
}

impl Address {
    /// Reads `user@domain`; the user may be a quoted string (RFC 5321, 4.1.2).
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local_part, domain) = text.rsplit_once('@').ok_or(AddressError::NoDomain)?;
        let local_part = match local_part.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => local_part.to_owned(),
        };
        Self::new(&local_part, domain)
    }

    /// Joins a local part, without quotes, and a domain.
    pub fn new(local_part: &str, domain: &str) -> Result<Self, AddressError> {
        let is_allowed = !local_part.is_empty()
            && local_part.len() <= LOCAL_LEN_MAX
            && !local_part.chars().any(char::is_control);
        if !is_allowed {
            return Err(AddressError::LocalPart);
        }
        Ok(Self { local_part: local_part.to_lowercase(), domain: normal_domain(domain)? })
    }

    /// What stands before the `@`, without quotes.
    pub fn local_part(&self) -> &str {
        &self.local_part
    }

    /// What stands behind it, as A-label.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The address without its detail, and the detail; `None` if there is none.
    pub fn without_detail(&self, separator: &str) -> Option<(Self, String)> {
        if separator.is_empty() {
            return None;
        }
        let (user, detail) = self.local_part.split_once(separator)?;
        if user.is_empty() {
            return None;
        }
        let address = Self { local_part: user.to_owned(), domain: self.domain.clone() };
        Some((address, detail.to_owned()))
    }
}

/// A domain name in lower case, as A-label.
pub(super) fn normal_domain(text: &str) -> Result<String, AddressError> {
    if text.len() > DOMAIN_LEN_MAX {
        return Err(AddressError::Domain);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    let domain = idna::domain_to_ascii_strict(text).map_err(|_| AddressError::Domain)?;
    let is_name = !domain.is_empty()
        && domain.len() <= DOMAIN_LEN_MAX
        && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name { Ok(domain) } else { Err(AddressError::Domain) }
}

fn unquoted(quoted: &str) -> Result<String, AddressError> {
    let inner = quoted.strip_suffix('"').ok_or(AddressError::LocalPart)?;
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next().ok_or(AddressError::LocalPart)?),
            '"' => return Err(AddressError::LocalPart),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

/// Whether the local part needs no quotes (RFC 5321, 4.1.2; RFC 6531, 3.3).
fn is_dot_string(local_part: &str) -> bool {
    let is_text = |character: char| {
        !character.is_ascii()
            || character.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(character)
    };
    local_part.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_text))
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local_part) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).expect(text)
    }

    #[test]
    fn case_and_the_form_of_the_domain_do_not_matter() {
        assert_eq!(address("Alice@Example.TEST"), address("alice@example.test"));
        assert_eq!(address("a@example.test."), address("a@example.test"));
        assert_eq!(address("a@bücher.test"), address("A@xn--bcher-kva.TEST"));
        assert_eq!(address("\"alice\"@example.test"), address("alice@example.test"));
        assert_eq!(address("用户@example.test").local_part(), "用户");
    }

    #[test]
    fn an_address_is_shown_in_a_form_that_reads_back() {
        for text in
            ["a@b.test", "a.b@c.test", "\"a b\"@c.test", "\"a\\\"\\\\\"@c.test", "あ@c.test"]
        {
            assert_eq!(address(text).to_string(), text);
            assert_eq!(address(&address(text).to_string()), address(text));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!(Address::parse("alice"), Err(AddressError::NoDomain));
        assert_eq!(Address::parse("@b.test"), Err(AddressError::LocalPart));
        assert_eq!(Address::parse("a\r\n@b.test"), Err(AddressError::LocalPart));
        assert_eq!(Address::parse("\"a\"b\"@c.test"), Err(AddressError::LocalPart));
        assert_eq!(
            Address::parse(&format!("{}@b.test", "a".repeat(65))),
            Err(AddressError::LocalPart)
        );
        for domain in ["", ".", "a b", "a..b", "[192.0.2.1]", "a/b", &"a.".repeat(200)] {
            assert_eq!(
                Address::parse(&format!("a@{domain}")),
                Err(AddressError::Domain),
                "{domain}"
            );
        }
    }

    #[test]
    fn details_are_cut_at_the_first_separator() {
        let cut = address("alice+lists+rust@b.test").without_detail("+");
        assert_eq!(cut, Some((address("alice@b.test"), "lists+rust".to_owned())));
        assert_eq!(address("alice@b.test").without_detail("+"), None);
        assert_eq!(address("+x@b.test").without_detail("+"), None);
        assert_eq!(address("alice+x@b.test").without_detail(""), None);
    }
}
