//! Clients as small as they can be: what they cost is not the server's.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A connection of lines.
#[derive(Debug)]
pub struct Client {
    input: BufReader<TcpStream>,
    output: TcpStream,
    line: Vec<u8>,
}

impl Client {
    /// Connects and reads the greeting.
    pub fn connect(port: u16) -> io::Result<Self> {
        let output = TcpStream::connect(("127.0.0.1", port))?;
        output.set_nodelay(true)?;
        let input = BufReader::with_capacity(256 << 10, output.try_clone()?);
        let mut client = Self { input, output, line: Vec::new() };
        client.read_line()?;
        Ok(client)
    }

    fn read_line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.input.read_until(b'\n', &mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(std::str::from_utf8(&self.line).unwrap_or(""))
    }

    /// Sends an IMAP command; returns the octets of its answer.
    pub fn imap(&mut self, command: &str) -> io::Result<u64> {
        self.output.write_all(format!("t {command}\r\n").as_bytes())?;
        self.imap_answer()
    }

    fn imap_answer(&mut self) -> io::Result<u64> {
        let mut octets = 0;
        loop {
            let line = self.read_line()?;
            octets += line.len() as u64;
            if let Some(status) = line.strip_prefix("t ") {
                return if status.starts_with("OK") {
                    Ok(octets)
                } else {
                    Err(io::Error::other(status.to_owned()))
                };
            }
            let literal =
                line.trim_end().strip_suffix('}').and_then(|line| line.rsplit('{').next());
            if let Some(len) = literal.and_then(|len| len.parse::<u64>().ok()) {
                octets += io::copy(&mut self.input.by_ref().take(len), &mut io::sink())?;
            }
        }
    }

    /// Sends messages by APPEND, all before the first answer is read.
    pub fn append(&mut self, mailbox: &str, messages: &[Vec<u8>]) -> io::Result<()> {
        let mut sent = Vec::new();
        for message in messages {
            sent.extend_from_slice(
                format!("t APPEND {mailbox} {{{}+}}\r\n", message.len()).as_bytes(),
            );
            sent.extend_from_slice(message);
            sent.extend_from_slice(b"\r\n");
        }
        self.output.write_all(&sent)?;
        messages.iter().try_for_each(|_| self.imap_answer().map(drop))
    }

    /// Sends an SMTP or LMTP command and reads its reply.
    pub fn smtp(&mut self, command: &[u8]) -> io::Result<()> {
        self.output.write_all(command)?;
        loop {
            let line = self.read_line()?;
            if line.as_bytes().get(3) != Some(&b'-') {
                let is_good = line.starts_with('2') || line.starts_with('3');
                return if is_good { Ok(()) } else { Err(io::Error::other(line.to_owned())) };
            }
        }
    }

    /// Delivers one message to one recipient by LMTP; returns when the server says it has it.
    pub fn deliver(&mut self, recipient: &str, message: &[u8]) -> io::Result<()> {
        self.smtp(b"MAIL FROM:<sender@example.org>\r\n")?;
        self.smtp(format!("RCPT TO:<{recipient}>\r\n").as_bytes())?;
        self.smtp(b"DATA\r\n")?;
        let mut data = message.to_vec();
        data.extend_from_slice(b".\r\n");
        self.smtp(&data)
    }
}
