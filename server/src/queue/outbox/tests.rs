//! Each stage that a crash may leave, as a start finds it.

use engine::{AccountId, Expunge, Options, Prepared, Store, UidSet};
use tempfile::TempDir;

use super::keeper::{forget_unaccepted, look_at_all};
use super::*;
use crate::config::Config;
use crate::directory::Directory;
use crate::queue::{MailOptions, QueuedRecipient};

const ALICE: AccountId = AccountId(1);
const TEXT: &str = "Received: from x\r\n\tby y with ESMTPA id 00ab; now\r\nSubject: x\r\n\r\nx\r\n";

struct World {
    dir: TempDir,
    store: Store,
    queue: Queue,
    directory: Directory,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("directory");
        let options = Options { upkeep: false, ..Options::default() };
        let store = Store::create(&dir.path().join("store"), &options).expect("create");
        Self::with(dir, store).await
    }

    async fn with(dir: TempDir, store: Store) -> Self {
        let file = dir.path().join("directory.sqlite");
        let directory = Directory::open(&file, "+").await.expect("directory");
        let queue = Queue::open(&store, &directory, &Config::default()).await.expect("queue");
        Self { dir, store, queue, directory }
    }

    /// As after a crash: what is in memory is gone.
    async fn restart(self) -> Self {
        let Self { dir, store, queue, directory } = self;
        drop(queue);
        directory.close().await;
        store.close();
        drop(store);
        let options = Options { upkeep: false, ..Options::default() };
        let store = Store::open(&dir.path().join("store"), &options).expect("open");
        Self::with(dir, store).await
    }

    async fn account(&self) -> Account {
        self.store.ensure_account(ALICE, &[]).await.expect("account")
    }

    /// A message for two domains.
    async fn hold(&self, seconds: u32) {
        let recipient =
            |address: &str| QueuedRecipient { address: address.to_owned(), ..Default::default() };
        let submission = Submission {
            id: "00ab".to_owned(),
            reverse_path: "alice@example.test".to_owned(),
            options: MailOptions::default(),
            account: Some(ALICE),
            recipients: vec![recipient("b@one.example"), recipient("c@two.example")],
            due: None,
        };
        let message = Prepared::new(TEXT.as_bytes());
        let account = self.account().await;
        self.queue.hold(submission, message, &account, seconds).await.expect("held");
    }

    async fn in_outbox(&self) -> u32 {
        self.account().await.mailbox("Outbox").expect("there").snapshot().exists()
    }

    /// Entries in an Outbox, and entries that are due.
    fn entries(&self) -> (usize, usize) {
        let kept = self.queue.0.entries.in_outbox().expect("read");
        let all = self.queue.0.entries.all().expect("read");
        let now = clock::unix_seconds();
        let due = all.iter().filter(|(turn, id)| !kept.contains(id) && turn.due() <= now);
        (kept.len(), due.count())
    }

    async fn look(&self) -> Option<i64> {
        forget_unaccepted(&self.queue).await;
        look_at_all(&self.queue, ALICE, Some(&self.account().await)).await
    }

    /// What was decided last.
    async fn last(&self) -> (Event, String) {
        let rows = self.directory.history(Some("00ab"), None, 1).await.expect("asked");
        let row = rows.into_iter().next().expect("decided");
        (row.event, row.actor)
    }

    /// The stage of the entries becomes another, as if the server ended behind that record.
    async fn stage(&self, change: impl Fn(Place) -> Outbox) {
        let (_, held) = self.queue.outbox().of(ALICE).pop().expect("waits");
        let stage = Some(change(held.place));
        let changed = self.queue.restage(&held.ids, |of| Some(staged(of, stage, NEVER))).await;
        assert_eq!(changed.expect("changed").len(), 2);
    }

    async fn expunge(&self) {
        let outbox = self.account().await.mailbox("Outbox").expect("there");
        let all: UidSet = outbox.snapshot().all_uids().expect("read");
        outbox.expunge(all, Expunge::Any).await.expect("expunged");
    }
}

#[tokio::test]
async fn what_waits_waits_on_after_a_start_and_is_sent_in_time() {
    let world = World::new().await;
    world.hold(3600).await;
    let world = world.restart().await;
    assert!(world.look().await.is_some_and(|due| due > clock::unix_seconds() + 3000));
    assert_eq!((world.entries(), world.in_outbox().await), ((2, 0), 1));
    assert_eq!(world.queue.counts(), (2, 0));
    world.expunge().await;
    assert_eq!(world.look().await, None);
    assert_eq!(world.entries(), (0, 0));
    assert_eq!(world.last().await, (Event::Cancelled, "the sender".to_owned()));
    assert_eq!(world.queue.counts(), (0, 0));

    world.hold(0).await;
    assert_eq!(world.look().await, None);
    assert_eq!((world.entries(), world.in_outbox().await), ((0, 2), 0));
    assert_eq!(world.last().await, (Event::Released, "the clock".to_owned()));
}

#[tokio::test]
async fn what_arrived_and_was_not_accepted_leaves_nothing() {
    let world = World::new().await;
    world.hold(0).await;
    // Another message of the same size stays.
    let outbox = world.account().await.mailbox("Outbox").expect("there");
    let other = Prepared::new(TEXT.replace("00ab", "00ac").as_bytes());
    let internal_date = engine::InternalDate { seconds: 0, zone_minutes: 0 };
    let flags = engine::FlagSet::default();
    let item = engine::AppendItem { message: other, flags, internal_date };
    outbox.append(vec![item]).await.expect("appended");
    drop(outbox);
    world.stage(|_| Outbox::Arriving).await;
    let world = world.restart().await;
    assert_eq!((world.entries(), world.in_outbox().await), ((2, 0), 2));
    assert_eq!(world.look().await, None);
    assert_eq!((world.entries(), world.in_outbox().await), ((0, 0), 1));
}

#[tokio::test]
async fn what_was_decided_is_sent_whether_its_copy_is_there_or_not() {
    for is_gone in [false, true] {
        let world = World::new().await;
        world.hold(3600).await;
        world.stage(Outbox::Releasing).await;
        if is_gone {
            world.expunge().await;
        }
        let world = world.restart().await;
        assert_eq!(world.entries(), (2, 0));
        assert_eq!(world.look().await, None);
        assert_eq!((world.entries(), world.in_outbox().await), ((0, 2), 0));
        assert_eq!(world.last().await.0, Event::Released);
    }
}

#[tokio::test]
async fn a_sender_who_is_faster_than_the_clock_wins() {
    let world = World::new().await;
    world.hold(3600).await;
    world.expunge().await;
    // Nobody looked in between.
    let key = Key { account: ALICE, id: "00ab".to_owned() };
    assert!(world.queue.release(&key, By::Clock).await.expect("done"));
    assert_eq!(world.entries(), (0, 0));
    assert_eq!(world.last().await, (Event::Cancelled, "the sender".to_owned()));
    assert!(!world.queue.release(&key, By::Clock).await.expect("done"), "it is done");
}
