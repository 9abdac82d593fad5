//! A client's end of a connection: lines and counted octets, plain or in TLS, compressed or not.
//!
//! Reads wait for at most [`PATIENCE`]: a server that does not answer fails the test that asked.

mod deflate;
mod imap;
mod pop3;
mod smtp;
mod tls;

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use deflate::Deflate;
pub use imap::{Completion, ImapClient};
pub use pop3::PopClient;
pub use smtp::{SmtpClient, SmtpReply};
pub use tls::Trust;

/// How long an answer may take before the test gives up; far above any working server's time.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to the server under test.
#[derive(Debug)]
pub struct LineClient {
    wire: Option<Wire>,
    deflate: Option<Box<Deflate>>,
    received: Vec<u8>,
    at: usize,
}

#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

impl LineClient {
    /// Connects without TLS.
    pub fn plain(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let wire = Some(Wire::Plain(stream));
        Ok(Self { wire, deflate: None, received: Vec::new(), at: 0 })
    }

    /// Connects with TLS from the first octet.
    pub fn tls(address: SocketAddr, trust: &Trust) -> io::Result<Self> {
        let mut client = Self::plain(address)?;
        client.start_tls(trust)?;
        Ok(client)
    }

    /// Goes on in TLS, after the server agreed to it.
    pub fn start_tls(&mut self, trust: &Trust) -> io::Result<()> {
        match self.wire.take() {
            Some(Wire::Plain(stream)) => {
                if self.at < self.received.len() {
                    return Err(io::Error::other("the server spoke before the TLS handshake"));
                }
                self.wire = Some(Wire::Tls(Box::new(trust.handshake(stream)?)));
                Ok(())
            }
            other => {
                self.wire = other;
                Err(io::Error::other("TLS is on already"))
            }
        }
    }

    /// Goes on compressed, after the server agreed to it.
    pub fn start_deflate(&mut self) -> io::Result<()> {
        if self.at < self.received.len() {
            return Err(io::Error::other("the server spoke before it could compress"));
        }
        self.deflate = Some(Box::new(Deflate::new()));
        Ok(())
    }

    /// Goes on without compression.
    pub fn stop_deflate(&mut self) {
        self.deflate = None;
    }

    /// Sends octets; as they are, unless they are to be compressed.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.deflate {
            Some(deflate) => {
                let packed = deflate.pack(octets)?;
                self.send_raw(&packed)
            }
            None => self.send_raw(octets),
        }
    }

    /// Sends octets as they are in any case.
    pub fn send_raw(&mut self, octets: &[u8]) -> io::Result<()> {
        match self.wire.as_mut() {
            Some(Wire::Plain(stream)) => stream.write_all(octets),
            Some(Wire::Tls(stream)) => stream.write_all(octets).and_then(|()| stream.flush()),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Sends a line and its CRLF.
    pub fn send_line(&mut self, line: &str) -> io::Result<()> {
        self.send(format!("{line}\r\n").as_bytes())
    }

    /// The next line with its line end, or `None` when the server closed the connection.
    pub fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = self.at;
        loop {
            if let Some(found) = self.received[searched..].iter().position(|&byte| byte == b'\n') {
                let line = self.received[self.at..=searched + found].to_vec();
                self.at = searched + found + 1;
                return Ok(Some(line));
            }
            searched = self.received.len();
            let dropped = self.at;
            if !self.fill()? {
                if self.at < self.received.len() {
                    return Err(io::Error::other("the connection ended inside a line"));
                }
                return Ok(None);
            }
            searched -= dropped;
        }
    }

    /// The next line without its CRLF; an error when the connection ended.
    pub fn text(&mut self) -> io::Result<String> {
        let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let line = line.strip_suffix(b"\r\n").ok_or_else(|| {
            io::Error::other(format!("no CRLF: {}", String::from_utf8_lossy(&line)))
        })?;
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    /// Makes octets that were read the next to be read again.
    pub fn put_back(&mut self, octets: &[u8]) {
        self.received.splice(..self.at, octets.iter().copied());
        self.at = 0;
    }

    /// Exactly so many octets.
    pub fn octets(&mut self, len: usize) -> io::Result<Vec<u8>> {
        while self.received.len() - self.at < len {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let octets = self.received[self.at..self.at + len].to_vec();
        self.at += len;
        Ok(octets)
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        let rest = self.received.split_off(self.at);
        Ok(rest)
    }

    /// A second handle on a plain connection, for a thread that sends while this one reads.
    pub fn sender(&self) -> io::Result<TcpStream> {
        match &self.wire {
            Some(Wire::Plain(stream)) => stream.try_clone(),
            _ => Err(io::Error::other("only a plain connection has two ends")),
        }
    }

    /// Drops what was read already and reads more; `false` at the end of the connection.
    fn fill(&mut self) -> io::Result<bool> {
        self.received.drain(..self.at);
        self.at = 0;
        let mut piece = [0; 16 << 10];
        let count = match self.wire.as_mut() {
            Some(Wire::Plain(stream)) => stream.read(&mut piece),
            Some(Wire::Tls(stream)) => stream.read(&mut piece),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        let count = match count {
            Ok(count) => count,
            // A server that was killed resets; one that ends without close_notify just ends.
            Err(error) if is_end(error.kind()) => 0,
            Err(error) => return Err(error),
        };
        match &mut self.deflate {
            Some(deflate) => deflate.unpack(&piece[..count], &mut self.received)?,
            None => self.received.extend_from_slice(&piece[..count]),
        }
        Ok(count > 0)
    }
}

fn is_end(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
