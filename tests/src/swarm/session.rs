//! One session of the swarm: random commands, of which it takes in every response.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::{Moment, Place, Replica, Truth, flags_of, uids_of};
use crate::client::{Completion, ImapClient};
use crate::random::Random;
use crate::server::TestServer;

/// How a session follows changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By numbers and flags alone.
    Plain,
    /// With mod-sequences (CONDSTORE).
    Condstore,
    /// Leaves without a word now and then, and asks what it missed (QRESYNC).
    Qresync,
}

/// Flags that everybody sets and clears.
const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Answered", "$Work", "later"];

/// A session and what it believes.
pub struct Session<'s> {
    /// Which session this is.
    pub name: String,
    /// The mailbox it has selected.
    pub mailbox: String,
    /// What it believes of it.
    pub replica: Replica,
    /// Which messages have the flag that nobody else touches, as far as this session set it.
    pub own: BTreeMap<Place, bool>,
    kind: Kind,
    server: &'s TestServer,
    truth: &'s Truth,
    mailboxes: &'s [&'s str],
    client: ImapClient,
    uid_validity: String,
    random: Random,
    appended: usize,
}

impl<'s> Session<'s> {
    /// Logs in and selects the first mailbox.
    pub fn new(
        (number, kind): (usize, Kind),
        (server, truth): (&'s TestServer, &'s Truth),
        mailboxes: &'s [&'s str],
        seed: u64,
    ) -> Self {
        let mut session = Self {
            name: format!("s{number}"),
            mailbox: mailboxes[number % mailboxes.len()].to_owned(),
            replica: Replica::default(),
            own: BTreeMap::new(),
            kind,
            server,
            truth,
            mailboxes,
            client: log_in(server, kind),
            uid_validity: String::new(),
            random: Random::seeded(seed),
            appended: 0,
        };
        session.select("");
        session
    }

    /// Does something.
    pub fn step(&mut self) {
        match self.random.below(100) {
            0..18 => self.append(),
            18..42 => self.store(),
            42..50 => self.store_own(),
            50..60 => self.fetch(),
            60..66 => self.fetch_text(),
            66..76 => self.expunge(),
            76..84 => self.transfer(),
            84..90 => self.search(),
            90..95 => drop(self.command("NOOP", Moment::NumbersMayChange)),
            95..97 => self.idle(),
            97..99 if self.kind == Kind::Qresync => self.come_back(),
            _ => self.go_elsewhere(),
        }
        self.replica.assert_ascending();
    }

    /// Hears of everything there is.
    pub fn catch_up(&mut self) {
        drop(self.command("NOOP", Moment::NumbersMayChange));
        self.replica.assert_ascending();
    }

    /// Asks for everything, which must be what was told before, as far as anything was.
    pub fn ask_for_all(&mut self) {
        if !self.replica.messages.is_empty() {
            let items = self.items();
            self.command(&format!("FETCH 1:* ({items})"), Moment::NumbersStay);
        }
    }

    /// The mailbox as somebody finds it who has never seen it.
    pub fn newest(&self, mailbox: &str) -> Replica {
        let mut client = log_in(self.server, Kind::Condstore);
        let mut newest = Replica::default();
        let selected = client.command(&format!("EXAMINE {mailbox} (CONDSTORE)"));
        let selected = selected.and_then(Completion::ok).expect("EXAMINE");
        hear_all(&mut newest, &selected, Moment::NumbersMayChange);
        if !newest.messages.is_empty() {
            let all = client.command("FETCH 1:* (UID FLAGS MODSEQ)").and_then(Completion::ok);
            hear_all(&mut newest, &all.expect("FETCH"), Moment::NumbersStay);
        }
        newest
    }

    fn items(&self) -> &'static str {
        if self.kind == Kind::Plain { "UID FLAGS" } else { "UID FLAGS MODSEQ" }
    }

    /// Sends a command and takes in its responses; `OK` or `NO`, never `BAD`.
    fn command(&mut self, command: &str, moment: Moment) -> Completion {
        let answer = self.client.command(command);
        let answer = answer.unwrap_or_else(|error| panic!("{}: {command}: {error}", self.name));
        assert!(!answer.status.starts_with("BAD"), "{}: {command}: {}", self.name, answer.status);
        hear_all(&mut self.replica, &answer, moment);
        self.ask_for_unknown();
        answer
    }

    fn select(&mut self, parameters: &str) {
        let command = format!("SELECT {}{parameters}", self.mailbox);
        let answer = self.client.command(&command).and_then(Completion::ok);
        let answer = answer.unwrap_or_else(|error| panic!("{}: {command}: {error}", self.name));
        self.uid_validity = answer.code("UIDVALIDITY").expect("a UIDVALIDITY");
        if parameters.contains("QRESYNC") {
            self.resynchronise(&answer);
        } else {
            self.replica = Replica::default();
            hear_all(&mut self.replica, &answer, Moment::NumbersMayChange);
            self.ask_for_unknown();
        }
    }

    /// What vanished and what came, with their UIDs, on top of what was known (RFC 7162, 3.2.5).
    fn resynchronise(&mut self, answer: &Completion) {
        let exists = answer.lines().iter().find_map(|line| {
            line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse::<usize>().ok()
        });
        let is_vanished = |response: &&Vec<u8>| response.starts_with(b"* VANISHED");
        for response in answer.untagged.iter().filter(is_vanished) {
            self.replica.hear(response, Moment::NumbersMayChange);
        }
        // What came since has UIDs above all that are known.
        self.replica.messages.resize_with(exists.expect("EXISTS"), Default::default);
        for response in answer.untagged.iter().filter(|response| !is_vanished(response)) {
            self.replica.hear(response, Moment::NumbersMayChange);
        }
        let known = self.replica.messages.iter().filter(|message| message.uid.is_some()).count();
        assert_eq!(known, self.replica.messages.len(), "{}: {:?}", self.name, answer.lines());
    }

    /// Breaks off, and comes back.
    fn come_back(&mut self) {
        self.client = log_in(self.server, self.kind);
        let (validity, complete) = (&self.uid_validity, self.replica.complete);
        self.select(&format!(" (QRESYNC ({validity} {complete}))"));
    }

    fn go_elsewhere(&mut self) {
        self.mailbox = (*self.random.pick(self.mailboxes)).to_owned();
        self.select("");
    }

    /// Who follows by UIDs asks for those of what came, before it can go.
    fn ask_for_unknown(&mut self) {
        let mut messages = self.replica.messages.iter();
        let unknown = messages.position(|message| message.uid.is_none());
        if let Some(first) = unknown.filter(|_| self.kind == Kind::Qresync) {
            let command = format!("FETCH {}:* (UID FLAGS MODSEQ)", first + 1);
            self.command(&command, Moment::NumbersStay);
        }
    }

    fn append(&mut self) {
        self.appended += 1;
        let mailbox = (*self.random.pick(self.mailboxes)).to_owned();
        let text = format!("Subject: {} of {}\r\n\r\ntext\r\n", self.appended, self.name);
        let flags = if self.random.below(2) == 0 { "" } else { "(\\Seen $Work)" };
        let answer = self.client.append(&mailbox, flags, text.as_bytes()).and_then(Completion::ok);
        let answer = answer.unwrap_or_else(|error| panic!("{}: APPEND: {error}", self.name));
        hear_all(&mut self.replica, &answer, Moment::NumbersMayChange);
        let code = answer.code("APPENDUID").expect("UIDPLUS");
        let uid = code.split(' ').nth(1).and_then(|uid| uid.parse().ok()).expect("a UID");
        self.truth.arrived(&(mailbox, uid), text.as_bytes());
        self.ask_for_unknown();
    }

    /// Some neighbours, by numbers or by UIDs, with the places in the replica that they are.
    fn some(&mut self) -> Option<(&'static str, String, BTreeSet<usize>)> {
        let count = self.replica.messages.len();
        if count == 0 {
            return None;
        }
        let first = self.random.below(count);
        let last = (first + self.random.below(6)).min(count - 1);
        let places: BTreeSet<usize> = (first..=last).collect();
        let ends = [first, last].map(|at| self.replica.messages[at].uid);
        match ends {
            // Between them there may be some whose UIDs were not told; they are meant too.
            [Some(one), Some(other)] if self.random.below(2) == 0 => {
                Some(("UID ", format!("{one}:{other}"), places))
            }
            _ => Some(("", format!("{}:{}", first + 1, last + 1), places)),
        }
    }

    fn store(&mut self) {
        let Some((uid, set, places)) = self.some() else { return };
        // To replace all flags would take others' own.
        let sign = *self.random.pick(&["+", "-"]);
        let count = self.random.below(3) + 1;
        let flags: BTreeSet<&str> = (0..count).map(|_| *self.random.pick(&FLAGS)).collect();
        let list = flags.into_iter().collect::<Vec<_>>().join(" ");
        let is_silent = self.random.below(2) == 0;
        let silent = if is_silent { ".SILENT" } else { "" };
        let unless = match self.kind {
            Kind::Plain => String::new(),
            _ if self.random.below(3) > 0 => String::new(),
            _ => format!(" (UNCHANGEDSINCE {})", self.replica.complete),
        };
        let command = format!("{uid}STORE {set}{unless} {sign}FLAGS{silent} ({list})");
        let before: BTreeSet<Option<u32>> =
            places.iter().map(|at| self.replica.messages[*at].uid).collect();
        if is_silent {
            // What it asked for it takes for done, unless it is told otherwise.
            self.suppose(&places, sign, &list);
        }
        let answer = self.command(&command, moment_of(uid));
        if is_silent && (answer.status.starts_with("NO") || answer.status.contains("MODIFIED")) {
            // Nobody knows which then.
            for message in &mut self.replica.messages {
                if before.contains(&message.uid) {
                    (message.flags, message.modseq) = (None, None);
                }
            }
        }
    }

    fn suppose(&mut self, places: &BTreeSet<usize>, sign: &str, list: &str) {
        for at in places {
            let message = &mut self.replica.messages[*at];
            let Some(flags) = &mut message.flags else { continue };
            for flag in flags_of(list) {
                if sign == "+" {
                    flags.insert(flag)
                } else {
                    flags.remove(&flag)
                };
            }
        }
    }

    /// A flag that is this session's alone: nobody else may take it away.
    fn store_own(&mut self) {
        let known = self.replica.messages.iter().filter_map(|message| message.uid);
        let known: Vec<u32> = known.collect();
        if known.is_empty() {
            return;
        }
        let uid = *self.random.pick(&known);
        let is_set = self.random.below(3) > 0;
        let sign = if is_set { "+" } else { "-" };
        let command = format!("UID STORE {uid} {sign}FLAGS (own-{})", self.name);
        let answer = self.command(&command, Moment::NumbersMayChange);
        if answer.status.starts_with("OK") {
            self.own.insert((self.mailbox.clone(), uid), is_set);
        }
    }

    fn fetch(&mut self) {
        if let Some((uid, set, _)) = self.some() {
            let items = self.items();
            self.command(&format!("{uid}FETCH {set} ({items})"), moment_of(uid));
        }
    }

    fn fetch_text(&mut self) {
        let Some((uid, set, _)) = self.some() else { return };
        let answer = self.command(&format!("{uid}FETCH {set} (UID BODY.PEEK[])"), moment_of(uid));
        for response in &answer.untagged {
            let line = String::from_utf8_lossy(response);
            let Some((front, text)) = line.split_once("}\r\n") else { continue };
            let uid = front.split_once("(UID ").expect("as asked").1;
            let uid = uid.split(' ').next().and_then(|uid| uid.parse().ok()).expect("a UID");
            let place = (self.mailbox.clone(), uid);
            if let Some(expected) = self.truth.text(&place) {
                let expected = String::from_utf8(expected).expect("text");
                assert!(text.starts_with(&expected), "{place:?} is {text}, not {expected}");
            }
        }
    }

    fn expunge(&mut self) {
        let Some((uid, set, _)) = self.some() else { return };
        self.command(&format!("{uid}STORE {set} +FLAGS (\\Deleted)"), moment_of(uid));
        let command =
            if uid.is_empty() { "EXPUNGE".to_owned() } else { format!("UID EXPUNGE {set}") };
        self.command(&command, Moment::NumbersMayChange);
    }

    fn transfer(&mut self) {
        let Some((uid, set, _)) = self.some() else { return };
        let dest = (*self.random.pick(self.mailboxes)).to_owned();
        let command = *self.random.pick(&["COPY", "MOVE"]);
        let answer =
            self.command(&format!("{uid}{command} {set} {dest}"), Moment::NumbersMayChange);
        let Some(code) = answer.code("COPYUID") else { return };
        let mut parts = code.split(' ').skip(1).map(uids_of);
        let (from, to) = (parts.next().expect("from"), parts.next().expect("to"));
        assert_eq!(from.len(), to.len(), "{code}");
        for (from, to) in from.into_iter().zip(to) {
            if let Some(text) = self.truth.text(&(self.mailbox.clone(), from)) {
                self.truth.arrived(&(dest.clone(), to), &text);
            }
        }
    }

    fn search(&mut self) {
        let key =
            *self.random.pick(&["UNSEEN", "KEYWORD $Work", "NOT DELETED", "SUBJECT \"1 of\""]);
        let answer = self.command(&format!("SEARCH {key}"), Moment::NumbersStay);
        let found = answer.lines().iter().find_map(|line| {
            Some(line.strip_prefix("* SEARCH")?.split(" (MODSEQ").next()?.to_owned())
        });
        let found = found.expect("an answer");
        let numbers = found.split_whitespace().map(|number| number.parse::<usize>().expect("one"));
        let count = self.replica.messages.len();
        assert!(
            numbers.into_iter().all(|number| (1..=count).contains(&number)),
            "{found} of {count}"
        );
    }

    fn idle(&mut self) {
        let told = (|| -> io::Result<Vec<Vec<u8>>> {
            self.client.wire.send_line("idle IDLE")?;
            let mut told = Vec::new();
            loop {
                let response = self.client.response()?;
                if response.starts_with(b"+") {
                    self.client.wire.send_line("DONE")?;
                } else if response.starts_with(b"idle ") {
                    return Ok(told);
                } else {
                    told.push(response);
                }
            }
        })();
        for response in told.expect("IDLE") {
            self.replica.hear(&response, Moment::NumbersMayChange);
        }
        self.ask_for_unknown();
    }
}

fn moment_of(uid: &str) -> Moment {
    if uid.is_empty() { Moment::NumbersStay } else { Moment::NumbersMayChange }
}

fn log_in(server: &TestServer, kind: Kind) -> ImapClient {
    let mut client = server.imap("alice@example.test");
    let enable = match kind {
        Kind::Plain => return client,
        Kind::Condstore => "ENABLE CONDSTORE",
        Kind::Qresync => "ENABLE QRESYNC",
    };
    client.command(enable).and_then(Completion::ok).expect("ENABLE");
    client
}

fn hear_all(replica: &mut Replica, answer: &Completion, moment: Moment) {
    for response in &answer.untagged {
        replica.hear(response, moment);
    }
    replica.hear(format!("* {}", answer.status).as_bytes(), moment);
}
