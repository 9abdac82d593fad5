//! Many sessions at work on few mailboxes: at checkpoints each believes what is true.
//!
//! `FUMIKURA_SEED` repeats the commands of a run, `FUMIKURA_SWARM_ROUNDS` makes it longer.

use std::sync::Mutex;
use std::thread;

use tests::client::{Completion, ImapClient};
use tests::server::TestServer;
use tests::swarm::{Kind, Session, Truth};

const KINDS: [Kind; 6] =
    [Kind::Plain, Kind::Qresync, Kind::Condstore, Kind::Plain, Kind::Qresync, Kind::Condstore];
const MAILBOXES: [&str; 2] = ["one", "two"];
/// Between two checkpoints.
const STEPS: usize = 40;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What was found at a checkpoint is true of the mailbox as somebody finds it who is new.
fn compare(sessions: &[Mutex<Session<'_>>]) {
    for mailbox in MAILBOXES {
        let newest = sessions[0].lock().expect("no thread panicked").newest(mailbox);
        for session in sessions {
            let mut session = session.lock().expect("no thread panicked");
            let name = session.name.clone();
            if session.mailbox == mailbox {
                session.replica.assert_is(&newest, &name);
                session.ask_for_all();
                session.replica.assert_is(&newest, &name);
            }
            let own = format!("own-{name}");
            for message in &newest.messages {
                let (uid, flags) = (message.uid.expect("asked"), message.flags.as_ref());
                let has = flags.expect("asked").contains(&own);
                let stored = session.own.get(&(mailbox.to_owned(), uid));
                assert!(stored.is_none_or(|stored| *stored == has), "{own} of {uid} in {mailbox}");
            }
        }
    }
}

/// Each session in a thread of its own, until all are done.
fn together<'s>(sessions: &[Mutex<Session<'s>>], work: impl Fn(&mut Session<'s>) + Sync) {
    thread::scope(|scope| {
        for session in sessions {
            scope.spawn(|| work(&mut session.lock().expect("nobody else works with it")));
        }
    });
}

#[test]
fn every_session_of_a_swarm_believes_what_is_true() {
    let (seed, rounds) = (number("FUMIKURA_SEED", 1), number("FUMIKURA_SWARM_ROUNDS", 40));
    println!("seed {seed}, {rounds} rounds");
    let (server, truth) = (TestServer::start(), Truth::default());
    let mut client: ImapClient = server.imap("alice@example.test");
    for mailbox in MAILBOXES {
        client.command(&format!("CREATE {mailbox}")).and_then(Completion::ok).expect("CREATE");
    }
    let sessions: Vec<_> = (0..)
        .zip(KINDS)
        .map(|(nth, kind)| {
            let seed = seed.wrapping_mul(1000).wrapping_add(nth as u64);
            Mutex::new(Session::new((nth, kind), (&server, &truth), &MAILBOXES, seed))
        })
        .collect();
    for _ in 0..rounds {
        together(&sessions, |session| (0..STEPS).for_each(|_| session.step()));
        together(&sessions, Session::catch_up);
        compare(&sessions);
    }
    drop(sessions);
    server.assert_sound();
}
