//! Very many connections, slow ones, and a system that has no room for more.

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::client::ImapClient;
use tests::server::{PASSWORD, TestServer};

const ALICE: &str = "alice@example.test";

/// The server's share of memory in bytes.
fn memory(server: &TestServer) -> usize {
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", server.pid()));
    let rollup = rollup.expect("Linux tells what a process of ours takes");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a line");
    let kib: usize = line.split_whitespace().next().expect("a number").parse().expect("a number");
    kib << 10
}

/// As many files as the system lets this process open.
fn open_many_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("up to its maximum a limit may be raised");
    limit.maximum.map_or(usize::MAX, |maximum| usize::try_from(maximum).unwrap_or(usize::MAX))
}

fn idle(imap: &mut ImapClient) {
    imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    imap.wire.send_line("i IDLE").expect("sent");
    assert!(imap.wire.text().expect("an answer").starts_with("+ "));
}

fn expect_exists(imap: &mut ImapClient, count: usize) {
    assert_eq!(imap.wire.text().expect("told"), format!("* {count} EXISTS"));
    assert_eq!(imap.wire.text().expect("told"), "* 0 RECENT");
}

/// One in four of them compressed, one in four in TLS. The program as it is tested is not
/// optimised, and what a connection takes then is more than `fumikura-idle` measures.
#[test]
fn two_thousand_sessions_wait_in_little_memory_and_all_hear_of_a_delivery() {
    const EACH_MAX: usize = 24 << 10;
    let count = open_many_files().saturating_sub(200).min(2000);
    let server = TestServer::with(&["auth.cache_seconds = 3600"]);
    let trust = server.trust();
    let mut first = server.imap(ALICE);
    idle(&mut first);
    let before = memory(&server);
    let mut sessions = Vec::with_capacity(count);
    for number in 0..count {
        let mut imap = match number % 4 {
            0 => ImapClient::tls(server.address("imaps"), &trust).expect("a greeting"),
            _ => ImapClient::plain(server.address("imap")).expect("a greeting"),
        };
        imap.log_in(ALICE, PASSWORD).expect("the log-in is right");
        if number % 4 == 1 {
            imap.command("COMPRESS DEFLATE").expect("an answer").ok().expect("COMPRESS");
            imap.wire.start_deflate().expect("nothing was said before");
        }
        idle(&mut imap);
        sessions.push(imap);
    }
    let each = memory(&server).saturating_sub(before) / count;
    assert!(each <= EACH_MAX, "{each} bytes for each connection");
    let mut lmtp = server.lmtp();
    lmtp.deliver("x@y.test", &[ALICE], b"Subject: one\r\n\r\n").expect("delivered");
    sessions.iter_mut().chain([&mut first]).for_each(|imap| expect_exists(imap, 1));
    for imap in &mut sessions {
        imap.wire.send_line("DONE").expect("sent");
        assert!(imap.wire.text().expect("an answer").starts_with("i OK"));
    }
}

/// What they asked for is 12 MiB each; what the server may hold of it is what one write takes, and
/// the messages that it stopped at.
#[test]
fn who_asks_for_everything_and_reads_nothing_holds_little() {
    const MESSAGES: usize = 1000;
    const SILENT: usize = 30;
    /// Most of it is what threads that read from disk keep.
    const GROWTH_MAX: usize = 32 << 20;
    const WHOLE: &str = "FETCH 1:* (FLAGS BODY.PEEK[])";
    let server = TestServer::start();
    let mut reading = server.imap(ALICE);
    let line = b"All of this is asked for, and none of it is read.\r\n";
    let message = [b"Subject: large\r\n\r\n".as_slice(), &line.repeat(80)].concat();
    let append =
        [format!("x APPEND INBOX {{{}+}}\r\n", message.len()).as_bytes(), &message].concat();
    let append = [append.as_slice(), b"\r\n"].concat();
    for _ in 0..MESSAGES / 50 {
        reading.wire.send(&append.repeat(50)).expect("sent");
        for _ in 0..50 {
            assert!(reading.wire.text().expect("an answer").starts_with("x OK"));
        }
    }
    reading.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    let whole = |imap: &mut ImapClient| {
        let fetched = imap.command(WHOLE).expect("an answer").ok().expect("FETCH");
        assert_eq!(fetched.untagged.len(), MESSAGES);
    };
    whole(&mut reading);
    let before = memory(&server);
    let mut silent = Vec::with_capacity(SILENT);
    for number in 0..SILENT {
        let mut imap = server.imap(ALICE);
        if number % 2 == 0 {
            imap.command("COMPRESS DEFLATE").expect("an answer").ok().expect("COMPRESS");
            imap.wire.start_deflate().expect("nothing was said before");
        }
        imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
        imap.wire.send_line(&format!("w {WHOLE}\r\nw {WHOLE}\r\nw {WHOLE}")).expect("sent");
        silent.push(imap);
    }
    // They get their turns between this one's: at its end they wait for their clients.
    whole(&mut reading);
    whole(&mut reading);
    let grown = memory(&server).saturating_sub(before);
    assert!(grown <= GROWTH_MAX, "{grown} bytes for {SILENT} clients");
}

#[test]
fn a_server_that_may_open_no_more_files_serves_who_is_there_and_later_the_others() {
    let server = TestServer::start();
    let mut held = server.imap(ALICE);
    let allow = |count: usize| {
        let pid = server.pid().to_string();
        let limit = format!("--nofile={count}:");
        let set = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(set.expect("util-linux has prlimit").success());
    };
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("ours");
    allow(files.count());
    let mut waiting = Vec::new();
    while !server.log().contains("cannot accept a connection") {
        assert!(waiting.len() < 1000, "all of them were accepted");
        waiting.push(server.connect("imap"));
        held.command("NOOP").expect("an answer").ok().expect("NOOP");
    }
    held.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    allow(1000);
    for mut wire in waiting {
        assert!(wire.text().expect("a greeting").starts_with("* OK"));
    }
}
