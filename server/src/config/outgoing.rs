//! How other servers are spoken to when mail goes out.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::limits;

/// How other servers are spoken to. Times are those of RFC 5321, 4.5.3.2.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutgoingConfig {
    /// What this server calls itself; its `hostname` if nothing is said.
    pub hostname: Option<String>,
    /// Where servers of other domains listen.
    #[serde(deserialize_with = "limits::positive")]
    pub port: u16,
    /// The address that connections come from.
    pub bind_ipv4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub bind_ipv6: Option<Ipv6Addr>,
    /// Addresses that one try connects to, of all hosts of a destination.
    #[serde(deserialize_with = "limits::positive")]
    pub addresses_max: usize,
    /// Recipients of one transaction; what others must take is 100 (RFC 5321, 4.5.3.1.8).
    #[serde(deserialize_with = "limits::positive")]
    pub recipients_max: usize,
    /// How long a connection may take to be made.
    #[serde(rename = "connect_seconds", deserialize_with = "limits::seconds")]
    pub connect_time: Duration,
    /// How long a TLS handshake may take.
    #[serde(rename = "tls_handshake_seconds", deserialize_with = "limits::seconds")]
    pub tls_handshake_time: Duration,
    /// How long a server may take to greet.
    #[serde(rename = "greeting_seconds", deserialize_with = "limits::seconds")]
    pub greeting_time: Duration,
    /// How long it may take to answer a command.
    #[serde(rename = "command_seconds", deserialize_with = "limits::seconds")]
    pub command_time: Duration,
    /// How long it may take to answer DATA.
    #[serde(rename = "data_seconds", deserialize_with = "limits::seconds")]
    pub data_time: Duration,
    /// How long it may take none of a message.
    #[serde(rename = "block_seconds", deserialize_with = "limits::seconds")]
    pub block_time: Duration,
    /// How long it may take to answer the end of a message.
    #[serde(rename = "end_seconds", deserialize_with = "limits::seconds")]
    pub end_time: Duration,
    /// How long one try may take on the whole, whatever the others allow.
    #[serde(rename = "try_seconds", deserialize_with = "limits::seconds")]
    pub try_time: Duration,
    /// How long a connection is kept for the next message; 0 for not at all.
    #[serde(rename = "idle_ms", deserialize_with = "limits::milliseconds")]
    pub idle_time: Duration,
    /// Connections that are kept at one time.
    pub idle_connections_max: usize,
    /// Messages that one connection carries.
    #[serde(deserialize_with = "limits::positive")]
    pub messages_per_connection_max: u32,
    /// PEM: whom to believe besides those whom the system believes.
    pub ca: Option<PathBuf>,
    /// Whether domains' MTA-STS policies are looked for and kept to (RFC 8461).
    pub mta_sts: bool,
    /// Where they are fetched; nobody has them elsewhere but tests.
    #[serde(deserialize_with = "limits::positive")]
    pub mta_sts_port: u16,
    /// Whether hosts are held to their TLSA records (RFC 7672). Needs name servers that pass on what
    /// DNSSEC needs.
    pub dane: bool,
    /// Whose signatures DNSSEC begins with, as DNSKEY records; the root's if nothing is said.
    pub dane_anchor: Option<PathBuf>,
    /// Other servers that take mail of ours on, instead of its destinations' own.
    #[serde(rename = "smarthost")]
    pub smarthosts: Vec<Smarthost>,
}

/// A server that takes our mail on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Smarthost {
    /// For these domains, and for what is below one that begins with a dot; none: for all others.
    pub domains: Vec<String>,
    /// Its name, or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is protected.
    pub tls: SmarthostTls,
    /// As whom we log in, and where the password is.
    pub login: Option<(String, PathBuf)>,
}

/// How a smarthost is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmarthostTls {
    /// STARTTLS, with a certificate that is verified.
    #[default]
    StartTls,
    /// TLS from the first octet, with a certificate that is verified.
    Implicit,
    /// Whatever it offers, with any certificate.
    Opportunistic,
    /// None.
    Off,
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    domains: Vec<String>,
    host: String,
    #[serde(default = "submission")]
    port: u16,
    #[serde(default)]
    tls: SmarthostTls,
    user: Option<String>,
    password_file: Option<PathBuf>,
}

