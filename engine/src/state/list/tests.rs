//! The list against a model: names and ids in a plain vector.

use proptest::prelude::*;

use super::*;
use plan::Numbers;

#[derive(Clone, Debug)]
enum Step {
    Create(String),
    Delete(String),
    Rename(String, String),
    Subscribe(String),
    Unsubscribe(String),
}

/// Few short names, so that they meet.
fn name() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["a", "b", "a-b", "inbox", "INBOX", "é"]);
    prop::collection::vec(level, 1..4).prop_map(|levels| levels.join("/"))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => name().prop_map(Step::Create),
        2 => name().prop_map(Step::Delete),
        3 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => name().prop_map(Step::Subscribe),
        1 => name().prop_map(Step::Unsubscribe),
    ]
}

/// Names with their ids.
#[derive(Clone, Debug, Default)]
struct Model {
    mailboxes: Vec<(String, u64)>,
    subscribed: BTreeSet<String>,
    next: u64,
}

fn spelled(name: &str) -> String {
    let (first, rest) = name.split_once('/').map_or((name, None), |(f, r)| (f, Some(r)));
    let first = if first.eq_ignore_ascii_case("inbox") { "INBOX" } else { first };
    rest.map_or_else(|| first.to_owned(), |rest| format!("{first}/{rest}"))
}

impl Model {
    fn has(&self, name: &str) -> bool {
        self.mailboxes.iter().any(|(has, _)| has == name)
    }

    fn make_with_parents(&mut self, name: &str) {
        let levels: Vec<_> = name.split('/').collect();
        for count in 1..=levels.len() {
            let level = levels[..count].join("/");
            if !self.has(&level) {
                self.mailboxes.push((level, self.next));
                self.next += 1;
            }
        }
    }

    fn create(&mut self, name: &str) -> bool {
        let is_new = !self.has(name);
        if is_new {
            self.make_with_parents(name);
        }
        is_new
    }

    fn delete(&mut self, name: &str) -> bool {
        let can = name != "INBOX" && self.has(name);
        if can {
            self.mailboxes.retain(|(has, _)| has != name);
        }
        can
    }

    fn rename(&mut self, from: &str, to: &str) -> bool {
        let renamed = |name: &str| {
            let rest = name.strip_prefix(from).filter(|r| r.is_empty() || r.starts_with('/'))?;
            Some(format!("{to}{rest}"))
        };
        let new: Vec<_> = self.mailboxes.iter().filter_map(|(name, _)| renamed(name)).collect();
        let taken = self.has(to) || new.iter().any(|name| self.has(name));
        let below_itself = to.starts_with(&format!("{from}/"));
        if from == "INBOX" || new.is_empty() || taken || below_itself {
            return false;
        }
        if let Some((above, _)) = to.rsplit_once('/') {
            self.make_with_parents(above);
        }
        for (name, _) in &mut self.mailboxes {
            if let Some(new) = renamed(name) {
                *name = new;
            }
        }
        true
    }
}

/// A list and the numbers it is given.
struct Subject {
    list: MailboxList,
    next_mailbox: u64,
}

impl Subject {
    fn numbers(next_mailbox: &mut u64) -> Numbers<'_> {
        Numbers { next_mailbox, now: 1_000 }
    }

    fn create(&mut self, name: &str) -> Result<(), Error> {
        let mut next = self.next_mailbox;
        let change = plan::create(&self.list, name, None, &mut Self::numbers(&mut next))?;
        self.next_mailbox = next;
        self.list.apply(&change);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let rename = plan::rename(&self.list, from, to)?;
        let next = &mut self.next_mailbox;
        if let Some(parents) = plan::parents(&self.list, to, &mut Self::numbers(next))? {
            self.list.apply(&parents);
        }
        self.list.apply(&rename);
        Ok(())
    }

    fn take(&mut self, model: &mut Model, step: &Step) {
        match step {
            Step::Create(name) => {
                assert_eq!(self.create(name).is_ok(), model.create(&spelled(name)));
            }
            Step::Delete(name) => {
                let change = plan::delete(&self.list, name, 0);
                assert_eq!(change.is_ok(), model.delete(&spelled(name)));
                if let Ok(change) = change {
                    self.list.apply(&change);
                }
            }
            Step::Rename(from, to) => {
                let is_renamed = model.rename(&spelled(from), &spelled(to));
                assert_eq!(self.rename(from, to).is_ok(), is_renamed);
            }
            Step::Subscribe(name) => {
                self.list.apply(&plan::subscribe(name).expect("an allowed name"));
                model.subscribed.insert(spelled(name));
            }
            Step::Unsubscribe(name) => {
                self.list.apply(&plan::unsubscribe(name));
                model.subscribed.remove(&spelled(name));
            }
        }
    }
}

