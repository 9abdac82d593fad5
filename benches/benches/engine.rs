//! How fast the engine's parts are: replay of a log, walking and listing a mailbox, scanning text.

use std::ops::ControlFlow;
use std::path::Path;

use benches::corpus::{Corpus, Profile};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::message::{SortKeys, Structure, body_text, preview};
use engine::search::Needle;
use engine::{AccountId, AppendItem, FlagSet, InternalDate, Mailbox, Options, Prepared, Store};

const ACCOUNT: AccountId = AccountId(1);
const MESSAGES: u64 = 10_000;

fn options() -> Options {
    // No checkpoint: the log alone.
    Options { checkpoint_every: u64::MAX, ..Options::default() }
}

fn fill(dir: &Path) -> (Store, Mailbox) {
    let store = Store::create(dir, &options()).expect("a store");
    let account = store.ensure_account(ACCOUNT, &[]).wait().expect("an account");
    let inbox = account.mailbox("INBOX").expect("INBOX");
    let corpus = Corpus::new(Profile::Tiny, 1);
    for first in (0..MESSAGES).step_by(500) {
        let items = (first..first + 500).map(|number| AppendItem {
            message: Prepared::new(&corpus.message(number)),
            flags: FlagSet::default(),
            internal_date: InternalDate::default(),
        });
        inbox.append(items.collect()).wait().expect("appended");
    }
    (store, inbox)
}

/// The files of a store that is open, as a crash now would leave them.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a store").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

fn replay(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, inbox) = fill(&dir.path().join("live"));
    let crashed = dir.path().join("crashed");
    copy(&dir.path().join("live"), &crashed);
    drop((inbox, store));
    let mut group = c.benchmark_group("replay");
    group.sample_size(10).throughput(Throughput::Elements(MESSAGES));
    group.bench_function("log_alone", |b| {
        b.iter_with_setup(
            || {
                let fresh = tempfile::tempdir().expect("a directory");
                copy(&crashed, fresh.path());
                fresh
            },
            |fresh| (Store::open(fresh.path(), &options()).expect("opened"), fresh),
        );
    });
    group.finish();
}

fn list(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let (_store, inbox) = fill(&dir.path().join("live"));
    let snapshot = inbox.snapshot();
    let uids = snapshot.all_uids().expect("UIDs");
    let mut group = c.benchmark_group("list");
    group.sample_size(10).throughput(Throughput::Elements(MESSAGES));
    group.bench_function("rows", |b| {
        b.iter(|| snapshot.rows(&uids).map(|row| row.expect("a row").flags.0).max());
    });
    group.bench_function("envelopes", |b| {
        b.iter(|| {
            let rows = snapshot.rows(&uids).map(|row| row.expect("a row"));
            let lists = rows.map(|row| inbox.message(&row).list().expect("list data"));
            let mut envelope = Vec::new();
            lists.for_each(|list| {
                envelope.clear();
                list.push_envelope(&mut envelope);
            });
            envelope.len()
        });
    });
    group.finish();
}

fn scan(c: &mut Criterion) {
    let corpus = Corpus::new(Profile::Texts, 4);
    let messages: Vec<_> = (0..600).map(|number| corpus.message(number)).collect();
    let structures: Vec<_> = messages.iter().map(|message| Structure::of(message)).collect();
    let needle = Needle::new("nowhere to be found");
    let len: usize = messages.iter().map(Vec::len).sum();
    let mut group = c.benchmark_group("scan");
    group.sample_size(10).throughput(Throughput::Bytes(len as u64));
    group.bench_function("body", |b| {
        b.iter(|| {
            let mut found = 0;
            for (message, structure) in messages.iter().zip(&structures) {
                let mut look = |text: &str| {
                    found += usize::from(needle.is_in(text));
                    ControlFlow::Continue(())
                };
                let _ = body_text(message, structure, &mut look);
            }
            found
        });
    });
    group.bench_function("previews", |b| {
        let words = |(message, structure): (&Vec<u8>, _)| preview(message, structure).len();
        b.iter(|| messages.iter().zip(&structures).map(words).sum::<usize>());
    });
    group.bench_function("sort_keys", |b| {
        let len = |message: &Vec<u8>| SortKeys::of(message).base_subject.len();
        b.iter(|| messages.iter().map(len).sum::<usize>());
    });
    group.finish();
}

criterion_group!(benches, replay, list, scan);
criterion_main!(benches);
