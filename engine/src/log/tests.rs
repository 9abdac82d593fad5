//! The log on a real disk: what is written is read, across segments and reopenings.

mod crash;

use std::path::Path;

use super::*;
use crate::io::{IoPath, shard_disk};

fn options() -> LogOptions {
    LogOptions { store_id: 7, shard: ShardId(0), segment_len_max: 64 << 10 }
}

fn disk(dir: &Path, io: IoPath) -> Arc<dyn Disk> {
    shard_disk(&dir.join("shard-0000"), io).expect("a directory")
}

fn append(log: &mut Log, kind: u8, payload: &[u8]) -> Result<RecordAddr, Error> {
    log.reserve(payload.len() as u64, 1)?;
    log.begin_frame();
    let (front, back) = payload.split_at(payload.len() / 2);
    let addr = log.record(kind, &[front, back]);
    log.end_frame();
    Ok(addr)
}

type Found = (RecordAddr, u8, Vec<u8>);

fn all(log: &LogReader, from: LogPos) -> (Vec<Found>, Vec<Damage>) {
    let mut found = Vec::new();
    let damages = log.scan(from, &mut |addr, kind, payload| {
        found.push((addr, kind, payload.to_vec()));
        Ok(())
    });
    (found, damages.expect("readable"))
}

fn payload(number: usize) -> Vec<u8> {
    (0..number * 37 % 5000).map(|index| (index * 7 + number).to_le_bytes()[0]).collect()
}

fn round_trip(io: IoPath) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = Log::create(disk(dir.path(), io), options()).expect("made");
    let mut expected = Vec::new();
    for number in 0..100 {
        let addr = append(&mut log, 3, &payload(number)).expect("written");
        expected.push((addr, 3, payload(number)));
        if number % 3 == 0 {
            log.commit().expect("committed");
        }
    }
    let large = vec![9; 200_000];
    expected.push((append(&mut log, 4, &large).expect("written"), 4, large));
    log.set_checkpoint(expected[50].0).expect("checkpoint");
    assert_eq!(all(&log.reader(), LogPos::default()), (expected.clone(), Vec::new()));
    assert!(log.stats().segments() > 3 && log.stats().commits() > 30);
    let end = log.end();
    drop(log);

    let scan = Scan::open(disk(dir.path(), io), &options()).expect("opened to read");
    assert_eq!(scan.checkpoint(), Some(expected[50].0));
    assert_eq!(all(&scan.reader(), LogPos::default()).0, expected);
    let (log, damages) = Log::open(disk(dir.path(), io), options()).expect("opened");
    assert_eq!((damages, log.end(), log.checkpoint()), (Vec::new(), end, scan.checkpoint()));
    assert_eq!(all(&log.reader(), expected[50].0).0, expected[50..]);
    for (addr, kind, payload) in &expected {
        assert_eq!(log.reader().read_record(*addr).expect("there"), (*kind, payload.clone()));
    }
}

#[test]
fn what_was_committed_is_read_on_the_blocking_path() {
    round_trip(IoPath::Blocking);
}

#[test]
fn what_was_committed_is_read_on_the_ring_path() {
    let dir = tempfile::tempdir().expect("a directory");
    match shard_disk(&dir.path().join("probe"), IoPath::Uring) {
        Ok(_) => round_trip(IoPath::Uring),
        // Many containers forbid rings.
        Err(error) => eprintln!("not tested: {error}"),
    }
}

#[test]
fn a_part_of_a_payload_is_read_and_ends_where_the_payload_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = Log::create(disk(dir.path(), IoPath::Blocking), options()).expect("made");
    let bytes = payload(100);
    let addr = append(&mut log, 1, &bytes).expect("written");
    append(&mut log, 1, b"behind").expect("written");
    log.commit().expect("committed");
    let reader = log.reader();
    for (skip, len) in [(0, 10), (0, 5000), (10, 20), (3000, 5000), (5000, 10), (0, 0)] {
        let part = reader.read_payload(addr, skip as u64, len).expect("read");
        let from = bytes.len().min(skip);
        assert_eq!(part, bytes[from..bytes.len().min(skip + len)], "{skip} {len}");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = Log::create(disk(dir.path(), IoPath::Blocking), options()).expect("made");
    let addr = append(&mut log, 1, b"hello").expect("written");
    let reader = log.reader();
    assert!(matches!(reader.read_record(addr), Err(Error::Damaged { .. })), "not committed");
    log.commit().expect("committed");
    for offset in 0..200 {
        let near = LogPos { offset, ..addr };
        assert_eq!(reader.read_record(near).is_ok(), near == addr, "{near}");
    }
    let elsewhere = LogPos { segment: SegmentId(9), ..addr };
    assert!(matches!(reader.read_record(elsewhere), Err(Error::Damaged { .. })));
}

#[test]
fn a_frame_larger_than_a_frame_can_be_is_refused_and_poisons_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = Log::create(disk(dir.path(), IoPath::Blocking), options()).expect("made");
    let refusal = log.reserve(FRAME_BODY_LEN_MAX, 1);
    assert!(matches!(refusal, Err(Error::MessageTooLarge { .. })));
    append(&mut log, 1, b"hello").expect("written");
    log.commit().expect("committed");
}

#[test]
fn a_log_is_neither_made_twice_nor_opened_for_another_store() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(Log::create(disk(dir.path(), IoPath::Blocking), options()).expect("made"));
    let again = Log::create(disk(dir.path(), IoPath::Blocking), options());
    assert!(matches!(again, Err(Error::Unusable(_))));
    let other = LogOptions { store_id: 8, ..options() };
    let opened = Log::open(disk(dir.path(), IoPath::Blocking), other);
    assert!(matches!(opened, Err(Error::Unusable(_))));
}
