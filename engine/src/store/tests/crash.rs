//! The whole store on a disk that loses power at every operation.
//!
//! Promise under test: what was acknowledged is there, byte for byte and flag for flag; of the
//! one change that was not acknowledged there is all or nothing; nothing else is invented; and
//! the store opens without anybody's help and goes on.

use std::sync::Arc;

use super::{ACCOUNT, AppendItem, DEFAULTS, item, message, observed, text, uid_validities};
use crate::format::dictionary::{Dictionary, Purpose};
use crate::io::Disk;
use crate::io::sim::SimDisk;
use crate::state::{Expunge, FlagEdit};
use crate::store::retention::Retention;
use crate::store::verify::Verifier;
use crate::store::{Account, Delivery, Mailbox, Options, Store};
use crate::{Error, FlagAction, FlagSet, InternalDate, Keyword, SystemFlag, Uid, UidSet, clock};

const STEPS: usize = 36;
/// Disks tried for each place where power is lost.
const IMAGES: u64 = 6;

fn options(checkpoint_every: u64) -> Options {
    let retention = Retention::of(std::time::Duration::ZERO);
    let options = Options { upkeep: false, retention, ..Options::default() };
    Options { segment_len_max: 4096, checkpoint_every, ..options }
}

fn open(disk: &SimDisk, checkpoint_every: u64) -> Result<Store, Error> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Store::on_disks(vec![disk], 9, &options(checkpoint_every), None)
}

fn uids(range: std::ops::RangeInclusive<u32>) -> UidSet {
    range.filter_map(Uid::new).collect()
}

fn edit(
    store: &Account,
    range: std::ops::RangeInclusive<u32>,
    action: FlagAction,
    word: &str,
) -> Result<(), Error> {
    let mut flags = FlagSet::system(&[SystemFlag::Seen]);
    flags.insert(Keyword::new(word).expect("atom"));
    let edit = FlagEdit { uids: uids(range), action, flags, unchanged_since: None };
    store.mailbox("INBOX")?.edit_flags(edit).wait().map(drop)
}

/// One change, numbered; all kinds of changes come up, most of them several times.
fn step(store: &Store, number: usize) -> Result<(), Error> {
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait()?;
    let inbox = account.mailbox("INBOX")?;
    let low = u32::try_from(number).expect("few steps");
    match number % 13 {
        0 => {
            let item = |low| AppendItem { message: store.prepare(&text(low)), ..item(low) };
            let items = vec![item(low), item(low + 100), item(low + 200)];
            inbox.append(items).wait().map(drop)
        }
        1 => edit(&account, low..=low + 1, FlagAction::Add, "$Work"),
        2 => {
            let of = |mailbox| Delivery {
                mailbox,
                flags: FlagSet::default(),
                internal_date: InternalDate::default(),
            };
            let targets = [of(inbox), of(account.mailbox("Trash")?)];
            let message = message(low);
            wait_for(store.deliver(&message, &targets))
                .into_iter()
                .try_for_each(|one| one.map(drop))
        }
        3 => {
            inbox.move_to(uids(low / 2..=low / 2 + 1), &account.mailbox("Trash")?).wait().map(drop)
        }
        4 => account.create(&format!("a{number}/b"), None).wait(),
        5 => account.rename(&format!("a{}", number - 1), &format!("c{number}/d")).wait(),
        6 => inbox.copy(uids(1..=3), &account.mailbox("Trash")?).wait().map(drop),
        7 => edit(&account, 1..=low, FlagAction::Replace, "other"),
        8 if number == 8 => inbox.expunge(uids(low..=low + 1), Expunge::Any).wait().map(drop),
        8 => exchange(store, &inbox, low),
        9 => account.subscribe(&format!("name {number}")).wait(),
        10 => account.delete(&format!("c{}/d/b", number - 5)).wait(),
        11 => inbox.append(vec![item(low)]).wait().map(drop),
        _ => annotate(&account, number),
    }
}

/// One message goes and three come, of which two are one.
fn exchange(store: &Store, inbox: &Mailbox, low: u32) -> Result<(), Error> {
    let first = inbox.snapshot().rows(&inbox.snapshot().all_uids()?).next();
    let gone = first.transpose()?.map(|row| row.uid);
    let twice = AppendItem { message: store.prepare(&text(low + 300)), ..item(low) };
    let items = vec![twice.clone(), twice, item(low + 400)];
    inbox.exchange(gone.into_iter().collect(), items).wait().map(drop)
}

/// Annotations of a mailbox and its special use, some of which are taken away again.
fn annotate(account: &Account, number: usize) -> Result<(), Error> {
    let is_first = number < 13;
    let value = |text: &str| Some(text.as_bytes().into());
    let entries = vec![
        (format!("/private/{number}").into(), value("\0")),
        ("/private/x".into(), value("1").filter(|_| is_first)),
        ("/private/specialuse".into(), value("\\Archive").filter(|_| is_first)),
    ];
    account.annotate(Some("INBOX"), entries).wait()
}

/// Waits for a future that needs no runtime.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    runtime.block_on(future)
}

type Seen = Vec<(String, String)>;

fn seen(store: &Store) -> Seen {
    store.account(ACCOUNT).expect("shard").map(|account| observed(&account)).unwrap_or_default()
}

/// What a run was told before the power went.
#[derive(Default)]
struct Told {
    /// Steps that were acknowledged.
    done: usize,
    uid_validities: Vec<(String, u32)>,
}

