//! Mail to other servers, from submission to the last word about it: sent, put off, refused, held by an
//! operator, and through kills.
//!
//! Promise under test: what was accepted is delivered or reported, whatever happens to the server;
//! and nothing is sent twice but what was under way when the server was killed or the connection broke.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use tests::binary::run;
use tests::client::{Completion, ImapClient, PATIENCE, SmtpClient};
use tests::peer::Peer;
use tests::random::Random;
use tests::server::{PASSWORD, TestServer};

const ALICE: &str = "alice@example.test";

fn submission(server: &TestServer) -> SmtpClient {
    let mut client = SmtpClient::plain(server.address("submission")).expect("it greets");
    client.log_in(ALICE, PASSWORD).expect("the log-in is right");
    client
}

fn message(subject: &str) -> Vec<u8> {
    format!("From: {ALICE}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.test>\r\n\r\n.dot\r\n")
        .into_bytes()
}

/// Runs `fumikura queue …`; what it prints.
fn queue(server: &TestServer, arguments: &[&str]) -> String {
    let config = server.config_file();
    let output =
        run(&[&["--config", config.to_str().expect("UTF-8"), "queue"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for a message in the user's INBOX; all of it.
fn wait_for_mail(imap: &mut ImapClient, number: usize) -> String {
    imap.command("SELECT INBOX").and_then(Completion::ok).expect("selects");
    let mut text = String::new();
    until("a message came", || {
        imap.command("NOOP").expect("answers");
        let fetched = imap.command(&format!("FETCH {number} BODY.PEEK[]")).expect("answers");
        text = fetched.lines().join("\n");
        text.contains("BODY[]")
    });
    text
}

#[test]
fn mail_goes_to_others_and_what_they_refuse_comes_back_as_a_report() {
    let peer = Peer::start();
    let server = TestServer::with(&[&peer.as_smarthost()]);
    let to = ["yes@elsewhere.test", "no@elsewhere.test", "yes@third.test", "bob@example.test"];
    let mut client = submission(&server);
    client.command(&format!("MAIL FROM:<{ALICE}> ENVID=abc")).expect("answers");
    for recipient in to {
        client
            .command(&format!("RCPT TO:<{recipient}>"))
            .expect("answers")
            .expect(250)
            .expect("taken");
    }
    let reply = client.data(&message("one")).expect("answers").expect(250).expect("accepted");
    assert!(reply.text.starts_with("2.0.0 Queued as "), "{}", reply.text);

    let mut received = peer.wait_for(2);
    received.sort_by(|one, other| one.recipients.cmp(&other.recipients));
    assert_eq!(received[0].recipients, ["RCPT TO:<yes@elsewhere.test>"]);
    assert_eq!(received[1].recipients, ["RCPT TO:<yes@third.test>"]);
    for one in &received {
        assert!(one.mail.starts_with(&format!("MAIL FROM:<{ALICE}>")), "{}", one.mail);
        assert!(one.mail.contains(" ENVID=abc"), "{}", one.mail);
        assert!(one.octets.starts_with("Received: from client.test"), "{}", one.octets);
        assert!(one.octets.ends_with("\r\n\r\n.dot\r\n"), "{}", one.octets);
    }
    let bobs = wait_for_mail(&mut server.imap("bob@example.test"), 1);
    assert!(bobs.contains("Subject: one"), "{bobs}");
    let report = wait_for_mail(&mut server.imap(ALICE), 1);
    for part in [
        "Return-Path: <>",
        "Subject: Your message could not be delivered",
        "In-Reply-To: <one@example.test>",
        "Original-Envelope-Id: abc",
        "Final-Recipient: rfc822; no@elsewhere.test",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 Nobody of that name",
        "text/rfc822-headers",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    assert!(!report.contains("yes@"), "{report}");
    until("the queue is empty", || queue(&server, &["list"]).is_empty());
}

#[test]
fn what_is_put_off_waits_is_shown_held_and_released() {
    let peer = Peer::start();
    let settings = [peer.as_smarthost(), "queue.retry_first_seconds = 1".to_owned()];
    let server = TestServer::with(&settings.each_ref().map(String::as_str));
    let mut client = submission(&server);
    client.send(ALICE, &["later@elsewhere.test"], &message("two")).expect("accepted");
    until("it was tried again", || peer.times_put_off() >= 2);
    let mut listed = String::new();
    until("it waits", || {
        listed = queue(&server, &["list", "--domain", "elsewhere.test"]);
        listed.contains("452 4.2.2 Full")
    });
    assert!(listed.contains(&format!("from <{ALICE}> to elsewhere.test")), "{listed}");
    assert!(queue(&server, &["list", "--domain", "other.test"]).is_empty());
    let id = listed.split(' ').next().expect("an id").to_owned();
    until("it is held", || queue(&server, &["hold", "--id", &id]).starts_with("1 held"));
    let before = peer.times_put_off();
    assert!(queue(&server, &["show", &id]).contains("Subject: two"));
    assert_eq!(queue(&server, &["retry", "--all"]).trim_end(), "0 to be tried now");
    peer.relent();
    // No try is planned: what is held is due at the end of the year 9999.
    let listed = queue(&server, &["list", "--json"]);
    assert!(
        listed.contains("\"due\":253402300799") && listed.contains("\"held\":true"),
        "{listed}"
    );
    assert_eq!((peer.times_put_off(), peer.received().len()), (before, 0));
    assert_eq!(queue(&server, &["release", "--sender", ALICE]).trim_end(), "1 released");
    let received = peer.wait_for(1);
    assert!(received[0].octets.contains("Subject: two"));
    until("the queue is empty", || queue(&server, &["list", "--json"]).is_empty());
}

#[test]
fn what_is_removed_is_not_sent_and_its_sender_may_be_told() {
    let peer = Peer::start();
    let mut server = TestServer::with(&[&peer.as_smarthost()]);
    let mut client = submission(&server);
    client.send(ALICE, &["later@elsewhere.test"], &message("three")).expect("accepted");
    until("it was tried", || peer.times_put_off() >= 1);
    until("it is removed", || {
        queue(&server, &["remove", "--tell", "--recipient", "LATER@elsewhere.test"])
            .starts_with("1 removed")
    });
    let report = wait_for_mail(&mut server.imap(ALICE), 1);
    assert!(report.contains("the administrator took it out of the queue"), "{report}");
    drop(client);
    // The same works where no server runs.
    let mut client = submission(&server);
    client.send(ALICE, &["later@elsewhere.test"], &message("four")).expect("accepted");
    drop(client);
    assert!(server.stop().success());
    assert!(queue(&server, &["list"]).contains("later@elsewhere.test"));
    assert_eq!(queue(&server, &["remove", "--all"]).trim_end(), "1 removed");
    server.restart();
    assert!(queue(&server, &["list"]).is_empty());
    assert_eq!(peer.received().len(), 0);
}

#[test]
fn a_connection_that_breaks_behind_the_final_dot_means_another_try() {
    let peer = Peer::start();
    let settings = [peer.as_smarthost(), "queue.retry_first_seconds = 1".to_owned()];
    let server = TestServer::with(&settings.each_ref().map(String::as_str));
    submission(&server).send(ALICE, &["drop@elsewhere.test"], &message("five")).expect("accepted");
    until("it was put off", || {
        let listed = queue(&server, &["list"]);
        listed.contains("drop@elsewhere.test  ") || !peer.received().is_empty()
    });
    until("it is tried again", || {
        queue(&server, &["retry", "--all"]);
        !peer.received().is_empty()
    });
    until("the queue is empty", || queue(&server, &["list"]).is_empty());
    assert_eq!(peer.received().len(), 1);
}

/// Messages that may have been under way when the server was killed: what it sends at one time.
const TRIES_MAX: usize = 4;
const ROUNDS: usize = 8;
const SEED: u64 = 20_261_124;

#[test]
fn what_was_accepted_is_sent_whatever_is_killed() {
    let peer = Peer::start();
    let settings = [
        peer.as_smarthost(),
        format!("queue.tries_max = {TRIES_MAX}"),
        "queue.retry_first_seconds = 1".to_owned(),
    ];
    let mut server = TestServer::with(&settings.each_ref().map(String::as_str));
    let mut random = Random::seeded(SEED);
    let mut accepted = Vec::new();
    for round in 0..ROUNDS {
        let mut client = submission(&server);
        for number in 0..5 + random.below(40) {
            let subject = format!("{round}-{number}");
            // Some for two destinations, some of them for users here as well.
            let to = ["a@one.test", "b@two.test", "bob@example.test"];
            let to = &to[..=random.below(3)];
            client.send(ALICE, to, &message(&subject)).expect("accepted");
            let elsewhere = to.iter().filter(|one| !one.ends_with("example.test"));
            accepted.extend(elsewhere.map(|one| (subject.clone(), (*one).to_owned())));
        }
        server.kill();
        server.restart();
    }
    until("the queue is empty", || queue(&server, &["list", "--limit", "1"]).is_empty());
    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    for one in peer.received() {
        let (_, after) = one.octets.split_once("Subject: ").expect("a subject");
        let subject = after.lines().next().unwrap_or_default();
        for recipient in &one.recipients {
            let address = recipient.split(['<', '>']).nth(1).unwrap_or_default();
            *times.entry((subject.to_owned(), address.to_owned())).or_default() += 1;
        }
    }
    for one in &accepted {
        assert!(times.contains_key(one), "{one:?} was accepted and never sent");
    }
    let again: usize = times.values().map(|count| count - 1).sum();
    assert!(again <= ROUNDS * TRIES_MAX, "{again} were sent again: {times:?}");
    assert!(accepted.len() > 50 && times.len() == accepted.len(), "nothing was invented");
    assert!(server.stop().success());
    let config = server.config_file();
    let verified = run(&["--config", config.to_str().expect("UTF-8"), "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
