//! Plays a script: sends what the client says, compares what the server says.
//!
//! Every script has a domain of its own on the shared server. It is written `example.test` in the
//! script; the player puts in a name of the same length, so that all lengths stay true.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::directive::{Directive, Message};
use super::pattern::{Values, fill_in, matches};
use super::script::{Action, Step, parse};
use crate::binary::repository;
use crate::client::{Completion, LineClient};
use crate::corpus::as_sent;
use crate::server::{PASSWORD, TestServer};

/// The domain that scripts write.
const DOMAIN: &str = "example.test";

/// Plays `transcripts/PROTOCOL/NAME.txt` and fails with file and line where it goes wrong.
pub fn play(protocol: &str, name: &str) {
    let file = format!("transcripts/{protocol}/{name}.txt");
    let text = std::fs::read_to_string(repository().join("tests").join(&file))
        .unwrap_or_else(|error| panic!("cannot read tests/{file}: {error}"));
    let steps = parse(&text).unwrap_or_else(|why| panic!("tests/{file}, {why}"));
    let mut player = Player::prepare(protocol, &steps);
    for (index, step) in steps.iter().enumerate() {
        if let Err(why) = player.step(&step.action, &steps[index + 1..]) {
            panic!("tests/{file}, line {}: {why}", step.line);
        }
    }
    player.finish().unwrap_or_else(|why| panic!("tests/{file}, at its end: {why}"));
}

enum Stage {
    Shared(&'static TestServer),
    Own(Box<TestServer>),
}

struct Player {
    stage: Stage,
    domain: String,
    ports: BTreeMap<usize, String>,
    port: String,
    sessions: BTreeMap<usize, LineClient>,
    values: Values,
}

impl Player {
    fn prepare(protocol: &str, steps: &[Step]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let settings: Vec<&str> = steps.iter().filter_map(|step| config(&step.action)).collect();
        let stage = if settings.is_empty() {
            Stage::Shared(TestServer::shared())
        } else {
            Stage::Own(Box::new(TestServer::with(&settings)))
        };
        let domain = format!("d{:06}.test", NEXT.fetch_add(1, Ordering::Relaxed));
        debug_assert_eq!(domain.len(), DOMAIN.len());
        let player = Self {
            stage,
            domain,
            ports: BTreeMap::new(),
            port: protocol.to_owned(),
            sessions: BTreeMap::new(),
            values: Values::new(),
        };
        player.server().add_domain(&player.domain);
        for user in ["alice", "bob"] {
            player.server().add_user(&player.address(user));
        }
        player
    }

    fn server(&self) -> &TestServer {
        match &self.stage {
            Stage::Shared(server) => server,
            Stage::Own(server) => server,
        }
    }

    fn address(&self, user: &str) -> String {
        let domain = &self.domain;
        if user.contains('@') { self.outgoing(user) } else { format!("{user}@{domain}") }
    }

    fn outgoing(&self, text: &str) -> String {
        text.replace(DOMAIN, &self.domain)
    }

    fn step(&mut self, action: &Action, later: &[Step]) -> Result<(), String> {
        match action {
            Action::Send { session, text, block } => self.send(*session, text, block.as_deref()),
            Action::SendRaw { session, octets } => {
                let client = self.speaking(*session)?;
                client.send(octets).map_err(|error| format!("cannot send: {error}"))
            }
            Action::Expect { session, pattern } => self.expect(*session, pattern),
            Action::ExpectMany { session, pattern } => {
                let then = next_pattern(*session, later).ok_or("no `S:` follows `S*:`")?;
                self.expect_many(*session, pattern, then)
            }
            Action::ExpectUnordered { session, patterns } => {
                self.expect_unordered(*session, patterns)
            }
            Action::Direct(directive) => self.direct(directive),
        }
    }

    fn send(&mut self, session: usize, text: &str, block: Option<&str>) -> Result<(), String> {
        let text = fill_in(&self.outgoing(text), &self.values)?;
        let Some(block) = block else {
            let client = self.speaking(session)?;
            return client.send_line(&text).map_err(|error| format!("cannot send: {error}"));
        };
        let block = fill_in(&self.outgoing(block), &self.values)?;
        let waits = text.contains("{*}");
        let text = text.replacen("{*", &format!("{{{}", block.len()), 1);
        let client = self.speaking(session)?;
        client.send_line(&text).map_err(|error| format!("cannot send: {error}"))?;
        if waits {
            let go_ahead = client.text().map_err(|error| format!("no `+`: {error}"))?;
            if !go_ahead.starts_with('+') {
                return Err(format!("want `+ …`, got  {go_ahead}"));
            }
        }
        client.send(block.as_bytes()).map_err(|error| format!("cannot send: {error}"))
    }

    /// A session whose greeting was read, silently if the script does not show it.
    fn speaking(&mut self, session: usize) -> Result<&mut LineClient, String> {
        let is_new = !self.sessions.contains_key(&session);
        let client = self.session(session)?;
        if is_new {
            client.text().map_err(|error| format!("no greeting: {error}"))?;
        }
        Ok(client)
    }

