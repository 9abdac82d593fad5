//! The ports: binds them, admits connections within the limits, and hands each to its protocol
//! in a task of its own. What ends one session, a panic included, touches no other.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;

use crate::config::{Listener, Protocol, Role};
use crate::context::Context;
use crate::limits::{Admission, ConnectionLimits};
use crate::stream::Stream;
use crate::{imap, pop3, smtp};

/// How long to wait after the system had no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port that nobody is served at yet.
#[derive(Debug)]
pub(crate) struct Port {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where, with the number the system chose for port 0.
    pub address: SocketAddr,
    pub(crate) socket: TcpListener,
}

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {}: {source}{}", .protocol.name(), advice(.source))]
pub struct BindError {
    protocol: Protocol,
    address: SocketAddr,
    source: io::Error,
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program has this port: stop it, or change the listener's address"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}

/// Binds all ports or none.
pub(crate) async fn bind(listeners: &[Listener]) -> Result<Vec<Port>, BindError> {
    let mut ports = Vec::with_capacity(listeners.len());
    for &Listener { protocol, address } in listeners {
        let refused = |source| BindError { protocol, address, source };
        let socket = TcpListener::bind(address).await.map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        ports.push(Port { protocol, address, socket });
    }
    Ok(ports)
}

/// Serves a mail port until shutdown is requested, then waits for its sessions, at most until
/// `grace` is over.
pub(crate) async fn serve(
    context: Arc<Context>,
    port: Port,
    role: Role,
    limits: ConnectionLimits,
    grace: Duration,
) {
    let mut sessions = JoinSet::new();
    let door = Door { context, role, is_tls: port.protocol.is_tls(), limits };
    loop {
        tokio::select! {
            () = door.context.shutdown.requested() => break,
            accepted = port.socket.accept() => match accepted {
                Ok((socket, peer)) => door.enter(socket, peer, &mut sessions),
                Err(error) => pause(&error).await,
            },
            Some(ended) = sessions.join_next() => door.ended(ended),
        }
    }
    drop(port);
    let deadline = Instant::now() + grace;
    while let Ok(Some(ended)) = timeout_at(deadline, sessions.join_next()).await {
        door.ended(ended);
    }
    if !sessions.is_empty() {
        tracing::warn!(sessions = sessions.len(), protocol = role.name(), "sessions cut off");
        sessions.shutdown().await;
    }
}

/// A client that has gone again is its own affair; having no room is ours, and trying again at
/// once would only burn the processor.
async fn pause(error: &io::Error) {
    let is_clients =
        matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !is_clients {
        tracing::error!(%error, "cannot accept a connection");
        sleep(ACCEPT_PAUSE).await;
    }
}

/// What every connection of one port goes through.
struct Door {
    context: Arc<Context>,
    role: Role,
    is_tls: bool,
    limits: ConnectionLimits,
}

impl Door {
    fn enter(&self, socket: TcpStream, peer: SocketAddr, sessions: &mut JoinSet<()>) {
        match self.limits.admit(peer.ip().to_canonical()) {
            Ok(admission) => {
                // Of the highest level, so that every line that is shown has it.
                let span = tracing::error_span!("session", protocol = self.role.name(), %peer);
                let session =
                    session(Arc::clone(&self.context), socket, self.role, self.is_tls, admission);
                sessions.spawn(session.instrument(span));
            }
            Err(refusal) => {
                tracing::warn!(%peer, ?refusal, protocol = self.role.name(), "connection refused");
                self.context.metrics.refused(self.role);
                self.send_away(socket);
            }
        }
    }

    /// Says why in the protocol's words, as far as the socket takes them at once: a client that
    /// is over the limit is not worth waiting for.
    fn send_away(&self, socket: TcpStream) {
        if self.is_tls {
            return;
        }
        if let Ok(mut socket) = socket.into_std() {
            let _ = socket.write(self.full().as_bytes());
        }
    }

