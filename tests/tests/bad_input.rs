//! What no client should send, and some do: each gets an answer of its protocol, nobody else notices,
//! and the server's memory stays bounded.

use tests::client::ImapClient;
use tests::parsed::Parsed;
use tests::random::Random;
use tests::server::TestServer;

const ALICE: &str = "alice@example.test";
/// Far above what these messages need, far below what they would cost if parts or lines were copied.
const RESIDENT_KIB_MAX: u64 = 768 << 10;

#[test]
fn malformed_imap_commands_are_answered_bad() {
    let server = TestServer::start();
    let mut imap = server.imap(ALICE);
    imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    for command in [
        "FETCH",
        "FETCH 0 FLAGS",
        "FETCH 1:2:3 FLAGS",
        "FETCH 1 (FLAGS",
        "FETCH 1 BODY[",
        "FETCH 1 BODY[]<0.0>",
        "FETCH 99999999999 FLAGS",
        "STORE 1 FLAGS",
        "STORE 1 +FLAGS (\\Nothing\\)",
        "SEARCH",
        "SEARCH BEFORE yesterday",
        "SEARCH NOT",
        "SEARCH OR SEEN",
        "LIST",
        "LIST \"\"",
        "SELECT",
        "COPY 1",
        "UID",
        "UID NOOP",
        "APPEND INBOX",
        "LOGIN a",
        "ENABLE",
        "STATUS INBOX",
        "STATUS INBOX (NOTHING)",
        "CREATE \"unfinished",
        "\u{1}",
        "NOOP NOOP",
    ] {
        let status = imap.command(command).expect("an answer").status;
        assert!(status.starts_with("BAD"), "{command}: {status}");
    }
    imap.command("NOOP").expect("an answer").ok().expect("the session goes on");
    imap.wire.send(b"\r\n \r\n\x00\xff\r\n* OK\r\n+ x\r\n").expect("sent");
    imap.command("NOOP").expect("an answer").ok().expect("the session goes on");
}

/// Seeded noise on every port: nothing panics, and a client beside it is served.
#[test]
fn noise_disturbs_nobody() {
    let server = TestServer::start();
    let mut random = Random::seeded(7);
    for round in 0..60 {
        for protocol in ["imap", "pop3", "smtp", "lmtp", "submission", "imaps", "http"] {
            let mut wire = server.connect(protocol);
            let noise: Vec<u8> = (0..random.below(2000))
                .map(|_| match random.below(8) {
                    0 => b'\n',
                    1 => b'\r',
                    2 => b' ',
                    3 => *random.pick(b"{}()\"\\*%<>:+.[]"),
                    4 => u8::try_from(random.below(256)).expect("a byte"),
                    _ => u8::try_from(b'a' as usize + random.below(26)).expect("a letter"),
                })
                .collect();
            // The server may have closed the connection already: its right.
            let _ = wire.send(&noise);
        }
        let mut imap = server.imap(ALICE);
        imap.command("NOOP")
            .expect("an answer")
            .ok()
            .unwrap_or_else(|error| panic!("{round}: {error}"));
    }
    server.assert_sound();
}

#[test]
fn a_literal_larger_than_memory_is_refused() {
    let server = TestServer::start();
    let mut imap = server.imap(ALICE);
    for len in ["99999999999", "18446744073709551616", "-1"] {
        imap.wire.send_line(&format!("a APPEND INBOX {{{len}}}")).expect("sent");
        let answer = imap.wire.text().expect("an answer");
        assert!(answer.starts_with("a NO") || answer.starts_with("a BAD"), "{len}: {answer}");
    }
    imap.command("NOOP").expect("an answer").ok().expect("the session goes on");
}

/// Names and messages of the worst there is.
fn worst() -> Vec<(&'static str, Vec<u8>)> {
    let header = "From: a@b.test\r\nSubject: worst\r\nMIME-Version: 1.0\r\n";
    let multipart =
        |boundary: &str| format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n");
    let many_parts = "--b\r\n\r\nx\r\n".repeat(100_000);
    let mut nested = String::new();
    for depth in 0..1000 {
        nested.push_str(&multipart(&format!("b{depth}")));
        nested.push_str("--b");
        nested.push_str(&depth.to_string());
        nested.push_str("\r\n");
    }
    let forwarded = "Content-Type: message/rfc822\r\n\r\n".repeat(1000);
    let parameters = format!("Content-Type: text/plain; {}\r\n\r\nx\r\n", "a=b; ".repeat(50_000));
    let addresses =
        format!("To: {}z@z.test\r\n\r\nx\r\n", "\"q\\\"q\" <a@b.test>, ".repeat(50_000));
    let unfinished = format!("To: {}\r\n\r\nx\r\n", "(".repeat(100_000));
    vec![
        ("100,000 parts", format!("{header}{}{many_parts}--b--\r\n", multipart("b")).into_bytes()),
        ("1,000 deep", format!("{header}{nested}\r\nx\r\n").into_bytes()),
        ("1,000 forwarded", format!("{header}{forwarded}Subject: x\r\n\r\nx\r\n").into_bytes()),
        ("no parts", format!("{header}{}\r\n", multipart("b")).into_bytes()),
        ("an empty boundary", format!("{header}{}--\r\n\r\nx\r\n", multipart("")).into_bytes()),
        (
            "a line of a megabyte",
            format!("{header}X: {}\r\n\r\nx\r\n", "y".repeat(1 << 20)).into_bytes(),
        ),
        (
            "a body line of a megabyte",
            format!("{header}\r\n{}\r\n", "y".repeat(1 << 20)).into_bytes(),
        ),
        ("50,000 parameters", format!("{header}{parameters}").into_bytes()),
        ("50,000 addresses", format!("{header}{addresses}").into_bytes()),
        ("100,000 brackets", format!("{header}{unfinished}").into_bytes()),
        (
            "an 8-bit header",
            [header.as_bytes(), b"Subject: \xe4\xff\xfe\x80\r\n\r\nx\r\n"].concat(),
        ),
        ("no header", b"\r\nx\r\n".to_vec()),
        ("no body", b"Subject: x\r\n".to_vec()),
        ("no colon", b"Subject\r\n: x\r\n\r\n\r\n".to_vec()),
    ]
}