    fn session(&mut self, session: usize) -> Result<&mut LineClient, String> {
        if !self.sessions.contains_key(&session) {
            let protocol = self.ports.get(&session).unwrap_or(&self.port);
            let address = self.server().address(protocol);
            let is_tls = matches!(protocol.as_str(), "imaps" | "pop3s" | "smtps" | "submissions");
            let client = if is_tls {
                LineClient::tls(address, &self.server().trust())
            } else {
                LineClient::plain(address)
            };
            let client = client.map_err(|error| format!("cannot connect: {error}"))?;
            self.sessions.insert(session, client);
        }
        self.sessions.get_mut(&session).ok_or_else(|| "no session".to_owned())
    }

    /// The next line of a session as the script would write it.
    fn receive(&mut self, session: usize) -> Result<String, String> {
        let domain = self.domain.clone();
        match self.session(session)?.line() {
            Ok(Some(line)) => Ok(shown(&line).replace(&domain, DOMAIN)),
            Ok(None) => Err("the server closed the connection".to_owned()),
            Err(error) => Err(format!("nothing to read: {error}")),
        }
    }

    fn expect(&mut self, session: usize, pattern: &str) -> Result<(), String> {
        let got = self.receive(session).map_err(|why| format!("{why}\n  want {pattern}"))?;
        match matches(pattern, &got, &self.values) {
            Some(found) => {
                self.values.extend(found);
                Ok(())
            }
            None => Err(format!("\n  want {pattern}\n  got  {got}")),
        }
    }

    fn expect_many(&mut self, session: usize, pattern: &str, then: &str) -> Result<(), String> {
        loop {
            let got = self.receive(session)?;
            if matches(then, &got, &self.values).is_some() {
                return self.put_back(session, &got);
            }
            if matches(pattern, &got, &self.values).is_none() {
                return Err(format!("\n  want {pattern}\n  or   {then}\n  got  {got}"));
            }
        }
    }

    fn put_back(&mut self, session: usize, line: &str) -> Result<(), String> {
        let line = format!("{}\r\n", self.outgoing(line));
        self.session(session)?.put_back(line.as_bytes());
        Ok(())
    }

    fn expect_unordered(&mut self, session: usize, patterns: &[String]) -> Result<(), String> {
        let mut waiting: Vec<&String> = patterns.iter().collect();
        while !waiting.is_empty() {
            let got = self.receive(session)?;
            let hit = waiting
                .iter()
                .position(|pattern| matches(pattern, &got, &self.values).is_some())
                .ok_or_else(|| format!("\n  want one of {waiting:#?}\n  got  {got}"))?;
            let found = matches(waiting[hit], &got, &self.values).unwrap_or_default();
            self.values.extend(found);
            waiting.remove(hit);
        }
        Ok(())
    }

    fn direct(&mut self, directive: &Directive) -> Result<(), String> {
        match directive {
            Directive::Port { protocol, session: None } => {
                self.port.clone_from(protocol);
                Ok(())
            }
            Directive::Port { protocol, session: Some(session) } => {
                self.ports.insert(*session, protocol.clone());
                Ok(())
            }
            Directive::Deliver { user, message } => self.deliver(user, message),
            Directive::Append { user, mailbox, before, message } => {
                let message = self.message(message)?;
                let mut imap = self.server().imap(&self.address(user));
                let appended = imap.append(mailbox, before, &message).and_then(Completion::ok);
                appended.map(drop).map_err(|error| format!("APPEND failed: {error}"))
            }
            Directive::LogIn { session, user, mailbox } => {
                self.log_in(*session, user, mailbox.as_deref())
            }
            Directive::Tls(session) => {
                let trust = self.server().trust();
                let client = self.session(*session)?;
                client.start_tls(&trust).map_err(|error| format!("no TLS: {error}"))
            }
            Directive::Deflate(session) => {
                let client = self.session(*session)?;
                client.start_deflate().map_err(|error| format!("no DEFLATE: {error}"))
            }
            Directive::Plain(session) => {
                self.session(*session)?.stop_deflate();
                Ok(())
            }
            Directive::Close(session) => {
                self.sessions.remove(session);
                Ok(())
            }
            Directive::Eof(session) => self.expect_end(*session),
            others => self.change_directory(others),
        }
    }

    /// What the directory is to have.
    fn change_directory(&mut self, directive: &Directive) -> Result<(), String> {
        match directive {
            Directive::User(user) => {
                self.server().add_user(&self.address(user));
                Ok(())
            }
            Directive::Alias { alias, target } => {
                self.server().add_alias(&self.address(alias), &self.address(target));
                Ok(())
            }
            Directive::Shared { account, owner } => {
                let (account, owner) = (self.address(account), self.address(owner));
                self.server().command(&["shared", "add", &account, "--owner", &owner])
            }
            Directive::Quota { user, kib, messages } => {
                self.server().set_quota(&self.address(user), *kib, *messages);
                Ok(())
            }
            Directive::QuotaAdmin(user) => {
                self.server().set_quota_admin(&self.address(user));
                Ok(())
            }
            Directive::Capability(arguments) => {
                let arguments = self.outgoing(arguments);
                let words = arguments.split_whitespace();
                self.server().command(&["capability"].into_iter().chain(words).collect::<Vec<_>>())
            }
            Directive::Hold { user, seconds } => {
                self.server().command(&["hold", "set", &self.address(user), seconds])
            }
            Directive::Queue(arguments) => {
                let arguments = fill_in(&self.outgoing(arguments), &self.values)?;
                let words = arguments.split_whitespace();
                self.server().command(&["queue"].into_iter().chain(words).collect::<Vec<_>>())
            }
            _ => Ok(()),
        }
    }

