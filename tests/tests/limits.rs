//! Every limit of the configuration, met by a client that goes beyond it, and by one that does not.
//!
//! Time limits are set to one second and waited for: the test reads until the server has ended the
//! connection, and asserts no duration.

use std::io::Write as _;

use tests::client::{ImapClient, LineClient, PopClient, SmtpClient};
use tests::server::{PASSWORD, TestServer};

const ALICE: &str = "alice@example.test";

fn server(settings: &[&str]) -> TestServer {
    TestServer::with(settings)
}

fn text_of(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// What comes until the server ends the connection.
fn rest(wire: &mut LineClient) -> String {
    text_of(&wire.rest().expect("the server ends the connection"))
}

#[test]
fn connections_in_all_are_limited() {
    let server = server(&["limits.connections_max = 3"]);
    let mut held: Vec<LineClient> = Vec::new();
    for protocol in ["imap", "smtp", "pop3"] {
        let mut wire = server.connect(protocol);
        wire.text().expect("a greeting");
        held.push(wire);
    }
    let mut refused = server.connect("imap");
    assert!(rest(&mut refused).starts_with("* BYE"));
    let mut refused = server.connect("smtp");
    assert!(rest(&mut refused).starts_with("421"));
    held.pop();
    // The place is free again, once the server has noticed that the client is gone.
    while ImapClient::plain(server.address("imap")).is_err() {}
}

#[test]
fn connections_of_one_address_are_limited() {
    let server = server(&["limits.connections_per_address_max = 2"]);
    let _first = SmtpClient::plain(server.address("smtp")).expect("one");
    let _second = ImapClient::plain(server.address("imap")).expect("two");
    assert!(rest(&mut server.connect("pop3")).starts_with("-ERR"));
}

#[test]
fn a_long_imap_command_is_answered_bad_and_the_session_goes_on() {
    let server = server(&["limits.imap_command_bytes_max = 10000"]);
    let mut imap = server.imap(ALICE);
    imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    let set = |count: usize| vec!["1"; count].join(",");
    let fits = imap.command(&format!("UID FETCH {} (FLAGS)", set(4000))).expect("an answer");
    assert!(fits.status.starts_with("OK"), "{}", fits.status);
    let long = imap.command(&format!("UID FETCH {} (FLAGS)", set(6000))).expect("an answer");
    assert!(long.status.starts_with("BAD"), "{}", long.status);
    imap.command("NOOP").expect("an answer").ok().expect("the session goes on");
}

#[test]
fn a_long_literal_is_refused_before_it_is_sent() {
    let server = server(&["limits.literal_bytes_max = 1000"]);
    let mut imap = server.imap(ALICE);
    imap.wire.send_line("a CREATE {1001}").expect("sent");
    let answer = imap.wire.text().expect("an answer");
    assert!(answer.starts_with("a BAD") || answer.starts_with("a NO"), "{answer}");
    let at_once = imap.command(&format!("CREATE {{2000+}}\r\n{}", "x".repeat(2000)));
    let status = at_once.expect("an answer").status;
    assert!(status.starts_with("BAD") || status.starts_with("NO"), "{status}");
    imap.command("NOOP").expect("an answer").ok().expect("the session goes on");
}

#[test]
fn a_message_that_is_too_large_is_refused_by_every_way_in() {
    let server = server(&["limits.message_bytes_max = 20000"]);
    let message = |len: usize| {
        let line = format!("{}\r\n", "x".repeat(70));
        let mut message = b"Subject: size\r\n\r\n".to_vec();
        while message.len() < len {
            message.extend_from_slice(line.as_bytes());
        }
        message
    };
    let (fits, large) = (message(19_000), message(20_001));

    let mut smtp = server.smtp();
    let announced = smtp.command("MAIL FROM:<x@y.test> SIZE=20001").expect("a reply");
    assert_eq!(announced.code, 552, "{}", announced.text);
    smtp.send("x@y.test", &[ALICE], &fits).expect("it fits");
    let refused = smtp.send("x@y.test", &[ALICE], &large).expect_err("it is too large");
    assert!(refused.to_string().starts_with("552"), "{refused}");
    smtp.send("x@y.test", &[ALICE], &fits).expect("the session goes on");

    let mut lmtp = server.lmtp();
    let refused = lmtp.deliver("x@y.test", &[ALICE], &large).expect_err("it is too large");
    assert!(refused.to_string().starts_with("552"), "{refused}");

    let mut imap = server.imap(ALICE);
    imap.wire.send_line("a APPEND INBOX {20001}").expect("sent");
    let answer = imap.wire.text().expect("an answer");
    assert!(answer.starts_with("a NO [TOOBIG]"), "{answer}");
    imap.append("INBOX", "", &fits).expect("an answer").ok().expect("it fits");
    let selected = imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    assert!(selected.lines().contains(&"* 3 EXISTS".to_owned()), "{:?}", selected.lines());
}

#[test]
fn recipients_are_limited() {
    let server = server(&["limits.recipients_max = 2"]);
    for mut client in [server.smtp(), server.lmtp()] {
        client.command("MAIL FROM:<x@y.test>").expect("a reply").expect(250).expect("taken");
        for recipient in [ALICE, "bob@example.test"] {
            let reply = client.command(&format!("RCPT TO:<{recipient}>")).expect("a reply");
            reply.expect(250).expect("taken");
        }
        let third = client.command("RCPT TO:<alice+x@example.test>").expect("a reply");
        assert_eq!(third.code, 452, "{}", third.text);
    }
}

/// Messages that come in at one time share a budget; who finds it spent is told to come again.
#[test]
fn the_bytes_of_incoming_messages_are_limited() {
    let server =
        server(&["limits.receiving_bytes_max = 100000", "limits.message_bytes_max = 90000"]);
    let mut first = server.imap(ALICE);
    first.wire.send_line("a APPEND INBOX {80000}").expect("sent");
    assert!(first.wire.text().expect("an answer").starts_with('+'));
    first.wire.send(&b"x".repeat(79_000)).expect("sent");
    // The first one's octets are counted as they come; wait until they all are.
    let mut second = server.imap("bob@example.test");
    let refused = loop {
        second.wire.send_line("b APPEND INBOX {80000}").expect("sent");
        let answer = second.wire.text().expect("an answer");
        if !answer.starts_with('+') {
            break answer;
        }
        second.wire.send(&b"x".repeat(80_000)).expect("sent");
        second.wire.send(b"\r\n").expect("sent");
        let answer = second.wire.text().expect("an answer");
        if !answer.starts_with("b OK") {
            break answer;
        }
    };
    assert!(refused.starts_with("b NO"), "{refused}");
    first.wire.send(&b"x".repeat(1000)).expect("sent");
    first.wire.send(b"\r\n").expect("sent");
    let done = first.wire.text().expect("an answer");
    assert!(done.starts_with("a OK"), "{done}");
}

/// A message that memory is too small for goes to disk, and there too is only so much room.
#[test]
fn the_bytes_of_incoming_messages_on_disk_are_limited() {
    let server = server(&["limits.spooled_bytes_max = 600000"]);
    let message = |lines: usize| {
        [b"Subject: long\r\n\r\n".to_vec(), b"0123456789abcdef\r\n".repeat(lines)].concat()
    };
    let (fits, long) = (message(30_000), message(60_000));
    for mut client in [server.smtp(), server.lmtp()] {
        client.command("MAIL FROM:<x@y.test>").expect("a reply").expect(250).expect("taken");
        let to = client.command(&format!("RCPT TO:<{ALICE}>")).expect("a reply");
        to.expect(250).expect("taken");
        let refused = client.data(&long).expect("a reply");
        assert_eq!(refused.code, 452, "{}", refused.text);
        client.send("x@y.test", &[ALICE], &fits).expect("the room was given back");
    }
    let mut imap = server.imap(ALICE);
    let refused = imap.append("INBOX", "", &long).expect("an answer").status;
    assert!(refused.starts_with("NO [UNAVAILABLE]"), "{refused}");
    imap.append("INBOX", "", &fits).expect("an answer").ok().expect("the room was given back");
    imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    let stored = imap.fetch_octets(3, "BODY.PEEK[]").expect("it is there");
    assert!(stored == fits, "octet for octet");
    let received = imap.fetch_octets(1, "BODY.PEEK[]").expect("it is there");
    assert!(received.ends_with(&fits) && received.starts_with(b"Return-Path: <x@y.test>"));
}

#[test]
fn wrong_passwords_end_the_connection() {
    let server = server(&["limits.log_in_failures_max = 2"]);
    let mut imap = ImapClient::plain(server.address("imap")).expect("a greeting");
    let first = imap.command("LOGIN alice@example.test wrong").expect("an answer");
    assert!(first.status.starts_with("NO"), "{}", first.status);
    imap.wire.send_line("b LOGIN alice@example.test wrong").expect("sent");
    assert!(rest(&mut imap.wire).contains("* BYE"));

    let mut pop3 = PopClient::plain(server.address("pop3")).expect("a greeting");
    for _ in 0..2 {
        pop3.command("USER alice@example.test").expect("USER");
        pop3.command("PASS wrong").expect_err("a wrong password");
    }
    assert!(rest(&mut pop3.wire).starts_with("-ERR [AUTH] "));

    let mut smtp = SmtpClient::plain(server.address("submission")).expect("a greeting");
    for _ in 0..2 {
        smtp.log_in(ALICE, "wrong").expect_err("a wrong password");
    }
    let last = rest(&mut smtp.wire);
    assert!(last.is_empty() || last.starts_with("421"), "{last}");
}

#[test]
fn smtp_errors_end_the_connection() {
    let server = server(&["limits.smtp_errors_max = 3"]);
    let mut smtp = server.smtp();
    for _ in 0..3 {
        smtp.wire.send_line("WRONG").expect("sent");
    }
    let said = rest(&mut smtp.wire);
    assert!(said.lines().last().is_some_and(|line| line.starts_with("421")), "{said}");
}

#[test]
fn unintelligible_commands_end_the_connection() {
    let server = server(&["limits.bad_commands_max = 3"]);
    let mut imap = server.imap(ALICE);
    for number in 0..3 {
        imap.wire.send_line(&format!("x{number} WRONG")).expect("sent");
    }
    let said = rest(&mut imap.wire);
    assert!(said.starts_with("x0 BAD") && said.contains("* BYE"), "{said}");
    let mut pop3 = server.pop3(ALICE);
    for _ in 0..3 {
        pop3.wire.send_line("WRONG").expect("sent");
    }
    assert!(rest(&mut pop3.wire).starts_with("-ERR"));
}

#[test]
fn who_does_not_log_in_is_sent_away() {
    let server = server(&["limits.log_in_seconds = 1"]);
    assert!(rest(&mut server.connect("imap")).contains("* BYE"));
    rest(&mut server.connect("pop3"));
}

#[test]
fn who_begins_no_tls_handshake_is_sent_away() {
    let server = server(&["limits.tls_handshake_seconds = 1"]);
    for protocol in ["imaps", "pop3s", "smtps"] {
        assert_eq!(rest(&mut server.connect(protocol)), "");
    }
}

#[test]
fn who_says_nothing_is_sent_away() {
    let idle =
        ["imap", "pop3", "smtp"].map(|protocol| format!("limits.{protocol}_idle_seconds = 1"));
    let server = server(&idle.each_ref().map(String::as_str));
    let mut imap = server.imap(ALICE);
    let mut pop3 = server.pop3(ALICE);
    let mut smtp = server.smtp();
    assert!(rest(&mut imap.wire).starts_with("* BYE"));
    rest(&mut pop3.wire);
    assert!(rest(&mut smtp.wire).starts_with("421"));
}

#[test]
fn who_does_not_finish_a_command_is_sent_away() {
    let server = server(&["limits.command_seconds = 1"]);
    let mut imap = server.imap(ALICE);
    imap.wire.send_line("a APPEND INBOX {1000}").expect("sent");
    assert!(imap.wire.text().expect("an answer").starts_with('+'));
    imap.wire.send(b"Subject: begun\r\n").expect("sent");
    rest(&mut imap.wire);
    let mut smtp = server.smtp();
    smtp.command("MAIL FROM:<x@y.test>").expect("a reply").expect(250).expect("taken");
    smtp.command("RCPT TO:<alice@example.test>").expect("a reply").expect(250).expect("taken");
    smtp.command("DATA").expect("a reply").expect(354).expect("taken");
    smtp.wire.send(b"Subject: begun\r\n").expect("sent");
    rest(&mut smtp.wire);
    let mut imap = server.imap(ALICE);
    let selected = imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    assert!(selected.lines().contains(&"* 0 EXISTS".to_owned()), "half a message was kept");
}

/// A client that asks and never reads fills the buffers between; then the server gives up.
#[test]
fn who_takes_no_answer_is_sent_away() {
    let server = server(&["limits.write_seconds = 1"]);
    let mut imap = server.imap(ALICE);
    let message =
        [b"Subject: large\r\n\r\n".as_slice(), &b"0123456789abcdef\r\n".repeat(50_000)].concat();
    imap.append("INBOX", "", &message).expect("an answer").ok().expect("APPEND");
    imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    let mut asking = imap.wire.sender().expect("a plain connection");
    // Ends when the server resets the connection; a server that waits for ever fails by timeout.
    while asking.write_all(b"x FETCH 1 BODY.PEEK[]\r\n").is_ok() {}
    let error = asking.write_all(b"x NOOP\r\n").expect_err("the connection is gone");
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the server waits for ever");
}

/// Guessing is slowed for everyone at that address, and for that login; the right password too.
#[test]
fn guessing_passwords_is_limited() {
    let server = server(&["auth.failures_max = 3", "auth.failure_seconds = 3600"]);
    for _ in 0..3 {
        let mut imap = ImapClient::plain(server.address("imap")).expect("a greeting");
        imap.log_in(ALICE, "wrong").expect_err("a wrong password");
    }
    let mut imap = ImapClient::plain(server.address("imap")).expect("a greeting");
    imap.log_in(ALICE, PASSWORD).expect_err("refused unseen");
}

#[test]
fn annotations_are_limited_in_length_and_together() {
    let server = server(&[]);
    let mut imap = server.imap(ALICE);
    let mut set = |entry: &str, len: usize| {
        let value = "x".repeat(len);
        let command = format!("SETMETADATA INBOX (/private/new NIL {entry} {{{len}+}}\r\n{value})");
        imap.command(&command).expect("an answer").status
    };
    let long = set("/private/a", (64 << 10) + 1);
    assert!(long.starts_with("NO [METADATA MAXSIZE 65536]"), "{long}");
    let mut statuses = (0..17).map(|number| set(&format!("/private/{number}"), 64 << 10));
    assert!(statuses.by_ref().take(15).all(|status| status.starts_with("OK")));
    assert!(statuses.all(|status| status.starts_with("NO [METADATA TOOMANY]")));
    // What was refused has changed nothing.
    let got = imap.command("GETMETADATA (MAXSIZE 1) INBOX (/private/14 /private/15)");
    let status = got.expect("an answer").status;
    assert!(status.starts_with("OK [METADATA LONGENTRIES 65536]"), "{status}");
}

#[test]
fn notify_watches_so_many_mailboxes_and_says_when_there_are_more() {
    const EVENTS: &str = "(MessageNew MessageExpunge)";
    let server = server(&[]);
    let (mut watcher, mut maker) = (server.imap(ALICE), server.imap(ALICE));
    let mut make = |number: usize| {
        // As many levels as a name may have, each a mailbox.
        let levels: Vec<_> = (0..49).map(|level| level.to_string()).collect();
        let made = maker.command(&format!("CREATE {number}/{}", levels.join("/")));
        made.expect("an answer").ok().expect("CREATE");
    };
    (0..81).for_each(&mut make);
    let all = format!("NOTIFY SET (SELECTED NONE) (PERSONAL {EVENTS})");
    watcher.command(&all).expect("an answer").ok().expect("not too many yet");
    make(81);
    let told = watcher.wire.text().expect("a notice");
    assert!(told.starts_with("* OK [NOTIFICATIONOVERFLOW]"), "{told}");
    // As after NOTIFY NONE.
    make(82);
    assert!(watcher.command("NOOP").expect("an answer").untagged.is_empty());
    let refused = watcher.command(&all).expect("an answer").status;
    assert!(refused.starts_with("NO [NOTIFICATIONOVERFLOW]"), "{refused}");
    let few = format!("NOTIFY SET (SUBTREE (1 2) {EVENTS})");
    watcher.command(&few).expect("an answer").ok().expect("few enough");
}
