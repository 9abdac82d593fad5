//! The store as a whole, on a real directory.

mod attached;
mod beside;
mod compaction;
mod crash;
mod erase;
mod exchange;
mod fields;
mod heal;
mod lazy;

use std::path::Path;

use super::*;
use crate::message::{FieldNames, ListData};
use crate::state::{Expunge, FlagEdit};
use crate::{FlagAction, SystemFlag, UidSet};

pub(super) const DEFAULTS: [(&str, Option<SpecialUse>); 2] =
    [("Trash", Some(SpecialUse::Trash)), ("Sent", Some(SpecialUse::Sent))];

const ACCOUNT: AccountId = AccountId(3);

/// UIDVALIDITY of each mailbox by name.
fn uid_validities(store: &Store) -> Vec<(String, u32)> {
    let account = store.account(ACCOUNT).expect("shard");
    let list = account.map(|account| account.mailboxes()).unwrap_or_default();
    list.iter().map(|entry| (entry.name.to_string(), entry.uid_validity.get())).collect()
}

pub(super) fn message(number: u32) -> Prepared {
    Prepared::new(&text(number))
}

/// A message; each third one has an attachment that other messages have too.
pub(super) fn text(number: u32) -> Vec<u8> {
    let header = format!(
        "Received: by x\r\nFrom: a@example.test\r\nSubject: number {number}\r\n\
         Message-ID: <{number}@x>\r\n"
    );
    let text = format!("body {number}\r\n");
    if !number.is_multiple_of(3) {
        return format!("{header}\r\n{text}").into_bytes();
    }
    // Two chunks that are held until they are written, or four that are made when they are.
    let decoded: Vec<u8> = (0..if number.is_multiple_of(2) { 70 } else { 150 }).collect();
    let encoded = base64_simd::STANDARD.encode_to_string(decoded);
    let lines: Vec<_> = encoded.as_bytes().chunks(60).map(String::from_utf8_lossy).collect();
    let lines = lines.join("\r\n");
    format!(
        "{header}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\
         --b\r\nContent-Transfer-Encoding: base64\r\n\r\n{lines}\r\n--b--\r\n"
    )
    .into_bytes()
}

pub(super) fn item(number: u32) -> AppendItem {
    let (message, flags) = (message(number), FlagSet::system(&[SystemFlag::Flagged]));
    AppendItem { message, flags, internal_date: InternalDate { seconds: 5, zone_minutes: 60 } }
}

fn options() -> Options {
    Options { segment_len_max: 64 << 10, checkpoint_every: 16 << 10, ..Options::default() }
}

fn all(dir: &Path) -> Vec<String> {
    let mut text = Vec::new();
    dump(dir, &mut text).expect("dump");
    String::from_utf8(text).expect("text").lines().map(str::to_owned).collect()
}

/// What a message is listed by is what its bytes say.
fn check_listing(listings: &mut Listings, bytes: &[u8]) {
    let head = ListData::of(bytes);
    let (mut listed, mut envelope) = (Vec::new(), Vec::new());
    listings.push_envelope(&mut listed).expect("envelope");
    head.push_envelope(&mut envelope);
    assert_eq!(listed, envelope);
    assert_eq!(listings.body_structure().expect("structure"), head.body_structure());
    let mut out = Vec::new();
    listings.push_body(&mut out).expect("body");
    assert_eq!(out, head.body().expect("body"));
    let words = crate::message::preview(bytes, &crate::message::Structure::of(bytes));
    assert_eq!(listings.preview().expect("preview"), words);
    for names in [&["subject", "Message-ID"][..], &["Received", "from"], &["x-unheard-of", "from"]]
    {
        let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        out.clear();
        listings.push_fields(&FieldNames::new(&names), &mut out).expect("fields");
        assert_eq!(out, head.fields(&names));
    }
}

