//! A stream with a bounded input buffer and an output buffer.
//!
//! Idle connections hold neither: [`Connection::readable`] gives both back before it waits.
//! Every read has a deadline, every write a bound on how long the client may take nothing.
//! Answers are gathered in [`Connection::output`] and leave with [`Connection::flush`], one
//! system call where the socket has room.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Link, Stream};
use crate::tls::TlsConfigs;

/// What one read asks for: enough for pipelined commands, and for messages few system calls.
const READ_LEN: usize = 16 << 10;
/// How much output gathers before [`Connection::flush_if_full`] sends it.
pub const OUTPUT_FULL: usize = 64 << 10;
/// The most that one write call takes; a client that takes a piece this large within the write
/// time is not stalled.
const WRITE_LEN: usize = 256 << 10;

/// Why the client cannot be read or written any more, or not now.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The client has closed its side.
    #[error("the client closed the connection")]
    Closed,
    /// The deadline passed.
    #[error("the client took too long")]
    TimedOut,
    /// A line longer than allowed; what follows of it is still unread.
    #[error("the line is too long")]
    LineTooLong,
    /// The connection broke.
    #[error("connection failed: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Clients end as they like: with data of ours unread, or TLS without goodbye.
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error),
        }
    }
}

/// A stream with a bounded input buffer and an output buffer.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    input: Vec<u8>,
    /// Bytes at the front of `input` that have been taken.
    taken: usize,
    output: Vec<u8>,
    write_time: Duration,
}

impl Connection {
    /// `write_time` is how long the client may take nothing of what is sent.
    pub fn new(stream: Stream, write_time: Duration) -> Self {
        Self { stream, input: Vec::new(), taken: 0, output: Vec::new(), write_time }
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }

    /// The address the client connected to.
    pub fn local(&self) -> SocketAddr {
        self.stream.local()
    }

