//! The log on a disk that fails: power lost at every operation, refused writes and syncs, a full
//! disk, flipped bits. What was acknowledged is there, what is there was written, in order.

use crate::io::sim::SimDisk;
use crate::log::*;

/// Post-crash disks tried for each place where power is lost.
const IMAGES: u64 = 12;
const BATCHES: usize = 26;

type Written = (RecordAddr, u8, Vec<u8>);

fn options() -> LogOptions {
    LogOptions { store_id: 7, shard: ShardId(0), segment_len_max: SEGMENT_LEN_MIN }
}

fn open(disk: &SimDisk) -> Result<(Log, Vec<Damage>), Error> {
    Log::open(Arc::new(disk.clone()), options())
}

/// What a run wrote and what it was told.
#[derive(Default)]
struct History {
    attempted: Vec<Written>,
    /// How many of `attempted` each frame ends at.
    frame_ends: Vec<usize>,
    acknowledged: usize,
    /// What `checkpoint` may answer after a crash: the newest acknowledged and all after it.
    checkpoints: Vec<Option<RecordAddr>>,
}

impl History {
    fn frame(&mut self, log: &mut Log, number: usize) -> Result<(), Error> {
        let records: Vec<(u8, Vec<u8>)> = (0..=number % 3)
            .map(|index| {
                let len = if number % 29 == 28 { 5000 } else { (number * 131 + index * 57) % 420 };
                (byte(index) + 1, vec![byte(number * 3 + index) | 1; len])
            })
            .collect();
        let len: usize = records.iter().map(|(_, payload)| payload.len()).sum();
        log.reserve(len as u64, records.len())?;
        // A reserve that rolled has committed what was pending.
        if log.pending_len() == 0 {
            self.acknowledged = self.attempted.len();
        }
        log.begin_frame();
        for (kind, payload) in records {
            let addr = log.record(kind, &[&payload]);
            self.attempted.push((addr, kind, payload));
        }
        log.end_frame();
        self.frame_ends.push(self.attempted.len());
        Ok(())
    }

    fn batch(&mut self, log: &mut Log, number: usize) -> Result<(), Error> {
        for index in 0..=number % 3 {
            self.frame(log, number * 3 + index)?;
        }
        log.commit()?;
        self.acknowledged = self.attempted.len();
        if number % 7 == 6 {
            let checkpoint = self.attempted.last().map(|(addr, ..)| *addr);
            self.checkpoints.push(checkpoint);
            log.set_checkpoint(checkpoint.expect("batches are not empty"))?;
            self.checkpoints = vec![checkpoint];
        }
        Ok(())
    }

    /// Runs until it is done or the log is gone.
    fn run(disk: &SimDisk) -> Self {
        let mut history = Self { checkpoints: vec![None], ..Self::default() };
        let Ok((mut log, _)) = open(disk) else { return history };
        for number in 0..BATCHES {
            if history.batch(&mut log, number).is_err() && log.is_poisoned() {
                assert!(matches!(log.commit(), Err(Error::Poisoned)));
                assert!(matches!(log.reserve(1, 1), Err(Error::Poisoned)));
                break;
            }
        }
        history
    }

    /// Opens the disk and holds what is found against what was written and acknowledged.
    fn check(&self, disk: &SimDisk, context: &str) {
        let (mut log, damages) = open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(damages, [], "{context}");
        let found = all(&log.reader(), context);
        let count = found.len();
        assert!(count >= self.acknowledged, "{context}: lost what was acknowledged");
        assert_eq!(found[..], self.attempted[..count.min(self.attempted.len())], "{context}");
        assert!(count == 0 || self.frame_ends.contains(&count), "{context}: half a frame");
        assert!(self.checkpoints.contains(&log.checkpoint()), "{context}: checkpoint");
        for (addr, kind, payload) in found.iter().chain(&self.named(log.checkpoint())) {
            let record = log.reader().read_record(*addr).expect("an address found is readable");
            assert_eq!(record, (*kind, payload.clone()), "{context}");
        }

        // What a reopened log shows is there for good, and it takes more.
        let again = disk.after_power_loss(0);
        let (reopened, _) = open(&again).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(all(&reopened.reader(), context), found, "{context}: shown, then lost");
        let mut more = History::default();
        more.batch(&mut log, 2).unwrap_or_else(|error| panic!("{context}: {error}"));
        drop(log);
        let (log, _) = open(&disk.after_power_loss(0)).expect("opened again");
        let expected = [found, more.attempted].concat();
        assert_eq!(all(&log.reader(), context), expected, "{context}: more");
    }

