//! Promise under test: what was acknowledged is there after SIGKILL, byte for byte and flag for flag,
//! and nothing is there that nobody sent.
//!
//! Four clients work at the same time, two by SMTP and two by IMAP. After a number of acknowledgements
//! that the seed decides, the server is killed in whatever it is doing; it starts again, and every
//! mailbox is compared with what its client was told. At the end the whole store must verify.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Sender};
use std::thread;

use tests::binary::run;
use tests::client::{ImapClient, SmtpClient};
use tests::corpus::{CorpusMessage, messages};
use tests::random::Random;
use tests::server::{PASSWORD, TestServer};

const SEED: u64 = 20_240_601;
const ROUNDS: u64 = 20;
const USERS: [&str; 4] = ["smtp0", "smtp1", "imap0", "imap1"];

/// What one client was told, and what it asked for without an answer.
#[derive(Debug, Default)]
struct Ledger {
    /// Octets by id: everything ever sent.
    sent: BTreeMap<u64, Vec<u8>>,
    /// Ids whose messages were acknowledged and not expunged.
    held: BTreeSet<u64>,
    /// Ids of messages whose expunge was acknowledged.
    gone: BTreeSet<u64>,
    /// Flags by UID as last acknowledged, for messages of APPEND.
    flags: BTreeMap<u32, Flagged>,
    /// What the client waited for when the server died.
    pending: Option<Pending>,
    next_id: u64,
}

