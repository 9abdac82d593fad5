//! One client connection as bytes, plain or in TLS, compressed or not; and [`Connection`], the same
//! with a bounded input buffer and an output buffer, which is what the protocols speak through.

mod carrier;
mod compression;
mod connection;
mod deflate;
mod inflate;
mod lines;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use connection::{Connection, OUTPUT_FULL, StreamError};
pub use lines::{Ending, Line, Lines};

pub use self::carrier::Link;
use self::carrier::{Carrier, Tls};
use self::compression::Compression;
use crate::tls::{TlsConfigs, certificate};

/// One client connection as bytes.
pub struct Stream {
    carrier: Carrier,
    compression: Option<Box<Compression>>,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Stream {
    /// Takes over an accepted socket.
    pub fn new(socket: TcpStream) -> io::Result<Self> {
        // Answers are flushed whole, so waiting for more to send only adds delay.
        socket.set_nodelay(true)?;
        let (peer, local) = (canonical(socket.peer_addr()?), canonical(socket.local_addr()?));
        Ok(Self { carrier: Carrier::Plain(socket), compression: None, peer, local })
    }

    /// The client's address; an IPv4 client of an IPv6 socket has its IPv4 address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The address the client connected to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether bytes are encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self.carrier, Carrier::Tls(_))
    }

    /// What both sides of this TLS connection have and nobody else (RFC 9266, 2). Only in TLS 1.3:
    /// what makes it safe before is an extension that rustls does not tell of.
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        let Carrier::Tls(tls) = &self.carrier else { return None };
        let (_, session) = tls.stream.get_ref();
        if session.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
            return None;
        }
        let label = b"EXPORTER-Channel-Binding";
        session.export_keying_material([0; 32], label, Some(b"")).ok()
    }

    /// The hash of the certificate that this connection was opened with (RFC 5929, 4).
    pub fn tls_server_end_point(&self) -> Option<Arc<[u8]>> {
        let Carrier::Tls(tls) = &self.carrier else { return None };
        tls.end_point.clone()
    }

    /// The mail addresses in the certificate that the client has shown; it was verified in the
    /// handshake.
    pub fn certified(&self) -> Vec<String> {
        let Carrier::Tls(tls) = &self.carrier else { return Vec::new() };
        let chain = tls.stream.get_ref().1.peer_certificates();
        chain.and_then(<[_]>::first).map_or_else(Vec::new, |leaf| certificate::addresses(leaf))
    }

    /// How much of the connection is left, as far as the system has heard.
    pub fn link(&self) -> Link {
        self.carrier.link()
    }

    /// Whether bytes are compressed.
    pub fn is_compressed(&self) -> bool {
        self.compression.is_some()
    }

    /// Compresses all that is sent from now on, and inflates all that comes, beginning with
    /// `input`, which has come already.
    pub fn start_compression(&mut self, input: Vec<u8>) {
        self.compression = Some(Box::new(Compression::new(input)));
    }

    /// Sends and takes bytes as they are again. What has come compressed and was not read is lost.
    pub fn stop_compression(&mut self) {
        self.compression = None;
    }

    /// Does the server's side of a TLS handshake. Whatever happens, no plaintext passes
    /// afterwards: after a failure the stream is closed.
    pub async fn start_tls(&mut self, tls: &TlsConfigs, within: Duration) -> io::Result<()> {
        let Carrier::Plain(socket) = std::mem::replace(&mut self.carrier, Carrier::Closed) else {
            return Err(io::Error::other("TLS has been started before"));
        };
        let (acceptor, end_point) = tls.acceptor();
        let handshake = acceptor.accept(socket);
        let stream = timeout(within, handshake).await.map_err(|_| io::ErrorKind::TimedOut)??;
        self.carrier = Carrier::Tls(Box::new(Tls { stream, end_point }));
        Ok(())
    }

    /// Waits until a read may find bytes or the end, holding no buffer. Nothing is consumed, so
    /// the future can be dropped at any moment. Whether there are any only a read can tell: what
    /// came may be a part of a TLS record, or nothing once it is inflated.
    pub async fn readable(&mut self) -> io::Result<()> {
        if let Some(compression) = &mut self.compression {
            if compression.has_input() {
                return Ok(());
            }
            compression.rest();
        }
        self.carrier.readable().await
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stream = out.debug_struct("Stream");
        stream.field("carrier", &self.carrier).field("is_compressed", &self.is_compressed());
        stream.field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// `::ffff:a.b.c.d` is the IPv4 address that it maps.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { carrier, compression, .. } = self.get_mut();
        match compression {
            None => Pin::new(carrier).poll_read(cx, buffer),
            Some(compression) => compression.poll_read(carrier, cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { carrier, compression, .. } = self.get_mut();
        match compression {
            None => Pin::new(carrier).poll_write(cx, bytes),
            Some(compression) => compression.poll_write(carrier, cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        let Self { carrier, compression, .. } = self.get_mut();
        if let Some(compression) = compression {
            ready!(compression.poll_send(carrier, cx))?;
        }
        Pin::new(carrier).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        let Self { carrier, compression, .. } = self.get_mut();
        if let Some(compression) = compression {
            ready!(compression.poll_send(carrier, cx))?;
        }
        Pin::new(carrier).poll_shutdown(cx)
    }
}
