//! The mailbox against a model too simple to be wrong: a list of messages and two counters.
//!
//! After every step all that can be observed is compared, also from snapshots taken earlier.

mod model;
mod shelf;

use std::sync::Arc;

use proptest::prelude::*;

use crate::columns::NewRow;
use crate::flags::{FlagBits, FlagSet, Keyword, SystemFlag};
use crate::ids::{EmailId, MailboxId, ModSeq, SeqNo, ThreadId, Uid, UidValidity};
use crate::record::{Change, FlagAction, Transfer};
use crate::state::{Diff, Expunge, FlagEdit, MailboxState, Row, Snapshot, arrivals, departure};
use crate::uid_set::UidSet;
use model::{Message, Model};
use shelf::Shelf;

/// Which messages a step is about: every `every`-th UID from a place on, to another place.
#[derive(Clone, Copy, Debug)]
struct Pick {
    first_percent: u32,
    last_percent: u32,
    every: usize,
}

impl Pick {
    fn uids(self, model: &Model) -> UidSet {
        let at = |percent: u32| u64::from(model.uid_next) * u64::from(percent) / 100;
        let uids = (at(self.first_percent).max(1)..=at(self.last_percent)).step_by(self.every);
        uids.filter_map(|uid| Uid::new(u32::try_from(uid).ok()?)).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append { count: usize, flags: [u8; 3] },
    Edit { pick: Pick, action: FlagAction, flags: u8, since_percent: Option<u64> },
    Expunge { pick: Pick, which: Expunge },
    Transfer { pick: Pick, same: bool, moved: bool },
    Reload,
    Remember,
}

/// Flags from a number: two system flags and four keywords.
fn flag_set(number: u8) -> FlagSet {
    let mut flags = FlagSet::default();
    let system = [(1, SystemFlag::Seen), (2, SystemFlag::Deleted)];
    for (bit, flag) in system {
        if number & bit != 0 {
            flags.system = flags.system | flag.bit();
        }
    }
    for (bit, word) in [(4, "$Junk"), (8, "work"), (16, "$Phishing"), (32, "later")] {
        if number & bit != 0 {
            flags.insert(Keyword::new(word).expect("an atom"));
        }
    }
    flags
}

fn pick() -> impl Strategy<Value = Pick> {
    (0_u32..=100, 0_u32..=100, prop_oneof![3 => Just(1_usize), 2 => 2_usize..5, 1 => Just(97)])
        .prop_map(|(one, other, every)| Pick {
            first_percent: one.min(other),
            last_percent: one.max(other),
            every,
        })
}

fn step(counts: impl Strategy<Value = usize> + 'static) -> impl Strategy<Value = (bool, Step)> {
    let action =
        prop_oneof![Just(FlagAction::Add), Just(FlagAction::Remove), Just(FlagAction::Replace)];
    let which = prop_oneof![Just(Expunge::Deleted), Just(Expunge::Any)];
    let step = prop_oneof![
        6 => (counts, any::<[u8; 3]>()).prop_map(|(count, flags)| Step::Append { count, flags }),
        4 => (pick(), action, any::<u8>(), prop::option::of(0_u64..110)).prop_map(
            |(pick, action, flags, since_percent)| Step::Edit { pick, action, flags, since_percent }
        ),
        4 => (pick(), which).prop_map(|(pick, which)| Step::Expunge { pick, which }),
        2 => (pick(), any::<bool>(), any::<bool>())
            .prop_map(|(pick, same, moved)| Step::Transfer { pick, same, moved }),
        1 => Just(Step::Reload),
        2 => Just(Step::Remember),
    ];
    // Mostly the first mailbox, so that it grows.
    (prop::bool::weighted(0.2), step)
}

/// A mailbox, what it should be, and what it was.
struct Subject {
    id: MailboxId,
    state: MailboxState,
    model: Model,
    past: Vec<(Arc<Snapshot>, Model)>,
}

/// What the log would hold.
enum Logged {
    Changed(MailboxId, Change),
    Transferred(Transfer),
}

struct World {
    shelf: Arc<Shelf>,
    subjects: [Subject; 2],
    log: Vec<Logged>,
    next_email: u64,
}

impl World {
    fn new() -> Self {
        let shelf = Arc::new(Shelf::default());
        let subject = |id| Subject {
            id: MailboxId(id),
            state: MailboxState::new(validity(), Arc::clone(&shelf) as _),
            model: Model::default(),
            past: Vec::new(),
        };
        Self { subjects: [subject(1), subject(2)], shelf, log: Vec::new(), next_email: 1 }
    }