#[derive(Clone, Debug)]
struct Flagged {
    id: u64,
    flags: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pending {
    Message(u64),
    Flags(u32, BTreeSet<String>),
    Expunge(u32),
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let mut server = TestServer::start();
    for user in USERS {
        server.add_user(&address(user));
    }
    let mut ledgers: Vec<Ledger> = USERS.iter().map(|_| Ledger::default()).collect();
    let mut random = Random::seeded(SEED);
    for round in 0..ROUNDS {
        let acknowledgements = 1 + random.below(150);
        work_until_killed(&mut server, &mut ledgers, round, acknowledgements);
        server.restart();
        for (user, ledger) in USERS.iter().zip(&mut ledgers) {
            compare(&server, user, ledger, round);
        }
    }
    assert!(ledgers.iter().all(|ledger| ledger.held.len() > 10), "too little happened");
    assert!(server.stop().success());
    let config = server.config_file();
    let verified = run(&["--config", config.to_str().expect("UTF-8"), "verify"]);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(
        verified.status.success(),
        "verify: {said}{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}

fn address(user: &str) -> String {
    format!("{user}@example.test")
}

fn work_until_killed(
    server: &mut TestServer,
    ledgers: &mut [Ledger],
    round: u64,
    acknowledgements: usize,
) {
    let (smtp, imap) = (server.address("smtp"), server.address("imap"));
    let (told, acknowledged) = mpsc::channel();
    thread::scope(|scope| {
        for ((number, user), ledger) in (0..).zip(USERS).zip(ledgers) {
            let told = told.clone();
            let mut random = Random::seeded(SEED ^ (round * 10 + number));
            scope.spawn(move || {
                // Every one of these ends with an error: the server is killed.
                let _: Result<(), std::io::Error> = if user.starts_with("smtp") {
                    SmtpClient::plain(smtp)
                        .and_then(|client| deliver(client, user, ledger, &mut random, &told))
                } else {
                    ImapClient::plain(imap)
                        .and_then(|client| edit(client, user, ledger, &mut random, &told))
                };
            });
        }
        drop(told);
        let heard = acknowledged.iter().take(acknowledgements).count();
        assert_eq!(heard, acknowledgements, "the clients stopped before the server was killed");
        server.kill();
    });
}

fn deliver(
    mut client: SmtpClient,
    user: &str,
    ledger: &mut Ledger,
    random: &mut Random,
    told: &Sender<()>,
) -> std::io::Result<()> {
    loop {
        let (id, octets) = ledger.compose(random);
        client.send("sender@elsewhere.test", &[&address(user)], &octets)?;
        ledger.pending = None;
        ledger.held.insert(id);
        // Nobody listens any more once the server is being killed.
        let _ = told.send(());
    }
}

fn edit(
    mut client: ImapClient,
    user: &str,
    ledger: &mut Ledger,
    random: &mut Random,
    told: &Sender<()>,
) -> std::io::Result<()> {
    client.log_in(&address(user), PASSWORD)?;
    client.command("SELECT INBOX")?.ok()?;
    loop {
        let uids: Vec<u32> = ledger.flags.keys().copied().collect();
        match random.below(10) {
            0..=4 => append(&mut client, ledger, random)?,
            _ if uids.is_empty() => append(&mut client, ledger, random)?,
            5..=8 => flag(&mut client, ledger, *random.pick(&uids), random)?,
            _ => expunge(&mut client, ledger, *random.pick(&uids))?,
        }
        // Nobody listens any more once the server is being killed.
        let _ = told.send(());
    }
}

fn append(
    client: &mut ImapClient,
    ledger: &mut Ledger,
    random: &mut Random,
) -> std::io::Result<()> {
    let (id, octets) = ledger.compose(random);
    let done = client.append("INBOX", "(\\Draft)", &octets)?.ok()?;
    let uid = done.code("APPENDUID").expect("UIDPLUS");
    let uid = uid.split(' ').nth(1).and_then(|uid| uid.parse().ok()).expect("a UID");
    ledger.pending = None;
    ledger.held.insert(id);
    let flags = BTreeSet::from(["\\Draft".to_owned()]);
    assert!(ledger.flags.insert(uid, Flagged { id, flags }).is_none(), "UID {uid} came twice");
    Ok(())
}

fn flag(
    client: &mut ImapClient,
    ledger: &mut Ledger,
    uid: u32,
    random: &mut Random,
) -> std::io::Result<()> {
    let words = ["\\Seen", "\\Flagged", "\\Answered", "$Work", "later"];
    let flags: BTreeSet<String> =
        words.iter().filter(|_| random.below(2) == 0).map(|word| (*word).to_owned()).collect();
    ledger.pending = Some(Pending::Flags(uid, flags.clone()));
    let list = flags.iter().cloned().collect::<Vec<_>>().join(" ");
    client.command(&format!("UID STORE {uid} FLAGS.SILENT ({list})"))?.ok()?;
    ledger.pending = None;
    ledger.flags.get_mut(&uid).expect("it was picked from here").flags = flags;
    Ok(())
}

fn expunge(client: &mut ImapClient, ledger: &mut Ledger, uid: u32) -> std::io::Result<()> {
    let deleted = BTreeSet::from(["\\Deleted".to_owned()]);
    ledger.pending = Some(Pending::Flags(uid, deleted.clone()));
    client.command(&format!("UID STORE {uid} FLAGS.SILENT (\\Deleted)"))?.ok()?;
    ledger.flags.get_mut(&uid).expect("it was picked from here").flags = deleted;
    ledger.pending = Some(Pending::Expunge(uid));
    client.command(&format!("UID EXPUNGE {uid}"))?.ok()?;
    ledger.pending = None;
    ledger.forget(uid);
    Ok(())
}

impl Ledger {
    /// The next message: one of the corpus under a header field with its id.
    fn compose(&mut self, random: &mut Random) -> (u64, Vec<u8>) {
        let id = self.next_id;
        self.next_id += 1;
        let corpus: &CorpusMessage = random.pick(messages());
        let text: Vec<u8> = corpus.octets.iter().copied().filter(|&byte| byte != 0).collect();
        let octets = [format!("X-Kill-Test: {id}\r\n").as_bytes(), &text].concat();
        self.sent.insert(id, octets.clone());
        self.pending = Some(Pending::Message(id));
        (id, octets)
    }

    fn forget(&mut self, uid: u32) {
        let message = self.flags.remove(&uid).expect("it was picked from here");
        self.held.remove(&message.id);
        self.gone.insert(message.id);
    }
}

/// One message as the server shows it.
struct Found {
    uid: u32,
    id: u64,
    flags: BTreeSet<String>,
}

/// Compares a mailbox with its ledger; what was pending is settled by what is there.
fn compare(server: &TestServer, user: &str, ledger: &mut Ledger, round: u64) {
    let found = read(server, user, ledger, round);
    let pending = ledger.pending.take();
    let uids: BTreeSet<u32> = found.iter().map(|message| message.uid).collect();
    assert_eq!(uids.len(), found.len(), "{user}, round {round}: a UID stands twice");
    let ids: BTreeSet<u64> = found.iter().map(|message| message.id).collect();
    assert_eq!(ids.len(), found.len(), "{user}, round {round}: a message stands twice");

    if let Some(Pending::Expunge(uid)) = pending
        && !uids.contains(&uid)
    {
        ledger.forget(uid);
    }
    if let Some(Pending::Message(id)) = pending
        && let Some(message) = found.iter().find(|it| it.id == id)
    {
        ledger.held.insert(id);
        if user.starts_with("imap") {
            let flags = message.flags.clone();
            ledger.flags.insert(message.uid, Flagged { id, flags });
        }
    }
    assert_eq!(ids, ledger.held, "{user}, round {round}: {pending:?}");
    for message in found {
        let Some(known) = ledger.flags.get_mut(&message.uid) else { continue };
        assert_eq!(known.id, message.id, "{user}, round {round}: UID {} changed", message.uid);
        if pending == Some(Pending::Flags(message.uid, message.flags.clone())) {
            known.flags.clone_from(&message.flags);
        }
        assert_eq!(known.flags, message.flags, "{user}, round {round}, UID {}", message.uid);
    }
}

/// Reads a mailbox and compares octets.
fn read(server: &TestServer, user: &str, ledger: &Ledger, round: u64) -> Vec<Found> {
    let mut imap = server.imap(&address(user));
    imap.command("EXAMINE INBOX").expect("an answer").ok().expect("EXAMINE");
    let listed = imap.command("UID FETCH 1:* (FLAGS)").expect("an answer").ok().expect("FETCH");
    let mut found = Vec::new();
    for line in listed.lines().iter().filter(|line| line.contains(" FETCH (")) {
        let (uid, flags) = uid_and_flags(line);
        let octets = imap.fetch_octets(uid, "BODY.PEEK[]").expect("a message that is listed");
        let text = String::from_utf8_lossy(&octets);
        let (_, after) = text.split_once("X-Kill-Test: ").expect("one of ours");
        let id = after.lines().next().and_then(|id| id.parse().ok()).expect("its id");
        let sent = ledger.sent.get(&id).expect("an id that was given out");
        assert!(octets.ends_with(sent), "{user}, round {round}: message {id} changed");
        found.push(Found { uid, id, flags });
    }
    found
}

/// `* 1 FETCH (UID 5 FLAGS (\Seen))`, in either order.
fn uid_and_flags(line: &str) -> (u32, BTreeSet<String>) {
    let (_, uid) = line.split_once("UID ").expect("UID");
    let uid = uid.split([' ', ')']).next().and_then(|uid| uid.parse().ok()).expect("a UID");
    let (_, flags) = line.split_once("FLAGS (").expect("FLAGS");
    let (flags, _) = flags.split_once(')').expect("a list");
    let words = flags.split_whitespace().filter(|word| *word != "\\Recent");
    (uid, words.map(ToOwned::to_owned).collect())
}
