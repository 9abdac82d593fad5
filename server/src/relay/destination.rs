//! Where mail goes: a domain, or a host by its address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest domain (RFC 5321, 4.5.3.1.2).
const DOMAIN_LEN_MAX: usize = 255;

/// Where mail goes: what stands behind the `@` of its recipients.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    /// A domain, in A-labels and lower case.
    Domain(String),
    /// An address literal (RFC 5321, 4.1.3).
    Address(IpAddr),
}

impl Destination {
    /// Reads a domain or an address literal in its brackets; `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(literal) = text.strip_prefix('[') {
            return address(literal.strip_suffix(']')?).map(Self::Address);
        }
        let domain = idna::domain_to_ascii(text).ok()?;
        let fits = !domain.is_empty() && domain.len() <= DOMAIN_LEN_MAX;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (fits && domain.bytes().all(is_name)).then_some(Self::Domain(domain))
    }

    /// That of an address: what stands behind its last `@`.
    pub fn of_address(address: &str) -> Option<Self> {
        Self::parse(address.rsplit_once('@')?.1)
    }
}

fn address(literal: &str) -> Option<IpAddr> {
    match literal.split_at_checked(5) {
        Some((tag, v6)) if tag.eq_ignore_ascii_case("IPv6:") => {
            v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => literal.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// As it stands behind the `@`.
impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => out.write_str(domain),
            Self::Address(IpAddr::V4(address)) => write!(out, "[{address}]"),
            Self::Address(IpAddr::V6(address)) => write!(out, "[IPv6:{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_compared_as_a_labels_in_lower_case() {
        let written = ["Example.ORG", "bücher.example", "[192.0.2.1]", "[ipv6:2001:DB8::1]"];
        let read = written.map(|text| Destination::parse(text).expect(text).to_string());
        assert_eq!(
            read,
            ["example.org", "xn--bcher-kva.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"]
        );
        assert_eq!(Destination::of_address("\"a@b\"@x.test"), Destination::parse("x.test"));
    }

    #[test]
    fn what_is_neither_is_nothing() {
        for wrong in ["", "[", "[]", "[x]", "[2001:db8::1]", "a b", "a\r\nb", "a@b", "[1.2.3.4"] {
            assert_eq!(Destination::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(Destination::of_address("postmaster"), None);
    }
}
