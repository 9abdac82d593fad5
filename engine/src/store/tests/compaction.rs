//! Compaction: less on disk, and nobody can tell.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::Snapshot;
use crate::store::writer::Carrying;

/// Steps of the long run; CI sets more for optimised builds.
const STEPS: &str = "FUMIKURA_COMPACTION_STEPS";
const STEPS_DEFAULT: usize = 1500;

pub(super) fn uids(range: RangeInclusive<u32>) -> UidSet {
    range.filter_map(crate::Uid::new).collect()
}

/// What went before this second is nobody's.
fn later() -> i64 {
    crate::clock::unix_seconds() + 10
}

fn no_retention() -> Options {
    Options {
        upkeep: false,
        retention: Retention::of(Duration::ZERO),
        index_len_max: 0,
        ..options()
    }
}

pub(super) fn check_sound(path: &Path) {
    let report = verify(path, &mut |_| {}).expect("verify");
    assert_eq!(report.findings, []);
}

/// Bytes of the segments' frames.
fn log_len(store: &Store) -> u64 {
    store.stats().iter().map(|stats| stats.segment_bytes()).sum()
}

#[test]
fn a_compacted_store_is_smaller_and_shows_the_same() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let window = Arc::new(AtomicU64::new(86_400));
    let known = Arc::clone(&window);
    let retention = Retention::of(Duration::ZERO).with_others(move |account| {
        (account == ACCOUNT).then(|| Duration::from_secs(known.load(Ordering::Relaxed)))
    });
    let options = Options { upkeep: false, retention, ..options() };
    let store = Store::create(&path, &options).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let (inbox, trash) =
        (account.mailbox("INBOX").expect("inbox"), account.mailbox("Trash").expect("trash"));
    for number in 0..400 {
        let internal_date = InternalDate { seconds: 5, zone_minutes: 0 };
        let message = store.prepare(&alike(number));
        let item = AppendItem { message, flags: FlagSet::default(), internal_date };
        inbox.append(vec![item]).wait().expect("append");
        if number % 50 == 0 {
            inbox.copy(uids(1..=number + 1), &trash).wait().expect("copy");
        }
    }
    inbox.expunge(uids(100..=300), Expunge::Any).wait().expect("expunge");
    account.delete("Sent").wait().expect("delete");
    let before = (observed(&account), log_len(&store));
    let held = inbox.snapshot().row(crate::Uid::FIRST).expect("read").expect("there");

    store.compact().expect("compact");
    assert_eq!(observed(&account), before.0, "as compacted");
    let archived = all(&path).iter().filter(|line| line.contains("message-block")).count();
    assert!(archived > 10, "{archived} blocks");
    window.store(0, Ordering::Relaxed);
    // What went this very second is held still.
    let later = crate::clock::unix_seconds() + 10;
    store.new_upkeep().compact_all(later).expect("compact");
    assert_eq!(observed(&account), before.0, "without what nobody sees");
    let after = log_len(&store);
    assert!(after * 10 < before.1 * 7, "{after} bytes of {}", before.1);
    assert_eq!(inbox.message(&held).bytes().expect("bytes"), alike(0));
    drop((inbox, trash, account, store));

    for way in ["with the checkpoint", "from the log alone"] {
        let store = Store::open(&path, &options).expect("open");
        let account = store.account(ACCOUNT).expect("shard").expect("there");
        assert_eq!(observed(&account), before.0, "{way}");
        drop((account, store));
        let report = verify(&path, &mut |_| {}).expect("verify");
        let manifest = |finding: &Finding| finding.at == Some(crate::LogPos::default());
        assert!(report.findings.iter().all(manifest), "{way}: {report:?}");
        std::fs::remove_file(path.join("shard-0000/manifest")).expect("there");
    }
}

