//! What strangers' mail shows of where it comes from, and what follows (RFC 7208, 6376, 7489, 8601).
//! The client is on this machine, and so is the name server, whose records decide.

use tests::client::SmtpClient;
use tests::name_server::NameServer;
use tests::server::{PASSWORD, TestServer};

const ALICE: &str = "alice@example.test";

/// RFC 8463, appendix A.2: the key in PEM, and its record.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const RECORD: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const ZONE: [(&str, &str, &str); 10] = [
    ("a.test", "TXT", "v=spf1 ip4:127.0.0.1 -all"),
    ("_dmarc.a.test", "TXT", "v=DMARC1; p=reject"),
    ("evil.test", "TXT", "v=spf1 -all"),
    ("_dmarc.q.test", "TXT", "v=DMARC1; p=quarantine; aspf=s"),
    ("_dmarc.failing.test", "FAIL", ""),
    ("failing.test", "FAIL", ""),
    ("s._domainkey.slow.test", "SILENT", ""),
    ("slow.test", "SILENT", ""),
    ("s._domainkey.example.test", "TXT", RECORD),
    ("_dmarc.example.test", "TXT", "v=DMARC1; p=reject"),
];

/// A server that takes nobody's word, and its name server.
fn world(settings: &[&str]) -> (TestServer, NameServer) {
    let name_server = NameServer::start(&ZONE);
    let dns = name_server.setting();
    let fixed = ["authenticity.trusted = []", "dns.timeout_ms = 300", "dns.attempts = 1", &dns];
    let server = TestServer::with(&[&fixed[..], settings].concat());
    (server, name_server)
}

fn message(from: &str) -> String {
    format!("From: {from}\r\nTo: {ALICE}\r\nSubject: hello\r\n\r\nHello.\r\n")
}

/// Sends it as a stranger; the reply.
fn send(server: &TestServer, sender: &str, message: &str) -> String {
    let mut smtp = server.smtp();
    match smtp.send(sender, &[ALICE], message.as_bytes()) {
        Ok(reply) => reply.text,
        Err(error) => error.to_string(),
    }
}

/// The messages in one of alice's mailboxes.
fn stored(server: &TestServer, mailbox: &str) -> Vec<String> {
    let mut imap = server.imap(ALICE);
    imap.command(&format!("SELECT {mailbox}")).expect("an answer").ok().expect("selected");
    let answer = imap.command("UID SEARCH ALL").expect("an answer").ok().expect("found");
    let lines = answer.lines();
    let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH")).expect("a result");
    let uids = found.split_ascii_whitespace().map(|uid| uid.parse().expect("a UID"));
    let octets = uids.map(|uid| imap.fetch_octets(uid, "BODY.PEEK[]").expect("the message"));
    octets.map(|octets| String::from_utf8(octets).expect("text")).collect()
}

/// Where the newest message went, and its results on one line; all mailboxes are emptied.
fn arrived(server: &TestServer) -> (&'static str, String) {
    for mailbox in ["INBOX", "Junk"] {
        let Some(message) = stored(server, mailbox).pop() else { continue };
        let mut imap = server.imap(ALICE);
        for command in
            [&format!("SELECT {mailbox}"), "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE"]
        {
            imap.command(command).expect("an answer").ok().expect("done");
        }
        let results = message.split("\r\nAuthentication-Results: ").nth(1).unwrap_or_default();
        let lines = results.split("\r\n").enumerate();
        let field = lines.take_while(|(at, line)| *at == 0 || line.starts_with('\t'));
        let field: Vec<_> = field.map(|(_, line)| line.trim()).collect();
        return (mailbox, field.join(" "));
    }
    panic!("nothing arrived")
}

#[test]
fn mail_that_its_author_disowns_goes_to_junk_and_says_why() {
    let (server, _name_server) = world(&[]);
    for (sender, from, mailbox, expected) in [
        (
            "x@a.test",
            "x@a.test",
            "INBOX",
            "spf=pass smtp.mailfrom=x@a.test; dkim=none; dmarc=pass (p=reject) header.from=a.test; arc=none",
        ),
        ("x@a.test", "x@sub.a.test", "INBOX", "dmarc=pass (p=reject) header.from=sub.a.test"),
        (
            "x@evil.test",
            "x@a.test",
            "Junk",
            "spf=fail smtp.mailfrom=x@evil.test; dkim=none; dmarc=fail (p=reject)",
        ),
        ("x@a.test", "x@q.test", "Junk", "dmarc=fail (p=quarantine) header.from=q.test"),
        (
            "x@evil.test",
            "x@c.test",
            "INBOX",
            "spf=fail smtp.mailfrom=x@evil.test; dkim=none; dmarc=none",
        ),
        (
            "",
            "x@c.test",
            "INBOX",
            "spf=none smtp.mailfrom=\"\"; dkim=none; dmarc=none (p=none) header.from=c.test",
        ),
        // Who the author is must be clear.
        ("x@a.test", "x@a.test, y@evil.test", "Junk", "dmarc=permerror (not one author)"),
        ("x@a.test", "x@a.test\r\nFrom: y@evil.test", "Junk", "dmarc=permerror (not one author)"),
        ("x@a.test", "nobody", "Junk", "dmarc=permerror (not one author)"),
        (
            "x@evil.test",
            "x@c.test\r\nno field\r\nFrom: x@a.test",
            "Junk",
            "dmarc=permerror (not one author)",
        ),
        // Who cannot be asked harms nobody.
        (
            "x@failing.test",
            "x@failing.test",
            "INBOX",
            "spf=temperror smtp.mailfrom=x@failing.test; dkim=none; dmarc=temperror",
        ),
    ] {
        assert!(send(&server, sender, &message(from)).starts_with("2.0.0"), "{from}");
        let (place, results) = arrived(&server);
        assert_eq!(place, mailbox, "{from}: {results}");
        assert!(
            results.starts_with("mail.fumikura.test; spf=none smtp.helo=client.test;"),
            "{results}"
        );
        assert!(results.contains(expected), "{from}: {results}");
    }
}