    fn named(&self, addr: Option<RecordAddr>) -> Vec<Written> {
        self.attempted.iter().filter(|(at, ..)| Some(*at) == addr).cloned().collect()
    }
}

fn all(log: &LogReader, context: &str) -> Vec<Written> {
    let mut found = Vec::new();
    let damages = log.scan(LogPos::default(), &mut |addr, kind, payload| {
        found.push((addr, kind, payload.to_vec()));
        Ok(())
    });
    assert_eq!(damages.expect("readable"), [], "{context}");
    found
}

fn byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

/// A run without any failure, and how many operations it took.
fn whole_run() -> (SimDisk, History, u64) {
    let disk = SimDisk::default();
    let history = History::run(&disk);
    let ops = disk.op_count();
    assert_eq!(history.acknowledged, history.attempted.len());
    (disk, history, ops)
}

#[test]
fn a_run_without_failure_rolls_and_keeps_all() {
    let (disk, history, ops) = whole_run();
    let (log, _) = open(&disk).expect("opened");
    assert!(log.stats().segments() > 5, "{} segments", log.stats().segments());
    assert!(ops > 200, "{ops} operations");
    history.check(&disk, "no failure");
}

#[test]
fn power_lost_at_any_operation_loses_nothing_acknowledged_and_invents_nothing() {
    let (_, _, ops) = whole_run();
    let mut cuts = 0;
    for op in 0..ops {
        let disk = SimDisk::default();
        disk.lose_power_at(op);
        let history = History::run(&disk);
        for image in 0..IMAGES {
            let seed = if image < 2 { image } else { op * IMAGES + image };
            history.check(&disk.after_power_loss(seed), &format!("op {op}, seed {seed}"));
            cuts += 1;
        }
    }
    assert!(cuts >= 2_000, "{cuts} cuts");
}

#[test]
fn power_lost_again_during_recovery_does_no_harm() {
    let (_, _, ops) = whole_run();
    for op in 0..ops {
        let disk = SimDisk::default();
        disk.lose_power_at(op);
        let history = History::run(&disk);
        let image = disk.after_power_loss(op + 2);
        let recovery = image.restarted();
        open(&recovery).map(drop).expect("recovers");
        for again in image.op_count()..recovery.op_count() {
            let twice = image.restarted();
            twice.lose_power_at(again);
            assert!(open(&twice).is_err(), "op {op}, then {again}: power is lost");
            for seed in [0, 1, op + again + 2] {
                let context = format!("op {op}, then {again}, seed {seed}");
                history.check(&twice.after_power_loss(seed), &context);
            }
        }
    }
}

#[test]
fn an_operation_refused_poisons_or_is_taken_back_and_loses_nothing() {
    let (_, _, ops) = whole_run();
    let mut poisoned = 0;
    for op in 0..ops {
        for seed in 0..3 {
            let disk = SimDisk::default();
            disk.fail_at(op, seed);
            let history = History::run(&disk);
            poisoned += usize::from(history.acknowledged < history.attempted.len());
            let context = format!("op {op} refused, seed {seed}");
            history.check(&disk.restarted(), &format!("{context}, restarted"));
            history.check(&disk.after_power_loss(0), &format!("{context}, power lost"));
            history.check(&disk.after_power_loss(op + 2), &format!("{context}, power lost"));
        }
    }
    assert!(poisoned > 50, "{poisoned} runs had a commit refused");
}

/// Frames of one size, so that what a torn batch left behind stands just where the next frame
/// ends: it must not come back as part of a later batch.
#[test]
fn what_a_torn_write_left_behind_never_joins_a_later_batch() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk).expect("made");
    let append = |log: &mut Log, payload: &[u8]| {
        log.reserve(payload.len() as u64, 1).expect("room");
        log.begin_frame();
        let addr = log.record(1, &[payload]);
        log.end_frame();
        (addr, 1, payload.to_vec())
    };
    let first = append(&mut log, b"first");
    log.commit().expect("committed");
    let torn = append(&mut log, b"torn!");
    append(&mut log, b"after");
    log.commit().expect("committed");
    drop(log);
    let bit = usize::try_from(torn.0.offset).expect("small") * 8;
    disk.flip(&segment_file::segment_name(torn.0.segment), bit);

    let (mut log, damages) = open(&disk).expect("opened");
    assert_eq!(damages, []);
    let later = append(&mut log, b"later");
    assert_eq!(later.0, torn.0);
    log.commit().expect("committed");
    drop(log);
    let (log, _) = open(&disk).expect("opened");
    assert_eq!(all(&log.reader(), "again"), [first, later]);
}