#[test]
fn who_looks_at_an_old_snapshot_reads_on_while_its_segments_go() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let store = Store::create(&path, &no_retention()).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let (inbox, trash) =
        (account.mailbox("INBOX").expect("inbox"), account.mailbox("Trash").expect("trash"));
    for number in 0..300 {
        inbox.append(vec![item(number)]).wait().expect("append");
    }
    inbox.copy(uids(1..=150), &trash).wait().expect("copy");
    store.upkeep().expect("list parts");
    store.checkpoint().expect("checkpoint");
    let look = |mailbox: &Mailbox, snapshot: &Snapshot| -> Vec<String> {
        let mut listings = mailbox.listings();
        let all = UidSet::all();
        let rows = snapshot.rows(&all);
        let each = rows.map(|row| {
            let row = row.expect("row");
            let bytes = mailbox.message(&row).bytes().expect("bytes");
            listings.seek(&row).expect("a listing");
            check_listing(&mut listings, &bytes);
            format!("{row:?} {}", String::from_utf8_lossy(&bytes))
        });
        each.chain([snapshot.expunged_since(1).expect("history").to_string()]).collect()
    };
    let held = [(inbox.clone(), inbox.snapshot()), (trash.clone(), trash.snapshot())];
    let before: Vec<_> = held.iter().map(|(mailbox, snapshot)| look(mailbox, snapshot)).collect();

    let edit = FlagEdit {
        uids: UidSet::all(),
        action: FlagAction::Add,
        flags: FlagSet::system(&[SystemFlag::Seen]),
        unchanged_since: None,
    };
    inbox.edit_flags(edit).wait().expect("flags");
    inbox.expunge(uids(20..=280), Expunge::Any).wait().expect("expunge");
    account.delete("Trash").wait().expect("delete");
    store.checkpoint().expect("checkpoint");
    for _ in 0..3 {
        store.new_upkeep().compact_all(later()).expect("compact");
        let now: Vec<_> = held.iter().map(|(mailbox, snapshot)| look(mailbox, snapshot)).collect();
        assert_eq!(now, before);
    }
    let held_len = log_len(&store);
    drop((held, trash));
    store.new_upkeep().compact_all(later()).expect("compact");
    let len = log_len(&store);
    assert!(len < held_len, "{len} bytes of {held_len}");
    drop((inbox, account, store));
    check_sound(&path);
}

/// A session that must not hear of expunges looks at the old numbers with the new flags.
#[test]
fn who_follows_flags_alone_reads_on_while_segments_go() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let store = Store::create(&path, &no_retention()).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    inbox.append((0..300).map(item).collect()).wait().expect("append");
    store.checkpoint().expect("checkpoint");
    let opened = inbox.snapshot();
    inbox.expunge(uids(20..=280), Expunge::Any).wait().expect("expunge");
    let view = inbox.with_flags_of(&opened, &inbox.snapshot()).expect("view");
    drop(opened);
    let look = |view: &Snapshot| -> Vec<_> {
        let all = UidSet::all();
        let each = view.rows(&all).map(|row| row.expect("row"));
        each.map(|row| (row, inbox.message(&row).bytes().expect("bytes"))).collect()
    };
    let before = look(&view);
    assert_eq!(before.len(), 300);
    for _ in 0..3 {
        store.new_upkeep().compact_all(later()).expect("compact");
        assert!(look(&view) == before, "another view");
        fill_a_segment(&account);
    }
}

/// What the batch in hand holds is not on disk yet, and so cannot be read.
#[test]
fn compaction_comes_in_one_batch_with_an_attachment() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let store = Store::create(&path, &no_retention()).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    // Whatever is queued while the writer waits here is one batch.
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let held = account.shard.submit(move |_| Ok(wait.recv().is_ok()));
    let appended = inbox.append(vec![AppendItem { message: store.prepare(&text(0)), ..item(0) }]);
    let carried = account.shard.submit(|writer| {
        let everything = writer.log.reader().sealed().iter().map(|footer| footer.segment).collect();
        writer.carry_blobs(Carrying::default(), &everything)
    });
    go_on.send(()).expect("the writer waits");
    assert!(held.wait().expect("held"));
    appended.wait().expect("append");
    carried.wait().expect("carry");
    let chunks = all(&path).iter().filter(|line| line.contains(" blob-chunk ")).count();
    assert!(chunks > 0, "a message without an attachment");
}

#[test]
fn attachments_stay_as_long_as_a_message_has_them_and_may_come_again() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let chunks = || all(&path).iter().filter(|line| line.contains(" blob-chunk ")).count();
    let mut store = Store::create(&path, &no_retention()).expect("create");
    for round in 0..4 {
        let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
        let inbox = account.mailbox("INBOX").expect("inbox");
        // All have the same attachment, of two chunks.
        let messages: Vec<_> = (0..40).map(|number| text(number * 6)).collect();
        for bytes in &messages {
            let message = store.prepare(bytes);
            inbox.append(vec![AppendItem { message, ..item(0) }]).wait().expect("append");
        }
        let first = inbox.snapshot().uid_next().expect("many are left").get() - 40;
        inbox.expunge(uids(first + 1..=first + 38), Expunge::Any).wait().expect("expunge");
        for _ in 0..2 {
            store.new_upkeep().compact_all(later()).expect("compact");
        }
        for (row, message) in
            inbox.snapshot().rows(&uids(first..=first + 39)).zip([&messages[0], &messages[39]])
        {
            let bytes = inbox.message(&row.expect("row")).bytes().expect("bytes");
            assert_eq!(bytes, *message, "round {round}");
        }
        inbox.expunge(UidSet::all(), Expunge::Any).wait().expect("expunge");
        fill_a_segment(&account);
        // The first lets go of messages, the next of what they had.
        for _ in 0..3 {
            store.new_upkeep().compact_all(later()).expect("compact");
            fill_a_segment(&account);
        }
        drop((inbox, account, store));
        check_sound(&path);
        if round == 2 {
            std::fs::remove_file(path.join("shard-0000/manifest")).expect("there");
        }
        store = Store::open(&path, &no_retention()).expect("open");
        assert_eq!(chunks(), 0, "round {round}");
    }
}

