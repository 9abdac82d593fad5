//! The program as an operator meets it: its command line, how it starts, why it does not start, what
//! signals do, and the demo that the README begins with.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use tests::binary::{program, run};
use tests::client::{Completion, ImapClient, LineClient, PATIENCE, PopClient, SmtpClient, Trust};
use tests::server::{TestServer, guarded};

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Runs the program against a server's configuration.
fn call(server: &TestServer, arguments: &[&str]) -> Output {
    let config = server.config_file();
    run(&[&["--config", config.to_str().expect("UTF-8")], arguments].concat())
}

fn call_with_password(server: &TestServer, arguments: &[&str], password: &str) -> Output {
    let mut child = Command::new(program())
        .arg("--config")
        .arg(server.config_file())
        .args(arguments)
        .arg("--password-stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program under test starts");
    let mut input = child.stdin.take().expect("it is piped");
    writeln!(input, "{password}").expect("it reads its password");
    drop(input);
    child.wait_with_output().expect("it ends")
}

/// Why `serve` does not start with this configuration.
fn refusal(config: &Path) -> String {
    let output = run(&["serve", "--config", config.to_str().expect("UTF-8")]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.lines().any(|line| line.starts_with("ready")), "{said}");
    said
}

#[test]
fn users_are_added_listed_changed_and_removed_while_the_server_runs() {
    let server = TestServer::start();
    let added = call_with_password(&server, &["user", "add", "carol@example.test"], "first one");
    assert!(added.status.success(), "{}", said(&added));
    let again = call_with_password(&server, &["user", "add", "carol@example.test"], "x");
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    assert!(said(&call(&server, &["user", "list"])).contains("carol@example.test"));

    let log_in = |password: &str| {
        let mut imap = ImapClient::plain(server.address("imap")).expect("a greeting");
        imap.command(&format!("LOGIN carol@example.test \"{password}\"")).expect("an answer").ok()
    };
    log_in("first one").expect("the password of `user add`");
    let user = ["user", "password", "carol@example.test"];
    assert!(call_with_password(&server, &user, "second one").status.success());
    log_in("second one").expect("the new password");

    assert!(call(&server, &["user", "remove", "carol@example.test"]).status.success());
    assert!(!said(&call(&server, &["user", "list"])).contains("carol@example.test"));
    log_in("second one").expect_err("a user who is gone");
}

#[test]
fn a_capability_is_hidden_offered_and_shown_while_the_server_runs() {
    let server = TestServer::start();
    let mut imap = server.imap("alice@example.test");
    let mut until = |is_told: bool| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = imap.command("CAPABILITY").expect("an answer").ok().expect("told").lines();
            if told.iter().any(|line| line.contains(" MOVE ")) == is_told {
                return;
            }
            assert!(Instant::now() < deadline, "still {told:?}");
        }
    };
    until(true);
    assert!(call(&server, &["capability", "hide", "move"]).status.success());
    until(false);
    let offer = ["capability", "offer", "move", "--user", "alice@example.test"];
    assert!(call(&server, &offer).status.success());
    until(true);
    let shown = said(&call(&server, &["capability", "show", "MOVE"]));
    let expected = "MOVE hidden for everybody\nMOVE offered for alice@example.test\n\
                    MOVE hidden where no other rule fits\n";
    assert_eq!(shown, expected);
    assert!(call(&server, &["capability", "clear", "MOVE"]).status.success());
    let list = said(&call(&server, &["capability", "list"]));
    assert_eq!(list, "MOVE offered for alice@example.test\n");
    let wrong = call(&server, &["capability", "hide", "MOVE", "--listener", "imapz"]);
    assert_eq!(wrong.status.code(), Some(1), "{}", said(&wrong));
}

