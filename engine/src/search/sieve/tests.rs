use std::sync::{Arc, Weak};

use proptest::prelude::*;

use super::*;
use crate::columns::{Base, InternalDate, Marks, NewRow};
use crate::ids::{ModSeq, RecordAddr, Uid, UidValidity};
use crate::image::Vanished;
use crate::record::{Change, FlagAction};
use crate::state::{Chunk, ColumnSource, Evict, Keeper, MailboxState, Row};

/// Everything is in memory.
struct Nowhere;

impl Keeper for Nowhere {
    fn keep(&self, _: Weak<dyn Evict>, _: usize) {}
}

impl ColumnSource for Nowhere {
    fn base(&self, _: RecordAddr, _: u32) -> Result<Base, Error> {
        Err(Error::Closed)
    }

    fn marks(&self, _: RecordAddr, _: u32) -> Result<Marks, Error> {
        Err(Error::Closed)
    }

    fn history(&self, _: RecordAddr) -> Result<Vec<Arc<Vanished>>, Error> {
        Err(Error::Closed)
    }
}

fn holds(sieve: &Sieve, row: &Row) -> Option<bool> {
    let day = |seconds: i64, zone: i16| (seconds + i64::from(zone) * 60).div_euclid(DAY);
    Some(match sieve {
        Sieve::Open => return None,
        Sieve::Flags(flags) => row.flags & *flags == *flags,
        Sieve::Uids(uids) => uids.contains(row.uid),
        Sieve::Sizes(sizes) => sizes.contains(&row.size.into()),
        Sieve::Days(DateColumn::Internal, days) => {
            days.contains(&day(row.internal_date.seconds, row.internal_date.zone_minutes))
        }
        Sieve::Days(DateColumn::Sent, days) => {
            days.contains(&day(row.sent_date, row.sent_zone_minutes))
        }
        Sieve::Days(DateColumn::Saved, days) => days.contains(&day(row.save_date, 0)),
        Sieve::ArrivedUntil(second) => row.internal_date.seconds <= *second,
        Sieve::ModSeqFrom(modseq) => row.modseq.get() >= *modseq,
        Sieve::EmailId(id) => row.email_id == *id,
        Sieve::ThreadId(id) => row.thread_id == *id,
        Sieve::Not(sieve) => return holds(sieve, row).map(|holds| !holds),
        Sieve::Any(sieves) => return joined(sieves, row, true),
        Sieve::All(sieves) => return joined(sieves, row, false),
    })
}

fn joined(sieves: &[Sieve], row: &Row, decisive: bool) -> Option<bool> {
    let each: Vec<_> = sieves.iter().map(|sieve| holds(sieve, row)).collect();
    if each.contains(&Some(decisive)) {
        return Some(decisive);
    }
    (!each.contains(&None)).then_some(!decisive)
}

fn uids() -> impl Strategy<Value = UidSet> {
    prop::collection::vec((1_u32..400, 0_u32..150), 0..4).prop_map(|ranges| {
        let mut uids = UidSet::new();
        for (first, len) in ranges {
            uids.insert_range(
                Uid::new(first).expect("above 0"),
                Uid::new(first + len).expect("too"),
            );
        }
        uids
    })
}

fn flags() -> impl Strategy<Value = FlagBits> {
    let seen = SystemFlag::Seen.bit();
    let deleted = SystemFlag::Deleted.bit();
    let flagged = SystemFlag::Flagged.bit();
    prop_oneof![
        Just(seen),
        Just(deleted),
        Just(flagged),
        Just(seen | deleted),
        Just(FlagBits::default())
    ]
}

fn days() -> impl Strategy<Value = Range<i64>> {
    (-3_i64..6, 0_i64..4).prop_map(|(first, len)| first..first + len)
}

