use proptest::prelude::*;

use super::*;
use crate::message::message_id::Ids;

/// The keys, after a way through their encoding and back.
fn keys(header: &[u8]) -> SortKeys {
    let keys = SortKeys::of(header);
    let mut out = Vec::new();
    keys.encode(&mut out);
    assert_eq!(SortKeys::decode(&out).as_ref(), Ok(&keys));
    assert_eq!(keys.message_id, Ids::of(header).message_id);
    keys
}

const HEADER: &[u8] = b"From: =?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <yamada@example.jp>\r\n\
    To: Bob@x, a@y\r\nCc: <c@d>\r\n\
    Subject: =?ISO-2022-JP?B?UmU6IBskQkZ8S1wbKEI=?=\r\n\
    Message-ID: <2@x>\r\nIn-Reply-To: <0@x>\r\nReferences: <\"0\"@x>\r\n <1@x>\r\n\r\nFrom: no";

#[test]
fn every_key_of_a_japanese_reply() {
    let keys = keys(HEADER);
    assert_eq!(keys.base_subject, "日本");
    assert!(keys.is_reply_or_forward);
    assert_eq!([&*keys.from, &*keys.to, &*keys.cc], ["yamada", "Bob", "c"]);
    assert_eq!([&*keys.display_from, &*keys.display_to], ["山田", "Bob@x"]);
    let ids = [&b"Message-ID: <0@x>\n"[..], b"Message-ID: <1@x>\n"].map(|h| Ids::of(h).message_id);
    assert_eq!(keys.references, ids);
}

/// Pins the table above. Changing these bytes means a new version of what holds them.
#[test]
fn golden_bytes() {
    let mut out = Vec::new();
    keys(b"From: A <a@b>\r\nSubject: Re: s\r\nMessage-ID: <1@x>\r\nReferences: <1@x>\r\n")
        .encode(&mut out);
    let hash = Ids::of(b"Message-ID: <1@x>\n").message_id.to_le_bytes();
    let front = b"\x03\x01s\x01a\x00\x00\x01A\x00";
    assert_eq!(out, [&front[..], &hash, b"\x01", &hash].concat());
    assert_eq!(hash, [178, 167, 4, 143, 135, 145, 47, 252]);
    out.clear();
    keys(b"").encode(&mut out);
    assert_eq!(out, [0; 8]);
}

#[test]
fn addresses_give_the_keys_of_the_rfcs() {
    for (field, mailbox, display) in [
        ("From: Ann Other <Ann@example.test>", "Ann", "Ann Other"),
        ("From: ann@example.test", "ann", "ann@example.test"),
        ("From: \"\" <ann@x>", "ann", "ann@x"),
        ("From: =?utf-8?q??= <ann@x>", "ann", "ann@x"),
        ("From: =?utf-8?q?caf=C3=A9?= <c@x>", "c", "café"),
        ("From: root", "root", "root"),
        ("From: Team: b@x, a@x;", "Team", "Team"),
        ("From: =?utf-8?q?=C3=A9quipe?=:;", "équipe", "équipe"),
        ("From:\r\nFrom: second@x", "second", "second@x"),
        ("From: é@x", "é", "é@x"),
        ("From: <>", "", ""),
        ("From: ,;", "", ""),
        ("Sender: a@x", "", ""),
    ] {
        let keys = keys(field.as_bytes());
        assert_eq!((&*keys.from, &*keys.display_from), (mailbox, display), "{field}");
    }
}

#[test]
fn in_reply_to_counts_only_where_references_name_nothing() {
    let hash = |id: &str| Ids::of(format!("Message-ID: {id}\n").as_bytes()).message_id;
    for (header, references) in [
        ("In-Reply-To: Mon, <a@x> and <b@x>\n", vec![hash("<a@x>")]),
        ("References: none\nIn-Reply-To: <a@x>\n", vec![hash("<a@x>")]),
        ("References:\nReferences: <b@x>\nIn-Reply-To: <a@x>\n", vec![hash("<b@x>")]),
        ("In-Reply-To: Your message of Monday\n", vec![]),
    ] {
        assert_eq!(keys(header.as_bytes()).references, references, "{header}");
    }
}

#[test]
fn long_things_are_cut_and_of_references_both_ends_stay() {
    let ids: Vec<String> = (0..1000).map(|number| format!("<{number}@x>")).collect();
    let header = format!(
        "References: {}\nSubject: {}\nFrom: {} <{}@x>\n",
        ids.join(" "),
        "日".repeat(1000),
        "本".repeat(1000),
        "a".repeat(1000)
    );
    let keys = keys(header.as_bytes());
    assert_eq!(keys.base_subject, "日".repeat(333));
    assert_eq!(keys.display_from, "本".repeat(85));
    assert_eq!(keys.from, "a".repeat(256));
    let hash = |id: &String| Ids::of(format!("Message-ID: {id}\n").as_bytes()).message_id;
    let kept: Vec<u64> = ids[..10].iter().chain(&ids[910..]).map(hash).collect();
    assert_eq!(keys.references, kept);
}

#[test]
fn bytes_that_are_no_keys_are_refused() {
    let mut out = Vec::new();
    keys(HEADER).encode(&mut out);
    for len in 0..out.len() {
        assert!(SortKeys::decode(&out[..len]).is_err(), "{len}");
    }
    out.push(0);
    assert_eq!(SortKeys::decode(&out), Err(Fault::Invalid("sort keys")));
    for (bytes, fault) in [
        (&[4, 0][..], Fault::Unknown { field: "sort key marks", value: 4 }),
        (&[0, 1, 0xff, 0, 0, 0, 0, 0, 0], Fault::Invalid("sort key")),
        (&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], Fault::Invalid("hash")),
        (&[0, 0xe9, 7], Fault::Invalid("sort key length")),
        (&[0, 0, 0, 0, 0, 0, 0, 101], Fault::Invalid("references count")),
        (&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Fault::Invalid("hash")),
    ] {
        assert_eq!(SortKeys::decode(bytes), Err(fault), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn keys_of_any_header_come_back(
        tokens in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "From: ", "\nTo: ", "\r\nCc: ", "\nSubject: ", "\nReferences: ",
                    "\nMessage-ID: ", "\nIn-Reply-To: ", "Re: ", "[x]", "<", ">", "@", "a", "\"",
                    "\\", ":", ";", ",", "(", "=?utf-8?q?=C3=A9?=", "=?iso-2022-jp?b?GyRC?=",
                    "\u{e9}", "\n ", "<a@b>",
                ]).prop_map(|token| token.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..4),
            ],
            0..60,
        ),
    ) {
        keys(&tokens.concat());
    }

    #[test]
    fn any_bytes_are_refused_or_the_keys_they_encode(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..60),
        at in any::<prop::sample::Index>(),
        from_real in any::<bool>(),
        value: u8,
    ) {
        if from_real {
            bytes.clear();
            SortKeys::of(HEADER).encode(&mut bytes);
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(keys) = SortKeys::decode(&bytes) {
            let mut out = Vec::new();
            keys.encode(&mut out);
            prop_assert_eq!(SortKeys::decode(&out), Ok(keys));
        }
    }
}
