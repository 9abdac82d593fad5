//! A session with another server: opened, protected, logged in, ready for mail transactions.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::extensions::Extensions;
use super::guard::{ClientTls, Guard, server_name};
use super::login::{self, Login};
use super::outcome::{Concern, RemoteHost, Trouble};
use super::reply::{EnhancedStatus, Reply};
use super::wire::{Wire, WireError};
use crate::config::OutgoingConfig;

/// How long a server may take to hear that we are done.
const QUIT_TIME: Duration = Duration::from_secs(5);
/// No answer, or none in time, when connecting (RFC 3463, 3.5).
const NO_ANSWER: EnhancedStatus = EnhancedStatus::new(4, 4, 1);
/// The connection was lost.
const BAD_CONNECTION: EnhancedStatus = EnhancedStatus::new(4, 4, 2);
/// We would be talking to ourselves.
const LOOP: EnhancedStatus = EnhancedStatus::new(5, 4, 6);
/// The server is to be spoken to in TLS only, and offers none.
const ENCRYPTION_NEEDED: EnhancedStatus = EnhancedStatus::new(4, 7, 10);
/// The handshake failed, or the certificate is another's.
const NO_HANDSHAKE: EnhancedStatus = EnhancedStatus::new(4, 7, 5);

/// Opens sessions.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) config: OutgoingConfig,
    /// What we call ourselves.
    pub(super) hostname: String,
    pub(super) tls: ClientTls,
    /// Where this server takes mail itself.
    pub(super) own_addresses: Vec<SocketAddr>,
}

/// Who is to be spoken to, and how.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) host: RemoteHost,
    pub(super) address: SocketAddr,
    pub(super) guard: Guard,
    pub(super) login: Option<Arc<Login>>,
}

/// A session that is ready for a mail transaction.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) wire: Wire,
    pub(super) host: RemoteHost,
    pub(super) extensions: Extensions,
    /// Transactions so far.
    pub(super) transactions: u32,
    /// Whether another transaction can follow.
    pub(super) is_open: bool,
    /// Whether it ended because it had as many transactions as it may have.
    pub(super) is_spent: bool,
}

/// Why there is no session.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The host cannot be used.
    Host(Trouble),
    /// Only its TLS cannot: without, it might do.
    Tls(Trouble),
}

impl OpenError {
    /// What it is in either case.
    pub(super) fn into_trouble(self) -> Trouble {
        match self {
            Self::Host(trouble) | Self::Tls(trouble) => trouble,
        }
    }
}

impl Dialer {
    /// Connects, greets, protects the connection and logs in.
    pub(super) async fn open(&self, target: &Target) -> Result<Session, OpenError> {
        let host = &target.host;
        let fault = |stage: &str, error: &WireError| {
            OpenError::Host(own(host, BAD_CONNECTION, format!("{error} {stage}")))
        };
        let mut wire = self.connect(target).await.map_err(OpenError::Host)?;
        if target.guard == Guard::Implicit {
            self.handshake(&mut wire, target).await?;
        }
        let greeting = wire.reply(self.config.greeting_time).await;
        let greeting = greeting.map_err(|error| fault("before the greeting", &error))?;
        if greeting.code != 220 {
            return Err(self.refused(wire, host, greeting, "greets with a refusal").await);
        }
        let mut extensions = self.hello(&mut wire, host).await?;
        match &target.guard {
            Guard::Off | Guard::Implicit => {}
            _ if extensions.start_tls => {
                self.start_tls(&mut wire, target).await?;
                // What was said in plain text does not count (RFC 3207, 4.2).
                extensions = self.hello(&mut wire, host).await?;
            }
            Guard::Opportunistic => {}
            Guard::Encrypted | Guard::Dane(_) | Guard::Verified => {
                wire.quit(QUIT_TIME).await;
                let text = "offers no STARTTLS, without which no mail may go there";
                return Err(OpenError::Host(own(host, ENCRYPTION_NEEDED, text)));
            }
        }
        if let Some(login) = &target.login {
            login::log_in(&mut wire, login, &extensions.mechanisms, self.config.command_time)
                .await
                .map_err(|trouble| OpenError::Host(trouble.at(host)))?;
        }
        let host = host.clone();
        Ok(Session { wire, host, extensions, transactions: 0, is_open: true, is_spent: false })
    }

