//! What nobody asks for is not in memory: accounts, mailboxes, columns.

use super::{DEFAULTS, item, observed, options};
use crate::ids::AccountId;
use crate::state::{Expunge, FlagEdit};
use crate::store::{Account, Options, Store, verify};
use crate::{FlagAction, FlagSet, SystemFlag, UidSet};

const ACCOUNTS: u64 = 23;

fn resident(store: &Store) -> usize {
    store.0.each.iter().map(|shard| shard.accounts().resident_count()).sum()
}

fn account(store: &Store, id: u64) -> Account {
    store.account(AccountId(id)).expect("shard").expect("there")
}

fn fill(store: &Store, id: u64) {
    let account = store.ensure_account(AccountId(id), &DEFAULTS).wait().expect("account");
    account.create(&format!("of {id}"), None).wait().expect("created");
    let inbox = account.mailbox("INBOX").expect("inbox");
    let number = u32::try_from(id).expect("few");
    inbox.append(vec![item(number), item(number + 1)]).wait().expect("append");
}

/// One change of each kind, to one account.
fn change(store: &Store, id: u64) {
    let account = account(store, id);
    let inbox = account.mailbox("INBOX").expect("inbox");
    let flags = FlagSet::system(&[SystemFlag::Seen]);
    let uids: UidSet = [crate::Uid::FIRST].into_iter().collect();
    let edit =
        FlagEdit { uids: uids.clone(), action: FlagAction::Add, flags, unchanged_since: None };
    inbox.edit_flags(edit).wait().expect("flags");
    inbox.copy(uids.clone(), &account.mailbox("Trash").expect("trash")).wait().expect("copy");
    inbox.expunge(uids, Expunge::Any).wait().expect("expunge");
    account.rename(&format!("of {id}"), &format!("now/{id}")).wait().expect("rename");
    account.subscribe("elsewhere").wait().expect("subscribe");
    account.delete("Sent").wait().expect("delete");
}

fn all(store: &Store) -> Vec<Vec<(String, String)>> {
    (1..=ACCOUNTS).map(|id| observed(&account(store, id))).collect()
}

#[test]
fn accounts_are_read_when_they_are_asked_for_and_let_go_of_when_nobody_holds_them() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    // Nothing is kept in memory that is in the log.
    let options = Options { upkeep: false, index_len_max: 0, ..options() };
    let store = Store::create(&path, &options).expect("create");
    (1..=ACCOUNTS).for_each(|id| fill(&store, id));
    store.checkpoint().expect("checkpoint");
    assert_eq!(resident(&store), 0, "nobody holds any of them");
    let made = all(&store);
    drop(store);

    let store = Store::open(&path, &options).expect("open");
    assert_eq!(resident(&store), 0, "a start reads none");
    assert!(store.account(AccountId(ACCOUNTS + 1)).expect("shard").is_none());
    assert_eq!(all(&store), made);
    assert!(resident(&store) <= 4, "{} accounts are in memory", resident(&store));

    let held = account(&store, 5);
    let inbox = held.mailbox("INBOX").expect("inbox");
    let before = inbox.snapshot();
    for id in (1..=ACCOUNTS).step_by(2) {
        change(&store, id);
    }
    assert_eq!(inbox.snapshot().exists(), 1, "a handle sees what happens meanwhile");
    assert_eq!(before.exists(), 2);
    let changed = all(&store);
    assert_ne!(changed, made);
    store.checkpoint().expect("checkpoint");
    assert_eq!(resident(&store), 1, "the one that is held");
    assert_eq!(all(&store), changed);
    drop((store, held, inbox, before));

    for way in ["with the checkpoint", "from the log alone"] {
        let store = Store::open(&path, &options).expect("open");
        assert_eq!(all(&store), changed, "{way}");
        drop(store);
        if way == "with the checkpoint" {
            let report = verify(&path, &mut |_| {}).expect("verify");
            assert_eq!(report.findings, []);
            std::fs::remove_file(path.join("shard-0000/manifest")).expect("there");
        }
    }
}

/// A crash leaves the newest checkpoint and the log after it.
#[test]
fn a_start_reads_only_accounts_that_changed_since_the_checkpoint() {
    let dir = tempfile::tempdir().expect("directory");
    let (path, crashed) = (dir.path().join("store"), dir.path().join("crashed"));
    let options = Options { upkeep: false, checkpoint_every: u64::MAX, ..options() };
    let store = Store::create(&path, &options).expect("create");
    (1..=ACCOUNTS).for_each(|id| fill(&store, id));
    store.checkpoint().expect("checkpoint");
    change(&store, 7);
    store.ensure_account(AccountId(ACCOUNTS + 1), &DEFAULTS).wait().expect("account");
    let expected = all(&store);
    std::fs::create_dir_all(crashed.join("shard-0000")).expect("made");
    for name in ["store.toml".to_owned(), "shard-0000/manifest".to_owned()]
        .into_iter()
        .chain(segments(&path))
    {
        std::fs::copy(path.join(&name), crashed.join(&name)).expect("copied");
    }
    let store = Store::open(&crashed, &options).expect("open");
    assert!(resident(&store) <= 2, "{} accounts are in memory", resident(&store));
    assert_eq!(all(&store), expected);
    assert!(store.account(AccountId(ACCOUNTS + 1)).expect("shard").is_some());
    store.checkpoint().expect("checkpoint");
    assert_eq!(all(&store), expected);
}

fn segments(path: &std::path::Path) -> Vec<String> {
    let names = std::fs::read_dir(path.join("shard-0000")).expect("there");
    let names = names.map(|entry| entry.expect("entry").file_name().into_string().expect("text"));
    names.filter(|name| name.starts_with('0')).map(|name| format!("shard-0000/{name}")).collect()
}

#[test]
fn what_messages_take_follows_every_change_and_is_the_same_after_a_start() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let store = Store::create(&path, &options()).expect("create");
    let added_up = |account: &Account| {
        let list = account.mailboxes();
        let snapshots = list.iter().map(|entry| account.peek(entry).expect("there"));
        snapshots.collect::<Vec<_>>().iter().fold((0, 0), |(octets, messages), snapshot| {
            (octets + snapshot.size_total(), messages + u64::from(snapshot.exists()))
        })
    };
    fill(&store, 1);
    fill(&store, 2);
    let one = account(&store, 1);
    assert_eq!(one.usage().expect("added up"), added_up(&one));
    assert_eq!(one.usage().expect("added up").1, 2);
    change(&store, 1);
    assert_eq!(one.usage().expect("kept"), added_up(&one));
    one.delete("Trash").wait().expect("delete");
    let left = one.usage().expect("kept");
    assert_eq!((left, left.1), (added_up(&one), 1));
    // Changes before anybody asked count once.
    let two = account(&store, 2);
    change(&store, 2);
    two.delete("Trash").wait().expect("delete");
    assert_eq!(two.usage().expect("added up"), added_up(&two));
    drop((one, two, store));
    let store = Store::open(&path, &options()).expect("open");
    assert_eq!(account(&store, 1).usage().expect("added up"), left);
}
