//! How fast FETCH answers are formatted, by what is asked for: the server's own encoder over a
//! mailbox of many small messages, into a buffer that is used again, without sockets.

use std::hint::black_box;

use benches::corpus::{Corpus, Profile};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::{
    AccountId, AppendItem, FlagSet, InternalDate, Keyword, Mailbox, Options, Store, SystemFlag,
};
use server::imap::command::FetchAttribute::{
    self, Envelope, Flags, InternalDate as Date, Size, Uid,
};
use server::imap::command::FetchItems;
use server::imap::fetch_answers;

const MESSAGES: u32 = 5_000;
const ASKED: [(&str, &[FetchAttribute]); 3] = [
    ("uid_flags", &[Uid, Flags]),
    ("uid_envelope", &[Uid, Envelope]),
    ("uid_flags_date_size_envelope", &[Uid, Flags, Date, Size, Envelope]),
];

/// Messages as a user leaves them: most are read, some answered, a few flagged with a keyword.
fn flags(number: u64) -> FlagSet {
    let mut flags = match number % 10 {
        0 | 1 => FlagSet::default(),
        2 => FlagSet::system(&[SystemFlag::Seen, SystemFlag::Answered]),
        _ => FlagSet::system(&[SystemFlag::Seen]),
    };
    if number % 50 == 7 {
        flags.keywords.push(Keyword::new("$Forwarded").expect("an atom"));
    }
    flags
}

fn fill(dir: &std::path::Path) -> (Store, Mailbox) {
    let store = Store::create(dir, &Options::default()).expect("a store");
    let account = store.ensure_account(AccountId(1), &[]).wait().expect("an account");
    let inbox = account.mailbox("INBOX").expect("INBOX");
    let corpus = Corpus::new(Profile::Tiny, 7);
    let items = (0..u64::from(MESSAGES)).map(|number| AppendItem {
        message: store.prepare(&corpus.message(number)),
        flags: flags(number),
        internal_date: InternalDate {
            seconds: 1_700_000_000 + 60 * number.cast_signed(),
            zone_minutes: 540,
        },
    });
    inbox.append(items.collect()).wait().expect("appended");
    // As a mailbox lies some time after its messages came.
    store.upkeep().expect("upkeep");
    store.checkpoint().expect("a checkpoint");
    (store, inbox)
}

fn format(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let (_store, inbox) = fill(&dir.path().join("store"));
    let mut group = c.benchmark_group("format");
    group.throughput(Throughput::Elements(MESSAGES.into()));
    for (name, attributes) in ASKED {
        let items = FetchItems { attributes: attributes.to_vec(), sections: Vec::new() };
        let (mut out, mut answers) = (Vec::new(), 0);
        let count = |piece: &[u8]| answers += piece.split(|octet| *octet == b'\n').count() - 1;
        fetch_answers(&inbox, &items, &mut out, count).expect("formatted");
        assert_eq!(answers, MESSAGES as usize, "{name}: a line for each message");
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                let mut octets = 0;
                let count = |piece: &[u8]| octets += black_box(piece).len();
                fetch_answers(&inbox, &items, &mut out, count).expect("formatted");
                octets
            });
        });
    }
    group.finish();
}

criterion_group!(benches, format);
criterion_main!(benches);
