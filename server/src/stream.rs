//! One client connection as bytes, plain or in TLS; and [`Connection`], the same with a bounded
//! input buffer and an output buffer, which is what the protocols speak through.

mod connection;
mod lines;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

pub use connection::{Connection, StreamError};
pub use lines::{Ending, Line, Lines};

use crate::tls::TlsConfigs;

/// One client connection as bytes.
#[derive(Debug)]
pub struct Stream {
    carrier: Carrier,
    peer: SocketAddr,
    local: SocketAddr,
}

#[derive(Debug)]
enum Carrier {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// After a failed handshake: reads end, writes fail.
    Closed,
}

impl Stream {
    /// Takes over an accepted socket.
    pub fn new(socket: TcpStream) -> io::Result<Self> {
        // Answers are flushed whole, so waiting for more to send only adds delay.
        socket.set_nodelay(true)?;
        let (peer, local) = (canonical(socket.peer_addr()?), canonical(socket.local_addr()?));
        Ok(Self { carrier: Carrier::Plain(socket), peer, local })
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

    /// Does the server's side of a TLS handshake. Whatever happens, no plaintext passes
    /// afterwards: after a failure the stream is closed.
    pub async fn start_tls(&mut self, tls: &TlsConfigs, within: Duration) -> io::Result<()> {
        let Carrier::Plain(socket) = std::mem::replace(&mut self.carrier, Carrier::Closed) else {
            return Err(io::Error::other("TLS has been started before"));
        };
        let handshake = tls.acceptor().accept(socket);
        let carrier = timeout(within, handshake).await.map_err(|_| io::ErrorKind::TimedOut)??;
        self.carrier = Carrier::Tls(Box::new(carrier));
        Ok(())
    }

    /// Waits until a read would find bytes or the end, holding no buffer. Nothing is consumed,
    /// so the future can be dropped at any moment. In TLS it may resolve a little early, when
    /// only a part of a record has come.
    pub async fn readable(&mut self) -> io::Result<()> {
        match &mut self.carrier {
            Carrier::Plain(socket) => has_input(socket).await,
            Carrier::Tls(stream) => {
                let (socket, session) = stream.get_mut();
                // Without new input this only reports what the last read left over.
                let state = session.process_new_packets().map_err(io::Error::other)?;
                if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() {
                    return Ok(());
                }
                has_input(socket).await
            }
            Carrier::Closed => Ok(()),
        }
    }
}

/// Looks rather than believes: readiness alone may be what is left from before, and a session
/// that went on to read then would hear of nothing else, a shutdown for one.
///
/// A connection that was reset is readable too: the read that follows finds its end.
async fn has_input(socket: &TcpStream) -> io::Result<()> {
    match socket.peek(&mut [0]).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(error),
    }
}

/// `::ffff:a.b.c.d` is the IPv4 address that it maps.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Carrier::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Carrier::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Carrier::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Carrier::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Carrier::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Carrier::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Carrier::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Carrier::Closed => Poll::Ready(Ok(())),
        }
    }
}