/// A new account, and the model of it.
fn new_account() -> (Subject, Model) {
    let mut next_mailbox = 0;
    let change = plan::account(&[], &mut Subject::numbers(&mut next_mailbox));
    let mut list = MailboxList::default();
    list.apply(&change.expect("room for an INBOX"));
    let mut model = Model::default();
    model.make_with_parents("INBOX");
    (Subject { list, next_mailbox }, model)
}

proptest! {
    #[test]
    fn the_list_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let (mut subject, mut model) = new_account();
        let mut validities = BTreeMap::new();
        for step in &steps {
            subject.take(&mut model, step);
            let mut expected = model.mailboxes.clone();
            expected.sort();
            let list = &subject.list;
            let named: Vec<_> = list.iter().map(|e| (e.name.to_string(), e.id.0)).collect();
            prop_assert_eq!(&named, &expected, "after {:?}", step);
            prop_assert!(list.find("iNbOx").is_some());
            for (name, id) in &expected {
                prop_assert_eq!(list.find(name).map(|entry| entry.id.0), Some(*id));
                let below = format!("{name}/");
                let has_children = expected.iter().any(|(other, _)| other.starts_with(&below));
                prop_assert_eq!(list.has_children(name), has_children);
            }
            let subscribed: BTreeSet<_> = list.subscriptions().map(ToString::to_string).collect();
            prop_assert_eq!(&subscribed, &model.subscribed);
            // A mailbox keeps its UIDVALIDITY; no other ever has the same.
            for entry in list.iter() {
                let had = validities.insert(entry.uid_validity.get(), entry.id);
                prop_assert!(had.is_none_or(|had| had == entry.id));
            }
        }
    }
}

#[test]
fn names_that_no_mailbox_may_have_are_refused() {
    let (mut subject, _) = new_account();
    let long = "x".repeat(MAILBOX_NAME_LEN_MAX + 1);
    let deep = vec!["x"; MAILBOX_NAME_LEVELS_MAX + 1].join("/");
    for bad in ["", "/", "/a", "a//b", "a\nb", "a\u{85}", &long, &deep] {
        let refused = subject.create(bad);
        assert!(matches!(refused, Err(Error::BadMailboxName(_))), "{bad:?}: {refused:?}");
    }
    assert!(subject.create("a/").is_ok() && subject.list.find("a").is_some());
    assert!(matches!(subject.create("a"), Err(Error::MailboxExists)));
    assert!(matches!(subject.create("inbox"), Err(Error::MailboxExists)));
}

#[test]
fn a_name_that_is_made_again_is_another_generation() {
    let (mut subject, _) = new_account();
    subject.create("a").expect("a new name");
    let first = subject.list.find("a").expect("made").clone();
    subject.list.apply(&plan::delete(&subject.list, "a", 0).expect("there"));
    subject.create("a").expect("a free name");
    let second = subject.list.find("a").expect("made again");
    assert!(second.uid_validity > first.uid_validity && second.id != first.id);
}

#[test]
fn the_inbox_is_neither_deleted_nor_renamed_but_what_is_below_it_may_be() {
    let (mut subject, _) = new_account();
    subject.create("Inbox/work").expect("a new name");
    assert!(matches!(plan::delete(&subject.list, "inbox", 0), Err(Error::InboxStays)));
    assert!(subject.rename("inbox", "b").is_err());
    subject.rename("INBOX/work", "office/work").expect("free");
    let names: Vec<_> = subject.list.iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(names, ["INBOX", "office", "office/work"]);
}

#[test]
fn default_mailboxes_keep_their_use() {
    let mut next_mailbox = 1;
    let defaults = [("Sent".to_owned(), Some(SpecialUse::Sent)), ("inbox".to_owned(), None)];
    let change = plan::account(&defaults, &mut Subject::numbers(&mut next_mailbox));
    let mut list = MailboxList::default();
    list.apply(&change.expect("allowed names"));
    assert_eq!(list.len(), 2);
    assert_eq!(list.find("Sent").and_then(|entry| entry.special_use), Some(SpecialUse::Sent));
}