    /// Whether bytes are encrypted.
    pub fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }

    /// See [`Stream::tls_exporter`].
    pub fn tls_exporter(&self) -> Option<[u8; 32]> {
        self.stream.tls_exporter()
    }

    /// See [`Stream::tls_server_end_point`].
    pub fn tls_server_end_point(&self) -> Option<Arc<[u8]>> {
        self.stream.tls_server_end_point()
    }

    /// See [`Stream::certified`].
    pub fn certified(&self) -> Vec<String> {
        self.stream.certified()
    }

    /// Whether the client is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.stream.peer().ip().is_loopback()
    }

    /// Bytes that have come and are not taken yet.
    pub fn buffered(&self) -> &[u8] {
        self.input.get(self.taken..).unwrap_or_default()
    }

    /// Takes `count` bytes of [`Self::buffered`], or all if there are fewer.
    pub fn consume(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count).min(self.input.len());
    }

    /// Waits until there is something in [`Self::buffered`], or the end. Can be dropped at any
    /// moment, so it is what to `select!` on beside other events. Holds no buffers while it waits.
    pub async fn readable(&mut self) -> Result<(), StreamError> {
        if !self.buffered().is_empty() {
            return Ok(());
        }
        if self.output.is_empty() {
            self.output = Vec::new();
        }
        loop {
            self.input = Vec::new();
            self.taken = 0;
            self.stream.readable().await?;
            // Who believes the readiness and goes on to read hears of nothing else meanwhile, a
            // change of the mailbox or a shutdown.
            match self.read_now().await.map_err(StreamError::from) {
                // The next read finds the end again.
                Poll::Ready(Ok(()) | Err(StreamError::Closed)) => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {}
            }
        }
    }

    /// Reads what is there, if anything is.
    async fn read_now(&mut self) -> Poll<io::Result<()>> {
        self.input.reserve(READ_LEN);
        let mut reading = pin!(self.stream.read_buf(&mut self.input));
        let outcome = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
        outcome.map_ok(|_| ())
    }

    /// Reads once and appends to [`Self::buffered`]. Can be dropped at any moment.
    pub async fn fill(&mut self, deadline: Instant) -> Result<(), StreamError> {
        self.input.drain(..self.taken);
        self.taken = 0;
        self.input.reserve(READ_LEN);
        match timeout_at(deadline, self.stream.read_buf(&mut self.input)).await {
            Ok(Ok(0)) => Err(StreamError::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(StreamError::TimedOut),
        }
    }

    /// Appends one line to `line`, its LF included; `len_max` bounds what is appended. Whether
    /// an LF without CR ends a line is for the protocol to judge.
    ///
    /// Dropped before it resolves, it leaves the beginning of the line in `line`; called again
    /// with the same `line` and the rest of the bound, it goes on.
    pub async fn read_line_into(
        &mut self,
        line: &mut Vec<u8>,
        len_max: usize,
        deadline: Instant,
    ) -> Result<(), StreamError> {
        let mut room = len_max;
        loop {
            let buffered = self.buffered();
            let end = memchr::memchr(b'\n', buffered);
            let piece_len = end.map_or(buffered.len(), |end| end + 1);
            if piece_len > room {
                return Err(StreamError::LineTooLong);
            }
            line.extend_from_slice(buffered.get(..piece_len).unwrap_or_default());
            room -= piece_len;
            self.consume(piece_len);
            if end.is_some() {
                return Ok(());
            }
            self.fill(deadline).await?;
        }
    }

    /// Throws away what is left of a line that was too long.
    pub async fn skip_line(&mut self, deadline: Instant) -> Result<(), StreamError> {
        loop {
            let buffered = self.buffered();
            let end = memchr::memchr(b'\n', buffered);
            self.consume(end.map_or(buffered.len(), |end| end + 1));
            if end.is_some() {
                return Ok(());
            }
            self.fill(deadline).await?;
        }
    }

    /// Appends exactly `len` bytes to `bytes`. Memory grows as they come, not with what was
    /// promised.
    pub async fn read_exact_into(
        &mut self,
        bytes: &mut Vec<u8>,
        len: usize,
        deadline: Instant,
    ) -> Result<(), StreamError> {
        let mut left = len;
        let buffered = self.buffered();
        let piece = buffered.get(..left.min(buffered.len())).unwrap_or_default();
        let piece_len = piece.len();
        bytes.extend_from_slice(piece);
        self.consume(piece_len);
        left -= piece_len;
        while left > 0 {
            bytes.reserve(left.min(READ_LEN));
            let mut rest = (&mut self.stream).take(left as u64);
            match timeout_at(deadline, rest.read_buf(bytes)).await {
                Ok(Ok(0)) => return Err(StreamError::Closed),
                Ok(Ok(count)) => left -= count,
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(StreamError::TimedOut),
            }
        }
        Ok(())
    }

    /// Throws away exactly `len` bytes.
    pub async fn skip_exact(&mut self, len: usize, deadline: Instant) -> Result<(), StreamError> {
        let mut left = len;
        loop {
            let piece_len = left.min(self.buffered().len());
            self.consume(piece_len);
            left -= piece_len;
            if left == 0 {
                return Ok(());
            }
            self.fill(deadline).await?;
        }
    }

    /// Where answers are written to; they leave with [`Self::flush`].
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends what gathered, if it is much: the way to answer at length in bounded memory, and
    /// at the client's pace. Says whether it was.
    pub async fn flush_if_full(&mut self) -> Result<bool, StreamError> {
        if self.output.len() < OUTPUT_FULL {
            return Ok(false);
        }
        self.flush().await.map(|()| true)
    }

    /// Sends what gathered. An error leaves the connection useless.
    pub async fn flush(&mut self) -> Result<(), StreamError> {
        let mut sent = 0;
        while let Some(rest) = self.output.get(sent..).filter(|rest| !rest.is_empty()) {
            let piece = rest.get(..WRITE_LEN).unwrap_or(rest);
            match timeout(self.write_time, self.stream.write(piece)).await {
                Ok(Ok(0)) => return Err(StreamError::Closed),
                Ok(Ok(count)) => sent += count,
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(StreamError::TimedOut),
            }
        }
        if sent > 0 {
            timeout(self.write_time, self.stream.flush())
                .await
                .map_err(|_| StreamError::TimedOut)??;
            self.output.clear();
            self.output.shrink_to(2 * OUTPUT_FULL);
        }
        Ok(())
    }

    /// Sends what gathered, then does the handshake. What the client sent before it in plain
    /// text is thrown away: whoever sits between must not be able to put commands in front of
    /// the encrypted ones (RFC 9051, 11.1; RFC 3207, 6).
    pub async fn start_tls(
        &mut self,
        tls: &TlsConfigs,
        within: Duration,
    ) -> Result<(), StreamError> {
        self.flush().await?;
        self.input.clear();
        self.taken = 0;
        Ok(self.stream.start_tls(tls, within).await?)
    }

    /// How much of the connection is left, as far as the system has heard.
    pub fn link(&self) -> Link {
        self.stream.link()
    }

    /// Whether bytes are compressed.
    pub fn is_compressed(&self) -> bool {
        self.stream.is_compressed()
    }

    /// Sends what gathered as it is, then compresses both ways. What the client sent behind its
    /// command is taken for compressed.
    pub async fn start_compression(&mut self) -> Result<(), StreamError> {
        self.flush().await?;
        let input = self.buffered().to_vec();
        self.consume(input.len());
        self.stream.start_compression(input);
        Ok(())
    }

    /// Sends what gathered, then compresses no more. What the client sent behind its command, while
    /// the two sides had no common notion of what it is, is thrown away.
    pub async fn stop_compression(&mut self) -> Result<(), StreamError> {
        if self.is_compressed() {
            self.flush().await?;
            self.consume(self.buffered().len());
            self.stream.stop_compression();
        }
        Ok(())
    }

    /// Sends what gathered and ends the connection; errors no longer matter.
    pub async fn close(mut self) {
        if self.flush().await.is_ok() {
            let _ = timeout(self.write_time, self.stream.shutdown()).await;
        }
    }
}

#[cfg(test)]
mod tests;
