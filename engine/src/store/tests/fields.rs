//! Looking for text in fields: list parts say what the messages' own headers say.

use super::compaction::uids;
use super::*;
use crate::search::{Needle, field_contains};

const SUBJECTS: [&str; 6] =
    ["lunch", "=?utf-8?q?caf=C3=A9?=", "Re: Lunch", "\u{fb01}n", "a\r\n b", "=?utf-8?b?5pel5pys?="];

fn header(number: u32) -> String {
    let subject = SUBJECTS[number as usize % SUBJECTS.len()];
    let long = if number.is_multiple_of(50) { "x".repeat(20_000) } else { String::new() };
    format!(
        "Subject: {subject}\r\nto: Zoe {number} <z@x>\r\nFrom: A{number} <a@x>\r\nTo: b{long}\r\n\
         Cc: Someone <lunch@x>\r\nBcc: \r\nX-Other: lunch\r\n\r\n"
    )
}

fn check(mailbox: &Mailbox, known: &mut u32) {
    let snapshot = mailbox.snapshot();
    let mut listings = mailbox.listings();
    for name in ["Subject", "from", "To", "Cc", "BCC", "x-other", "Reply-To"] {
        let names = FieldNames::new(&[name.as_bytes().to_vec()]);
        for text in ["lunch", "", "é", "fi", "\u{fb01}", "zoe 7", "a1", "日本", "a b", "nowhere"]
        {
            let needle = Needle::new(text);
            for run in snapshot.runs(&UidSet::all()) {
                let run = run.expect("run");
                let none = listings.none_contains(&run, &names, &needle);
                *known += u32::from(none);
                for row in (0..run.len()).filter_map(|nth| run.row(nth)) {
                    let bytes = mailbox.message(&row).bytes().expect("bytes");
                    let truth = field_contains(&bytes, name.as_bytes(), &needle);
                    assert!(!(none && truth), "{name} {text:?} {row:?}");
                    let found = listings.field_contains(&row, &names, &needle).expect("found");
                    assert_eq!(found, truth, "{name} {text:?} {row:?}");
                }
            }
        }
    }
}

#[test]
fn list_parts_say_which_fields_contain_a_text() {
    let dir = tempfile::tempdir().expect("directory");
    let options = Options { upkeep: false, ..options() };
    let store = Store::create(&dir.path().join("store"), &options).expect("create");
    let account = store.ensure_account(ACCOUNT, &DEFAULTS).wait().expect("account");
    let inbox = account.mailbox("INBOX").expect("inbox");
    let append = |from: u32| {
        let items = (from..from + 70).map(|number| AppendItem {
            message: Prepared::new(header(number).as_bytes()),
            ..item(0)
        });
        inbox.append(items.collect()).wait().expect("append");
    };
    let mut known = 0;
    append(0);
    check(&inbox, &mut known);
    assert_eq!(known, 0, "there is no list part yet");
    store.upkeep().expect("upkeep");
    check(&inbox, &mut known);
    assert!(known > 0);
    // Parts of which some messages are gone, and messages in no part.
    inbox.expunge(uids(20..=35), Expunge::Any).wait().expect("expunge");
    append(70);
    check(&inbox, &mut known);
    store.upkeep().expect("upkeep");
    store.compact().expect("compact");
    check(&inbox, &mut known);
}