fn set(
    list: &MailboxList,
    mailbox: Option<&str>,
    entries: &[(&str, Option<&[u8]>)],
) -> Result<MailboxList, Error> {
    let entries = entries.iter().map(|(entry, value)| ((*entry).into(), value.map(Arc::from)));
    let mut after = list.clone();
    if let Some(change) = plan::annotate(list, mailbox, entries.collect())? {
        after.apply(&change);
    }
    Ok(after)
}

fn annotated(list: &MailboxList, mailbox: Option<&str>) -> Vec<String> {
    let entry = mailbox.map(|name| list.find(name).expect("a mailbox"));
    let each = list.annotations(entry);
    each.map(|(entry, value)| format!("{entry}={}", String::from_utf8_lossy(value))).collect()
}

#[test]
fn annotations_follow_a_mailbox_and_go_with_it() {
    let (mut subject, _) = new_account();
    subject.create("a").expect("a new name");
    let entries: [(&str, Option<&[u8]>); 2] =
        [("/private/x", Some(b"1")), ("/shared/y", Some(b""))];
    subject.list = set(&subject.list, Some("a"), &entries).expect("room");
    subject.list = set(&subject.list, None, &[("/private/z", Some(b"2"))]).expect("room");
    subject.rename("a", "b").expect("a free name");
    assert_eq!(annotated(&subject.list, Some("b")), ["/private/x=1", "/shared/y="]);
    let mut after = set(&subject.list, Some("b"), &[("/shared/y", None)]).expect("nothing new");
    assert_eq!(annotated(&after, Some("b")), ["/private/x=1"]);
    after.apply(&plan::delete(&after, "b", 0).expect("there"));
    assert_eq!(annotated(&after, None), ["/private/z=2"]);
    assert_eq!(after.annotations.stored().len(), 1);
    let nothing = plan::annotate(&after, None, vec![("/private/z".into(), Some(b"2"[..].into()))]);
    assert!(matches!(nothing, Ok(None)));
}

#[test]
fn what_a_mailbox_is_for_is_an_annotation_that_no_two_have() {
    const ENTRY: &str = "/private/specialuse";
    let (mut subject, _) = new_account();
    subject.create("a").expect("a new name");
    subject.create("b").expect("a new name");
    let list = set(&subject.list, Some("a"), &[(ENTRY, Some(b" \\drafts "))]).expect("a free use");
    assert_eq!(annotated(&list, Some("a")), [format!("{ENTRY}=\\Drafts")]);
    let both: [(&str, Option<&[u8]>); 2] = [("/private/x", Some(b"1")), (ENTRY, Some(b"\\Drafts"))];
    assert!(matches!(set(&list, Some("b"), &both), Err(Error::BadSpecialUse(_))));
    assert!(matches!(
        set(&list, Some("b"), &[(ENTRY, Some(b"\\No"))]),
        Err(Error::BadSpecialUse(_))
    ));
    let list = set(&list, Some("a"), &[(ENTRY, None)]).expect("taken away");
    assert_eq!(list.find("a").and_then(|entry| entry.special_use), None);
}

#[test]
fn annotations_have_limits() {
    let (subject, _) = new_account();
    let long = vec![b'x'; crate::limits::ANNOTATION_LEN_MAX + 1];
    let refused = set(&subject.list, None, &[("/private/x", Some(&long))]);
    assert!(matches!(refused, Err(Error::AnnotationTooLarge { limit }) if limit + 1 == long.len()));
    let mut list = subject.list.clone();
    let count = crate::limits::ANNOTATIONS_LEN_MAX / long.len();
    for number in 0..count {
        let entry = format!("/private/{number}");
        list = set(&list, Some("INBOX"), &[(&entry, Some(&long[1..]))]).expect("room");
    }
    let refused = set(&list, None, &[("/private/x", Some(&long[1..]))]);
    assert!(matches!(refused, Err(Error::TooManyAnnotations)));
    let less: [(&str, Option<&[u8]>); 2] = [("/private/0", None), ("/private/x", Some(b"y"))];
    set(&list, Some("INBOX"), &less).expect("room was made");
}
