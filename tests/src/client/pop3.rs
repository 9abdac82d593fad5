//! POP3 as a client.

use std::io;
use std::net::SocketAddr;

use super::{LineClient, Trust};

/// A POP3 connection.
#[derive(Debug)]
pub struct PopClient {
    /// The connection underneath, for what no method here does.
    pub wire: LineClient,
}

impl PopClient {
    /// Connects without TLS and reads the greeting.
    pub fn plain(address: SocketAddr) -> io::Result<Self> {
        Self::greeted(LineClient::plain(address)?)
    }

    /// Connects with TLS from the first octet and reads the greeting.
    pub fn tls(address: SocketAddr, trust: &Trust) -> io::Result<Self> {
        Self::greeted(LineClient::tls(address, trust)?)
    }

    fn greeted(wire: LineClient) -> io::Result<Self> {
        let mut client = Self { wire };
        client.reply()?;
        Ok(client)
    }

    /// Logs in.
    pub fn log_in(&mut self, login: &str, password: &str) -> io::Result<()> {
        self.command(&format!("USER {login}"))?;
        self.command(&format!("PASS {password}")).map(drop)
    }

    /// Sends a command; returns what stood after `+OK`.
    pub fn command(&mut self, command: &str) -> io::Result<String> {
        self.wire.send_line(command)?;
        self.reply()
    }

    /// Sends a command with an answer of several lines; returns them, the dots undone, each line
    /// with its CRLF.
    pub fn lines(&mut self, command: &str) -> io::Result<Vec<u8>> {
        self.command(command)?;
        let mut octets = Vec::new();
        loop {
            let line = self.wire.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            match line.strip_prefix(b".") {
                Some(b"\r\n") => return Ok(octets),
                Some(rest) => octets.extend_from_slice(rest),
                None => octets.extend_from_slice(&line),
            }
        }
    }

    fn reply(&mut self) -> io::Result<String> {
        let line = self.wire.text()?;
        match line.strip_prefix("+OK") {
            Some(rest) => Ok(rest.trim_start().to_owned()),
            None => Err(io::Error::other(line)),
        }
    }
}