    fn deliver(&mut self, user: &str, message: &Message) -> Result<(), String> {
        let message = self.message(message)?;
        let recipient = self.address(user);
        let delivered =
            self.server().lmtp().deliver("sender@elsewhere.test", &[&recipient], &message);
        delivered.map_err(|error| format!("delivery failed: {error}"))
    }

    fn message(&self, message: &Message) -> Result<Vec<u8>, String> {
        match message {
            Message::Block(text) => Ok(self.outgoing(text).into_bytes()),
            Message::File(name) => {
                let file = fixtures().join(name);
                let stored = std::fs::read(&file);
                stored.map(|stored| as_sent(&stored)).map_err(|error| format!("{name}: {error}"))
            }
        }
    }

    /// What is spoken at the port of a session: `imap`, `pop3`, or another name for SMTP.
    fn spoken(&self, session: usize) -> &'static str {
        match self.ports.get(&session).unwrap_or(&self.port).as_str() {
            "imap" | "imaps" => "imap",
            "pop3" | "pop3s" => "pop3",
            _ => "smtp",
        }
    }

    fn log_in(&mut self, session: usize, user: &str, mailbox: Option<&str>) -> Result<(), String> {
        let address = self.address(user);
        let commands = match self.spoken(session) {
            "imap" => {
                let select = mailbox.map(|mailbox| format!("zz SELECT {mailbox}"));
                [format!("zz LOGIN {address} {PASSWORD}")].into_iter().chain(select).collect()
            }
            "pop3" => vec![format!("USER {address}"), format!("PASS {PASSWORD}")],
            _ => {
                let credentials = format!("<<base64 \\0{address}\\0{PASSWORD}>>");
                let auth = fill_in(&format!("AUTH PLAIN {credentials}"), &self.values)?;
                vec!["EHLO client.test".to_owned(), auth]
            }
        };
        for command in commands {
            let client = self.speaking(session)?;
            client.send_line(&command).map_err(|error| format!("cannot send: {error}"))?;
            let mut last = self.receive(session)?;
            while last.starts_with("* ") || last.get(3..4) == Some("-") {
                last = self.receive(session)?;
            }
            let is_done = ["zz OK", "+OK", "250", "235"].iter().any(|ok| last.starts_with(ok));
            if !is_done {
                return Err(format!("{command:?} was answered by {last}"));
            }
        }
        Ok(())
    }

    fn expect_end(&mut self, session: usize) -> Result<(), String> {
        let mut client = self.sessions.remove(&session).ok_or("that session never began")?;
        let rest = client.rest().map_err(|error| format!("still open: {error}"))?;
        if rest.is_empty() { Ok(()) } else { Err(format!("unread: {}", shown(&rest))) }
    }

    /// Says goodbye in every session; whatever comes before the answer was left unread.
    fn finish(mut self) -> Result<(), String> {
        for (session, mut client) in std::mem::take(&mut self.sessions) {
            let (goodbye, answer, last) = match self.spoken(session) {
                "imap" => ("zz LOGOUT", "* BYE", "zz OK"),
                "pop3" => ("QUIT", "+OK", "-ERR"),
                _ => ("QUIT", "221", "421"),
            };
            // The script may have said goodbye itself; then there is nobody to answer.
            let _ = client.send_line(goodbye);
            let rest = client.rest().map_err(|error| format!("session {session}: {error}"))?;
            for line in String::from_utf8_lossy(&rest).lines() {
                if !line.starts_with(answer) && !line.starts_with(last) {
                    return Err(format!("session {session} left unread: {line}"));
                }
            }
        }
        self.server().assert_sound();
        Ok(())
    }
}

fn config(action: &Action) -> Option<&str> {
    match action {
        Action::Direct(Directive::Config(setting)) => Some(setting),
        _ => None,
    }
}

fn next_pattern(session: usize, later: &[Step]) -> Option<&str> {
    later.iter().find_map(|step| match &step.action {
        Action::Expect { session: same, pattern } if *same == session => Some(pattern.as_str()),
        _ => None,
    })
}

fn fixtures() -> PathBuf {
    repository().join("tests/fixtures/messages")
}

/// A line as text: what is no UTF-8 as `\xHH`, a missing CR as `\n`.
fn shown(line: &[u8]) -> String {
    let (line, end) = match line.strip_suffix(b"\r\n") {
        Some(line) => (line, ""),
        None => match line.strip_suffix(b"\n") {
            Some(line) => (line, "\\n"),
            None => (line, ""),
        },
    };
    let mut text = String::new();
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("a string takes text");
        }
    }
    text + end
}