    async fn connect(&self, target: &Target) -> Result<Wire, Trouble> {
        let connected = timeout(self.config.connect_time, self.socket(target.address)).await;
        let failed = |text: String| own(&target.host, NO_ANSWER, text);
        let socket = connected
            .map_err(|_| failed("no connection in time".to_owned()))?
            .map_err(|error| failed(format!("cannot connect: {error}")))?;
        if self.is_ourselves(&socket) {
            let text = "leads back to this server, which does not take mail for it";
            return Err(own(&target.host, LOOP, text));
        }
        Wire::new(socket).map_err(|error| failed(format!("cannot connect: {error}")))
    }

    async fn socket(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let (socket, from) = match address.ip() {
            IpAddr::V4(_) => (TcpSocket::new_v4()?, self.config.bind_ipv4.map(IpAddr::V4)),
            IpAddr::V6(_) => (TcpSocket::new_v6()?, self.config.bind_ipv6.map(IpAddr::V6)),
        };
        if let Some(from) = from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        socket.connect(address).await
    }

    /// A connection to an address of this machine comes from that address.
    fn is_ourselves(&self, socket: &TcpStream) -> bool {
        let (Ok(peer), Ok(local)) = (socket.peer_addr(), socket.local_addr()) else { return false };
        let is_there = |own: &SocketAddr| {
            own.port() == peer.port() && (own.ip().is_unspecified() || own.ip() == peer.ip())
        };
        peer.ip() == local.ip() && self.own_addresses.iter().any(is_there)
    }

    /// EHLO, or HELO with a server that does not know it (RFC 5321, 3.2).
    async fn hello(&self, wire: &mut Wire, host: &RemoteHost) -> Result<Extensions, OpenError> {
        let time = self.config.command_time;
        let lost = |error: WireError| {
            OpenError::Host(own(host, BAD_CONNECTION, format!("{error} after EHLO")))
        };
        let reply = wire.ask(&format!("EHLO {}", self.hostname), time).await.map_err(lost)?;
        if reply.is_success() {
            return Ok(Extensions::of(&reply));
        }
        let reply = if reply.is_permanent() {
            wire.ask(&format!("HELO {}", self.hostname), time).await.map_err(lost)?
        } else {
            reply
        };
        if reply.is_success() {
            return Ok(Extensions::default());
        }
        let text = "does not take our greeting";
        Err(OpenError::Host(Trouble::answered(host, reply, Concern::Destination, text)))
    }

    async fn start_tls(&self, wire: &mut Wire, target: &Target) -> Result<(), OpenError> {
        let reply = wire.ask("STARTTLS", self.config.command_time).await;
        let host = &target.host;
        match reply {
            Ok(reply) if reply.code == 220 => self.handshake(wire, target).await,
            Ok(reply) => {
                let text = "refuses STARTTLS, which it offers";
                let trouble = Trouble::answered(host, reply, Concern::Destination, text);
                Err(OpenError::Tls(Trouble { status: NO_HANDSHAKE, ..trouble }))
            }
            Err(error) => {
                let text = format!("{error} after STARTTLS");
                Err(OpenError::Tls(own(host, BAD_CONNECTION, text)))
            }
        }
    }

    async fn handshake(&self, wire: &mut Wire, target: &Target) -> Result<(), OpenError> {
        let trouble = |text: String| OpenError::Tls(own(&target.host, NO_HANDSHAKE, text));
        let name = server_name(&target.host)
            .ok_or_else(|| trouble("no certificate can be for this name".to_owned()))?;
        let config = self.tls.config(&target.guard);
        let done = wire.start_tls(config, name, self.config.tls_handshake_time).await;
        done.map_err(|error| trouble(format!("no TLS: {error}")))
    }

    async fn refused(&self, wire: Wire, host: &RemoteHost, reply: Reply, text: &str) -> OpenError {
        wire.quit(QUIT_TIME).await;
        OpenError::Host(Trouble::answered(host, reply, Concern::Destination, text))
    }
}

impl Session {
    /// Whether a session that was idle can still be used. Asks the server, so that a transaction is
    /// not begun in vain.
    pub(super) async fn refresh(&mut self, within: Duration) -> bool {
        self.wire.is_quiet().await
            && self.wire.ask("RSET", within).await.is_ok_and(|reply| reply.is_success())
    }

    /// Says goodbye.
    pub(super) async fn quit(self) {
        if self.is_open || self.is_spent {
            self.wire.quit(QUIT_TIME).await;
        }
    }
}

fn own(host: &RemoteHost, status: EnhancedStatus, text: impl Into<String>) -> Trouble {
    Trouble::own(status, Concern::Destination, text).at(host)
}
