//! IMAP as a client: one command at a time, answers as octets with their literals inside.

use std::io;
use std::net::SocketAddr;

use super::{LineClient, Trust};

/// A logged-in or new IMAP connection.
#[derive(Debug)]
pub struct ImapClient {
    /// The connection underneath, for what no method here does.
    pub wire: LineClient,
    commands: u32,
}

/// What a command ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The untagged responses, each whole with its literals and its CRLF.
    pub untagged: Vec<Vec<u8>>,
    /// What stood after the tag: `OK [CODE] text`.
    pub status: String,
}

impl Completion {
    /// The completion, if it was `OK`.
    pub fn ok(self) -> io::Result<Self> {
        if self.status.starts_with("OK") { Ok(self) } else { Err(io::Error::other(self.status)) }
    }

    /// The untagged responses as text.
    pub fn lines(&self) -> Vec<String> {
        let text = |line: &Vec<u8>| String::from_utf8_lossy(line).trim_end().to_owned();
        self.untagged.iter().map(text).collect()
    }

    /// The argument of a response code: `code("UIDNEXT")` of `[UIDNEXT 5]` is `5`.
    pub fn code(&self, name: &str) -> Option<String> {
        let marker = format!("[{name} ");
        let lines = self.lines();
        let holder = lines.iter().chain([&self.status]).find(|line| line.contains(&marker))?;
        let (_, after) = holder.split_once(&marker)?;
        Some(after.split_once(']')?.0.to_owned())
    }
}

impl ImapClient {
    /// Connects without TLS and reads the greeting.
    pub fn plain(address: SocketAddr) -> io::Result<Self> {
        Self::greeted(LineClient::plain(address)?)
    }

    /// Connects with TLS from the first octet and reads the greeting.
    pub fn tls(address: SocketAddr, trust: &Trust) -> io::Result<Self> {
        Self::greeted(LineClient::tls(address, trust)?)
    }

    fn greeted(mut wire: LineClient) -> io::Result<Self> {
        let greeting = wire.text()?;
        if !greeting.starts_with("* OK") {
            return Err(io::Error::other(greeting));
        }
        Ok(Self { wire, commands: 0 })
    }

    /// Logs in.
    pub fn log_in(&mut self, login: &str, password: &str) -> io::Result<()> {
        self.command(&format!("LOGIN {login} {password}"))?.ok().map(drop)
    }

    /// Sends a command and reads all of its answer.
    pub fn command(&mut self, command: &str) -> io::Result<Completion> {
        let tag = self.tag();
        self.wire.send_line(&format!("{tag} {command}"))?;
        self.completion(&tag)
    }

    /// APPEND with a non-synchronising literal; `before` is what stands between mailbox and it.
    pub fn append(
        &mut self,
        mailbox: &str,
        before: &str,
        message: &[u8],
    ) -> io::Result<Completion> {
        let tag = self.tag();
        let space = if before.is_empty() { "" } else { " " };
        let len = message.len();
        self.wire.send_line(&format!("{tag} APPEND {mailbox}{space}{before} {{{len}}}"))?;
        let go_ahead = self.response()?;
        if !go_ahead.starts_with(b"+") {
            return Err(io::Error::other(String::from_utf8_lossy(&go_ahead).into_owned()));
        }
        self.wire.send(message)?;
        self.wire.send(b"\r\n")?;
        self.completion(&tag)
    }

    /// The value of one FETCH item that is a literal or a quoted string, such as `BODY[]`.
    pub fn fetch_octets(&mut self, uid: u32, item: &str) -> io::Result<Vec<u8>> {
        let answer = self.command(&format!("UID FETCH {uid} ({item})"))?.ok()?;
        let response = answer.untagged.iter().find(|line| contains(line, b"FETCH ("));
        let response = response.ok_or_else(|| io::Error::other("no FETCH response"))?;
        literal_of(response).ok_or_else(|| io::Error::other("no literal in it"))
    }

    /// The next response, whole with its literals.
    pub fn response(&mut self) -> io::Result<Vec<u8>> {
        let mut response = Vec::new();
        loop {
            let line = self.wire.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            response.extend_from_slice(&line);
            match literal_len(&line) {
                Some(len) => response.extend(self.wire.octets(len)?),
                None => return Ok(response),
            }
        }
    }

    fn tag(&mut self) -> String {
        self.commands += 1;
        format!("t{}", self.commands)
    }

    fn completion(&mut self, tag: &str) -> io::Result<Completion> {
        let mut untagged = Vec::new();
        loop {
            let response = self.response()?;
            let own =
                response.strip_prefix(tag.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
            if let Some(status) = own {
                let status = String::from_utf8_lossy(status).trim_end().to_owned();
                return Ok(Completion { untagged, status });
            }
            untagged.push(response);
        }
    }
}

/// The length a line announces at its end, `{123}` or `~{123}`.
fn literal_len(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}\r\n")?;
    let open = inside.iter().rposition(|&byte| byte == b'{')?;
    std::str::from_utf8(&inside[open + 1..]).ok()?.parse().ok()
}

/// The first literal or quoted string after an item's name.
fn literal_of(response: &[u8]) -> Option<Vec<u8>> {
    let end = response.windows(3).position(|three| three == b"}\r\n");
    if let Some(end) = end {
        let len = literal_len(&response[..end + 3])?;
        return response.get(end + 3..end + 3 + len).map(<[u8]>::to_vec);
    }
    let text = String::from_utf8_lossy(response);
    let (_, after) = text.split_once("] ")?;
    let quoted = after.strip_prefix('"')?.rsplit_once('"')?.0;
    Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\").into_bytes())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
