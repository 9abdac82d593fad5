//! SMTP and LMTP as a client.

use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{LineClient, Trust};

/// An SMTP or LMTP connection.
#[derive(Debug)]
pub struct SmtpClient {
    /// The connection underneath, for what no method here does.
    pub wire: LineClient,
}

/// A reply, several lines of it joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReply {
    /// The three digits.
    pub code: u16,
    /// The text of all lines.
    pub text: String,
}

impl SmtpReply {
    /// The reply, if it has this code.
    pub fn expect(self, code: u16) -> io::Result<Self> {
        if self.code == code {
            return Ok(self);
        }
        Err(io::Error::other(format!("{} {} instead of {code}", self.code, self.text)))
    }
}

impl SmtpClient {
    /// Connects without TLS, reads the greeting and says EHLO.
    pub fn plain(address: SocketAddr) -> io::Result<Self> {
        Self::greeted(LineClient::plain(address)?, "EHLO client.test")
    }

    /// Connects with TLS from the first octet, reads the greeting and says EHLO.
    pub fn tls(address: SocketAddr, trust: &Trust) -> io::Result<Self> {
        Self::greeted(LineClient::tls(address, trust)?, "EHLO client.test")
    }

    /// Connects to an LMTP port, reads the greeting and says LHLO.
    pub fn lmtp(address: SocketAddr) -> io::Result<Self> {
        Self::greeted(LineClient::plain(address)?, "LHLO client.test")
    }

    fn greeted(wire: LineClient, hello: &str) -> io::Result<Self> {
        let mut client = Self { wire };
        client.reply()?.expect(220)?;
        client.command(hello)?.expect(250)?;
        Ok(client)
    }

    /// AUTH PLAIN.
    pub fn log_in(&mut self, login: &str, password: &str) -> io::Result<()> {
        let answer = STANDARD.encode(format!("\0{login}\0{password}"));
        self.command(&format!("AUTH PLAIN {answer}"))?.expect(235).map(drop)
    }

    /// Sends a command and reads its reply.
    pub fn command(&mut self, command: &str) -> io::Result<SmtpReply> {
        self.wire.send_line(command)?;
        self.reply()
    }

    /// One mail transaction by SMTP; `Ok` means that the server took the message.
    pub fn send(&mut self, from: &str, to: &[&str], message: &[u8]) -> io::Result<SmtpReply> {
        self.begin(from, to)?;
        self.data(message)?.expect(250)
    }

    /// One mail transaction by LMTP; `Ok` means that it was taken for every recipient.
    pub fn deliver(&mut self, from: &str, to: &[&str], message: &[u8]) -> io::Result<()> {
        self.begin(from, to)?;
        self.data(message)?.expect(250)?;
        for _ in 1..to.len() {
            self.reply()?.expect(250)?;
        }
        Ok(())
    }

    /// Sends what DATA sends, the dots doubled, and reads the first reply.
    pub fn data(&mut self, message: &[u8]) -> io::Result<SmtpReply> {
        self.command("DATA")?.expect(354)?;
        self.wire.send(&dotted(message))?;
        self.reply()
    }

    /// The next reply, all of its lines.
    pub fn reply(&mut self) -> io::Result<SmtpReply> {
        let mut text = String::new();
        loop {
            let line = self.wire.text()?;
            let bad = || io::Error::other(format!("not a reply: {line}"));
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
            text.push_str(line.get(4..).unwrap_or_default());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(SmtpReply { code, text });
            }
            text.push('\n');
        }
    }

    fn begin(&mut self, from: &str, to: &[&str]) -> io::Result<()> {
        self.command(&format!("MAIL FROM:<{from}> BODY=8BITMIME"))?.expect(250)?;
        for recipient in to {
            self.command(&format!("RCPT TO:<{recipient}>"))?.expect(250)?;
        }
        Ok(())
    }
}

/// A message as DATA carries it, its end included (RFC 5321, 4.5.2).
fn dotted(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