/// What a client can see of an account.
pub(super) fn observed(account: &Account) -> Vec<(String, String)> {
    let list = account.mailboxes();
    let each = list.iter().map(|entry| {
        let mailbox = account.mailbox(&entry.name).expect("open");
        let snapshot = mailbox.snapshot();
        let uids = snapshot.all_uids().expect("uids");
        let mut listings = mailbox.listings();
        let rows = snapshot.rows(&uids).map(|row| {
            let row = row.expect("row");
            let bytes = mailbox.message(&row).bytes().expect("bytes");
            listings.seek(&row).expect("a listing");
            check_listing(&mut listings, &bytes);
            let words = row.flags.0;
            format!(
                "{} {words:x} {} {}",
                row.uid.get(),
                row.modseq.get(),
                String::from_utf8_lossy(&bytes)
            )
        });
        let rows: Vec<_> = rows.collect();
        let gone = snapshot.expunged_since(1).expect("history");
        let counts = (snapshot.exists(), snapshot.unseen(), snapshot.deleted());
        let (uid_next, modseq) = (snapshot.uid_next(), snapshot.highest_modseq());
        let head = format!("{counts:?} {uid_next:?} {modseq:?} gone {gone} ");
        (entry.name.to_string(), head + &rows.join("|"))
    });
    let whose = list.iter().map(Some).chain([None]);
    let annotations = whose.flat_map(|entry| {
        let name = entry.map_or("the account", |entry| &*entry.name);
        let value = |value| String::from_utf8_lossy(value).into_owned();
        let each = list.annotations(entry);
        each.map(move |(key, text)| (format!("{name} {key}"), value(text)))
    });
    each.chain(list.subscriptions().map(|name| ("subscribed".to_owned(), name.to_string())))
        .chain(annotations)
        .collect()
}

#[test]
fn what_was_acknowledged_is_found_again_with_and_without_checkpoints() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let store = Store::create(&path, &options()).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let (inbox, trash) =
        (account.mailbox("inbox").expect("inbox"), account.mailbox("Trash").expect("trash"));
    for number in 0..300 {
        let appended = inbox.append(vec![item(number)]).wait().expect("append");
        assert_eq!(appended.uids.to_string(), (number + 1).to_string());
    }
    let uids =
        |text: &[u32]| text.iter().filter_map(|uid| crate::Uid::new(*uid)).collect::<UidSet>();
    let mut flags = FlagSet::system(&[SystemFlag::Seen]);
    flags.insert(crate::Keyword::new("$Work").expect("atom"));
    let edit = FlagEdit {
        uids: uids(&[3, 4, 5, 999]),
        action: FlagAction::Add,
        flags,
        unchanged_since: None,
    };
    assert_eq!(inbox.edit_flags(edit).wait().expect("flags").changed.to_string(), "3:5");
    let moved = inbox.move_to(uids(&[4, 10, 11]), &trash).wait().expect("move");
    assert_eq!(
        (moved.source.to_string(), moved.dest.to_string()),
        ("4,10:11".into(), "1:3".into())
    );
    inbox.copy(uids(&[5]), &inbox).wait().expect("copy");
    let gone = inbox.expunge(uids(&[20, 21, 500]), Expunge::Any).wait().expect("expunge");
    assert_eq!(gone.uids.to_string(), "20:21");
    account.create("a/b", None).wait().expect("create");
    account.rename("a", "c/d").wait().expect("rename");
    account.subscribe("elsewhere").wait().expect("subscribe");
    account.delete("Sent").wait().expect("delete");
    account.annotate(None, [("/private/x".into(), Some(b"\0"[..].into()))]).wait().expect("set");
    let seen = observed(&account);
    let names = seen.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(names[..6], ["INBOX", "Trash", "c", "c/d", "c/d/b", "subscribed"]);
    assert_eq!(names[6..], ["Trash /private/specialuse", "the account /private/x"]);
    let valid = uid_validities(&store);
    store.close();
    drop((store, account, inbox, trash));

    let again = Store::open(&path, &options()).expect("open");
    let account = again.account(ACCOUNT).expect("shard").expect("account");
    assert_eq!(observed(&account), seen);
    assert_eq!(uid_validities(&again), valid);
    drop((account, again));
    let report = verify(&path, &mut |_| {}).expect("verify");
    assert_eq!(report.findings, []);
    // Compaction may have moved some whose old records are there still.
    assert!(report.messages >= 300, "{report:?}");
    assert_eq!(report.mailboxes, 5);
    assert!(all(&path).iter().any(|line| line.contains("moved uids=4,10:11")));
}