    fn take(&mut self, second: bool, step: &Step) {
        let at = usize::from(second);
        match *step {
            Step::Append { count, flags } => self.append(at, count, flags),
            Step::Edit { pick, action, flags, since_percent } => {
                let subject = &mut self.subjects[at];
                let since = since_percent.map(|percent| subject.model.modseq * percent / 100);
                let edit = FlagEdit {
                    uids: pick.uids(&subject.model),
                    action,
                    flags: flag_set(flags),
                    unchanged_since: since,
                };
                let planned = subject.state.plan_flags(&edit).expect("room for the change");
                let expected = subject.model.edit(&edit);
                assert_eq!((planned.changed, planned.conflicts), expected);
                self.change(at, planned.change);
            }
            Step::Expunge { pick, which } => {
                let subject = &mut self.subjects[at];
                let uids = pick.uids(&subject.model);
                let change = subject.state.plan_expunge(&uids, which, 0).expect("room");
                subject.model.expunge(&uids, which);
                self.change(at, change);
            }
            Step::Transfer { pick, same, moved } => {
                self.transfer(at, if same { at } else { 1 - at }, pick, moved);
            }
            Step::Reload => {
                let subject = &mut self.subjects[at];
                subject.state = self.shelf.reload(&subject.state);
            }
            Step::Remember => {
                let subject = &mut self.subjects[at];
                subject.past.push((subject.state.snapshot(), subject.model.clone()));
            }
        }
    }

    fn append(&mut self, at: usize, count: usize, flags: [u8; 3]) {
        let subject = &mut self.subjects[at];
        let flags = flags.map(flag_set);
        let (mut rows, mut sets) = (Vec::new(), Vec::new());
        for index in 0..count {
            rows.push(facts(self.next_email));
            sets.push(&flags[index % flags.len()]);
            self.next_email += 1;
        }
        let change = subject.state.plan_append(rows.clone(), &sets).expect("room");
        subject.model.append(&rows, &sets);
        self.change(at, Some(change));
    }

    fn transfer(&mut self, from: usize, to: usize, pick: Pick, moved: bool) {
        let uids = pick.uids(&self.subjects[from].model);
        let (source, target) = (&self.subjects[from], &self.subjects[to]);
        let planned =
            target.state.plan_transfer((source.id, &source.state), target.id, &uids, (moved, 77));
        let originals = source.model.existing(&uids);
        let Some(transfer) = planned.expect("room") else {
            assert_eq!(originals, []);
            return;
        };
        let keywords = source.model.keywords.clone();
        self.subjects[to].model.arrive(&originals, &keywords, 77);
        assert_eq!(transfer.uids, uids_of(&originals));
        if moved {
            // Not `uids`: within one mailbox they may name the copies, too.
            self.subjects[from].model.expunge(&transfer.uids, Expunge::Any);
        }
        apply_transfer(&transfer, |id| usize::from(id == MailboxId(2)), &mut self.subjects);
        self.log.push(Logged::Transferred(transfer));
    }

    fn change(&mut self, at: usize, change: Option<Change>) {
        if let Some(change) = change {
            let subject = &mut self.subjects[at];
            subject.state.apply(&change).expect("what was planned applies");
            self.log.push(Logged::Changed(subject.id, change));
        }
    }

    fn check(&self) {
        for subject in &self.subjects {
            let now = subject.state.snapshot();
            check_snapshot(&now, &subject.model);
            for (past, past_model) in &subject.past {
                check_difference((past, past_model), (&now, &subject.model));
            }
        }
    }

