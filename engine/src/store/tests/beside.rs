//! Upkeep's threads beside each other: list parts come while compaction is at work, and never tell
//! of what is erased meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::compaction::{check_sound, uids};
use super::*;

fn listed_until(mailbox: &Mailbox) -> u32 {
    mailbox.snapshot().lists.until()
}

#[test]
fn list_parts_are_made_while_compaction_is_held_up() {
    let dir = tempfile::tempdir().expect("directory");
    let store = Store::create(&dir.path().join("store"), &options()).expect("create");
    // What compaction has for as long as it works.
    let compacting = store.0.due.alone();
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    inbox.append((0..20).map(item).collect()).wait().expect("append");
    let since = Instant::now();
    while listed_until(&inbox) < 20 {
        assert!(since.elapsed() < Duration::from_mins(1), "nothing is listed");
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(compacting);
}

#[test]
fn who_erases_meets_no_list_part_that_is_being_made() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let options = Options { upkeep: false, ..options() };
    let store = Store::create(&path, &options).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                store.new_upkeep().list_all().expect("list parts");
            }
        });
        for round in 0..12 {
            let items = (0..40).map(|nth| item(round * 40 + nth));
            inbox.append(items.collect()).wait().expect("append");
            let next = inbox.snapshot().uid_next().expect("many are left").get();
            assert_eq!(store.erase(&inbox, &uids(next - 5..=next - 3)).expect("erase"), 3);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    store.new_upkeep().list_all().expect("list parts");
    let lists = inbox.snapshot().lists.clone();
    let reader = account.shard.reader();
    for part in lists.parts() {
        let payload = reader.read_list_part(*part).expect("read");
        let table = crate::format::list_part::check(&payload).expect("a part");
        let snapshot = inbox.snapshot();
        for uid in table.uids.iter() {
            assert!(snapshot.row(uid).expect("read").is_some(), "{uid:?} is listed and erased");
        }
    }
    drop((inbox, account, store));
    check_sound(&path);
}
