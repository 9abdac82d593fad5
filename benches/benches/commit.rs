//! How fast appends become durable, by how many wait for the same sync and by I/O path.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::io::IoPath;
use engine::{
    AccountId, AppendItem, Error, FlagSet, InternalDate, Mailbox, Options, Prepared, Store,
};
use tempfile::TempDir;

/// Appends that are under way together: one client, a busy server, a flood.
const WAITERS: [usize; 3] = [1, 16, 256];
const PATHS: [(&str, IoPath); 2] = [("blocking", IoPath::Blocking), ("uring", IoPath::Uring)];
const MESSAGE_LEN: usize = 20_000;

/// A store of its own with an empty INBOX, on the disk the project is built on: a file system
/// in memory would sync for nothing.
struct Bed {
    store: Store,
    inbox: Mailbox,
    _dir: TempDir,
}

impl Bed {
    fn new(io: IoPath) -> Result<Self, Error> {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let options = Options { io, ..Options::default() };
        let store = Store::create(&dir.path().join("store"), &options)?;
        let inbox = store.ensure_account(AccountId(1), &[]).wait()?.mailbox("INBOX")?;
        Ok(Self { store, inbox, _dir: dir })
    }

    /// Starts `waiters` appends, then waits for each: what they share is the sync.
    fn append(&self, message: &Prepared, waiters: usize) {
        let receipts: Vec<_> = (0..waiters)
            .map(|_| {
                self.inbox.append(vec![AppendItem {
                    message: message.clone(),
                    flags: FlagSet::default(),
                    internal_date: InternalDate { seconds: 1_700_000_000, zone_minutes: 0 },
                }])
            })
            .collect();
        for receipt in receipts {
            black_box(receipt.wait().expect("appended"));
        }
    }

    fn commits(&self) -> u64 {
        self.store.stats().iter().map(|log| log.commits()).sum()
    }
}

/// A message of words in an order that `seed` decides; it compresses about as mail does.
fn message(mut seed: u64) -> Vec<u8> {
    let words = ["storehouse", "letter", "of", "the", "invoice", "tomorrow", "meeting", "and"];
    let mut bytes =
        b"From: a@example.test\r\nTo: b@example.test\r\nSubject: bench\r\n\r\n".to_vec();
    while bytes.len() < MESSAGE_LEN {
        for _ in 0..8 {
            // xorshift64 (Marsaglia, 2003).
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let word = words[usize::try_from(seed % 8).expect("below 8")];
            bytes.extend_from_slice(format!("{word} {:x} ", seed >> 52).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn commit(c: &mut Criterion) {
    let message = Prepared::new(&message(1));
    let mut group = c.benchmark_group("commit");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    for (name, io) in PATHS {
        for waiters in WAITERS {
            let bed = match Bed::new(io) {
                Ok(bed) => bed,
                Err(Error::Unusable(reason)) => {
                    eprintln!("{name} is not measured: {reason}");
                    break;
                }
                Err(error) => panic!("cannot make a store: {error}"),
            };
            group.throughput(Throughput::Elements(waiters as u64));
            group.bench_function(BenchmarkId::new(name, waiters), |b| {
                b.iter(|| bed.append(&message, waiters));
            });
            let (appended, commits) = (bed.inbox.snapshot().exists(), bed.commits());
            eprintln!("{name}, {waiters} waiters: {appended} appends in {commits} commits");
            bed.store.close();
        }
    }
    group.finish();
}

criterion_group!(benches, commit);
criterion_main!(benches);
