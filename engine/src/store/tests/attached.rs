//! What stands by itself: stored once, made again to the byte, read where it is asked for.

use std::ops::Range;
use std::sync::mpsc::channel;

use super::*;
use crate::limits::{BLOB_CHUNK_LEN, BODY_REST_LEN_MAX};
use crate::message::{Structure, body_text};
use crate::search::Needle;
use crate::store::Reads;

/// A message with two attachments, of which the second is `own`.
fn with_attachments(number: usize, own: &[u8]) -> Vec<u8> {
    let part = |bytes: &[u8], line_end: &str| {
        let text = base64_simd::STANDARD.encode_to_string(bytes);
        let lines: Vec<_> = text.as_bytes().chunks(72).map(String::from_utf8_lossy).collect();
        let lines = lines.join(line_end);
        format!("--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{lines}{line_end}")
    };
    let shared: Vec<u8> = (0..230).collect();
    let (first, second) = (part(&shared, "\r\n"), part(own, "\n"));
    let text =
        format!("Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{number}\r\n");
    format!("{text}{first}\r\n--b\r\n\r\nbetween\r\n{second}\r\n--b--\r\nbehind\r\n").into_bytes()
}

struct Shop {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    store: Store,
    inbox: Mailbox,
}

fn shop() -> Shop {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("store");
    let options = Options { shard_count: 1, upkeep: false, ..options() };
    let store = Store::create(&path, &options).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    Shop { _dir: dir, path, store, inbox }
}

impl Shop {
    fn append(&self, bytes: &[u8]) {
        let message = self.store.prepare(bytes);
        self.inbox.append(vec![AppendItem { message, ..super::item(0) }]).wait().expect("append");
    }

    fn stored(&self, uid: u32) -> StoredMessage {
        let snapshot = self.inbox.snapshot();
        let row = snapshot.row(crate::Uid::new(uid).expect("not 0")).expect("read");
        self.inbox.message(&row.expect("it is there"))
    }

    fn reads(&self) -> std::sync::Arc<Reads> {
        std::sync::Arc::clone(&self.store.reads()[0])
    }

    /// Lines of the dump that begin so, after the place.
    fn dumped(&self, what: &str) -> usize {
        let lines = all(&self.path).into_iter();
        lines
            .filter(|line| line.splitn(3, ' ').nth(2).is_some_and(|it| it.starts_with(what)))
            .count()
    }

    fn check(&self) {
        let report = verify(&self.path, &mut |_| {}).expect("verify");
        assert_eq!(report.findings, []);
    }
}

#[test]
fn equal_attachments_are_stored_once_and_every_message_comes_back_to_the_byte() {
    let shop = shop();
    let messages: Vec<_> =
        (0..6_usize).map(|number| with_attachments(number, &vec![7; 100 + number / 2])).collect();
    messages.iter().for_each(|message| shop.append(message));
    for (message, uid) in messages.iter().zip(1..) {
        assert_eq!(shop.stored(uid).bytes().expect("bytes"), *message);
    }
    assert_eq!(shop.dumped("blob number"), 4, "one that all have, three that two have");
    shop.store.checkpoint().expect("checkpoint");
    assert_eq!(shop.dumped("blob-table blobs=4 uses=12"), 1);
    shop.check();

    // What came before the checkpoint is known after a restart, and so is what came after it.
    let Shop { _dir, path, store, inbox } = shop;
    drop((inbox, store));
    let mut again = Store::open(&path, &Options { upkeep: false, ..options() }).expect("open");
    for number in 6..9 {
        let account = again.account(ACCOUNT).expect("shard").expect("account");
        let shop = Shop {
            _dir: tempfile::tempdir().expect("directory"),
            path: path.clone(),
            inbox: account.mailbox("INBOX").expect("inbox"),
            store: again,
        };
        shop.append(&with_attachments(number, &[8; 99]));
        assert_eq!(shop.dumped("blob number"), 5);
        shop.check();
        drop(shop);
        again = Store::open(&path, &Options { upkeep: false, ..options() }).expect("open");
    }
}

