//! The ports: what is spoken where.

use std::net::SocketAddr;

use serde::Deserialize;

/// One port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
}

/// What is spoken at a port, TLS from the first byte included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Reception from other servers.
    Smtp,
    /// The same, in TLS from the first byte.
    Smtps,
    /// From users' programs (RFC 6409).
    Submission,
    /// The same, in TLS from the first byte (RFC 8314, 3.3).
    Submissions,
    /// From a mail transfer agent in front (RFC 2033).
    Lmtp,
    /// RFC 1939.
    Pop3,
    /// The same, in TLS from the first byte.
    Pop3s,
    /// RFC 3501.
    Imap,
    /// The same, in TLS from the first byte.
    Imaps,
    /// Health and metrics.
    Http,
}

/// What a connection is for, however its bytes are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reception from other servers.
    Smtp,
    /// From users' programs.
    Submission,
    /// From a mail transfer agent in front.
    Lmtp,
    /// RFC 1939.
    Pop3,
    /// RFC 3501.
    Imap,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Smtp,
        Self::Smtps,
        Self::Submission,
        Self::Submissions,
        Self::Lmtp,
        Self::Pop3,
        Self::Pop3s,
        Self::Imap,
        Self::Imaps,
        Self::Http,
    ];

    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Smtps => "smtps",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Lmtp => "lmtp",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
            Self::Http => "http",
        }
    }

    /// Whether TLS starts with the first byte.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Smtps | Self::Submissions | Self::Pop3s | Self::Imaps)
    }

    /// What its connections are for; `None` for HTTP, which is no mail protocol.
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Smtp | Self::Smtps => Some(Role::Smtp),
            Self::Submission | Self::Submissions => Some(Role::Submission),
            Self::Lmtp => Some(Role::Lmtp),
            Self::Pop3 | Self::Pop3s => Some(Role::Pop3),
            Self::Imap | Self::Imaps => Some(Role::Imap),
            Self::Http => None,
        }
    }

    /// The port that the rest of the world expects.
    pub fn standard_port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Smtps | Self::Submissions => 465,
            Self::Submission => 587,
            Self::Lmtp => 24,
            Self::Pop3 => 110,
            Self::Pop3s => 995,
            Self::Imap => 143,
            Self::Imaps => 993,
            Self::Http => 80,
        }
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Smtp, Self::Submission, Self::Lmtp, Self::Pop3, Self::Imap];

    /// What its listener speaks, in TLS from the first byte or not.
    pub fn protocol(self, is_tls: bool) -> Protocol {
        match (self, is_tls) {
            (Self::Smtp, false) => Protocol::Smtp,
            (Self::Smtp, true) => Protocol::Smtps,
            (Self::Submission, false) => Protocol::Submission,
            (Self::Submission, true) => Protocol::Submissions,
            (Self::Lmtp, _) => Protocol::Lmtp,
            (Self::Pop3, false) => Protocol::Pop3,
            (Self::Pop3, true) => Protocol::Pop3s,
            (Self::Imap, false) => Protocol::Imap,
            (Self::Imap, true) => Protocol::Imaps,
        }
    }

    /// One word, for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Lmtp => "lmtp",
            Self::Pop3 => "pop3",
            Self::Imap => "imap",
        }
    }
}

impl Listener {
    /// The usual ports on all addresses; LMTP and HTTP for this machine only, because they ask
    /// nobody for a password.
    pub fn standard() -> Vec<Self> {
        let served = [
            Protocol::Smtp,
            Protocol::Submission,
            Protocol::Submissions,
            Protocol::Lmtp,
            Protocol::Pop3,
            Protocol::Pop3s,
            Protocol::Imap,
            Protocol::Imaps,
            Protocol::Http,
        ];
        served.into_iter().map(Self::standard_for).collect()
    }

    fn standard_for(protocol: Protocol) -> Self {
        let address = match protocol {
            Protocol::Lmtp => SocketAddr::from(([127, 0, 0, 1], protocol.standard_port())),
            Protocol::Http => SocketAddr::from(([127, 0, 0, 1], 8080)),
            _ => SocketAddr::from(([0, 0, 0, 0], protocol.standard_port())),
        };
        Self { protocol, address }
    }
}