#[test]
fn a_store_is_compacted_and_messages_are_erased_with_and_without_a_running_server() {
    let mut server = TestServer::start();
    let domain = ["domain", "set", "example.test", "--retention-days", "30"];
    assert!(call(&server, &domain).status.success());
    assert!(said(&call(&server, &["domain", "list"])).contains("example.test retention 30 days"));
    assert_eq!(
        call(&server, &["domain", "set", "b.test", "--retention-days", "1"]).status.code(),
        Some(1)
    );

    let add = |server: &TestServer, text: &str| {
        let mut imap = server.imap("alice@example.test");
        let message = format!("Subject: {text}\r\n\r\nbody\r\n");
        imap.command(&format!("APPEND INBOX {{{}+}}\r\n{message}", message.len()))
            .and_then(Completion::ok)
            .expect("appended");
        imap.command("SELECT INBOX").and_then(Completion::ok).expect("selected");
        let found = imap.command(&format!("UID SEARCH SUBJECT {text}")).expect("an answer");
        let found = found.ok().expect("found");
        let line =
            found.lines().into_iter().find(|line| line.starts_with("* SEARCH")).expect("a result");
        line.trim_start_matches("* SEARCH").trim().to_owned()
    };
    let is_there = |server: &TestServer, text: &str| {
        let mut imap = server.imap("alice@example.test");
        imap.command("SELECT INBOX").and_then(Completion::ok).expect("selected");
        let found = imap.command(&format!("UID SEARCH SUBJECT {text}")).expect("an answer");
        let found = found.ok().expect("an answer");
        found.lines().iter().any(|line| line.starts_with("* SEARCH ") && line.len() > 9)
    };
    let (first, second) = (add(&server, "plugh"), add(&server, "xyzzy"));
    let erased = call(&server, &["erase", "alice@example.test", "INBOX", &first]);
    assert!(said(&erased).contains("1 messages erased"), "{}", said(&erased));
    assert!(!is_there(&server, "plugh") && is_there(&server, "xyzzy"));
    let compacted = call(&server, &["compact"]);
    assert!(compacted.status.success(), "{}", said(&compacted));
    let nobody = call(&server, &["erase", "nobody@example.test", "INBOX", "1"]);
    assert_eq!(nobody.status.code(), Some(1), "{}", said(&nobody));
    let nowhere = call(&server, &["erase", "alice@example.test", "Nowhere", "1"]);
    assert_eq!(nowhere.status.code(), Some(1), "{}", said(&nowhere));

    server.stop();
    let erased = call(&server, &["erase", "alice@example.test", "INBOX", &second]);
    assert!(said(&erased).contains("1 messages erased"), "{}", said(&erased));
    assert!(call(&server, &["compact"]).status.success());
    server.restart();
    assert!(!is_there(&server, "xyzzy"));
    server.assert_sound();
}

#[test]
fn domains_and_aliases_are_added_listed_and_removed() {
    let server = TestServer::start();
    assert!(call(&server, &["domain", "add", "other.test"]).status.success());
    assert!(said(&call(&server, &["domain", "list"])).contains("other.test"));
    assert!(
        call(&server, &["alias", "add", "team@other.test", "alice@example.test"]).status.success()
    );
    assert!(said(&call(&server, &["alias", "list"])).contains("team@other.test"));

    server.lmtp().deliver("x@y.test", &["team@other.test"], b"S: x\r\n\r\n").expect("an alias");
    assert!(call(&server, &["alias", "remove", "team@other.test"]).status.success());
    assert!(call(&server, &["domain", "remove", "other.test"]).status.success());
    let refused = call(&server, &["domain", "remove", "example.test"]);
    assert_eq!(refused.status.code(), Some(1), "a domain in use goes: {}", said(&refused));
}

