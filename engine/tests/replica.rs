//! Replicas kept by what a mailbox tells of its changes are the mailbox, after any history and any
//! gap: by mod-sequence, as QRESYNC clients keep theirs (RFC 7162), also across reopening the store;
//! and by the difference between snapshots, as sessions do.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::{
    AccountId, AppendItem, Diff, Expunge, FlagAction, FlagBits, FlagEdit, FlagSet, InternalDate,
    Keyword, Mailbox, Options, Prepared, Snapshot, Store, SystemFlag, Uid, UidSet,
};
use proptest::prelude::*;
use tempfile::TempDir;

/// Changes of single messages that the long history has, set by CI for optimised builds.
const CHANGES: &str = "FUMIKURA_REPLICA_CHANGES";
const CHANGES_DEFAULT: u64 = 200_000;

/// What a client holds: flags by UID, and the mod-sequence up to which that is all.
#[derive(Default)]
struct ByModSeq {
    messages: BTreeMap<u32, FlagBits>,
    modseq: u64,
}

impl ByModSeq {
    fn catch_up(&mut self, snapshot: &Snapshot) {
        let all = UidSet::all();
        let mut last = None;
        for piece in snapshot.gone(self.modseq, &all).expect("history") {
            assert!(last < piece.first(), "pieces ascend");
            last = piece.last();
            for uid in piece.iter() {
                // What came and went in the gap is told too, and was never here.
                self.messages.remove(&uid.get());
            }
        }
        for run in snapshot.runs_since(&all, self.modseq) {
            let run = run.expect("columns");
            for (nth, uid) in run.uids().iter().enumerate() {
                assert!(run.modseq(nth) > self.modseq);
                self.messages.insert(*uid, run.flags(nth));
            }
        }
        self.modseq = snapshot.highest_modseq().get();
    }
}

/// What a session holds: the snapshot it told of, and what it told.
struct ByDiff {
    messages: BTreeMap<u32, FlagBits>,
    seen: Arc<Snapshot>,
}

impl ByDiff {
    fn new(seen: Arc<Snapshot>) -> Self {
        Self { messages: contents(&seen), seen }
    }

    fn catch_up(&mut self, snapshot: Arc<Snapshot>) {
        let diff = Diff::between(&self.seen, &snapshot).expect("columns");
        for uid in diff.expunged.iter() {
            assert!(self.messages.remove(&uid.get()).is_some(), "only what was there is told");
        }
        for (set, is_new) in [(&diff.appended, true), (&diff.reflagged, false)] {
            for row in snapshot.rows(set) {
                let row = row.expect("columns");
                let before = self.messages.insert(row.uid.get(), row.flags);
                assert_eq!(before.is_none(), is_new, "{:?}", row.uid);
            }
        }
        self.seen = snapshot;
    }
}

fn contents(snapshot: &Snapshot) -> BTreeMap<u32, FlagBits> {
    let all = UidSet::all();
    let rows = snapshot.rows(&all).map(|row| row.expect("columns"));
    rows.map(|row| (row.uid.get(), row.flags)).collect()
}

/// Which messages: every `every`-th UID between two places, in thousandths of all UIDs.
#[derive(Clone, Copy, Debug)]
struct Pick {
    from: u64,
    to: u64,
    every: usize,
}

impl Pick {
    fn uids(self, snapshot: &Snapshot) -> UidSet {
        let next = u64::from(snapshot.uid_next().map_or(u32::MAX, Uid::get));
        let (first, last) = (next * self.from / 1000, next * self.to / 1000);
        let uids = (first.max(1)..=last).step_by(self.every);
        uids.filter_map(|uid| Uid::new(u32::try_from(uid).ok()?)).collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Append(usize),
    Edit(Pick, FlagAction, u8),
    Expunge(Pick),
    /// To the other mailbox, or back.
    Move(Pick, bool),
    Reopen,
    CatchUp(usize),
}

/// A store with two mailboxes.
struct Opened {
    _store: Store,
    inbox: Mailbox,
    other: Mailbox,
}

impl Opened {
    fn at(path: &Path) -> Self {
        let options = Options::default();
        let store = if path.exists() {
            Store::open(path, &options).expect("opened")
        } else {
            Store::create(path, &options).expect("created")
        };
        let account =
            store.ensure_account(AccountId(1), &[("other", None)]).wait().expect("an account");
        let mailbox = |name| account.mailbox(name).expect("it is there");
        Self { inbox: mailbox("INBOX"), other: mailbox("other"), _store: store }
    }
}

/// The store, and replicas that follow one of its mailboxes with gaps of their own.
struct World {
    dir: TempDir,
    /// What ends with the server.
    live: Option<(Opened, ByDiff)>,
    prepared: Prepared,
    by_modseq: [ByModSeq; 3],
    changes: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            dir: TempDir::new().expect("a directory"),
            live: None,
            prepared: Prepared::new(b"Subject: x\r\n\r\ny\r\n"),
            by_modseq: Default::default(),
            changes: 0,
        };
        world.reopen();
        world
    }

    fn reopen(&mut self) {
        drop(self.live.take());
        let opened = Opened::at(&self.dir.path().join("store"));
        let by_diff = ByDiff::new(opened.inbox.snapshot());
        self.live = Some((opened, by_diff));
    }

    fn take(&mut self, step: Step) {
        let prepared = self.prepared.clone();
        let (opened, _) = self.live.as_ref().expect("closed only while it is reopened");
        let inbox = &opened.inbox;
        self.changes += match step {
            Step::Append(count) => {
                let (flags, internal_date) = (FlagSet::default(), InternalDate::default());
                let item = AppendItem { message: prepared, flags, internal_date };
                inbox.append(vec![item; count]).wait().expect("appended").uids.count()
            }
            Step::Edit(pick, action, flags) => {
                let uids = pick.uids(&inbox.snapshot());
                let edit = FlagEdit { uids, action, flags: flag_set(flags), unchanged_since: None };
                inbox.edit_flags(edit).wait().expect("edited").changed.count()
            }
            Step::Expunge(pick) => {
                let uids = pick.uids(&inbox.snapshot());
                inbox.expunge(uids, Expunge::Any).wait().expect("expunged").uids.count()
            }
            Step::Move(pick, back) => {
                let ends = [inbox, &opened.other];
                let [from, to] = if back { [ends[1], ends[0]] } else { ends };
                from.move_to(pick.uids(&from.snapshot()), to).wait().expect("moved").dest.count()
            }
            Step::Reopen => {
                self.catch_up(3);
                self.reopen();
                0
            }
            Step::CatchUp(which) => {
                self.catch_up(which);
                0
            }
        };
    }

    fn catch_up(&mut self, which: usize) {
        let (opened, by_diff) = self.live.as_mut().expect("closed only while it is reopened");
        let snapshot = opened.inbox.snapshot();
        let expected = contents(&snapshot);
        if let Some(replica) = self.by_modseq.get_mut(which) {
            replica.catch_up(&snapshot);
            assert!(replica.messages == expected, "replica {which} is not the mailbox");
        } else {
            by_diff.catch_up(snapshot);
            assert!(by_diff.messages == expected, "the session's replica is not the mailbox");
        }
    }

    fn end(&mut self) {
        (0..4).for_each(|which| self.catch_up(which));
        self.reopen();
        (0..3).for_each(|which| self.catch_up(which));
    }
}