    /// What is remembered is as it was, and the log alone gives what is now.
    fn check_at_the_end(&self) {
        let mut replayed = World::new();
        for logged in &self.log {
            match logged {
                Logged::Changed(id, change) => {
                    let subject = &mut replayed.subjects[usize::from(*id == MailboxId(2))];
                    subject.state.apply(change).expect("what was logged applies");
                }
                Logged::Transferred(transfer) => {
                    let place = |id| usize::from(id == MailboxId(2));
                    apply_transfer(transfer, place, &mut replayed.subjects);
                }
            }
        }
        for (live, replayed) in self.subjects.iter().zip(&replayed.subjects) {
            check_snapshot(&replayed.state.snapshot(), &live.model);
            live.past.iter().for_each(|(past, model)| check_snapshot(past, model));
        }
    }
}

fn apply_transfer(
    transfer: &Transfer,
    place: impl Fn(MailboxId) -> usize,
    subjects: &mut [Subject; 2],
) {
    let arriving = arrivals(transfer);
    subjects[place(transfer.to)].state.apply(&arriving).expect("arrivals apply");
    if let Some(leaving) = departure(transfer) {
        subjects[place(transfer.from)].state.apply(&leaving).expect("departures apply");
    }
}

fn uids_of(messages: &[Message]) -> UidSet {
    messages.iter().filter_map(|message| Uid::new(message.uid)).collect()
}

fn validity() -> UidValidity {
    UidValidity::new(7).expect("above 0")
}

/// A message whose every column follows from its number.
fn facts(number: u64) -> NewRow {
    let signed = number.cast_signed();
    NewRow {
        size: u32::try_from(number % 10_007).expect("small"),
        internal_date: crate::columns::InternalDate {
            seconds: 1_700_000_000 - signed,
            zone_minutes: i16::try_from(number % 700).expect("small"),
        },
        save_date: signed * 3,
        sent_date: signed * 5,
        email_id: EmailId(number),
        thread_id: ThreadId(number / 3),
        ..NewRow::default()
    }
}

/// Runs are the rows again, as long as they can be within a word of the bitmaps.
fn check_runs(snapshot: &Snapshot, rows: &[Row]) {
    let all = UidSet::all();
    let mut expected = rows.iter();
    for run in snapshot.runs(&all) {
        let run = run.expect("readable");
        for (nth, uid) in run.uids().iter().enumerate() {
            let row = expected.next().expect("as many as rows");
            assert_eq!(run.row(nth).as_ref(), Some(row));
            assert_eq!((*uid, run.flags(nth)), (row.uid.get(), row.flags));
            assert_eq!(run.first().get() as usize + nth, row.seq.get() as usize);
            assert_eq!(run.modseq(nth), row.modseq.get());
            assert_eq!((run.size(nth), run.internal_date(nth)), (row.size, row.internal_date));
        }
        assert_eq!(run.row(run.len()), None);
    }
    assert_eq!(expected.next(), None);
    let some = rows.iter().step_by(3).chain(rows.iter().skip(5).step_by(7)).map(|row| row.uid);
    let some: UidSet = some.collect();
    let down = snapshot.numbers_down(&some).map(|range| range.expect("readable"));
    let down: Vec<u32> = down.flat_map(Iterator::rev).collect();
    let listed: Vec<u32> =
        snapshot.rows(&some).map(|row| row.expect("readable").seq.get()).collect();
    assert!(down.iter().rev().eq(&listed), "{down:?}");
}

fn check_snapshot(snapshot: &Snapshot, model: &Model) {
    let all = UidSet::all();
    let rows: Vec<Row> = snapshot.rows(&all).map(|row| row.expect("readable")).collect();
    assert_eq!(rows.len(), model.messages.len());
    for ((seq, row), message) in (1..).zip(&rows).zip(&model.messages) {
        check_row(row, seq, message);
    }
    check_runs(snapshot, &rows);
    let count = |flag: SystemFlag, is: bool| {
        let has = model.messages.iter().filter(|message| message.flags.has(flag) == is);
        u32::try_from(has.count()).expect("few")
    };
    assert_eq!(snapshot.exists() as usize, model.messages.len());
    assert_eq!(snapshot.unseen(), count(SystemFlag::Seen, false));
    assert_eq!(snapshot.deleted(), count(SystemFlag::Deleted, true));
    let sizes = model.messages.iter().map(|message| u64::from(message.facts.size));
    assert_eq!(snapshot.size_total(), sizes.sum::<u64>());
    assert_eq!(snapshot.uid_next().map(Uid::get), Some(model.uid_next));
    assert_eq!(snapshot.highest_modseq().get(), model.modseq);
    assert_eq!(snapshot.keywords(), model.keywords);
    let unseen = model.messages.iter().position(|message| !message.flags.has(SystemFlag::Seen));
    let first = snapshot.first_unseen().expect("readable").map(|seq| seq.get() as usize - 1);
    assert_eq!(first, unseen);
    check_numbering(snapshot, model);
    check_sets(snapshot, model);
}

fn check_row(row: &Row, seq: u32, message: &Message) {
    let facts = &message.facts;
    assert_eq!((row.seq.get(), row.uid.get()), (seq, message.uid));
    assert_eq!((row.flags, row.modseq.get()), (message.flags, message.modseq));
    assert_eq!((row.size, row.internal_date), (facts.size, facts.internal_date));
    assert_eq!((row.save_date, row.sent_date), (facts.save_date, facts.sent_date));
    assert_eq!((row.email_id, row.thread_id), (facts.email_id, facts.thread_id));
}

/// Every number of a small mailbox, and some of a large one.
fn check_numbering(snapshot: &Snapshot, model: &Model) {
    let stride = model.messages.len() / 100 + 1;
    let exists = u32::try_from(model.messages.len()).expect("few");
    for (seq, message) in (1..).zip(&model.messages).step_by(stride) {
        let (seq, uid) = (SeqNo::new(seq), Uid::new(message.uid).expect("above 0"));
        assert_eq!(snapshot.uid_at(seq.expect("from 1")).expect("readable"), Some(uid));
        assert_eq!(snapshot.seq_of(uid).expect("readable"), seq);
    }
    for uid in (1..model.uid_next + 2).step_by(stride).filter_map(Uid::new) {
        let seq = snapshot.seq_of(uid).expect("readable");
        assert_eq!(seq.is_some(), model.find(uid).is_some(), "{uid:?}");
    }
    let beyond = SeqNo::new(exists + 1).expect("above 0");
    assert_eq!(snapshot.uid_at(beyond).expect("readable"), None);
    for (first, last) in [(1, exists), (exists / 3, exists / 2), (exists / 2, exists + 9), (3, 2)] {
        let within = (1..).zip(&model.messages).filter(|(seq, _)| (first..=last).contains(seq));
        let expected: UidSet = within.filter_map(|(_, message)| Uid::new(message.uid)).collect();
        assert_eq!(snapshot.uids(first..=last).expect("readable"), expected, "{first}..={last}");
    }
}

fn check_sets(snapshot: &Snapshot, model: &Model) {
    let keyword = FlagBits::keyword(1);
    for flags in [SystemFlag::Seen.bit(), keyword, SystemFlag::Deleted.bit() | keyword] {
        let expected = model.uids(|message| message.flags & flags == flags);
        assert_eq!(snapshot.uids_with(flags).expect("readable"), expected);
    }
    let all = UidSet::all();
    for since in [0, 1, model.modseq / 2, model.modseq.saturating_sub(1), model.modseq] {
        let changed = model.uids(|message| message.modseq > since);
        assert_eq!(snapshot.changed_since(since).expect("readable"), changed);
        let listed = snapshot.runs_since(&all, since).map(|run| run.expect("readable"));
        let listed = listed.flat_map(|run| run.uids().to_vec()).filter_map(Uid::new);
        assert_eq!(listed.collect::<UidSet>(), changed);
        let gone = model.vanished.iter().filter(|(modseq, _)| *modseq > since);
        let gone: UidSet = gone.filter_map(|(_, uid)| Uid::new(*uid)).collect();
        assert_eq!(snapshot.has_expunged_since(since), !gone.is_empty());
        let some: UidSet = (1..model.uid_next).step_by(3).filter_map(Uid::new).collect();
        let pieces: Vec<_> = snapshot.gone(since, &some).expect("readable").collect();
        assert_eq!(UidSet::union(&pieces), gone.intersection(&some));
        assert_eq!(snapshot.expunged_since(since).expect("readable"), gone);
    }
}

/// The diff between two snapshots, and the view that has the old numbering and the new flags.
fn check_difference((old, before): (&Snapshot, &Model), (new, after): (&Snapshot, &Model)) {
    let diff = Diff::between(old, new).expect("readable");
    let is_in = |model: &Model, message: &Message| model.contains(message.uid);
    assert_eq!(diff.expunged, before.uids(|message| !is_in(after, message)));
    assert_eq!(diff.appended, after.uids(|message| !is_in(before, message)));
    let was = |message: &Message| before.at(message.uid).map(|was| was.modseq);
    let changed = |message: &Message| was(message).is_some_and(|was| was < message.modseq);
    assert_eq!(diff.reflagged, after.uids(changed));

    let view = old.with_flags_of(new).expect("readable");
    let mut expected = before.clone();
    for message in &mut expected.messages {
        if let Some(now) = after.at(message.uid) {
            (message.flags, message.modseq) = (now.flags, now.modseq);
        }
    }
    let all = UidSet::all();
    let rows: Vec<Row> = view.rows(&all).map(|row| row.expect("readable")).collect();
    assert_eq!(rows.len(), expected.messages.len());
    for ((seq, row), message) in (1..).zip(&rows).zip(&expected.messages) {
        check_row(row, seq, message);
    }
    assert_eq!(
        view.unseen() as usize,
        expected.uids(|m| !m.flags.has(SystemFlag::Seen)).iter().count()
    );
    let flagged = (FlagAction::Add, SystemFlag::Flagged.bit());
    let unlike = view.unlike(old, &all, flagged).expect("readable");
    let was_like = |message: &Message| {
        let was = before.at(message.uid).map(|was| was.flags | flagged.1);
        was == Some(message.flags)
    };
    assert_eq!(unlike, expected.uids(|message| !was_like(message)));
    let told = Diff::between(&view, new).expect("readable");
    assert_eq!((told.expunged, told.appended), (diff.expunged, diff.appended));
    assert!(told.reflagged.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_small_mailbox_agrees_with_the_model(
        steps in prop::collection::vec(step(prop_oneof![4 => Just(1_usize), 1 => 2_usize..70]), 1..50),
    ) {
        run(steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_mailbox_of_many_chunks_agrees_with_the_model(
        steps in prop::collection::vec(
            step(prop_oneof![Just(1_usize), Just(65), Just(450), Just(700), Just(5000)]),
            4..16,
        ),
    ) {
        run(steps);
    }
}

fn run(steps: Vec<(bool, Step)>) {
    let mut world = World::new();
    for (second, step) in steps {
        world.take(second, &step);
        world.check();
    }
    world.check_at_the_end();
}

/// One message at a time through all sizes of chunks, so that every merge is crossed.
#[test]
fn single_appends_cross_every_merge_and_leave_few_chunks() {
    let mut world = World::new();
    for count in 1..=9000_usize {
        world.append(0, 1, [0, 1, 4]);
        let chunks = world.subjects[0].state.chunks.len();
        assert!(chunks <= count / 4096 + 16, "{chunks} chunks for {count} messages");
    }
    world.check();
}

/// Expunging message by message leaves neither dead rows nor thin chunks without end.
#[test]
fn thin_chunks_are_joined() {
    let mut world = World::new();
    world.append(0, 20_000, [0, 1, 4]);
    world.take(false, &Step::Remember);
    for _ in 0..6 {
        let every_second = every_second_uid(&world.subjects[0].model);
        let subject = &mut world.subjects[0];
        let change = subject.state.plan_expunge(&every_second, Expunge::Any, 0).expect("room");
        subject.model.expunge(&every_second, Expunge::Any);
        world.change(0, change);
        world.check();
    }
    let chunks = &world.subjects[0].state.chunks;
    let rows: u32 = chunks.iter().map(|chunk| chunk.summary.rows).sum();
    assert!(rows <= 2 * world.subjects[0].state.snapshot().exists(), "{rows} rows");
    assert!(chunks.len() <= 3, "{} chunks", chunks.len());
}

fn every_second_uid(model: &Model) -> UidSet {
    model.messages.iter().step_by(2).filter_map(|message| Uid::new(message.uid)).collect()
}

/// Numbers that run out are refused, and nothing changes.
#[test]
fn spent_numbers_are_refused() {
    let mut world = World::new();
    world.append(0, 2, [0; 3]);
    let state = &mut world.subjects[0].state;
    let flags = FlagSet::default();
    state.uid_next = u32::MAX;
    let two = state.plan_append(vec![facts(1), facts(2)], &[&flags, &flags]);
    assert!(matches!(two, Err(crate::Error::Exhausted)), "{two:?}");
    let last = state.plan_append(vec![facts(1)], &[&flags]).expect("one UID is left");
    state.apply(&last).expect("applies");
    assert_eq!(state.snapshot().uid_next(), None);
    let more = state.plan_append(vec![facts(1)], &[&flags]);
    assert!(matches!(more, Err(crate::Error::Exhausted)), "{more:?}");
    state.highest_modseq = ModSeq::new(i64::MAX.unsigned_abs()).expect("the highest");
    let gone = state.plan_expunge(&UidSet::all(), Expunge::Any, 0);
    assert!(matches!(gone, Err(crate::Error::Exhausted)), "{gone:?}");
}

/// A mailbox numbers 123 keywords; one more is refused unless nothing would get it.
#[test]
fn too_many_keywords_are_refused() {
    let mut world = World::new();
    world.append(0, 1, [0; 3]);
    let keyword = |number: usize| Keyword::new(&format!("k{number}")).expect("an atom");
    let edit = |keywords: Vec<Keyword>| FlagEdit {
        uids: UidSet::all(),
        action: FlagAction::Add,
        flags: FlagSet { system: FlagBits::default(), keywords },
        unchanged_since: None,
    };
    let state = &mut world.subjects[0].state;
    let all = state.plan_flags(&edit((0..crate::KEYWORDS_MAX).map(keyword).collect()));
    state.apply(&all.expect("as many as fit").change.expect("a change")).expect("applies");
    let more = state.plan_flags(&edit(vec![keyword(crate::KEYWORDS_MAX)]));
    assert!(matches!(more, Err(crate::Error::TooManyKeywords(_))), "{more:?}");
    let same = state.plan_flags(&edit(vec![keyword(5)])).expect("a known keyword");
    assert!(same.change.is_none());
}