#[test]
fn a_full_disk_refuses_a_new_segment_and_goes_on_once_there_is_room() {
    let disk = SimDisk::default();
    let (mut log, _) = open(&disk).expect("made");
    let mut history = History { checkpoints: vec![None], ..History::default() };
    disk.set_capacity(Some(disk.used() + SEGMENT_LEN_MIN / 2));
    let mut number = 0;
    let refusal = loop {
        match history.batch(&mut log, number) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, Error::Io { .. }), "{refusal}");
    assert!(!log.is_poisoned());
    log.commit().expect("what was taken before is committed");
    disk.set_capacity(None);
    history.batch(&mut log, number + 1).expect("there is room again");
    drop(log);
    history.check(&disk.after_power_loss(0), "full, then not");
}

#[test]
fn a_manifest_that_is_damaged_or_gone_is_made_again_from_the_segments() {
    let (disk, history, _) = whole_run();
    let len = usize::try_from(disk.open("manifest").expect("there").len()).expect("small");
    let flips = (0..len * 8).step_by(11).map(|bit| {
        let flipped = disk.restarted();
        flipped.flip("manifest", bit);
        flipped
    });
    let gone = disk.restarted();
    gone.remove("manifest").expect("removed");
    for broken in flips.chain([gone]) {
        let scan = Scan::open(Arc::new(broken.clone()), &options()).expect("opened to read");
        let mut count = 0;
        let damages = scan.scan(LogPos::default(), &mut |_, _, _| {
            count += 1;
            Ok(())
        });
        assert_eq!((damages.expect("readable").len(), count), (1, history.attempted.len()));

        let (log, damages) = open(&broken).expect("opened");
        assert_eq!((damages.len(), log.checkpoint()), (1, None));
        assert_eq!(all(&log.reader(), "made again"), history.attempted);
        drop(log);
        let (_, damages) = open(&broken.after_power_loss(0)).expect("opened");
        assert_eq!(damages, [], "it was written");
    }
}

#[test]
fn a_flipped_bit_is_reported_and_all_outside_its_frame_is_served() {
    let (disk, history, _) = whole_run();
    let last_batch = history.acknowledged - 3;
    let names: Vec<_> = disk.list().expect("listed");
    let mut reported = 0;
    for name in names.iter().filter(|name| segment_file::segment_id(name).is_some()) {
        let id = segment_file::segment_id(name).expect("just filtered");
        let len = usize::try_from(disk.open(name).expect("there").len()).expect("small");
        for byte in (0..len).step_by(5) {
            let flipped = disk.restarted();
            flipped.flip(name, byte * 8 + byte % 8);
            let (log, opened) = open(&flipped).expect("opened");
            let mut found = Vec::new();
            let damages = log.reader().scan(LogPos::default(), &mut |addr, kind, payload| {
                found.push((addr, kind, payload.to_vec()));
                Ok(())
            });
            let damages = [opened, damages.expect("readable")].concat();
            let lost: Vec<_> = history.attempted.iter().filter(|it| !found.contains(it)).collect();
            assert!(found.iter().all(|it| history.attempted.contains(it)), "{name} {byte}");
            // A frame has three records at most. Only in the last batch, of which nobody knows
            // whether it was synced, may damage pass for torn.
            assert!(lost.len() <= 3 || lost.iter().all(|it| **it >= history.attempted[last_batch]));
            assert!(lost.iter().all(|it| it.0.segment == id), "{name} {byte}");
            let is_last = lost.iter().all(|it| it.0 >= history.attempted[last_batch].0);
            assert!(!damages.is_empty() || is_last, "{name} {byte}: lost without a word");
            reported += usize::from(!damages.is_empty());
        }
    }
    assert!(reported > 1_000, "{reported} reported");
}