    fn full(&self) -> String {
        match self.role {
            // (RFC 9051, 7.1.5; RFC 5530, 3)
            Role::Imap => "* BYE [UNAVAILABLE] Too many connections\r\n".to_owned(),
            // (RFC 3206, 4)
            Role::Pop3 => "-ERR [SYS/TEMP] Too many connections\r\n".to_owned(),
            // (RFC 5321, 4.2.2)
            Role::Smtp | Role::Submission | Role::Lmtp => {
                format!("421 {} Too many connections\r\n", self.context.config.hostname)
            }
        }
    }

    fn ended(&self, ended: Result<(), JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            self.context.metrics.panicked();
            tracing::error!(%error, protocol = self.role.name(), "a session ended by a fault");
        }
    }
}

/// No `async fn`, because what that is called with it holds twice.
fn session(
    context: Arc<Context>,
    socket: TcpStream,
    role: Role,
    is_tls: bool,
    admission: Admission,
) -> impl Future<Output = ()> + Send {
    let open = context.metrics.connected(role);
    let opening = Box::pin(opened(Arc::clone(&context), socket, is_tls));
    async move {
        if let Some(conversation) = opening.await.map(|stream| serve_in(context, stream, role)) {
            conversation.await;
        }
        drop((admission, open));
    }
}

/// The stream, with its handshake done.
async fn opened(context: Arc<Context>, socket: TcpStream, is_tls: bool) -> Option<Stream> {
    // A client may be gone before it is served.
    let mut stream = Stream::new(socket).ok()?;
    if is_tls {
        let within = context.config.limits.tls_handshake_time;
        if let Err(error) = stream.start_tls(&context.tls, within).await {
            tracing::debug!(%error, "TLS handshake failed");
            return None;
        }
    }
    Some(stream)
}

/// Boxed, so that a session takes the memory of its own protocol and not of the largest.
fn serve_in(
    context: Arc<Context>,
    stream: Stream,
    role: Role,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    match role {
        Role::Imap => Box::pin(imap::serve(context, stream, role)),
        Role::Pop3 => Box::pin(pop3::serve(context, stream)),
        Role::Smtp | Role::Submission | Role::Lmtp => Box::pin(smtp::serve(context, stream, role)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tests::world;

    /// Thousands of sessions wait at one time. A command whose future is part of its session's,
    /// and not boxed, would cost each of them its own size.
    #[tokio::test]
    async fn a_session_is_no_larger_than_its_waiting() {
        const SESSION_LEN_MAX: usize = 2 << 10;
        let world = world(&[Protocol::Imap]).await;
        let server = world.start().await;
        let address = server.address(Protocol::Imap).expect("it listens");
        for role in Role::ALL {
            let socket = TcpStream::connect(address).await.expect("connects");
            let context = Arc::clone(server.context());
            let stream = Stream::new(socket).expect("a socket");
            let len = match role {
                Role::Imap => size_of_val(&imap::serve(context, stream, role)),
                Role::Pop3 => size_of_val(&pop3::serve(context, stream)),
                _ => size_of_val(&smtp::serve(context, stream, role)),
            };
            assert!(len <= SESSION_LEN_MAX, "{}: {len} bytes", role.name());
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn a_session_that_panics_is_counted_and_ends_alone() {
        let world = world(&[Protocol::Imap]).await;
        let server = world.start().await;
        let context = Arc::clone(server.context());
        let limits = server.connection_limits().clone();
        let door = Door { context, role: Role::Imap, is_tls: false, limits };
        let mut sessions = JoinSet::new();
        sessions.spawn(async { panic!("on purpose, for the test") });
        sessions.spawn(async {});
        while let Some(ended) = sessions.join_next().await {
            door.ended(ended);
        }
        let metrics = door.context.metrics_text().expect("text");
        assert!(metrics.contains("fumikura_session_panics_total 1\n"), "{metrics}");
        server.stop().await;
    }
}
