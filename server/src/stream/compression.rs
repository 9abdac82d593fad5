//! The layer between a session and its carrier once COMPRESS was agreed on (RFC 4978).
//!
//! What it holds is bounded: what one read brought, one inflated piece and the history behind it,
//! and what one write packed. While nothing happens it holds the history alone.

use std::io;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::task::coop;

use super::carrier::Carrier;
use super::deflate::pack;
use super::inflate::Inflater;

/// What one read of the carrier asks for.
const READ_LEN: usize = 8 << 10;
/// The most that is packed by one write, so that what waits to be sent is bounded.
const PACK_LEN: usize = 64 << 10;

/// Both directions of a compressed stream.
pub(super) struct Compression {
    inflater: Inflater,
    /// What came, compressed.
    input: Vec<u8>,
    /// Bytes at the front of `input` that are inflated.
    used: usize,
    /// What is to be sent, compressed.
    output: Vec<u8>,
    /// Bytes at the front of `output` that are sent.
    sent: usize,
}

impl Compression {
    /// Begins with what had come already.
    pub(super) fn new(input: Vec<u8>) -> Self {
        Self { inflater: Inflater::new(), input, used: 0, output: Vec::new(), sent: 0 }
    }

    /// Whether something came that was not read.
    pub(super) fn has_input(&self) -> bool {
        !self.inflater.ready().is_empty() || self.used < self.input.len()
    }

    /// Gives back what is not needed while nothing comes.
    pub(super) fn rest(&mut self) {
        self.input = Vec::new();
        self.used = 0;
        self.output.shrink_to_fit();
        self.inflater.rest();
    }

    pub(super) fn poll_read(
        &mut self,
        carrier: &mut Carrier,
        cx: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A little input can inflate to much: the others get their turn between pieces.
        let turn = ready!(coop::poll_proceed(cx));
        while self.inflater.ready().is_empty() {
            if self.inflater.is_finished() {
                return Poll::Ready(Ok(()));
            }
            let input = self.input.get(self.used..).unwrap_or_default();
            let used = self.inflater.inflate(input).map_err(invalid)?;
            self.used += used;
            if used == 0 && self.inflater.ready().is_empty() {
                match ready!(self.poll_fill(carrier, cx))? {
                    0 => return Poll::Ready(Ok(())),
                    _ => turn.made_progress(),
                }
            }
        }
        turn.made_progress();
        let ready = self.inflater.ready();
        let count = ready.len().min(buffer.remaining());
        buffer.put_slice(ready.get(..count).unwrap_or_default());
        self.inflater.take(count);
        Poll::Ready(Ok(()))
    }

    /// Reads once; what was there before is used up.
    fn poll_fill(
        &mut self,
        carrier: &mut Carrier,
        cx: &mut TaskContext<'_>,
    ) -> Poll<io::Result<usize>> {
        self.used = 0;
        self.input.resize(READ_LEN, 0);
        let mut buffer = ReadBuf::new(&mut self.input);
        let outcome = Pin::new(carrier).poll_read(cx, &mut buffer);
        let count = buffer.filled().len();
        self.input.truncate(count);
        ready!(outcome)?;
        Poll::Ready(Ok(count))
    }

    pub(super) fn poll_write(
        &mut self,
        carrier: &mut Carrier,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(carrier, cx))?;
        let piece = bytes.get(..PACK_LEN).unwrap_or(bytes);
        pack(piece, &mut self.output);
        // It is taken, whether or not the carrier takes it now: a flush sends the rest.
        match self.poll_send(carrier, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(piece.len())),
        }
    }

    /// Sends all that was packed.
    pub(super) fn poll_send(
        &mut self,
        carrier: &mut Carrier,
        cx: &mut TaskContext<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *carrier).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        self.output.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

fn invalid(damaged: super::inflate::Damaged) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, damaged)
}