/// Compaction leaves the active segment alone.
fn fill_a_segment(account: &Account) {
    let inbox = account.mailbox("INBOX").expect("inbox");
    inbox.append((0..250).map(|number| item(number * 3 + 1)).collect()).wait().expect("append");
    inbox.expunge(UidSet::all(), Expunge::Any).wait().expect("expunge");
}

const NAMES: [&str; 4] = ["INBOX", "Trash", "a", "b"];

/// Numbers that look random, the same ones from each seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(bound)).expect("below a u32")
    }
}

/// One change, chosen by the generator; the same of every store in the same state.
fn change(store: &Store, account: &Account, random: &mut Random) {
    let name = NAMES[random.below(4) as usize];
    let other = NAMES[random.below(4) as usize];
    let (low, len) = (random.below(400), random.below(40) + 1);
    let what = random.below(100);
    let Ok(mailbox) = account.mailbox(name) else {
        return account.create(name, None).wait().expect("create");
    };
    let next = mailbox.snapshot().uid_next().expect("many are left").get();
    let low = next.saturating_sub(low).max(1);
    let some = uids(low..=low + len);
    match what {
        0..50 => {
            let items = (0..=len % 4).map(|nth| {
                let message = store.prepare(&text(low * 3 + nth));
                AppendItem { message, ..item(0) }
            });
            drop(mailbox.append(items.collect()).wait().expect("append"));
        }
        50..65 => {
            let flags = FlagSet::system(&[SystemFlag::Seen]);
            let action = if low % 2 == 0 { FlagAction::Add } else { FlagAction::Remove };
            let edit = FlagEdit { uids: some, action, flags, unchanged_since: None };
            drop(mailbox.edit_flags(edit).wait().expect("flags"));
        }
        65..80 => drop(mailbox.expunge(some, Expunge::Any).wait().expect("expunge")),
        80..98 => {
            let Ok(target) = account.mailbox(other) else { return };
            let receipt = if what < 90 {
                mailbox.copy(some, &target)
            } else {
                mailbox.move_to(some, &target)
            };
            drop(receipt.wait().expect("transfer"));
        }
        _ if name.len() == 1 => account.delete(name).wait().expect("delete"),
        _ => {}
    }
}

/// Reads what a snapshot shows until it is told to stop, and lets go of it only then.
fn look_on(account: &Account, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        for name in ["INBOX", "a"] {
            let Ok(mailbox) = account.mailbox(name) else { continue };
            let snapshot = mailbox.snapshot();
            let mut listings = mailbox.listings();
            for row in snapshot.rows(&UidSet::all()) {
                let row = row.expect("row");
                let bytes = mailbox.message(&row).bytes().expect("bytes");
                listings.seek(&row).expect("a listing");
                check_listing(&mut listings, &bytes);
            }
        }
    }
}

/// The same changes are made to a store that is compacted all the time, with readers, and to one
/// that never is.
#[test]
fn random_load_beside_compaction_ends_in_what_it_ends_in_without() {
    let steps =
        std::env::var(STEPS).map_or(STEPS_DEFAULT, |steps| steps.parse().expect("a number"));
    let seed = std::env::var("FUMIKURA_SEED").map_or(7, |seed| seed.parse().expect("a number"));
    println!("seed {seed}, {steps} steps");
    let dir = tempfile::tempdir().expect("directory");
    let paths = ["compacted", "plain"].map(|name| dir.path().join(name));
    let options = no_retention();
    let stores = paths.each_ref().map(|path| Store::create(path, &options).expect("create"));
    let accounts = stores
        .each_ref()
        .map(|store| store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                stores[0].new_upkeep().list_all().expect("list parts");
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                stores[0].new_upkeep().compact_all(later()).expect("compact");
            }
        });
        scope.spawn(|| look_on(&accounts[0], &is_over));
        for (store, account) in stores.iter().zip(&accounts) {
            let mut random = Random(seed);
            (0..steps).for_each(|_| change(store, account, &mut random));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    // What came last may have met no compaction yet.
    stores[0].new_upkeep().compact_all(later()).expect("compact");
    let [compacted, plain] = accounts.each_ref().map(observed);
    assert!(compacted == plain, "seed {seed}: compaction changed what is seen");
    let lens = stores.each_ref().map(log_len);
    assert!(lens[0] * 2 < lens[1], "{lens:?} bytes");
    drop((accounts, stores));
    check_sound(&paths[0]);
    for way in ["with the checkpoint", "from the log alone"] {
        let store = Store::open(&paths[0], &options).expect("open");
        let account = store.account(ACCOUNT).expect("shard").expect("there");
        assert!(observed(&account) == plain, "{way}");
        drop((account, store));
        std::fs::remove_file(paths[0].join("shard-0000/manifest")).expect("there");
    }
}