/// Small messages that have much in common, as mail has.
fn alike(number: u32) -> Vec<u8> {
    let text = format!(
        "Received: from mx{}.example.test (mx{}.example.test [192.0.2.{}])\r\n\tby mail.example.test \
         (Fumikura) with ESMTPS; Tue, {} Nov 2026 10:{:02}:00 +0000\r\nFrom: sender {number} \
         <s{number}@example.test>\r\nTo: a@example.test\r\nSubject: report of day {number}\r\n\
         Message-ID: <{number}.report@example.test>\r\nMIME-Version: 1.0\r\nContent-Type: \
         text/plain; charset=utf-8\r\n\r\nDear reader,\r\n\r\nthe figures of day {number} are in.\r\n\
         Kind regards, your reporting service\r\n",
        number % 5,
        number % 5,
        number % 250,
        number % 28 + 1,
        number % 60,
    );
    text.into_bytes()
}

#[test]
fn a_store_learns_dictionaries_and_reads_what_needs_them_ever_after() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let options = Options { upkeep: false, shard_count: 2, ..options() };
    let store = Store::create(&path, &options).expect("create");
    let inbox = |store: &Store, id: u64| {
        let account = store.ensure_account(AccountId(id), &[]).wait().expect("account");
        account.mailbox("INBOX").expect("inbox")
    };
    let item = |message: Prepared| {
        let internal_date = InternalDate { seconds: 5, zone_minutes: 0 };
        AppendItem { message, flags: FlagSet::default(), internal_date }
    };
    let before = store.prepare(&alike(9)).stored_len();
    let many = (0..1100).map(|number| item(store.prepare(&alike(number))));
    inbox(&store, 2).append(many.collect()).wait().expect("append");
    store.upkeep().expect("upkeep");
    let after = store.prepare(&alike(9)).stored_len();
    assert!(after * 3 < before * 2, "{after} is not much less than {before}");

    // The other shard has met none of these messages, and has no dictionary before it needs one.
    for (id, number) in [(2, 7), (3, 8)] {
        let message = item(store.prepare(&alike(number)));
        inbox(&store, id).append(vec![message]).wait().expect("append");
    }
    drop(store);
    let newest_checkpoint =
        |path: &Path| all(path).iter().any(|line| line.contains(" checkpoint "));
    assert!(newest_checkpoint(&path));
    for way in ["with the checkpoint", "from the log alone"] {
        let store = Store::open(&path, &options).expect("open");
        for (id, number) in [(2, 7), (3, 8)] {
            let inbox = inbox(&store, id);
            let snapshot = inbox.snapshot();
            let last = snapshot.last_uid().expect("read").expect("a message");
            let row = snapshot.row(last).expect("read").expect("there");
            assert_eq!(inbox.message(&row).bytes().expect("bytes"), alike(number), "{way}");
        }
        assert!(store.prepare(&alike(9)).stored_len() == after, "{way}");
        drop(store);
        for shard in 0..2 {
            std::fs::remove_file(path.join(format!("shard-{shard:04}/manifest"))).expect("there");
        }
    }
    let report = verify(&path, &mut |_| {}).expect("verify");
    assert!(
        report.findings.iter().all(|finding| finding.at == Some(crate::LogPos::default())),
        "{report:?}"
    );
}

