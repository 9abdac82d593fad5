//! A view of a real mailbox that others change.

use engine::{
    AccountId, AppendItem, Expunge, FlagAction, FlagEdit, FlagSet, InternalDate, Mailbox, Options,
    Prepared, Store, SystemFlag,
};
use tempfile::TempDir;

use super::*;
use crate::imap::command::Bound;

struct Fixture {
    mailbox: Mailbox,
    _store: Store,
    _dir: TempDir,
}

/// A mailbox with this many messages.
async fn fixture(count: usize) -> Fixture {
    let dir = TempDir::new().expect("a directory");
    let store = Store::create(&dir.path().join("store"), &Options::default()).expect("a store");
    let account = store.ensure_account(AccountId(1), &[]).await.expect("an account");
    let mailbox = account.mailbox("INBOX").expect("it is always there");
    let item = AppendItem {
        message: Prepared::new(b"Subject: x\r\n\r\ny\r\n"),
        flags: FlagSet::default(),
        internal_date: InternalDate::default(),
    };
    if count > 0 {
        mailbox.append(vec![item; count]).await.expect("appended");
    }
    Fixture { mailbox, _store: store, _dir: dir }
}

impl Fixture {
    fn view(&self) -> SelectedView {
        SelectedView::new(self.mailbox.snapshot())
    }

    async fn flag(&self, uids: &UidSet, flag: SystemFlag) {
        let flags = FlagSet::system(&[flag]);
        let edit =
            FlagEdit { uids: uids.clone(), action: FlagAction::Add, flags, unchanged_since: None };
        self.mailbox.edit_flags(edit).await.expect("flagged");
    }
}

fn set(ranges: &[(u32, u32)]) -> SequenceSet {
    let bound = |raw| NonZeroU32::new(raw).map_or(Bound::Highest, Bound::Number);
    let mut set = SequenceSet::default();
    for &(first, last) in ranges {
        set.push(bound(first), bound(last));
    }
    set
}

fn uids(text: &[u32]) -> UidSet {
    text.iter().filter_map(|raw| Uid::new(*raw)).collect()
}

#[tokio::test]
async fn numbers_mean_what_the_session_was_told() {
    let fixture = fixture(5).await;
    let view = fixture.view();
    fixture.mailbox.expunge(uids(&[2]), Expunge::Any).await.expect("expunged");
    let of = |view: &SelectedView, ranges: &[(u32, u32)], numbering| {
        view.uids(&set(ranges), numbering).map(|uids| uids.to_string())
    };
    assert_eq!(of(&view, &[(2, 3)], Numbering::Sequence), Ok("2:3".to_owned()));
    let later = fixture.view();
    assert_eq!(of(&later, &[(2, 0)], Numbering::Sequence), Ok("3:5".to_owned()));
    assert!(of(&later, &[(5, 5)], Numbering::Sequence).is_err());
    // `*` and numbers above it name the last message at most (RFC 3501, 6.4.8).
    assert_eq!(of(&later, &[(9, 0)], Numbering::Uid), Ok("5".to_owned()));
    assert_eq!(of(&later, &[(1, 99)], Numbering::Uid), Ok("1:5".to_owned()));
}

#[tokio::test]
async fn in_an_empty_mailbox_a_star_names_nothing() {
    let view = fixture(0).await.view();
    for numbering in [Numbering::Sequence, Numbering::Uid] {
        assert_eq!(view.uids(&set(&[(1, 0)]), numbering), Ok(UidSet::new()));
    }
}

#[tokio::test]
async fn flags_move_on_while_numbers_wait() {
    let fixture = fixture(4).await;
    let mut view = fixture.view();
    fixture.mailbox.expunge(uids(&[1]), Expunge::Any).await.expect("expunged");
    fixture.flag(&uids(&[3]), SystemFlag::Seen).await;
    view.advance_flags(&fixture.mailbox).expect("readable");
    assert_eq!((view.snapshot().exists(), view.untold.to_string()), (4, "3".to_owned()));
    let moved = view.advance(&fixture.mailbox, fixture.mailbox.snapshot()).expect("readable");
    assert_eq!((moved.expunged.to_string(), moved.exists), ("1".to_owned(), None));
    assert_eq!(view.snapshot().exists(), 3);
    // The flag is not new a second time.
    assert_eq!(view.untold.to_string(), "3");
}

#[tokio::test]
async fn what_was_told_is_not_told_again() {
    let fixture = fixture(3).await;
    let mut view = fixture.view();
    fixture.flag(&uids(&[1, 2]), SystemFlag::Flagged).await;
    view.advance_flags(&fixture.mailbox).expect("readable");
    view.told(&UidSet::from_iter(Uid::new(1)));
    assert_eq!(view.untold.to_string(), "2");
    let moved = view.advance(&fixture.mailbox, fixture.mailbox.snapshot()).expect("readable");
    assert!(moved.expunged.is_empty() && moved.exists.is_none());
    assert_eq!(view.untold.to_string(), "2");
}

#[tokio::test]
async fn what_came_and_went_unseen_is_not_told() {
    let fixture = fixture(1).await;
    let mut view = fixture.view();
    let more = AppendItem {
        message: Prepared::new(b"\r\n"),
        flags: FlagSet::default(),
        internal_date: InternalDate::default(),
    };
    fixture.mailbox.append(vec![more.clone(), more]).await.expect("appended");
    fixture.mailbox.expunge(uids(&[2]), Expunge::Any).await.expect("expunged");
    let moved = view.advance(&fixture.mailbox, fixture.mailbox.snapshot()).expect("readable");
    assert!(moved.expunged.is_empty(), "{moved:?}");
    assert_eq!(moved.exists, Some(2));
}