fn sieve() -> impl Strategy<Value = Sieve> {
    let column =
        prop_oneof![Just(DateColumn::Internal), Just(DateColumn::Sent), Just(DateColumn::Saved)];
    let one = prop_oneof![
        Just(Sieve::Open),
        flags().prop_map(Sieve::Flags),
        uids().prop_map(Sieve::Uids),
        (0_u64..100, 0_u64..60).prop_map(|(low, len)| Sieve::Sizes(low..low + len)),
        (column, days()).prop_map(|(column, days)| Sieve::Days(column, days)),
        (-200_000_i64..400_000).prop_map(Sieve::ArrivedUntil),
        (0_u64..9).prop_map(Sieve::ModSeqFrom),
        (0_u64..40).prop_map(|id| Sieve::EmailId(EmailId(id))),
        (0_u64..10).prop_map(|id| Sieve::ThreadId(ThreadId(id))),
    ];
    one.prop_recursive(4, 24, 4, |inner| {
        let many = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            inner.prop_map(|sieve| Sieve::Not(Box::new(sieve))),
            many.clone().prop_map(Sieve::Any),
            many.prop_map(Sieve::All),
        ]
    })
}

/// Columns of a message: size, dates, zone, flags.
type Facts = (u32, [i64; 3], i16, FlagBits);

fn facts() -> impl Strategy<Value = Facts> {
    let date = || -200_000_i64..400_000;
    (0_u32..100, [date(), date(), date()], -720_i16..840, flags())
}

fn mailbox(chunks: &[Vec<Facts>], marked: &UidSet, gone: &UidSet) -> Arc<Snapshot> {
    let mut state = MailboxState::new(UidValidity::new(1).expect("above 0"), Arc::new(Nowhere));
    let mut uid = 0;
    for (modseq, chunk) in (2..).zip(chunks) {
        let row = |(size, dates, zone, flags): &Facts| {
            // Now and then a UID is missing.
            uid += 1 + u32::from(*size % 7 == 0);
            NewRow {
                uid,
                flags: *flags,
                size: *size,
                internal_date: InternalDate { seconds: dates[0], zone_minutes: *zone },
                save_date: dates[1],
                sent_date: dates[2],
                sent_zone_minutes: -zone,
                email_id: EmailId(uid.into()),
                thread_id: ThreadId(u64::from(uid) % 10),
            }
        };
        let rows: Vec<_> = chunk.iter().map(row).collect();
        state.chunks.extend(Chunk::of_rows(&rows, modseq).map(Arc::new));
    }
    state.uid_next = uid + 1;
    let modseq = |modseq| ModSeq::new(modseq).expect("above 0");
    let seen = SystemFlag::Seen.bit();
    let edit = Change::Flags {
        modseq: modseq(7),
        new_keywords: Vec::new(),
        uids: marked.clone(),
        action: FlagAction::Add,
        flags: seen,
    };
    state.apply(&edit).expect("in memory");
    let uids = state.snapshot().rows(gone).map(|row| row.expect("in memory").uid).collect();
    state.apply(&Change::Expunge { modseq: modseq(8), at: 0, uids }).expect("in memory");
    state.snapshot()
}

proptest! {
    #[test]
    fn a_sieve_lets_through_what_rows_say(
        chunks in prop::collection::vec(prop::collection::vec(facts(), 1..150), 0..4),
        (marked, gone) in (uids(), uids()),
        sieve in sieve(),
    ) {
        let snapshot = mailbox(&chunks, &marked, &gone);
        let mut known = Vec::new();
        for sifted in sift(&snapshot, &sieve) {
            let sifted = sifted.expect("in memory");
            prop_assert_eq!(sifted.before() as usize, known.len());
            let has = |nth: u32| {
                sifted.holds().get(nth as usize / 64).is_some_and(|word| word >> (nth % 64) & 1 == 1)
            };
            known.extend((0..sifted.count()).map(|nth| Some(has(nth))));
            let beyond = sifted.holds().iter().map(|word| word.count_ones() as usize).sum::<usize>();
            prop_assert_eq!(beyond, (0..sifted.count()).filter(|nth| has(*nth)).count());
            for run in sifted.open() {
                for nth in 0..run.len() {
                    let at = run.first().get() as usize - 1 + nth;
                    prop_assert_eq!(known[at], Some(false));
                    known[at] = None;
                }
            }
        }
        let all = UidSet::all();
        let rows = snapshot.rows(&all).map(|row| holds(&sieve, &row.expect("in memory")));
        prop_assert_eq!(known, rows.collect::<Vec<_>>());
    }
}