#[test]
fn messages_in_list_parts_are_listed_without_reading_one_of_them() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let options = Options { upkeep: false, ..options() };
    let store = Store::create(&path, &options).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    for number in 0..30 {
        let items = (0..3).map(|more| item(number * 3 + more)).collect();
        inbox.append(items).wait().expect("append");
        store.upkeep().expect("upkeep");
    }
    let goes = [4, 5, 6, 7, 40].into_iter().filter_map(crate::Uid::new).collect();
    inbox.expunge(goes, Expunge::Any).wait().expect("expunge");
    let trash = account.mailbox("Trash").expect("trash");
    inbox.copy(inbox.snapshot().all_uids().expect("uids"), &trash).wait().expect("copy");
    store.upkeep().expect("upkeep");

    let list = |store: &Store, way: &str| {
        let account = store.account(ACCOUNT).expect("shard").expect("there");
        for name in ["INBOX", "Trash"] {
            let mailbox = account.mailbox(name).expect("there");
            let (snapshot, mut listings) = (mailbox.snapshot(), mailbox.listings());
            let names = FieldNames::new(&[b"subject".to_vec(), b"received".to_vec()]);
            let reads = Arc::clone(&store.reads()[0]);
            let before = (reads.heads() + reads.bodies(), reads.list_parts());
            let (mut out, mut count) = (Vec::new(), 0);
            for row in snapshot.rows(&snapshot.all_uids().expect("uids")) {
                listings.seek(&row.expect("row")).expect("a listing");
                listings.push_envelope(&mut out).expect("envelope");
                listings.push_fields(&names, &mut out).expect("fields");
                listings.push_body(&mut out).expect("body");
                out.extend_from_slice(listings.preview().expect("preview").as_bytes());
                count += 1;
            }
            assert_eq!((snapshot.exists(), count), (85, 85), "{way}");
            assert_eq!(reads.heads() + reads.bodies(), before.0, "{way}: {name}");
            let parts = reads.list_parts() - before.1;
            assert!((20..=30).contains(&parts), "{way}: {name}: {parts} parts");
            assert!(String::from_utf8_lossy(&out).contains("Subject: number 89"), "{way}");
        }
    };
    list(&store, "as made");
    drop(store);
    let store = Store::open(&path, &options).expect("open");
    list(&store, "from the checkpoint");
    drop(store);
    std::fs::remove_file(path.join("shard-0000/manifest")).expect("there");
    let store = Store::open(&path, &options).expect("open");
    list(&store, "from the log alone");
}

/// The words are those of the whole message, though only the front of its text is read.
#[test]
fn previews_are_found_in_long_text_and_behind_long_attachments() {
    let dir = tempfile::tempdir().expect("directory");
    let store = Store::create(&dir.path().join("store"), &options()).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("inbox").expect("inbox");
    let long = format!("Subject: long\r\n\r\n{}", "words and more words\r\n".repeat(9000));
    let attachment = "QUJD".repeat(40_000);
    let behind = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{attachment}\r\n--b\r\n\r\nbehind\r\n--b--\r\n"
    );
    for text in [&long, &behind] {
        let appended = AppendItem { message: Prepared::new(text.as_bytes()), ..item(1) };
        inbox.append(vec![appended]).wait().expect("append");
    }
    store.upkeep().expect("upkeep");
    let (snapshot, mut listings) = (inbox.snapshot(), inbox.listings());
    for (row, words) in
        snapshot.rows(&snapshot.all_uids().expect("uids")).zip(["words and", "behind"])
    {
        let row = row.expect("row");
        listings.seek(&row).expect("a listing");
        assert!(listings.preview().expect("preview").starts_with(words), "{words}");
        assert!(inbox.message(&row).preview().expect("preview").starts_with(words), "{words}");
    }
}

/// A thousand sessions that watch one mailbox all make the same step.
#[test]
fn sessions_that_make_the_same_step_share_what_leads_over_it() {
    let dir = tempfile::tempdir().expect("directory");
    let store = Store::create(&dir.path().join("store"), &options()).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("inbox").expect("inbox");
    let mut snapshots = vec![inbox.snapshot()];
    for number in 0..2 {
        inbox.append(vec![item(number)]).wait().expect("append");
        snapshots.push(inbox.snapshot());
    }
    let step = |from: usize, to: usize| inbox.diff(&snapshots[from], &snapshots[to]).expect("diff");
    let first = step(0, 1);
    assert_eq!(first.appended.to_string(), "1");
    assert!(std::sync::Arc::ptr_eq(&first, &step(0, 1)));
    assert_eq!(step(1, 2).appended.to_string(), "2");
    assert_eq!(step(0, 2).appended.to_string(), "1:2");
    assert_eq!(step(0, 1), first);
}