fn submission() -> u16 {
    587
}

impl TryFrom<Written> for Smarthost {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { domains, host, port, tls, user, password_file } = written;
        let login = match (user, password_file) {
            (Some(user), Some(file)) => Some((user, file)),
            (None, None) => None,
            _ => return Err("user and password_file go together".to_owned()),
        };
        let is_protected = matches!(tls, SmarthostTls::StartTls | SmarthostTls::Implicit);
        if login.is_some() && !is_protected && !is_here(&host) {
            return Err(format!(
                "the password for {host} would be readable on the way; \
                                use tls = \"starttls\" or \"implicit\""
            ));
        }
        let domains = domains.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        Ok(Self { domains, host, port, tls, login })
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

impl OutgoingConfig {
    /// Who takes mail to this domain on, if not its own servers.
    pub fn smarthost(&self, domain: &str) -> Option<&Smarthost> {
        let named = self.smarthosts.iter().find(|smarthost| smarthost.names(domain));
        named.or_else(|| self.smarthosts.iter().find(|smarthost| smarthost.domains.is_empty()))
    }

    /// Makes relative paths count from `dir`.
    pub(super) fn relative_to(&mut self, dir: &Path) {
        let passwords = self.smarthosts.iter_mut().filter_map(|smarthost| smarthost.login.as_mut());
        for path in passwords.map(|(_, file)| file).chain(&mut self.ca).chain(&mut self.dane_anchor)
        {
            *path = dir.join(&*path);
        }
    }
}

impl Smarthost {
    fn names(&self, domain: &str) -> bool {
        self.domains
            .iter()
            .any(|own| own == domain || own.starts_with('.') && domain.ends_with(own))
    }
}

impl Default for OutgoingConfig {
    fn default() -> Self {
        Self {
            hostname: None,
            port: 25,
            bind_ipv4: None,
            bind_ipv6: None,
            addresses_max: 8,
            recipients_max: 100,
            connect_time: Duration::from_secs(30),
            tls_handshake_time: Duration::from_mins(1),
            greeting_time: Duration::from_mins(5),
            command_time: Duration::from_mins(5),
            data_time: Duration::from_mins(2),
            block_time: Duration::from_mins(3),
            end_time: Duration::from_mins(10),
            try_time: Duration::from_hours(1),
            idle_time: Duration::from_secs(5),
            idle_connections_max: 100,
            messages_per_connection_max: 100,
            ca: None,
            mta_sts: true,
            mta_sts_port: 443,
            dane: false,
            dane_anchor: None,
            smarthosts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn host_for(text: &str, domain: &str) -> Option<String> {
        let config = Config::parse(text, "f").expect("parses");
        config.outgoing.smarthost(domain).map(|smarthost| smarthost.host.clone())
    }

    #[test]
    fn a_smarthost_by_domain_comes_before_the_one_for_all() {
        let text = "[[outgoing.smarthost]]\nhost = 'all'\n\
                    [[outgoing.smarthost]]\nhost = 'some'\ndomains = ['A.test', '.b.test']\n";
        assert_eq!(host_for(text, "a.test").as_deref(), Some("some"));
        assert_eq!(host_for(text, "x.b.test").as_deref(), Some("some"));
        assert_eq!(host_for(text, "b.test").as_deref(), Some("all"));
        assert_eq!(host_for("[outgoing]\n", "a.test"), None);
    }

    #[test]
    fn a_password_goes_only_where_nobody_reads_along() {
        let parse = |rest: &str| {
            let text = format!("[[outgoing.smarthost]]\nuser = 'u'\npassword_file = 'p'\n{rest}");
            Config::parse(&text, "f").map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(parse("host = 'mx.test'\n"), Ok(()));
        assert_eq!(parse("host = '127.0.0.1'\ntls = 'off'\n"), Ok(()));
        let refusal = parse("host = 'mx.test'\ntls = 'opportunistic'\n").expect_err("readable");
        assert!(refusal.contains("mx.test would be readable"), "{refusal}");
        let half = Config::parse("[[outgoing.smarthost]]\nhost = 'h'\nuser = 'u'\n", "f");
        assert!(half.is_err());
    }
}
