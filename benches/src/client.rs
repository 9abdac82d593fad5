//! Clients as small as they can be: what they cost is not the server's.

use std::io::{self, BufRead, BufReader, Write as _};
use std::net::TcpStream;

/// A connection of lines.
#[derive(Debug)]
pub struct Client {
    input: BufReader<TcpStream>,
    output: TcpStream,
    line: Vec<u8>,
}

/// A message as it is appended.
#[derive(Clone, Debug)]
pub struct Filed {
    /// Its flags, as a client writes them.
    pub flags: &'static str,
    /// Its octets.
    pub message: Vec<u8>,
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

    /// Sends an IMAP command; returns the octets of its answer.
    pub fn imap(&mut self, command: &str) -> io::Result<u64> {
        self.imap_each(command, |_| ())
    }

    /// Sends an IMAP command and shows every line of its answer, the last one too.
    pub fn imap_each(&mut self, command: &str, mut look: impl FnMut(&str)) -> io::Result<u64> {
        self.output.write_all(format!("t {command}\r\n").as_bytes())?;
        self.imap_answer(&mut look)
    }

    /// Whether the server offers a capability, once logged in.
    pub fn is_offered(&mut self, capability: &str) -> io::Result<bool> {
        let mut is_offered = false;
        self.imap_each("CAPABILITY", |line| {
            is_offered |= line.split_whitespace().any(|word| word == capability);
        })?;
        Ok(is_offered)
    }

    /// Appends messages as one command (RFC 3502).
    pub fn append_together(&mut self, mailbox: &str, messages: &[Filed]) -> io::Result<()> {
        let mut sent = format!("t APPEND {mailbox}").into_bytes();
        for Filed { flags, message } in messages {
            sent.extend_from_slice(format!(" ({flags}) {{{}+}}\r\n", message.len()).as_bytes());
            sent.extend_from_slice(message);
        }
        sent.extend_from_slice(b"\r\n");
        self.output.write_all(&sent)?;
        self.imap_answer(&mut |_| ()).map(drop)
    }

    /// Appends messages one by one, all sent before the first answer is read.
    pub fn append(&mut self, mailbox: &str, messages: &[Filed]) -> io::Result<()> {
        let mut sent = Vec::new();
        for Filed { flags, message } in messages {
            let command = format!("t APPEND {mailbox} ({flags}) {{{}+}}\r\n", message.len());
            sent.extend_from_slice(command.as_bytes());
            sent.extend_from_slice(message);
            sent.extend_from_slice(b"\r\n");
        }
        self.output.write_all(&sent)?;
        messages.iter().try_for_each(|_| self.imap_answer(&mut |_| ()).map(drop))
    }

    /// Sends an SMTP or LMTP command and reads its reply.
    pub fn smtp(&mut self, command: &[u8]) -> io::Result<()> {
        self.output.write_all(command)?;
        self.smtp_reply()
    }

    /// Delivers one message by LMTP; returns when the server has said for each recipient that it
    /// has it.
    pub fn deliver(&mut self, recipients: &[String], message: &[u8]) -> io::Result<()> {
        self.smtp(b"MAIL FROM:<sender@example.org>\r\n")?;
        for recipient in recipients {
            self.smtp(format!("RCPT TO:<{recipient}>\r\n").as_bytes())?;
        }
        self.smtp(b"DATA\r\n")?;
        let mut data = Vec::with_capacity(message.len() + 16);
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                data.push(b'.');
            }
            data.extend_from_slice(line);
        }
        data.extend_from_slice(b".\r\n");
        self.output.write_all(&data)?;
        recipients.iter().try_for_each(|_| self.smtp_reply())
    }

    fn read_line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.input.read_until(b'\n', &mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(std::str::from_utf8(&self.line).unwrap_or(""))
    }

    fn imap_answer(&mut self, look: &mut impl FnMut(&str)) -> io::Result<u64> {
        let mut octets = 0;
        loop {
            let line = self.read_line()?;
            octets += line.len() as u64;
            look(line);
            if let Some(status) = line.strip_prefix("t ") {
                return if status.starts_with("OK") {
                    Ok(octets)
                } else {
                    Err(io::Error::other(status.trim_end().to_owned()))
                };
            }
            let literal =
                line.trim_end().strip_suffix('}').and_then(|line| line.rsplit('{').next());
            if let Some(len) = literal.and_then(|len| len.parse::<usize>().ok()) {
                self.skip(len)?;
                octets += len as u64;
            }
        }
    }

    fn skip(&mut self, mut count: usize) -> io::Result<()> {
        while count > 0 {
            let there = self.input.fill_buf()?.len().min(count);
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input.consume(there);
            count -= there;
        }
        Ok(())
    }

    fn smtp_reply(&mut self) -> io::Result<()> {
        loop {
            let line = self.read_line()?;
            if line.as_bytes().get(3) != Some(&b'-') {
                let is_good = line.starts_with('2') || line.starts_with('3');
                return if is_good { Ok(()) } else { Err(io::Error::other(line.to_owned())) };
            }
        }
    }
}
