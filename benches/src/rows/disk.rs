//! Bytes on disk over bytes of messages, each corpus in a store of its own.

use std::path::Path;

use super::fill::append_each;
use super::{Bench, as_f64, short};
use crate::corpus::{Corpus, Profile};
use crate::figure::Aim;
use crate::segments::{Taken, by_kind};
use crate::subject::{Outcome, Subject};

/// Messages at full scale.
const REALISTIC: u64 = 30_000;
const TEXTS: u64 = 60_000;
/// Kinds of records, as docs/FORMAT.md numbers them.
const KINDS: [(&str, &[u8]); 4] = [
    ("messages", &[1, 9]),
    ("attachments", &[7, 8]),
    ("checkpoints", &[64, 65, 66, 67, 68, 70, 71, 72]),
    ("list parts", &[69]),
];
/// The level that others compress with.
const LEVEL: i32 = 3;

pub(crate) fn disk(bench: &mut Bench<'_>) -> Outcome<()> {
    // Dovecot's mdbox keeps messages as they are.
    if !bench.subject.is_ours() {
        return Ok(());
    }
    let (realistic, texts) = (bench.scaled(REALISTIC), bench.scaled(TEXTS));
    let all = Corpus::new(Profile::Realistic, 1);
    let what = format!("disk over raw, {} realistic", short(realistic));
    one(
        bench,
        &what,
        [Aim::Most(0.54), Aim::Most(0.51)],
        (0..realistic).map(move |number| all.message(number)),
    )?;
    let without = Corpus::new(Profile::Texts, 3);
    let what = format!("disk over raw, {} without attachment", short(texts));
    one(
        bench,
        &what,
        [Aim::Most(0.30), Aim::Most(0.26)],
        (0..texts).map(move |number| without.message(number)),
    )?;
    if corpus_is_there() {
        let every = 1.0 / bench.scale.clamp(0.01, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to 100"
        )]
        let messages = tests::corpus::sample(every as usize).map(|message| message.octets.clone());
        one(bench, "disk over raw, shared corpus", [Aim::None; 2], messages)?;
    }
    Ok(())
}

fn one(
    bench: &mut Bench<'_>,
    what: &str,
    [aim, compacted]: [Aim; 2],
    messages: impl Iterator<Item = Vec<u8>> + Send,
) -> Outcome<()> {
    bench.say(what);
    let dir = bench.scratch.join("disk");
    if dir.exists() {
        // Of a row that failed.
        std::fs::remove_dir_all(&dir)?;
    }
    let subject = Subject::fumikura(bench.subject.program(), &dir)?;
    let empty = Taken::below(&dir.join("store"))?;
    let (mut raw, mut each_alone) = (0_u64, 0_u64);
    let counted = messages.inspect(|message| {
        raw += message.len() as u64;
        each_alone += alone(message);
    });
    append_each(&subject, "disk", counted, &mut |done| bench.say(&format!("{what}: {done}")))?;
    subject.settle();
    let taken = Taken::below(&dir.join("store"))?;
    let over = |octets: u64| as_f64(octets) / as_f64(raw.max(1));
    let used = over(taken.used.saturating_sub(empty.used));
    bench.tell(format!("{what}: once idle"), "", aim, used);
    bench.tell(format!("{what}: zstd -{LEVEL} a message"), "", Aim::None, over(each_alone));
    let beside = used / over(each_alone);
    let to_beat = if what.ends_with("corpus") { Aim::Most(0.75) } else { Aim::None };
    bench.tell(format!("{what}: ours over that"), "", Aim::None, beside);
    tell_kinds(bench, what, &dir, &over)?;
    let files = over(taken.files);
    bench.tell(format!("{what}: files, with room in reserve"), "", Aim::None, files);
    bench.say(&format!("{what}: compacting"));
    subject.compact()?;
    let taken = Taken::below(&dir.join("store"))?;
    let used = over(taken.used.saturating_sub(empty.used));
    bench.tell(format!("{what}: after compaction"), "", compacted, used);
    let beside = used / over(each_alone);
    bench.tell(
        format!("{what}: after compaction, over zstd -{LEVEL} a message"),
        "",
        to_beat,
        beside,
    );
    tell_kinds(bench, &format!("{what}: after compaction"), &dir, &over)?;
    drop(subject);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

/// What kinds of records take.
fn tell_kinds(
    bench: &mut Bench<'_>,
    what: &str,
    dir: &Path,
    over: &dyn Fn(u64) -> f64,
) -> Outcome<()> {
    let kinds_of = by_kind(&dir.join("store"))?;
    for (name, kinds) in KINDS {
        let part = |kind: u8| kinds.contains(&kind);
        let octets = kinds_of.iter().filter(|(kind, _)| part(**kind)).map(|(_, octets)| octets);
        bench.tell(format!("{what}: of it {name}"), "", Aim::None, over(octets.sum()));
    }
    Ok(())
}

/// Bytes of a message that is compressed by itself.
fn alone(message: &[u8]) -> u64 {
    zstd::bulk::compress(message, LEVEL).map_or(message.len(), |packed| packed.len()) as u64
}

/// Whether the corpus of real messages lies beside the repository.
fn corpus_is_there() -> bool {
    let beside = tests::binary::repository().join("../shared/corpus/mail.tar.zst");
    std::env::var_os("FUMIKURA_CORPUS").is_some() || Path::new(&beside).exists()
}
