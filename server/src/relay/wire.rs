//! A connection to another server: commands out, replies in, plain or in TLS, with a bound on every wait.

use std::fmt::Display;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::reply::{Reply, ReplyFault, ReplyReader};

/// What one read asks for.
const READ_LEN: usize = 4 << 10;

/// A connection to another server.
#[derive(Debug)]
pub(super) struct Wire {
    carrier: Carrier,
    input: Vec<u8>,
    reader: ReplyReader,
    /// Commands that have not left yet.
    output: Vec<u8>,
}

#[derive(Debug)]
enum Carrier {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// After a handshake that failed.
    Closed,
}

/// Why there is no more talking to a server.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// It closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// It did not answer, or did not take, in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke.
    #[error("the connection failed: {0}")]
    Io(io::Error),
    /// What it sent is no reply.
    #[error(transparent)]
    Reply(#[from] ReplyFault),
    /// It sent more than it was asked for.
    #[error("a reply that nobody asked for")]
    Unasked,
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        // Commands are flushed whole.
        socket.set_nodelay(true)?;
        let (input, output) = (Vec::new(), Vec::new());
        Ok(Self { carrier: Carrier::Plain(socket), input, reader: ReplyReader::default(), output })
    }

    /// Adds a line to what is sent next.
    pub(super) fn push_line(&mut self, line: impl Display) {
        self.output.extend_from_slice(format!("{line}\r\n").as_bytes());
    }

    /// Sends what gathered; each piece may take this long. Commands leave when all before them were
    /// answered, so a reply that is there already answers none: it must not be taken for theirs.
    pub(super) async fn flush(&mut self, within: Duration) -> Result<(), WireError> {
        if !self.input.is_empty() {
            return Err(WireError::Unasked);
        }
        let output = std::mem::take(&mut self.output);
        self.send(&output, within).await
    }

    /// Sends octets as they are, behind what gathered.
    pub(super) async fn send(&mut self, octets: &[u8], within: Duration) -> Result<(), WireError> {
        debug_assert!(self.output.is_empty(), "commands leave in their order");
        let mut rest = octets;
        while !rest.is_empty() {
            let count = timeout(within, self.carrier.write(rest)).await;
            match count.map_err(|_| WireError::TimedOut)?? {
                0 => return Err(WireError::Closed),
                count => rest = rest.get(count..).unwrap_or_default(),
            }
        }
        Ok(timeout(within, self.carrier.flush()).await.map_err(|_| WireError::TimedOut)??)
    }

    /// The next reply.
    pub(super) async fn reply(&mut self, within: Duration) -> Result<Reply, WireError> {
        let deadline = Instant::now() + within;
        loop {
            let (taken, reply) = self.reader.read(&self.input)?;
            self.input.drain(..taken);
            if let Some(reply) = reply {
                return Ok(reply);
            }
            self.input.reserve(READ_LEN);
            let count = timeout_at(deadline, self.carrier.read_buf(&mut self.input)).await;
            if count.map_err(|_| WireError::TimedOut)?? == 0 {
                return Err(WireError::Closed);
            }
        }
    }

    /// One command and its reply.
    pub(super) async fn ask(&mut self, line: &str, within: Duration) -> Result<Reply, WireError> {
        self.push_line(line);
        self.flush(within).await?;
        self.reply(within).await
    }

    /// Does the client's side of a TLS handshake. Afterwards no plain text passes, also if it fails.
    pub(super) async fn start_tls(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        within: Duration,
    ) -> Result<(), WireError> {
        let Carrier::Plain(socket) = std::mem::replace(&mut self.carrier, Carrier::Closed) else {
            return Err(WireError::Closed);
        };
        // Whoever sits between could put replies in front of the encrypted ones.
        if !self.input.is_empty() {
            return Err(WireError::Unasked);
        }
        let handshake = TlsConnector::from(config).connect(name, socket);
        // Here every error tells something, so that none is a mere "closed".
        let stream = timeout(within, handshake).await.map_err(|_| WireError::TimedOut)?;
        self.carrier = Carrier::Tls(Box::new(stream.map_err(WireError::Io)?));
        Ok(())
    }

    /// Whether octets are encrypted.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.carrier, Carrier::Tls(_))
    }

    /// Whether nothing has come since the last reply, not even the end.
    pub(super) async fn is_quiet(&mut self) -> bool {
        let Self { carrier, input, .. } = self;
        input.reserve(READ_LEN);
        let mut reading = pin!(carrier.read_buf(input));
        let came = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
        came.is_pending() && self.input.is_empty()
    }

    /// Says goodbye, without waiting for more than this.
    pub(super) async fn quit(mut self, within: Duration) {
        self.output.clear();
        let goodbye = async {
            self.send(b"QUIT\r\n", within).await?;
            self.reply(within).await?;
            self.carrier.shutdown().await.map_err(WireError::from)
        };
        // Whether a server hears it no longer matters to anybody.
        let _ = timeout(within, goodbye).await;
    }
}

impl AsyncRead for Carrier {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Closed => Poll::Ready(Ok(0)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}