#[test]
fn the_operator_decides_what_failing_means() {
    let (mut server, name_server) = world(&["authenticity.dmarc = \"reject\""]);
    assert!(send(&server, "x@evil.test", &message("x@a.test")).contains("550 5.7.26"));
    assert!(send(&server, "x@evil.test", &message("x@q.test")).starts_with("2.0.0"));
    assert_eq!(arrived(&server).0, "Junk", "quarantine is no rejection");
    server.stop();
    let dns = name_server.setting();
    let dns = dns.as_str();
    let all = "authenticity.trusted = []";
    server.restart_with(&[
        dns,
        all,
        "authenticity.spf = \"reject\"",
        "authenticity.dmarc = \"mark\"",
    ]);
    assert!(send(&server, "x@evil.test", &message("x@c.test")).contains("550 5.7.23"));
    assert!(send(&server, "x@c.test", &message("x@a.test")).starts_with("2.0.0"));
    let (place, results) = arrived(&server);
    assert!(place == "INBOX" && results.contains("dmarc=fail (p=reject)"), "{results}");
    server.stop();
    for off in ["authenticity.verify = false", "authenticity.trusted = [\"127.0.0.0/8\"]"] {
        server.restart_with(&[dns, all, off]);
        assert!(send(&server, "x@evil.test", &message("x@a.test")).starts_with("2.0.0"));
        assert_eq!(arrived(&server), ("INBOX", String::new()), "{off}");
        server.stop();
    }
}

#[test]
fn a_sender_cannot_keep_the_question_open() {
    let (server, _name_server) = world(&["authenticity.check_ms = 3000"]);
    let signature = |domain: &str, selector: &str| {
        format!(
            "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d={domain}; s={selector};\r\n \
             h=From; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
        )
    };
    // Slow domains of its own, and keys of the author's that cannot be asked for.
    let own: String = std::iter::repeat_n(signature("slow.test", "s"), 40).collect();
    let authors = signature("a.test", "x..y") + &signature("a.test", &"x".repeat(64));
    let empty = "From: x@a.test\r\nSubject: x\r\n\r\n";
    for signatures in [own, authors] {
        assert!(send(&server, "x@slow.test", &format!("{signatures}{empty}")).starts_with("2.0.0"));
        let (place, results) = arrived(&server);
        assert_eq!(place, "Junk", "{results}");
        assert!(results.contains("dmarc=fail (p=reject)"), "{results}");
        assert!(results.matches("dkim=").count() <= 16, "{results}");
    }
}

#[test]
fn fields_that_strangers_wrote_in_our_name_lose_it() {
    let (server, _name_server) = world(&[]);
    let forged = "Authentication-Results: Mail.Fumikura.test; dmarc=pass\r\n\
                  Authentication-Results: other.test; dmarc=pass\r\n\
                  authentication-results: (x) mail.fumikura.test\r\n ; spf=pass\r\n";
    let short = format!("{forged}{}", message("x@c.test"));
    let long = format!("{short}{}", "a line of text that is repeated\r\n".repeat(20_000));
    let check = |stored: &str, sent: &str, ours: usize| {
        let former = sent
            .replace("Authentication-Results: Mail.F", "X-Former-Authn-Results: Mail.F")
            .replace("authentication-results: (x)", "X-Former-Authn-Results: (x)");
        assert!(stored.ends_with(&former), "{}", &stored[..600]);
        let count = stored.to_lowercase().matches("\nauthentication-results:").count();
        assert_eq!(count, ours + 1);
    };
    for sent in [&short, &long] {
        assert!(send(&server, "x@c.test", sent).starts_with("2.0.0"));
        check(&stored(&server, "INBOX").pop().expect("a message"), sent, 1);
        // Users have no results to tell either.
        let mut smtp = SmtpClient::plain(server.address("submission")).expect("it greets");
        smtp.log_in(ALICE, PASSWORD).expect("the log-in is right");
        smtp.send(ALICE, &[ALICE], sent.as_bytes()).expect("it is taken");
        check(&stored(&server, "INBOX").pop().expect("a message"), sent, 0);
    }
}

