//! Promise: what mail programs fetch for a list of messages is told from list parts, in the very
//! bytes that the messages themselves would tell, and no header and no body is read for it.

use engine::{AccountId, AppendItem, FlagSet, InternalDate, Mailbox, Options, Store};
use server::imap::command::{Body, FetchItems};
use server::imap::fetch_answers;
use server::imap::parse::parse_command;

/// Items of each client's list fetch.
const CLIENTS: [(&str, &str); 12] = [
    (
        "Thunderbird",
        "(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID \
         Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To Received)])",
    ),
    (
        "K-9",
        "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (date subject from \
         content-type to cc bcc reply-to message-id references in-reply-to list-post \
         list-unsubscribe sender chat-version)])",
    ),
    ("K-9, then", "(UID BODYSTRUCTURE)"),
    (
        "neomutt",
        "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (date from sender subject to \
         cc message-id references content-type content-description in-reply-to reply-to lines \
         list-post list-subscribe list-unsubscribe x-label x-original-to autocrypt)])",
    ),
    (
        "Roundcube",
        "(UID RFC822.SIZE FLAGS INTERNALDATE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (date from to \
         subject content-type cc reply-to list-post disposition-notification-to x-priority)])",
    ),
    ("JavaMail", "(ENVELOPE INTERNALDATE RFC822.SIZE)"),
    (
        "MailKit",
        "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE \
         BODY.PEEK[HEADER.FIELDS (REFERENCES)])",
    ),
    ("SOGo", "(UID FLAGS ENVELOPE RFC822.SIZE BODY)"),
    (
        "mailcore2",
        "(UID FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (References In-Reply-To)] BODYSTRUCTURE)",
    ),
    (
        "imapsync",
        "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (Message-Id Received)])",
    ),
    ("offlineimap", "(FLAGS UID INTERNALDATE)"),
    ("getmail", "(UID RFC822.SIZE)"),
];
/// One in so many of the corpus.
const EVERY: usize = 16;

fn items(text: &str) -> FetchItems {
    match parse_command(format!("a FETCH 1:* {text}\r\n").as_bytes()).expect("a command").body {
        Body::Fetch(fetch) => fetch.items,
        other => panic!("not a FETCH: {other:?}"),
    }
}

fn answers(mailbox: &Mailbox, items: &FetchItems) -> Vec<u8> {
    let mut answers = Vec::new();
    fetch_answers(mailbox, items, &mut Vec::new(), |piece| answers.extend_from_slice(piece))
        .expect("answers");
    answers
}

#[test]
fn list_fetches_of_mail_programs_read_no_message_and_tell_the_same_as_messages_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options { upkeep: false, ..Options::default() };
    let store = Store::create(&dir.path().join("store"), &options).expect("a store");
    let account = store.ensure_account(AccountId(1), &[]).wait().expect("an account");
    let inbox = account.mailbox("INBOX").expect("INBOX");
    for message in tests::corpus::sample(EVERY) {
        let item = AppendItem {
            message: store.prepare(&message.octets),
            flags: FlagSet::default(),
            internal_date: InternalDate::default(),
        };
        inbox.append(vec![item]).wait().expect("appended");
    }
    let reads = || (store.reads()[0].heads(), store.reads()[0].bodies());
    let alone: Vec<_> = CLIENTS.iter().map(|(_, text)| answers(&inbox, &items(text))).collect();
    assert!(reads().0 > 0, "there are no list parts yet");
    store.upkeep().expect("upkeep");
    let before = store.reads()[0].list_parts();
    answers(&inbox, &items("(UID BODY.PEEK[] BODY.PEEK[1])"));
    assert_eq!(store.reads()[0].list_parts(), before, "list parts that nobody asked for");
    for ((client, text), alone) in CLIENTS.iter().zip(&alone) {
        let before = reads();
        let listed = answers(&inbox, &items(text));
        assert_eq!(reads(), before, "{client}: heads and bodies that were read");
        assert!(listed == *alone, "{client}: list parts and messages tell different things");
    }
}