/// Runs the steps until one fails; `look` is called after each.
fn run(disk: &SimDisk, every: u64, look: &mut dyn FnMut(&Store)) -> Told {
    let mut told = Told::default();
    let Ok(store) = open(disk, every) else { return told };
    for number in 0..STEPS {
        if step(&store, number).is_err() {
            break;
        }
        told.done += 1;
        told.uid_validities = uid_validities(&store);
        look(&store);
        if every == u64::MAX && number % 5 == 4 && store.checkpoint().is_err() {
            break;
        }
        // List parts and a dictionary change nothing that anybody can see.
        if number == 9 {
            let shared = text(5).repeat(2);
            store.0.dictionaries.add(Arc::new(Dictionary::new(1, Purpose::Head, shared)));
        }
        if number % 4 == 3 && store.upkeep().is_err() {
            break;
        }
        // Nor does compaction, though it lets go of what went before this second.
        let later = clock::unix_seconds() + 10;
        if number % 9 == 8 && store.new_upkeep().compact_all(later).is_err() {
            break;
        }
    }
    told
}

/// What can be seen after each step of a run that nothing disturbs; the empty store first.
fn undisturbed(disk: &SimDisk, every: u64) -> Vec<Seen> {
    let mut states = vec![Vec::new()];
    let told = run(disk, every, &mut |store| states.push(seen(store)));
    assert_eq!(told.done, STEPS);
    states
}

/// Opens a disk after the power came back and holds it to what is promised.
fn check(disk: &SimDisk, told: &Told, expected: &[Seen], place: &str) {
    let store = open(disk, u64::MAX).unwrap_or_else(|error| panic!("{place}: {error}"));
    let (found, before) = (seen(&store), &expected[told.done]);
    let is_whole = found == *before || expected.get(told.done + 1) == Some(&found);
    // The first step makes the account, and only then does what it is for.
    let is_untouched = |(name, state): &(String, String)| {
        state.starts_with("(0, 0, 0)") || name.ends_with(" /private/specialuse")
    };
    let is_new = told.done == 0 && found.iter().all(is_untouched);
    assert!(
        is_whole || is_new || is_parent_alone(before, &found, told.done),
        "{place}: {} steps were acknowledged; found\n{found:#?}\nwanted\n{before:#?}",
        told.done
    );
    for (name, uid_validity) in uid_validities(&store) {
        let known = told.uid_validities.iter().find(|(known, _)| *known == name);
        assert!(known.is_none_or(|(_, known)| *known == uid_validity), "{place}: {name}");
    }
    step(&store, 11).unwrap_or_else(|error| panic!("{place}: {error}"));
    let after = seen(&store);
    drop(store);
    let again = open(&disk.restarted(), u64::MAX).expect("a sound store opens");
    assert_eq!(seen(&again), after, "{place}: opened again");
    drop(again);
    let report = Verifier::report(Arc::new(disk.restarted()), 9).expect("verify");
    assert_eq!(report.findings, [], "{place}");
}

/// RENAME makes the mailboxes above the new name first: they alone may be there.
fn is_parent_alone(before: &Seen, found: &Seen, done: usize) -> bool {
    let extra = found.iter().filter(|one| !before.iter().any(|b| b.0 == one.0));
    let above = format!("c{done}");
    done % 13 == 5
        && extra.clone().count() == 1
        && extra.clone().all(|(name, _)| *name == above)
        && before.iter().all(|one| found.contains(one))
}

/// Seeds 0 and 1 mean nothing and all of what was not synced; the others choose.
fn image(seed: u64, op: u64) -> u64 {
    if seed < 2 { seed } else { seed * 100_000 + op }
}

fn cut_everywhere(every: u64) -> usize {
    let whole = SimDisk::default();
    let expected = undisturbed(&whole, every);
    let operations = whole.op_count();
    let mut cuts = 0;
    for op in 0..operations {
        let disk = SimDisk::default();
        disk.lose_power_at(op);
        let told = run(&disk, every, &mut |_| {});
        for seed in 0..IMAGES {
            let place =
                format!("power lost at operation {op}, seed {seed}, checkpoints every {every}");
            check(&disk.after_power_loss(image(seed, op)), &told, &expected, &place);
            cuts += 1;
        }
    }
    cuts
}

#[test]
fn power_may_go_at_any_operation_between_checkpoints() {
    let cuts = cut_everywhere(u64::MAX);
    assert!(cuts >= 1000, "only {cuts} cuts");
}

#[test]
fn power_may_go_at_any_operation_of_a_checkpoint_among_changes() {
    let cuts = cut_everywhere(2048);
    assert!(cuts >= 1000, "only {cuts} cuts");
}

#[test]
fn a_failed_write_or_sync_is_told_and_nothing_acknowledged_is_lost() {
    let whole = SimDisk::default();
    let expected = undisturbed(&whole, u64::MAX);
    for op in (0..whole.op_count()).step_by(3) {
        let disk = SimDisk::default();
        disk.fail_at(op, op);
        let told = run(&disk, u64::MAX, &mut |_| {});
        for seed in 0..2 {
            let place = format!("operation {op} failed, seed {seed}");
            check(&disk.after_power_loss(image(seed, op)), &told, &expected, &place);
        }
        check(&disk.restarted(), &told, &expected, &format!("operation {op} failed, restarted"));
    }
}
