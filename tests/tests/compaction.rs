//! Clients at work on a server that is compacted all the time: each finds what it put there and
//! nothing else, and the store is sound.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tests::binary::run;
use tests::client::{Completion, ImapClient};
use tests::random::Random;
use tests::server::TestServer;

const SEED: u64 = 0x636f_6d70;
const STEPS: usize = 400;
const MAILBOXES: [&str; 2] = ["one", "two"];

/// What a client's mailbox must hold: text and whether it was read, by UID.
type Model = BTreeMap<u32, (Vec<u8>, bool)>;

/// Some have an attachment that others have too, long enough to be stored by itself.
fn message(number: usize, random: &mut Random) -> Vec<u8> {
    let text = format!("Subject: number {number}\r\nMessage-ID: <{number}@example.test>\r\n");
    if random.below(6) > 0 {
        let words = "the same words again and again ".repeat(random.below(60));
        return format!("{text}\r\n{words}\r\n").into_bytes();
    }
    let line = format!("{}\r\n", ["A", "B", "C"][number % 3].repeat(76));
    let encoded = line.repeat(1300);
    format!(
        "{text}Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"
    )
    .into_bytes()
}

fn ok(client: &mut ImapClient, command: &str) -> Completion {
    let answer = client.command(command).and_then(Completion::ok);
    answer.unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// Makes changes to a mailbox, and to the model of it.
fn work(server: &TestServer, mailbox: &str, seed: u64) -> Model {
    let mut random = Random::seeded(seed);
    let mut client = server.imap("alice@example.test");
    ok(&mut client, &format!("CREATE {mailbox}"));
    ok(&mut client, &format!("SELECT {mailbox}"));
    let mut model = Model::new();
    for number in 0..STEPS {
        let known: Vec<u32> = model.keys().copied().collect();
        match random.below(10) {
            0..=4 => {
                let octets = message(number, &mut random);
                let answer = client.append(mailbox, "", &octets).and_then(Completion::ok);
                let code = answer.expect("appended").code("APPENDUID").expect("UIDPLUS");
                let uid = code.split(' ').nth(1).and_then(|uid| uid.parse().ok()).expect("a UID");
                model.insert(uid, (octets, false));
            }
            5 | 6 if !known.is_empty() => {
                let uid = *random.pick(&known);
                let is_seen = random.below(2) == 0;
                let sign = if is_seen { '+' } else { '-' };
                ok(&mut client, &format!("UID STORE {uid} {sign}FLAGS.SILENT (\\Seen)"));
                model.entry(uid).and_modify(|(_, seen)| *seen = is_seen);
            }
            7 if !known.is_empty() => {
                let from = random.below(known.len());
                let some = &known[from..known.len().min(from + 8)];
                let uids = some.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
                ok(&mut client, &format!("UID STORE {uids} +FLAGS.SILENT (\\Deleted)"));
                ok(&mut client, &format!("UID EXPUNGE {uids}"));
                some.iter().for_each(|uid| drop(model.remove(uid)));
            }
            _ if !known.is_empty() => {
                let uid = *random.pick(&known);
                let octets = client.fetch_octets(uid, "BODY.PEEK[]").expect("its octets");
                assert!(octets == model[&uid].0, "{mailbox}, UID {uid}");
            }
            _ => {}
        }
    }
    model
}

fn check(server: &TestServer, mailbox: &str, model: &Model) {
    let mut client = server.imap("alice@example.test");
    ok(&mut client, &format!("EXAMINE {mailbox}"));
    let found = ok(&mut client, "UID FETCH 1:* (FLAGS)");
    let found: Vec<String> =
        found.lines().into_iter().filter(|line| line.contains("FETCH (")).collect();
    assert_eq!(found.len(), model.len(), "{mailbox}");
    for (line, (uid, (octets, is_seen))) in found.iter().zip(model) {
        assert!(line.contains(&format!("UID {uid} ")) || line.contains(&format!("UID {uid})")));
        assert_eq!(line.contains("\\Seen"), *is_seen, "{mailbox}: {line}");
        assert!(client.fetch_octets(*uid, "BODY.PEEK[]").expect("octets") == *octets);
    }
}

#[test]
fn clients_notice_nothing_of_compaction() {
    let mut server = TestServer::start();
    let config = server.config_file();
    let config = config.to_str().expect("UTF-8");
    let retention = ["domain", "set", "example.test", "--retention-days", "0"];
    assert!(run(&[&["--config", config], &retention[..]].concat()).status.success());
    let is_over = AtomicBool::new(false);
    let models: Vec<Model> = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let compacted = run(&["--config", config, "compact"]);
                assert!(compacted.status.success(), "{compacted:?}");
            }
        });
        let server = &server;
        let workers = (SEED..)
            .zip(MAILBOXES)
            .map(|(seed, mailbox)| scope.spawn(move || work(server, mailbox, seed)));
        let workers: Vec<_> = workers.collect();
        let models = workers.into_iter().map(|worker| worker.join().expect("it ends"));
        let models = models.collect();
        is_over.store(true, Ordering::Relaxed);
        models
    });
    for round in 0..2 {
        for (mailbox, model) in MAILBOXES.iter().zip(&models) {
            check(&server, mailbox, model);
        }
        if round == 0 {
            assert!(server.stop().success());
            server.restart();
        }
    }
    assert!(server.stop().success());
    server.assert_sound();
}
