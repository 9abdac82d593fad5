//! Damage of what is derived costs nothing for good: it is made again from the log.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{DEFAULTS, all as dumped, item, observed, options};
use crate::Uid;
use crate::ids::AccountId;
use crate::state::Expunge;
use crate::store::{Options, Store, verify};

const ACCOUNTS: u64 = 2;
/// More expunges than a page of history holds.
const EXPUNGES: u32 = 258;
const DERIVED: [&str; 6] =
    ["columns", "marks", "history-page", "mailbox-image", "places", "accounts"];

fn fill(store: &Store) {
    for id in 1..=ACCOUNTS {
        let account = store.ensure_account(AccountId(id), &DEFAULTS).wait().expect("account");
        let (inbox, trash) = (account.mailbox("INBOX"), account.mailbox("Trash"));
        let (inbox, trash) = (inbox.expect("inbox"), trash.expect("trash"));
        let items = (0..EXPUNGES + 3).map(item).collect();
        let uids = inbox.append(items).wait().expect("append").uids;
        let few = uids.iter().take(2).collect();
        inbox.copy(few, &trash).wait().expect("copy");
        let receipts: Vec<_> = uids
            .iter()
            .take(if id == 1 { EXPUNGES as usize } else { 255 })
            .map(|uid| inbox.expunge([uid].into_iter().collect(), Expunge::Any))
            .collect();
        receipts.into_iter().for_each(|receipt| drop(receipt.wait().expect("expunged")));
    }
}

fn all(store: &Store) -> Vec<Vec<(String, String)>> {
    let account = |id| store.account(AccountId(id)).expect("shard").expect("there");
    (1..=ACCOUNTS).map(|id| observed(&account(id))).collect()
}

/// Looks at everything; how much of it cannot be read.
fn look(store: &Store) -> usize {
    let mut failed = 0;
    for id in 1..=ACCOUNTS {
        let Ok(Some(account)) = store.account(AccountId(id)) else {
            failed += 1;
            continue;
        };
        for entry in account.mailboxes().iter() {
            let Ok(mailbox) = account.mailbox(&entry.name) else {
                failed += 1;
                continue;
            };
            let snapshot = mailbox.snapshot();
            failed += usize::from(snapshot.expunged_since(1).is_err());
            let known = snapshot.all_uids();
            failed += usize::from(known.is_err());
            let uids = known.unwrap_or_else(|_| [Uid::FIRST].into_iter().collect());
            for row in snapshot.rows(&uids) {
                failed += usize::from(row.and_then(|row| mailbox.message(&row).bytes()).is_err());
            }
        }
    }
    failed
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("there").map(|entry| entry.expect("entry")) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

/// Flips a bit in the payload of a record, as a bad medium does.
fn flip(path: &Path, (segment, offset): (&str, u64)) {
    let file = path.join(format!("shard-0000/{segment}.seg"));
    let file = fs::File::options().read(true).write(true).open(file).expect("a segment");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset + 14).expect("read");
    file.write_all_at(&[byte[0] ^ 1], offset + 14).expect("written");
}

#[test]
fn what_is_derived_and_damaged_is_made_again_and_everything_is_served() {
    let dir = tempfile::tempdir().expect("directory");
    let made = dir.path().join("made");
    let options =
        Options { upkeep: false, checkpoint_every: u64::MAX, index_len_max: 0, ..options() };
    let store = Store::create(&made, &options).expect("create");
    fill(&store);
    let expected = all(&store);
    drop(store);

    let mut failures: BTreeMap<&str, usize> = BTreeMap::new();
    for line in dumped(&made) {
        let words: Vec<_> = line.split(' ').collect();
        let Some(kind) = DERIVED.iter().find(|kind| words.get(2) == Some(kind)) else { continue };
        let (segment, offset) = words[1][3..].split_once(':').expect("an address");
        let path = dir.path().join("damaged");
        copy(&made, &path);
        flip(&path, (segment, offset.parse().expect("a number")));

        let mut store = Store::open(&path, &options).expect("open");
        *failures.entry(kind).or_default() += look(&store);
        store.upkeep().expect("upkeep");
        if ["places", "accounts"].contains(kind) {
            drop(store);
            store = Store::open(&path, &options).expect("open");
        }
        assert_eq!(all(&store), expected, "{line}");
        store.checkpoint().expect("checkpoint");
        assert_eq!(all(&store), expected, "{line}: written again");
        drop(store);
        let store = Store::open(&path, &options).expect("open");
        assert_eq!(all(&store), expected, "{line}: after a restart");
        drop(store);
        let report = verify(&path, &mut |_| {}).expect("verify");
        let what = "only the damaged place itself is found";
        assert!(report.findings.iter().all(|finding| finding.at.is_some()), "{what}: {report:?}");
        fs::remove_dir_all(&path).expect("removed");
    }
    for kind in DERIVED {
        assert!(failures.get(kind).is_some_and(|count| *count > 0), "{kind}: {failures:?}");
    }
}

#[test]
fn a_list_part_that_cannot_be_read_is_made_again() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let options = Options { upkeep: false, ..options() };
    let store = Store::create(&path, &options).expect("create");
    let account = store.ensure_account(AccountId(1), &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    inbox.append((0..40).map(item).collect()).wait().expect("append");
    store.new_upkeep().list_all().expect("list parts");
    let expected = observed(&account);
    let parts = || inbox.snapshot().lists.parts().to_vec();
    let before = parts();
    let addr = before[3].addr;
    flip(&path, (&addr.segment.to_string(), addr.offset));
    assert_eq!(observed(&account), expected, "read from the messages");
    store.new_upkeep().list_all().expect("list parts");
    assert_eq!(observed(&account), expected);
    let after = parts();
    assert_eq!(after.len(), before.len());
    let changed: Vec<_> = (0..after.len()).filter(|at| after[*at] != before[*at]).collect();
    assert_eq!(changed, [3]);
}
