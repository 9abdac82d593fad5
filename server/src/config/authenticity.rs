//! What is asked about mail that others send, and what follows from the answers.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::limits;

/// How mail from other servers is checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthenticityConfig {
    /// Whether it is.
    pub verify: bool,
    /// How long all questions about one message may take together.
    #[serde(rename = "check_ms", deserialize_with = "limits::milliseconds")]
    pub check_time: Duration,
    /// What becomes of mail that its author's domain wants quarantined or rejected.
    pub dmarc: Consequence,
    /// What becomes of mail from an address that its domain says is not one of its own.
    pub spf: Consequence,
    /// From where nothing is checked.
    pub trusted: Vec<Network>,
    /// Domains whose ARC seal is believed: a message that they saw pass is as good as one that does.
    pub trusted_sealers: Vec<String>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consequence {
    /// It is refused.
    Reject,
    /// It goes to the mailbox for junk.
    Junk,
    /// What was found is written into its header, and that is all.
    Mark,
}

/// All addresses whose first bits are those of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether an address is one of them. An IPv4 address in the clothes of IPv6 is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(u32::BITS - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(u128::BITS - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text} must be an address or a network: 192.0.2.0/24, ::1");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits_max = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        let bits = bits.map_or(Ok(bits_max), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > bits_max { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl Default for AuthenticityConfig {
    fn default() -> Self {
        let loopback = |text: &str| Network::try_from(text.to_owned()).ok();
        Self {
            verify: true,
            check_time: Duration::from_secs(10),
            dmarc: Consequence::Junk,
            spf: Consequence::Mark,
            trusted: ["127.0.0.0/8", "::1"].into_iter().filter_map(loopback).collect(),
            trusted_sealers: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn networks_hold_the_addresses_with_their_first_bits() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("127.0.0.0/8", "::ffff:127.1.2.3", "128.0.0.1"),
        ] {
            let network = Network::try_from(network.to_owned()).expect("a network");
            assert!(network.contains(inside.parse().expect("an address")), "{network:?} {inside}");
            assert!(!network.contains(outside.parse().expect("an address")), "{network:?}");
        }
        for wrong in ["192.0.2.0/33", "::/129", "mail.example.org", "192.0.2.0/", "/8"] {
            assert!(Network::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn consequences_are_named_by_words() {
        let text = "[authenticity]\ndmarc = 'reject'\nspf = 'junk'\ntrusted = []\n";
        let config = Config::parse(text, "f").expect("parses").authenticity;
        assert_eq!((config.dmarc, config.spf), (Consequence::Reject, Consequence::Junk));
        assert!(Config::parse("[authenticity]\ndmarc = 'bounce'\n", "f").is_err());
    }
}
