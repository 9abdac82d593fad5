//! What is erased is nowhere.

use std::path::Path;

use super::compaction::{check_sound, uids};
use super::*;
use crate::format::block::BlockTable;
use crate::format::list_part;
use crate::format::message::MessageTable;
use crate::record::Kind;
use crate::store::message::Record;
use crate::store::reader::ShardReader;

/// The bytes of every file of a store.
fn every_file(dir: &Path, out: &mut Vec<u8>) {
    for entry in std::fs::read_dir(dir).expect("directory") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            every_file(&path, out);
        } else {
            out.extend(std::fs::read(path).expect("file"));
        }
    }
}

/// What a record says of messages, decompressed.
fn decompressed(
    reader: &ShardReader,
    addr: crate::RecordAddr,
    kind: u8,
    payload: &[u8],
) -> Vec<u8> {
    let message = |number| {
        let record = Record::open(addr, number, reader).expect("a message");
        record.to_move(reader).expect("pieces").concat()
    };
    match Kind::from_byte(kind) {
        Some(Kind::Message) => message(MessageTable::decode(payload).expect("table").0.number),
        Some(Kind::MessageBlock) => {
            let (table, _) = BlockTable::decode(payload).expect("table");
            table.messages.iter().flat_map(|of| message(of.number)).collect()
        }
        Some(Kind::ListPart) => {
            let table = list_part::check(payload).expect("list part");
            let each = (0..table.uids.iter().count())
                .flat_map(|at| list_part::stretches_at(payload, at).expect("stretches"));
            each.flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the log says this anywhere.
fn log_tells(path: &Path, options: &Options, what: &str) -> bool {
    let store = Store::open(path, options).expect("open");
    let mut is_told = false;
    for shard in &store.0.each {
        let reader = shard.reader();
        let found = reader.log().scan(crate::LogPos::default(), &mut |addr, kind, payload| {
            let told = decompressed(reader, addr, kind, payload);
            is_told |= told.windows(what.len()).any(|window| window == what.as_bytes());
            Ok(())
        });
        assert_eq!(found.expect("scan"), []);
    }
    is_told
}

/// What two messages have that nobody else has.
fn attachment() -> Vec<u8> {
    (0..150_u8).map(|at| at ^ 0x55).collect()
}

fn secret(number: u32) -> Vec<u8> {
    let encoded = base64_simd::STANDARD.encode_to_string(attachment());
    let lines: Vec<_> = encoded.as_bytes().chunks(60).map(String::from_utf8_lossy).collect();
    format!(
        "Subject: xyzzy {number}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\
         plugh\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

/// A store whose INBOX has secrets with UIDs 51 and 121, the first copied, moved in the log and
/// in a deleted mailbox, the second expunged.
fn with_secrets(path: &Path, options: &Options) {
    let store = Store::create(path, options).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let (inbox, trash) =
        (account.mailbox("INBOX").expect("inbox"), account.mailbox("Trash").expect("trash"));
    for number in 0..200 {
        let bytes = if matches!(number, 50 | 120) { secret(number) } else { text(number) };
        let message = store.prepare(&bytes);
        inbox.append(vec![AppendItem { message, ..item(0) }]).wait().expect("append");
        if number == 100 {
            inbox.copy(uids(40..=60), &trash).wait().expect("copy");
            store.upkeep().expect("upkeep");
            store.compact().expect("compact");
        }
    }
    store.upkeep().expect("upkeep");
    inbox.expunge(uids(121..=121), Expunge::Any).wait().expect("expunge");
    account.create("gone", None).wait().expect("create");
    inbox.copy(uids(51..=51), &account.mailbox("gone").expect("made")).wait().expect("copy");
    store.upkeep().expect("upkeep");
    account.delete("gone").wait().expect("delete");
}

fn open(path: &Path, options: &Options) -> (Store, Account, Mailbox) {
    let store = Store::open(path, options).expect("open");
    let account = store.account(ACCOUNT).expect("shard").expect("there");
    let inbox = account.mailbox("INBOX").expect("inbox");
    (store, account, inbox)
}

#[test]
fn an_erased_message_is_nowhere_and_others_lose_nothing() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let options = Options { upkeep: false, ..options() };
    with_secrets(&path, &options);
    let is_told = |what: &str| log_tells(&path, &options, what);
    assert!(is_told("xyzzy 50") && is_told("xyzzy 120") && is_told("plugh"));

    let (store, account, inbox) = open(&path, &options);
    assert_eq!(store.erase(&inbox, &uids(51..=51)).expect("erase"), 1);
    assert_eq!(inbox.snapshot().exists(), 198);
    let found = inbox.snapshot().row(crate::Uid::new(51).expect("not 0")).expect("read");
    assert!(found.is_none());
    assert_eq!(account.mailbox("Trash").expect("trash").snapshot().exists(), 20);
    let seen = observed(&account);
    drop((inbox, account, store));
    check_sound(&path);
    assert!(!is_told("xyzzy 50") && is_told("xyzzy 120"), "the other one is held");

    let (store, account, inbox) = open(&path, &options);
    assert_eq!(store.erase(&inbox, &uids(121..=121)).expect("erase"), 1);
    assert_eq!(store.erase(&inbox, &uids(900..=999)).expect("nothing to do"), 0);
    assert_eq!(observed(&account), seen);
    drop((inbox, account, store));
    check_sound(&path);
    for word in ["xyzzy", "plugh"] {
        assert!(!is_told(word), "{word}");
    }
    let mut bytes = Vec::new();
    every_file(&path, &mut bytes);
    assert!(!bytes.windows(32).any(|window| window == &attachment()[..32]));
}