fn flag_set(number: u8) -> FlagSet {
    let mut flags = FlagSet::default();
    for (bit, flag) in [(1, SystemFlag::Seen), (2, SystemFlag::Flagged), (4, SystemFlag::Deleted)] {
        if number & bit != 0 {
            flags.system = flags.system | flag.bit();
        }
    }
    for (bit, word) in [(8, "$Junk"), (16, "work")] {
        if number & bit != 0 {
            flags.insert(Keyword::new(word).expect("an atom"));
        }
    }
    flags
}

fn pick() -> impl Strategy<Value = Pick> {
    let every = prop_oneof![3 => Just(1_usize), 2 => 2_usize..6, 1 => Just(97)];
    (0_u64..=1000, 0_u64..=1000, every).prop_map(|(one, two, every)| Pick {
        from: one.min(two),
        to: one.max(two),
        every,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let action =
        prop_oneof![Just(FlagAction::Add), Just(FlagAction::Remove), Just(FlagAction::Replace)];
    prop_oneof![
        4 => prop_oneof![Just(1_usize), 1_usize..90, Just(700)].prop_map(Step::Append),
        6 => (pick(), action, 0_u8..32).prop_map(|(pick, action, flags)| Step::Edit(pick, action, flags)),
        3 => pick().prop_map(Step::Expunge),
        2 => (pick(), any::<bool>()).prop_map(|(pick, back)| Step::Move(pick, back)),
        1 => Just(Step::Reopen),
        5 => (0_usize..4).prop_map(Step::CatchUp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn replicas_are_the_mailbox_after_any_history_and_any_gap(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.end();
    }
}

/// Numbers that are the same every time.
struct Seed(u64);

impl Seed {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn pick(&mut self) -> Pick {
        let (one, two) = (self.below(1001), self.below(1001));
        let every = [1, 1, 2, 3, 7][usize::try_from(self.below(5)).unwrap_or(0)];
        Pick { from: one.min(two), to: one.max(two), every }
    }

    fn step(&mut self) -> Step {
        match self.below(20) {
            0..3 => Step::Append(usize::try_from(self.below(6000)).unwrap_or(0) + 1),
            3..12 => {
                let actions = [FlagAction::Add, FlagAction::Remove, FlagAction::Replace];
                let action = actions[usize::try_from(self.below(3)).unwrap_or(0)];
                Step::Edit(self.pick(), action, u8::try_from(self.below(32)).unwrap_or(0))
            }
            // Few at a time, so that the mailbox stays large.
            12..14 => {
                let from = self.below(1000);
                Step::Expunge(Pick { from, to: from + self.below(30), every: 2 })
            }
            14 => Step::Move(Pick { every: 11, ..self.pick() }, self.below(2) == 0),
            15 if self.below(20) == 0 => Step::Reopen,
            _ => Step::CatchUp(usize::try_from(self.below(4)).unwrap_or(0)),
        }
    }
}

#[test]
fn replicas_are_the_mailbox_after_a_long_history() {
    let wanted = std::env::var(CHANGES).ok().and_then(|count| count.parse().ok());
    let wanted = wanted.unwrap_or(CHANGES_DEFAULT);
    let mut seed = Seed(0x5eed);
    let mut world = World::new();
    world.take(Step::Append(20_000));
    while world.changes < wanted {
        let step = seed.step();
        world.take(step);
    }
    world.end();
}
