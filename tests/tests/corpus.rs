//! Promise under test: what comes in goes out. Every message of the corpus is delivered by LMTP or
//! appended by IMAP, and read back by IMAP and POP3 with the same octets; and what IMAP says about it
//! parses with a library we did not write.

use std::thread;

use tests::client::{Completion, ImapClient};
use tests::corpus::{CorpusMessage, messages};
use tests::parsed::Parsed;
use tests::server::TestServer;

/// Users, each with its own share of the corpus in the order of the share.
const USERS: usize = 4;

/// Messages of the corpus that nest bodies deeper than imap-codec follows.
const NESTED_DEEPLY_MAX: usize = 12;

/// UIDs asked for by one FETCH.
const FETCHED_AT_ONCE: usize = 100;

#[test]
fn every_message_comes_back_as_it_went_in() {
    let server = TestServer::start();
    let users: Vec<String> =
        (0..USERS).map(|number| format!("user{number}@example.test")).collect();
    for user in &users {
        server.add_user(user);
    }
    let parsed = Parsed::default();
    thread::scope(|scope| {
        for (number, user) in users.iter().enumerate() {
            let (server, parsed) = (&server, &parsed);
            let share: Vec<&CorpusMessage> =
                messages().iter().skip(number).step_by(USERS).collect();
            scope.spawn(move || {
                put_in(server, user, &share);
                let stored = read_by_imap(server, user, &share);
                read_by_pop3(server, user, &stored);
                describe(server, user, &share, parsed);
            });
        }
    });
    parsed.assert_all(NESTED_DEEPLY_MAX);
}

/// By turns by LMTP and by APPEND, in order.
fn put_in(server: &TestServer, user: &str, share: &[&CorpusMessage]) {
    let mut lmtp = server.lmtp();
    let mut imap = server.imap(user);
    for (number, message) in share.iter().enumerate() {
        let done = if is_delivered(number, message) {
            lmtp.deliver("sender@elsewhere.test", &[user], &message.octets)
        } else {
            imap.append("INBOX", "", &message.octets).and_then(Completion::ok).map(drop)
        };
        done.unwrap_or_else(|error| panic!("{}: {error}", message.name));
    }
}

/// SMTP has no NUL (RFC 5321, 4.5.2: text; RFC 5322, 2.2); APPEND keeps it if the server does.
fn is_delivered(number: usize, message: &CorpusMessage) -> bool {
    number.is_multiple_of(2) && !message.octets.contains(&0)
}

fn read_by_imap(server: &TestServer, user: &str, share: &[&CorpusMessage]) -> Vec<Vec<u8>> {
    let mut imap = server.imap(user);
    let selected = imap.command("EXAMINE INBOX").expect("an answer").ok().expect("EXAMINE");
    let exists = format!("* {} EXISTS", share.len());
    assert!(selected.lines().contains(&exists), "{:?}", selected.lines());
    let mut stored = Vec::new();
    for (number, message) in share.iter().enumerate() {
        let uid = u32::try_from(number + 1).expect("fewer messages than UIDs");
        let octets = imap.fetch_octets(uid, "BODY.PEEK[]");
        let octets = octets.unwrap_or_else(|error| panic!("{}: {error}", message.name));
        let trace = octets.strip_suffix(message.octets.as_slice());
        let trace = trace.unwrap_or_else(|| panic!("{} came back changed", message.name));
        let expected =
            if is_delivered(number, message) { "Return-Path: <sender@elsewhere.test>" } else { "" };
        let trace = String::from_utf8_lossy(trace);
        assert!(trace.starts_with(expected) && trace.is_empty() == expected.is_empty(), "{trace}");
        stored.push(octets);
    }
    stored
}

fn read_by_pop3(server: &TestServer, user: &str, stored: &[Vec<u8>]) {
    let mut pop3 = server.pop3(user);
    let sizes = String::from_utf8(pop3.lines("LIST").expect("LIST")).expect("ASCII");
    let sizes: Vec<&str> = sizes.lines().collect();
    let size = |(number, octets): (usize, &Vec<u8>)| format!("{number} {}", octets.len());
    let expected: Vec<String> = (1..).zip(stored).map(size).collect();
    assert_eq!(sizes, expected);
    for (number, octets) in (1..).zip(stored) {
        let read = pop3.lines(&format!("RETR {number}")).expect("RETR");
        assert!(read == *octets, "message {number} of {user} differs between IMAP and POP3");
    }
}

/// ENVELOPE, BODY and BODYSTRUCTURE of every message parse, and none is missing.
fn describe(server: &TestServer, user: &str, share: &[&CorpusMessage], parsed: &Parsed) {
    let mut imap = server.imap(user);
    imap.command("EXAMINE INBOX").expect("an answer").ok().expect("EXAMINE");
    for (piece, names) in share.chunks(FETCHED_AT_ONCE).enumerate() {
        let first = piece * FETCHED_AT_ONCE + 1;
        let last = first + names.len() - 1;
        let items = "(UID RFC822.SIZE INTERNALDATE FLAGS ENVELOPE BODY BODYSTRUCTURE)";
        let responses = fetch(&mut imap, &format!("FETCH {first}:{last} {items}"));
        assert_eq!(responses.len(), names.len());
        for (response, message) in responses.iter().zip(names) {
            parsed.read(&message.name, response);
        }
    }
}

fn fetch(imap: &mut ImapClient, command: &str) -> Vec<Vec<u8>> {
    imap.command(command).expect("an answer").ok().expect("FETCH").untagged
}