#[test]
fn what_we_sign_passes_and_what_was_changed_does_not() {
    let (server, _name_server) = world(&[]);
    let key = server.dir().join("key-for-dkim.pem");
    std::fs::write(&key, KEY).expect("writable");
    let key = key.to_str().expect("UTF-8");
    server.command(&["dkim", "import", "example.test", "S", key]).expect("it is a key");
    assert!(
        server.command(&["dkim", "import", "example.test", "s", key]).is_err(),
        "there already"
    );
    assert!(server.command(&["dkim", "import", "other.test", "s", key]).is_err(), "not ours");
    let mut smtp = SmtpClient::plain(server.address("submission")).expect("it greets");
    smtp.log_in(ALICE, PASSWORD).expect("the log-in is right");
    smtp.send(ALICE, &[ALICE], message(ALICE).as_bytes()).expect("it is taken");
    let signed = stored(&server, "INBOX").pop().expect("a message");
    assert_eq!(arrived(&server).1, "", "our own is not checked");
    assert!(send(&server, "x@evil.test", &signed).starts_with("2.0.0"));
    let (place, results) = arrived(&server);
    assert_eq!(place, "INBOX", "{results}");
    let passed = "dkim=pass header.d=example.test header.s=s header.a=ed25519-sha256 header.b=";
    assert!(results.contains(passed) && results.contains("dmarc=pass (p=reject)"), "{results}");
    for (from, to, why) in [
        ("Hello.", "Hallo.", "dkim=fail (the body was changed)"),
        ("Subject: hello", "Subject: hallo", "dkim=fail (it does not verify)"),
        (
            "c=relaxed/relaxed;",
            "c=relaxed/relaxed; l=3;",
            "dkim=neutral (it covers a part of the body)",
        ),
        ("s=s; d=example.test", "s=t; d=example.test", "dkim=permerror (there is no key)"),
        ("a=ed25519-sha256", "a=rsa-sha1", "dkim=permerror (it is by SHA-1)"),
        ("v=1;", "v=2;", "dkim=neutral (it cannot be read)"),
    ] {
        let changed = signed.replacen(from, to, 1);
        assert_ne!(changed, signed, "{from}");
        assert!(send(&server, "x@evil.test", &changed).starts_with("2.0.0"));
        let (place, results) = arrived(&server);
        assert_eq!(place, "Junk", "{results}");
        assert!(results.contains(why), "{why}: {results}");
    }
    server.command(&["dkim", "remove", "example.test", "s"]).expect("it is there");
    assert!(server.command(&["dkim", "remove", "example.test", "s"]).is_err());
}

#[test]
fn mail_that_is_passed_on_is_sealed_with_what_was_found() {
    let (server, _name_server) = world(&["authenticity.trusted_sealers = [\"example.test\"]"]);
    let key = server.dir().join("key-for-dkim.pem");
    std::fs::write(&key, KEY).expect("writable");
    let key = key.to_str().expect("UTF-8");
    server.command(&["dkim", "import", "example.test", "s", key]).expect("it is a key");
    let list = "list@example.test";
    for target in [ALICE, "out@elsewhere.test"] {
        server.command(&["alias", "add", list, target]).expect("an alias");
    }
    let mut smtp = server.smtp();
    smtp.send("x@a.test", &[list], message("x@a.test").as_bytes()).expect("it is taken");
    let sealed = stored(&server, "INBOX").pop().expect("a message");
    assert!(sealed.contains("\r\nARC-Seal: i=1; a=ed25519-sha256; s=s; d=example.test; cv=none;"));
    assert!(
        sealed.contains("ARC-Authentication-Results: i=1;\r\n\tmail.fumikura.test;\r\n\tspf=none")
    );
    arrived(&server);
    // It comes back from a server that may not send for its author: the seal vouches for it.
    assert!(send(&server, "x@evil.test", &sealed).starts_with("2.0.0"));
    let (place, results) = arrived(&server);
    assert!(results.contains("dmarc=fail (p=reject)"), "{results}");
    assert!(results.ends_with("arc=pass header.d=example.test"), "{results}");
    assert_eq!(place, "INBOX", "{results}");
    // And is sealed once more on its way.
    smtp.send("x@evil.test", &[list], sealed.as_bytes()).expect("it is taken");
    let twice = stored(&server, "INBOX").pop().expect("a message");
    assert!(twice.contains("\r\nARC-Seal: i=2; a=ed25519-sha256; s=s; d=example.test; cv=pass;"));
    arrived(&server);
    for (from, to) in
        [("Hello.", "Hallo."), ("Subject: hello", "Subject: x"), ("cv=none", "cv=pass")]
    {
        let changed = sealed.replacen(from, to, 1);
        assert!(send(&server, "x@evil.test", &changed).starts_with("2.0.0"));
        let (place, results) = arrived(&server);
        assert!(place == "Junk" && results.contains("arc=fail"), "{from}: {results}");
        // What is broken is not sealed.
        smtp.send("x@a.test", &[list], changed.as_bytes()).expect("it is taken");
        let stored = stored(&server, "INBOX").pop().expect("a message");
        assert!(!stored.contains("ARC-Seal: i=2"), "{stored}");
        arrived(&server);
    }
}