/// What search sees of a message.
fn searched(message: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    let walked = body_text(message, &Structure::of(message), &mut |text| {
        texts.push(text.to_owned());
        std::ops::ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    texts
}

#[test]
fn search_reads_no_attachment_that_is_no_text_and_sees_all_that_is() {
    let shop = shop();
    let typed = |kind: &str| {
        let message = with_attachments(1, &[b'x'; 301]);
        let before = "Content-Transfer-Encoding: base64";
        let message = String::from_utf8(message).expect("ASCII");
        let last = message.rfind(before).expect("two attachments");
        let (front, back) = message.split_at(last);
        let front = front.replace(before, &format!("Content-Type: image/png\r\n{before}"));
        format!("{front}Content-Type: {kind}\r\n{back}").into_bytes()
    };
    for (message, uid) in
        [typed("image/png"), typed("text/plain"), text(5), text(3)].iter().zip(1..)
    {
        shop.append(message);
        let before = shop.reads().chunks();
        let (head, mut body) = shop.stored(uid).open_whole().expect("message");
        for text in searched(message).iter().chain([&"nowhere".to_owned()]) {
            let needle = Needle::new(text);
            let found = body.contains(&head, &needle).expect("searched");
            assert_eq!(found, text != "nowhere", "{text}");
        }
        assert!(body.text_contains(&head, &Needle::new("subject: ")).expect("searched"));
        if uid == 1 {
            assert_eq!(shop.reads().chunks(), before, "no image is read");
        }
    }
}

#[test]
fn any_range_of_a_body_is_the_same_as_in_the_message_and_reads_only_its_chunks() {
    let shop = shop();
    let message = with_attachments(1, &[9; 301]);
    shop.append(&message);
    let stored = shop.stored(1);
    let body = &message[crate::message::header_len(&message)..];
    let mut open = stored.open_body().expect("open");
    assert_eq!(open.len(), body.len() as u64);
    let len = body.len();
    for start in (0..len).step_by(7) {
        for end in [start, start + 1, start + 50, start + 333, len, len + 10] {
            let range = start.min(len)..end.min(len);
            let mut out = b"kept".to_vec();
            open.read(start as u64..end as u64, &mut out).expect("read");
            assert_eq!(out[4..], body[range.clone()], "{range:?}");
        }
    }

    let reads = shop.reads();
    let chunks_of = |range: Range<usize>| {
        let before = reads.chunks();
        let read = stored.read_body(range.start as u64..range.end as u64).expect("read");
        assert_eq!(read, body[range]);
        reads.chunks() - before
    };
    let header_len = message.len() - body.len();
    let structure = Structure::of(&message);
    let leaves: Vec<_> = structure.parts()[1..]
        .iter()
        .map(|part| part.body().start - header_len..part.body().end - header_len)
        .collect();
    assert_eq!(leaves.len(), 3);
    let chunks = |len: u64| len.div_ceil(BLOB_CHUNK_LEN.into());
    assert_eq!(chunks_of(leaves[0].clone()), chunks(230));
    assert_eq!(chunks_of(leaves[1].clone()), 0, "the text is stored with the message");
    assert_eq!(chunks_of(leaves[2].clone()), chunks(301));
    assert_eq!(chunks_of(leaves[2].start..leaves[2].start + 10), 1);
    assert_eq!(chunks_of(0..len), chunks(230) + chunks(301));
}

#[test]
fn a_long_body_is_stored_in_chunks_whatever_it_is() {
    let shop = shop();
    let line = "words that are not encoded\r\n";
    let long = format!("Subject: s\r\n\r\n{}", line.repeat(BODY_REST_LEN_MAX / line.len() + 9));
    let many = "--b\r\n\r\nshort part, quite alike\r\n".repeat(BODY_REST_LEN_MAX / 20);
    let many = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{many}--b--\r\n");
    let parts = (0..BODY_REST_LEN_MAX / 20)
        .map(|number| format!("--b\r\n\r\nshort {number}\r\n--b\r\n\r\n{}\r\n", line.repeat(3)));
    let cut = parts.collect::<Vec<_>>().concat();
    let cut = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{cut}--b--\r\n");
    for (message, uid) in [long, many, cut].iter().zip(1..) {
        shop.append(message.as_bytes());
        assert_eq!(shop.stored(uid).bytes().expect("bytes"), message.as_bytes());
    }
    let prefix = "message number=";
    for line in all(&shop.path).iter().filter(|line| line.contains(prefix)) {
        let raw = line.split("body=").nth(1).and_then(|rest| rest.split(['/', ' ']).nth(1));
        let raw: usize = raw.and_then(|raw| raw.parse().ok()).expect("a length");
        // Between many attachments, many short stretches stay.
        assert!(raw <= BODY_REST_LEN_MAX * 3 / 2, "{line}");
    }
    shop.check();
}

#[test]
fn other_changes_have_their_turn_while_a_long_message_is_stored() {
    let shop = shop();
    let (release, released) = channel::<()>();
    let held =
        shop.inbox.account().shard.submit(move |_| released.recv().map_err(|_| Error::Closed));
    let long = with_attachments(1, &vec![5; 5000]);
    let item = |bytes: &[u8]| AppendItem { message: shop.store.prepare(bytes), ..super::item(0) };
    let slow = shop.inbox.append(vec![item(&long)]);
    let quick = shop.inbox.append(vec![item(b"Subject: quick\r\n\r\nx\r\n")]);
    release.send(()).expect("the writer waits");
    held.wait().expect("held");
    assert_eq!(quick.wait().expect("append").uids.to_string(), "1");
    assert_eq!(slow.wait().expect("append").uids.to_string(), "2");
    assert_eq!(shop.stored(2).bytes().expect("bytes"), long);
}

#[test]
fn a_message_is_read_from_its_source_while_it_is_stored() {
    let shop = shop();
    let bytes = with_attachments(1, &vec![5; 3000]);
    let source: MessageSource = std::sync::Arc::new(bytes.clone());
    let message = shop.store.prepare_source(&source);
    shop.inbox.append(vec![AppendItem { message, ..super::item(0) }]).wait().expect("append");
    assert_eq!(shop.stored(1).bytes().expect("bytes"), bytes);
    assert_eq!(std::sync::Arc::strong_count(&source), 1, "nobody holds it any longer");
}
