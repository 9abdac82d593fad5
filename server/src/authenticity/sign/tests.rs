use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Instant;

use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::DomainKey as Record;
use mail_auth::{DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};

use super::super::key::{KeyKind, SigningKey, record_name};
use super::super::reading::Purpose;
use super::*;
use crate::config::Protocol;
use crate::limits::ByteBudget;
use crate::server::tests::world;

const MESSAGE: &str = "From: Alice <alice@Example.test>\r\nTo: bob@b.test\r\n\
                       Subject:  two\r\n \twords \r\n\r\nHello  \r\n \r\n\r\n";

/// Records that are believed without asking anybody.
#[derive(Default)]
struct Known(Mutex<HashMap<Box<str>, Txt>>);

impl ResolverCache<Box<str>, Txt> for Known {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        self.0.lock().expect("a lock").get(name).cloned()
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, name: Box<str>, record: Txt, _: Instant) {
        self.0.lock().expect("a lock").insert(name, record);
    }
}

fn whole(message: &str, purpose: Purpose) -> Whole {
    let share = ByteBudget::new(1 << 20).share();
    Whole::of(message.as_bytes(), purpose, share).expect("room")
}

/// What the verifier says of each signature.
async fn verified(context: &Context, records: &[(String, String)], message: &str) -> Vec<bool> {
    let known = Known::default();
    for (name, value) in records {
        let record = Record::parse(value.as_bytes()).expect("a record");
        known.insert(format!("{name}.").into(), record.into(), Instant::now());
    }
    let whole = whole(message, Purpose::Verify);
    let parsed = whole.message().expect("a header");
    let verifier = MessageAuthenticator(context.dns.resolver().clone());
    let outputs = verifier.verify_dkim(Parameters::new(&parsed).with_txt_cache(&known)).await;
    outputs.iter().map(|output| *output.result() == DkimResult::Pass).collect()
}

#[tokio::test]
async fn mail_of_our_domains_is_signed_with_all_their_keys_and_changes_are_noticed() {
    let world = world(&[Protocol::Submission]).await;
    let server = world.start().await;
    let context = server.context();
    let directory = &context.directory;
    directory.add_domain("example.test").await.expect("domain");
    let mut records = Vec::new();
    for (selector, kind) in [("e", KeyKind::Ed25519), ("r", KeyKind::Rsa)] {
        let key = SigningKey::generate(kind).expect("a key");
        directory.add_dkim_key("Example.test", selector, key.pkcs8()).await.expect("added");
        records.push((record_name(selector, "example.test"), key.record()));
    }
    let date = "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n";
    let signatures = sign(context, &["example.test"], date, &whole(MESSAGE, Purpose::Sign)).await;
    let signed = format!("{signatures}{date}{MESSAGE}");
    assert_eq!(verified(context, &records, &signed).await, [true, true], "{signed}");
    assert!(signed.lines().all(|line| line.len() <= 80), "{signed}");
    // Blanks that the relaxed forms do not see.
    for (from, to) in
        [("two\r\n \twords ", "two words"), ("Hello  ", "Hello"), ("\r\nTo:", "\r\nto: ")]
    {
        let same = signed.replace(from, to);
        assert_eq!(verified(context, &records, &same).await, [true, true], "{from}");
    }
    // What must be noticed: another body, another field, one more field, one less.
    for (from, to) in [
        ("Hello", "Hallo"),
        ("\r\nSubject:  two", "\r\nSubject:  tow"),
        ("\r\nFrom: Alice", "\r\nFrom: Eve <eve@example.test>\r\nFrom: Alice"),
        ("\r\nTo: bob@b.test", ""),
        ("\r\nTo: bob", "\r\nReply-To: eve@c.test\r\nTo: bob"),
        (" \r\n\r\n", " \r\n\r\nP.S.\r\n"),
    ] {
        let changed = signed.replace(from, to);
        assert_ne!(changed, signed, "{from}");
        assert_eq!(verified(context, &records, &changed).await, [false, false], "{from}");
    }
    // Who writes in the name of a domain that is not his is signed for by his own, or by none.
    let other = whole(&MESSAGE.replace("Example.test", "other.test"), Purpose::Sign);
    assert_eq!(sign(context, &["other.test"], "", &other).await, "");
    let signed = sign(context, &["third.test", "Example.test"], "", &other).await;
    assert_eq!(signed.matches("d=example.test;").count(), 2, "{signed}");
    let forged = whole(MESSAGE, Purpose::Sign);
    assert_eq!(sign(context, &["third.test"], "", &forged).await, "");
    server.stop().await;
}

#[test]
fn every_field_is_named_from_the_lowest_up_and_closed_ones_once_more() {
    let header = b"to: c\r\nReceived: x\r\nFrom: a\r\nList-Id: 1\r\nList-Id: 2\r\nTo: b\r\n";
    let all: Vec<_> = fields(header).collect();
    let chosen = choose(&all).expect("it can be signed");
    let count = |name: &str| chosen.names.iter().filter(|other| *other == name).count();
    assert_eq!((count("From"), count("To"), count("List-Id"), count("Cc")), (2, 3, 2, 1));
    assert_eq!((count("Received"), count("Sender")), (0, 0));
    let values: Vec<_> = chosen.fields.iter().map(|field| field.value.trim_ascii()).collect();
    assert_eq!(values, [&b"a"[..], b"b", b"c", b"2", b"1"]);
}

#[test]
fn what_has_no_from_or_far_too_many_fields_is_not_signed() {
    let none: Vec<_> = fields(b"To: b\r\n").collect();
    assert!(matches!(choose(&none), Err(SignError::NoFrom)));
    let many = [b"From: a\r\n".to_vec(), b"To: b\r\n".repeat(NAMES_MAX)].concat();
    let many: Vec<_> = fields(&many).collect();
    assert!(matches!(choose(&many), Err(SignError::TooManyFields)));
}
