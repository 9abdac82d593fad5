//! What carries bytes: a socket, or TLS on one.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// How much of a connection is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing is known to be wrong.
    Whole,
    /// The client sends no more. It may still be there to read; whether it is, shows when something
    /// is sent.
    SilentClient,
    /// Nobody is there.
    Gone,
}

/// What carries bytes.
#[derive(Debug)]
pub(super) enum Carrier {
    Plain(TcpStream),
    Tls(Box<Tls>),
    /// After a failed handshake: reads end, writes fail.
    Closed,
}

/// TLS on a socket.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) stream: TlsStream<TcpStream>,
    /// The hash of the certificate that was shown.
    pub(super) end_point: Option<Arc<[u8]>>,
}

impl Carrier {
    /// Waits until a read may find bytes or the end; see [`super::Stream::readable`].
    pub(super) async fn readable(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.readable().await,
            Self::Tls(tls) => {
                let (socket, session) = tls.stream.get_mut();
                // Without new input this only reports what the last read left over.
                let state = session.process_new_packets().map_err(io::Error::other)?;
                if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() {
                    return Ok(());
                }
                socket.readable().await
            }
            Self::Closed => Ok(()),
        }
    }

    /// How much of the connection is left, as far as the system has heard.
    pub(super) fn link(&self) -> Link {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.stream.get_ref().0,
            Self::Closed => return Link::Gone,
        };
        // Looked at once, not waited for.
        let mut looking = TaskContext::from_waker(Waker::noop());
        let both = Interest::READABLE.add(Interest::WRITABLE);
        match pin!(socket.ready(both)).poll(&mut looking) {
            Poll::Ready(Err(_)) => Link::Gone,
            Poll::Ready(Ok(ready)) if ready.is_write_closed() => Link::Gone,
            Poll::Ready(Ok(ready)) if ready.is_read_closed() => Link::SilentClient,
            Poll::Ready(Ok(_)) | Poll::Pending => Link::Whole,
        }
    }
}

impl AsyncRead for Carrier {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_read(cx, buffer),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write(cx, bytes),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_flush(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_shutdown(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}
