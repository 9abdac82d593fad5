//! Who is asked where mail for other domains goes, and what other domains say about theirs.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::limits;

/// The port of name servers.
const PORT: u16 = 53;

/// Name servers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsConfig {
    /// Recursive name servers; those of the system if there are none here.
    pub servers: Vec<NameServer>,
    /// How long one of them may take to answer.
    #[serde(rename = "timeout_ms", deserialize_with = "limits::milliseconds")]
    pub timeout: Duration,
    /// How often each is asked.
    #[serde(deserialize_with = "limits::positive")]
    pub attempts: usize,
    /// How many answers are remembered, for as long as they say.
    pub cache_entries_max: u64,
}

/// The address of a name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NameServer(pub SocketAddr);

impl TryFrom<String> for NameServer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
        let address = address.or_else(|_| text.parse::<SocketAddr>());
        address.map(Self).map_err(|_| {
            format!("{text} must be an address, with a port or without: 192.0.2.1, [::1]:5353")
        })
    }
}

impl Default for DnsConfig {
    fn default() -> Self {
        let timeout = Duration::from_secs(3);
        Self { servers: Vec::new(), timeout, attempts: 2, cache_entries_max: 10_000 }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_name_server_is_an_address_with_a_port_or_without() {
        let text = "[dns]\nservers = ['192.0.2.1', '[::1]:5353', '::1']\n";
        let config = Config::parse(text, "f").expect("parses");
        let addresses = config.dns.servers.iter().map(|server| server.0.to_string());
        assert_eq!(addresses.collect::<Vec<_>>(), ["192.0.2.1:53", "[::1]:5353", "[::1]:53"]);
        let refusal = Config::parse("[dns]\nservers = ['ns.example.org']\n", "f");
        assert!(refusal.expect_err("a name").to_string().starts_with("f:2: ns.example.org must"));
    }
}
