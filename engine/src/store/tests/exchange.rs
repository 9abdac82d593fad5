//! Messages that take the place of others.

use std::time::Duration;

use super::{ACCOUNT, AppendItem, DEFAULTS, item, options, text};
use crate::store::{Mailbox, Store};
use crate::{EmailId, Error, Uid, UidSet};

fn email_ids(mailbox: &Mailbox) -> Vec<(u32, EmailId)> {
    let snapshot = mailbox.snapshot();
    let uids = snapshot.all_uids().expect("uids");
    let rows = snapshot.rows(&uids).map(|row| row.expect("row"));
    rows.map(|row| (row.uid.get(), row.email_id)).collect()
}

#[test]
fn all_that_go_must_be_there_and_clones_are_stored_once() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let store = Store::create(&path, &options()).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    let large = AppendItem { message: store.prepare(&text(6)), ..item(6) };
    inbox.append(vec![item(1), item(2), item(3)]).wait().expect("append");
    let uids = |uids: &[u32]| uids.iter().copied().filter_map(Uid::new).collect::<UidSet>();

    let refused = inbox.exchange(uids(&[1, 4]), vec![item(5)]).wait();
    assert!(matches!(refused, Err(Error::NoSuchMessage)), "{refused:?}");
    assert_eq!(inbox.snapshot().exists(), 3, "nothing went and nothing came");

    let items = vec![item(5), large.clone(), large.clone(), large];
    let appended = inbox.exchange(uids(&[1, 3]), items).wait().expect("exchange");
    assert_eq!(appended.uids, uids(&[4, 5, 6, 7]));
    let ids = email_ids(&inbox);
    let [(2, kept), (4, other), (5, first), (6, second), (7, third)] = ids[..] else {
        panic!("{ids:?}")
    };
    assert!(first == second && second == third && other != first && kept != first);

    // One of three clones goes: compaction must keep the bytes for the others.
    inbox.exchange(uids(&[5]), vec![]).wait().expect("exchange for nothing");
    store.compact().expect("compaction");
    let snapshot = inbox.snapshot();
    for uid in [6, 7] {
        let row = snapshot.row(Uid::new(uid).expect("uid")).expect("row").expect("there");
        assert_eq!(inbox.message(&row).bytes().expect("bytes"), text(6), "{uid}");
    }
    store.close();
    drop((inbox, account, store));
    let mut options = options();
    options.retention = crate::Retention::of(Duration::ZERO);
    let store = Store::open(&path, &options).expect("open");
    let account = store.account(ACCOUNT).expect("shard").expect("account");
    assert_eq!(email_ids(&account.mailbox("INBOX").expect("inbox")).len(), 4);
}