#[test]
fn a_wrong_call_ends_with_status_2_and_says_how() {
    let output = run(&["serve", "--colour"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("--help"));
}

#[test]
fn verify_and_dump_read_a_stopped_store() {
    let mut server = TestServer::start();
    let message = b"Subject: find me\r\n\r\nhello\r\n";
    server.lmtp().deliver("x@y.test", &["alice@example.test"], message).expect("delivered");
    assert!(server.stop().success());
    let verified = call(&server, &["verify"]);
    assert!(verified.status.success(), "{}", said(&verified));
    let dumped = call(&server, &["dump"]);
    assert!(dumped.status.success(), "{}", said(&dumped));
    assert!(dumped.stdout.len() > 100, "{}", said(&dumped));
}

/// A flipped bit in a sealed part of the log is found by `verify`, and named.
#[test]
fn verify_finds_a_flipped_bit() {
    let mut server = TestServer::start();
    let mut lmtp = server.lmtp();
    for number in 0..20 {
        let message = format!("Subject: {number}\r\n\r\nhello\r\n");
        lmtp.deliver("x@y.test", &["alice@example.test"], message.as_bytes()).expect("delivered");
    }
    assert!(server.stop().success());
    let shard = server.dir().join("store/shard-0000");
    let mut segments: Vec<_> = std::fs::read_dir(shard)
        .expect("the store has a shard")
        .map(|entry| entry.expect("it is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    segments.sort();
    let segment = segments.first().expect("a segment");
    let mut bytes = std::fs::read(segment).expect("it is readable");
    // Somewhere inside the first half of what was written, where valid frames follow.
    let end = bytes.iter().rposition(|&byte| byte != 0).expect("something was written");
    let at = bytes[..end / 2].iter().rposition(|&byte| byte != 0).expect("a frame");
    bytes[at] ^= 0x10;
    std::fs::write(segment, bytes).expect("it is writable");
    let verified = call(&server, &["verify"]);
    assert_eq!(verified.status.code(), Some(3), "{}", said(&verified));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let mut server = TestServer::start();
    server.stop();
    let text = std::fs::read_to_string(server.config_file()).expect("readable");
    let one_more = format!("[[listener]]\nprotocol = \"imap\"\naddress = \"{address}\"\n");
    std::fs::write(server.config_file(), text + &one_more).expect("writable");
    let said = refusal(&server.config_file());
    assert!(said.contains(&address), "{said}");
}

#[test]
fn a_store_has_one_owner() {
    let server = TestServer::start();
    let said = refusal(&server.config_file());
    assert!(said.contains("another process") || said.contains("locked"), "{said}");
    assert!(server.imap("alice@example.test").command("NOOP").is_ok(), "the owner is undisturbed");
}

#[test]
fn a_bad_configuration_is_named_with_file_and_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("bad.toml");
    std::fs::write(&file, "hostname = \"a\"\n\n[limits]\nconections_max = 5\n").expect("writable");
    let said = refusal(&file);
    assert!(said.contains("bad.toml:4:"), "{said}");
    let said = refusal(&dir.path().join("missing.toml"));
    assert!(said.contains("missing.toml"), "{said}");
}

#[test]
fn a_store_of_a_later_format_is_left_alone() {
    let mut server = TestServer::start();
    server.stop();
    let file = server.dir().join("store/store.toml");
    let text = std::fs::read_to_string(&file).expect("the store names its format");
    let newer: String = text
        .lines()
        .map(|line| match line.split_once('=') {
            Some((name, _)) if name.contains("version") || name.contains("format") => {
                format!("{name}= 9999\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(text, newer, "no version in {text}");
    std::fs::write(&file, &newer).expect("writable");
    let said = refusal(&server.config_file());
    assert!(said.contains("9999"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), newer);
}

#[test]
fn a_stopping_server_says_goodbye_to_every_session() {
    let mut server = TestServer::start();
    let mut imap = server.imap("alice@example.test");
    let mut idle = server.imap("alice@example.test");
    idle.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    idle.wire.send_line("i IDLE").expect("sent");
    assert!(idle.wire.text().expect("a continuation").starts_with('+'));
    let mut smtp = server.smtp();
    let mut pop3 = server.pop3("alice@example.test");
    let (imap_port, status) = (server.address("imap"), server.stop());
    assert!(status.success(), "{status}");
    let rest =
        |wire: &mut LineClient| String::from_utf8(wire.rest().expect("it ends")).expect("ASCII");
    assert!(rest(&mut imap.wire).starts_with("* BYE"));
    assert!(rest(&mut idle.wire).contains("* BYE"));
    assert!(rest(&mut smtp.wire).starts_with("421"));
    // POP3 has no word for it; the connection ends, and no deletion happens (RFC 1939, 6).
    pop3.wire.rest().expect("it ends");
    assert!(LineClient::plain(imap_port).is_err(), "nobody accepts any longer");
}

#[test]
fn hangup_loads_the_certificate_again() {
    let server = TestServer::start();
    let old = server.trust();
    let mut before = ImapClient::tls(server.address("imaps"), &old).expect("the first certificate");
    let names = ["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    std::fs::write(server.dir().join("certificate.pem"), made.cert.pem()).expect("writable");
    std::fs::write(server.dir().join("key.pem"), made.signing_key.serialize_pem())
        .expect("writable");
    server.signal("HUP");
    let new: Trust = server.trust();
    let deadline = Instant::now() + PATIENCE;
    while ImapClient::tls(server.address("imaps"), &new).is_err() {
        assert!(Instant::now() < deadline, "the new certificate is never shown");
        std::thread::yield_now();
    }
    assert!(ImapClient::tls(server.address("imaps"), &old).is_err(), "the old one is gone");
    before.command("NOOP").expect("sessions go on").ok().expect("NOOP");
}

/// The first command of the README, and what it prints.
#[test]
fn the_demo_prints_what_works_and_keeps_its_mail() {
    let dir = tempfile::tempdir().expect("a directory");
    let base = free_base_port();
    let first = Demo::start(&dir.path().join("demo"), base);
    let password = first.password("alice@example.test");
    let mut imap = ImapClient::plain(first.at(143)).expect("IMAP greets");
    imap.log_in("alice@example.test", &password).expect("the printed password");
    let count = exists(&mut imap);
    assert!(count >= 4, "sample messages: {count}");
    let mut pop3 = PopClient::plain(first.at(110)).expect("POP3 greets");
    pop3.log_in("alice@example.test", &password).expect("the printed password");
    let mut smtp = SmtpClient::plain(first.at(25)).expect("SMTP greets");
    smtp.send("x@y.test", &["alice@example.test"], b"Subject: kept\r\n\r\nhi\r\n").expect("taken");
    for line in first.printed.lines().filter(|line| line.trim_start().starts_with("curl ")) {
        let done = Command::new("sh").args(["-c", line]).current_dir(dir.path()).output();
        let done = done.expect("curl is installed");
        assert!(done.status.success(), "{line}\n{}", said(&done));
    }
    first.interrupt();

    let second = Demo::start(&dir.path().join("demo"), base);
    let mut imap = ImapClient::plain(second.at(143)).expect("IMAP greets");
    imap.log_in("alice@example.test", &second.password("alice@example.test")).expect("the same");
    assert!(exists(&mut imap) > count, "the mail of the first run is there");
    second.interrupt();
}

fn exists(imap: &mut ImapClient) -> usize {
    let selected = imap.command("EXAMINE INBOX").expect("an answer").ok().expect("EXAMINE");
    let lines = selected.lines();
    let exists = lines.iter().find_map(|line| line.strip_prefix("* ")?.strip_suffix(" EXISTS"));
    exists.and_then(|count| count.parse().ok()).expect("EXISTS")
}

/// A base at which all the demo's ports are free right now.
fn free_base_port() -> u16 {
    let ports = [24, 25, 80, 110, 143, 465, 587, 993, 995];
    let is_free =
        |base: &u16| ports.iter().all(|port| TcpListener::bind(("127.0.0.1", base + port)).is_ok());
    let start = 20_000 + u16::try_from(std::process::id() % 20_000).expect("below 20,000");
    (0..20).map(|step| start + step * 1000).find(is_free).expect("free ports")
}

struct Demo {
    child: Child,
    base: u16,
    printed: String,
}

impl Demo {
    fn start(dir: &Path, base: u16) -> Self {
        let mut command = guarded();
        command.args(["demo", "--base-port", &base.to_string(), "--dir"]).arg(dir);
        let mut child = command.spawn().expect("the program under test starts");
        let output = child.stdout.take().expect("it is piped");
        let mut errors = child.stderr.take().expect("it is piped");
        std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        let mut printed = String::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            printed.push_str(&line);
            printed.push('\n');
            if line.starts_with("ready") {
                break;
            }
        }
        Self { child, base, printed }
    }

    fn at(&self, port: u16) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.base + port).into()
    }

    fn password(&self, user: &str) -> String {
        let marker = format!("{user} password: ");
        let line = self.printed.lines().find_map(|line| line.trim().strip_prefix(&marker));
        line.unwrap_or_else(|| panic!("no password of {user} in\n{}", self.printed))
            .trim()
            .to_owned()
    }

    fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -INT $0", &pid]).status();
        assert!(sent.expect("sh runs").success());
        // Waiting closes what is left in the child, and without its input the guard kills it.
        let lifeline = self.child.stdin.take();
        let status = self.child.wait().expect("ours");
        drop(lifeline);
        assert!(status.success(), "{status}");
    }
}