#[test]
fn the_worst_messages_are_kept_and_described() {
    let server = TestServer::start();
    let mut imap = server.imap(ALICE);
    let worst = worst();
    for (name, message) in &worst {
        let appended = imap.append("INBOX", "", message).expect("an answer");
        assert!(appended.status.starts_with("OK"), "{name}: {}", appended.status);
        let delivered = server.lmtp().deliver("x@y.test", &["bob@example.test"], message);
        // SMTP may refuse what RFC 5321 does not allow, in its own words.
        if let Err(error) = delivered {
            assert!(error.to_string().starts_with('5'), "{name}: {error}");
        }
    }
    imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    let parsed = Parsed::default();
    for (uid, (name, message)) in (1..).zip(&worst) {
        let octets = imap.fetch_octets(uid, "BODY.PEEK[]").expect("the message");
        assert!(octets == *message, "{name} came back changed");
        assert_described(&mut imap, uid, name, &parsed);
    }
    // BODY and BODYSTRUCTURE of the two that nest 1,000 deep.
    parsed.assert_all(4);
    for key in ["TEXT x", "BODY y", "SUBJECT worst", "HEADER X y", "TO z"] {
        imap.command(&format!("SEARCH {key}")).expect("an answer").ok().expect("SEARCH");
    }
    let resident = resident_peak_kib(server.pid());
    assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB were resident");
}

/// ENVELOPE, BODY and BODYSTRUCTURE parse with a library we did not write.
fn assert_described(imap: &mut ImapClient, uid: u32, name: &str, parsed: &Parsed) {
    for item in
        ["ENVELOPE", "BODY", "BODYSTRUCTURE", "BODY.PEEK[1.MIME]", "BODY.PEEK[HEADER.FIELDS (To)]"]
    {
        let answer = imap.command(&format!("UID FETCH {uid} ({item})")).expect("an answer");
        let answer = answer.ok().unwrap_or_else(|error| panic!("{name}, {item}: {error}"));
        let response = answer.untagged.first().expect("a FETCH response");
        parsed.read(&format!("{name}, {item}"), response);
    }
}

/// The most that was ever resident.
fn resident_peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// A NUL is no text (RFC 3501, 9: CHAR8); whatever the server does with it, it answers.
#[test]
fn a_nul_in_a_message_is_answered() {
    let server = TestServer::start();
    let message = b"Subject: a\x00b\r\n\r\nx\x00y\r\n";
    let mut imap = server.imap(ALICE);
    let status = imap.append("INBOX", "", message).expect("an answer").status;
    assert!(["OK", "NO", "BAD"].iter().any(|word| status.starts_with(word)), "{status}");
    imap.command("SELECT INBOX").expect("an answer").ok().expect("the session goes on");
    if status.starts_with("OK") {
        let parsed = Parsed::default();
        assert_described(&mut imap, 1, "NUL", &parsed);
        parsed.assert_all(0);
    }
    let mut smtp = server.smtp();
    if let Err(error) = smtp.send("x@y.test", &[ALICE], message) {
        assert!(error.to_string().starts_with('5'), "{error}");
    }
}

/// A bare LF, or a bare CR, before a dot never ends DATA: what follows is not a second message
/// (RFC 5321, 4.1.1.4).
#[test]
fn a_smuggled_message_is_not_delivered() {
    let server = TestServer::start();
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r"] {
        let mut smtp = server.smtp();
        smtp.command("MAIL FROM:<x@y.test>").expect("a reply").expect(250).expect("taken");
        smtp.command("RCPT TO:<alice@example.test>").expect("a reply").expect(250).expect("taken");
        smtp.command("DATA").expect("a reply").expect(354).expect("taken");
        let second = "MAIL FROM:<x@y.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx";
        smtp.wire
            .send(format!("Subject: first\r\n\r\nx{end}{second}\r\n.\r\n").as_bytes())
            .expect("sent");
        let reply = smtp.reply().expect("a reply");
        assert!(matches!(reply.code, 250 | 500..=599), "{end:?}: {} {}", reply.code, reply.text);
        smtp.wire.send_line("QUIT").expect("sent");
        let said = String::from_utf8(smtp.wire.rest().expect("it ends")).expect("ASCII");
        assert_eq!(said.lines().count(), 1, "{end:?}: {said}");
    }
    let mut bob = server.imap("bob@example.test");
    let selected = bob.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    assert!(selected.lines().contains(&"* 0 EXISTS".to_owned()), "{:?}", selected.lines());
}
