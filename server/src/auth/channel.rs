//! What a connection tells of its client, apart from what the client says.

use std::net::IpAddr;
use std::sync::Arc;

use crate::directory::Address;
use crate::stream::Connection;

/// One connection as a way to log in.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Where the client is.
    pub peer: IpAddr,
    /// Whether bytes are encrypted.
    pub is_tls: bool,
    /// What proves that the client is at the other end of this very connection.
    pub bindings: Bindings,
    /// The addresses in the certificate that the client has proved to be its own.
    pub certified: Vec<Address>,
}

/// Channel bindings (RFC 5056), as far as the connection has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// `tls-exporter` (RFC 9266): TLS 1.3 only, since TLS 1.2 may be without what makes it unique.
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929, 4).
    pub end_point: Option<Arc<[u8]>>,
}

impl Channel {
    /// That of a connection.
    pub fn of(connection: &Connection) -> Self {
        let bindings = Bindings {
            exporter: connection.tls_exporter(),
            end_point: connection.tls_server_end_point(),
        };
        let certified = connection.certified();
        let certified = certified.iter().filter_map(|text| Address::parse(text).ok()).collect();
        Self { peer: connection.peer().ip(), is_tls: connection.is_tls(), bindings, certified }
    }
}

impl Bindings {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The one of a registered name.
    pub(super) fn named(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            "tls-server-end-point" => self.end_point.as_deref(),
            _ => None,
        }
    }
}
