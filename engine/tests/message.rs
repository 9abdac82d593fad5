//! Messages of every kind of brokenness: always an answer, always valid, never slow.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod grammar;

use engine::message::{ListData, PartKind, Section, SectionText, Structure};
use grammar::check::check;
use proptest::prelude::*;

fn body_structure(message: &str) -> String {
    let list = check(message.as_bytes());
    String::from_utf8(list.body_structure().to_vec()).unwrap()
}

fn octets(message: &[u8], path: &[u32], text: SectionText) -> Option<String> {
    let structure = Structure::of(message);
    let (header, body) = message.split_at(structure.header_len());
    let section = Section { path: path.to_vec(), text };
    let octets = section.locate(&structure)?.octets(header, body).to_vec();
    Some(String::from_utf8(octets).unwrap())
}

const MIXED: &str = "From: a@b\r\nSubject: outer\r\nContent-Type: multipart/mixed;\r\n boundary=\"x\"\r\n\r\n\
    preamble\r\n\
    --x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-ID: <1@x>\r\n\r\nfirst\r\nline\r\n\
    --x\r\nContent-Type: message/rfc822\r\nContent-Description: \"forwarded\"\r\n\r\n\
    From: c@d\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n\
    --y\r\n\r\ndefault\r\n\
    --y\r\nContent-Type: text/html\r\nContent-Language: de, en\r\n\r\n<p>\r\n--y--\r\n\
    --x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\n\
    Content-Disposition: attachment; filename=\"a b.png\"\r\nContent-MD5: Q2hlY2s=\r\n\
    Content-Location: http://x/\r\n\r\nAAAA\r\n--x--\r\nepilogue\r\n";

#[test]
fn a_structure_of_every_kind_of_part() {
    assert_eq!(
        body_structure(MIXED),
        "((\"text\" \"plain\" (\"charset\" \"utf-8\") \"<1@x>\" NIL \"7bit\" 11 1 NIL NIL NIL NIL)\
         (\"message\" \"rfc822\" NIL NIL \"\\\"forwarded\\\"\" \"7bit\" 162 \
         (NIL \"inner\" ((NIL NIL \"c\" \"d\")) ((NIL NIL \"c\" \"d\")) ((NIL NIL \"c\" \"d\")) NIL NIL NIL NIL NIL) \
         ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 0 NIL NIL NIL NIL)\
         (\"text\" \"html\" NIL NIL NIL \"7bit\" 3 0 NIL NIL (\"de\" \"en\") NIL) \
         \"alternative\" (\"boundary\" \"y\") NIL NIL NIL) 12 NIL NIL NIL NIL)\
         (\"image\" \"png\" NIL NIL NIL \"base64\" 4 \"Q2hlY2s=\" \
         (\"attachment\" (\"filename\" \"a b.png\")) NIL \"http://x/\") \
         \"mixed\" (\"boundary\" \"x\") NIL NIL NIL)"
    );
    let body = ListData::of(MIXED.as_bytes()).body().unwrap();
    assert!(body.ends_with(b"(\"image\" \"png\" NIL NIL NIL \"base64\" 4) \"mixed\")"));
}

#[test]
fn sections_are_counted_as_the_rfc_counts_them() {
    let get = |path: &[u32], text| octets(MIXED.as_bytes(), path, text);
    let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
    assert_eq!(get(&[1], SectionText::Whole).as_deref(), Some("first\r\nline"));
    assert_eq!(get(&[2, 1], SectionText::Whole).as_deref(), Some("default"));
    assert_eq!(get(&[2, 1], SectionText::Mime).as_deref(), Some("\r\n"));
    assert_eq!(get(&[2, 2], SectionText::Whole).as_deref(), Some("<p>"));
    assert_eq!(get(&[3], SectionText::Whole).as_deref(), Some("AAAA"));
    assert!(get(&[2], SectionText::Text).is_some_and(|text| text.starts_with("--y\r\n")));
    assert!(get(&[], SectionText::Text).is_some_and(|text| text.starts_with("preamble")));
    let fields = SectionText::HeaderFields(names(&["SUBJECT", "x-none"]));
    assert_eq!(get(&[], fields.clone()).as_deref(), Some("Subject: outer\r\n\r\n"));
    assert_eq!(get(&[2], fields.clone()).as_deref(), Some("Subject: inner\r\n\r\n"));
    let others = SectionText::HeaderFieldsNot(names(&["subject", "content-type"]));
    assert_eq!(get(&[2], others).as_deref(), Some("From: c@d\r\n\r\n"));
    for (path, text) in [
        (&[4][..], SectionText::Whole),
        (&[0], SectionText::Whole),
        (&[1, 1], SectionText::Whole),
        (&[2, 3], SectionText::Whole),
        (&[1], SectionText::Header),
        (&[1], SectionText::Text),
        (&[3], fields),
        (&[], SectionText::Mime),
        (&[u32::MAX], SectionText::Mime),
    ] {
        assert_eq!(get(path, text), None, "{path:?}");
    }
    let plain = b"Subject: s\r\n\r\nbody";
    assert_eq!(octets(plain, &[1], SectionText::Whole).as_deref(), Some("body"));
    assert_eq!(octets(plain, &[1], SectionText::Mime).as_deref(), Some("Subject: s\r\n\r\n"));
    assert_eq!(octets(plain, &[2], SectionText::Whole), None);
}

#[test]
fn a_partial_stays_inside_the_octets() {
    let structure = Structure::of(MIXED.as_bytes());
    let (header, body) = MIXED.as_bytes().split_at(structure.header_len());
    let whole = Section::default();
    let octets = whole.locate(&structure).unwrap().octets(header, body);
    for (offset, count) in
        [(0, 5), (0, u64::MAX), (60, 80), (header.len() as u64, 3), (u64::MAX, 1), (7, 0)]
    {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(MIXED.len());
        let end = start.saturating_add(usize::try_from(count).unwrap()).min(MIXED.len());
        assert_eq!(octets.partial(offset, count).concat(), MIXED.as_bytes()[start..end]);
    }
}

fn part_starts(message: &str) -> Vec<&str> {
    check(message.as_bytes());
    let structure = Structure::of(message.as_bytes());
    let leaves = structure.parts().iter().filter(|part| part.kind() == PartKind::Leaf);
    leaves.map(|part| &message[part.body()]).collect()
}

#[test]
fn boundaries_are_matched_whole_and_from_the_inside() {
    let header = |boundary: &str| format!("Content-Type: multipart/mixed; boundary={boundary}\n\n");
    let outer = header("x");
    for (name, message, leaves) in [
        ("a longer boundary", format!("{outer}--x\n\na\n--xy\n--x--\n"), &["a\n--xy"][..]),
        ("white space after it", format!("{outer}--x \t\n\na\n--x-- \n"), &["a"]),
        ("never closed", format!("{outer}--x\n\na\n--x\n\nb\n"), &["a", "b\n"]),
        ("at the very end", format!("{outer}--x\n\na\n--x"), &["a", ""]),
        ("a header cut short", format!("{outer}--x\nA: b\n--x\n\nb\n--x--"), &["", "b"]),
        ("the end is the start", format!("{outer}--x--\n"), &["--x--\n"]),
        ("nothing", outer.clone(), &[""]),
        ("no boundary", "Content-Type: multipart/mixed\n\ntext".to_owned(), &["text"]),
        ("an empty boundary", header("\"\"") + "--\n\ntext", &["--\n\ntext"]),
        (
            "inner with the same",
            format!("{outer}--x\n{outer}--x\n\na\n--x--\n--x\n\nb\n--x--\n"),
            &["a", "b"],
        ),
        (
            "inner never closed",
            format!("{outer}--x\n{}--y\n\na\n--x\n\nb\n--y\n--x--\n", header("y")),
            &["a", "b\n--y"],
        ),
        ("a digest", outer.replace("mixed", "digest") + "--x\n\nA: b\n\nc\n--x--\n", &["c"]),
    ] {
        assert_eq!(part_starts(&message), leaves, "{name}");
    }
}

/// What issue trackers call a bomb; each would take minutes or the stack if it was not bounded.
#[test]
fn bombs_are_answered_in_few_bytes() {
    let check = |message: &[u8]| {
        let list = check(message);
        let len = list.as_bytes().len() - list.header().len();
        assert!(len < 1 << 20, "{len} bytes");
        list
    };
    let many =
        "Content-Type: multipart/mixed; boundary=x\n\n".to_owned() + &"--x\n\na\n".repeat(100_000);
    assert!(check(many.as_bytes()).structure().unwrap().parts().len() <= 10_050);

    let mut nested = String::new();
    for depth in 0..1000 {
        let boundary = format!("b{depth}");
        nested +=
            &["Content-Type: multipart/mixed; boundary=", &boundary, "\n\n--", &boundary, "\n"]
                .concat();
    }
    check(nested.as_bytes());
    check("Content-Type: message/rfc822\n\n".repeat(1000).as_bytes());
    check("Content-Type: multipart/digest; boundary=x\n\n--x\n".repeat(1000).as_bytes());
    let same = "Content-Type: multipart/mixed; boundary=x\n\n--x\n".repeat(60);
    check((same + &"--\n--x-".repeat(50_000)).as_bytes());

    for line in [
        "(",
        "\"",
        "\\",
        "<",
        ",",
        ";",
        ":",
        "@",
        "a,",
        "a=b;",
        "<@a,",
        "=?",
        "=?a?q?",
        "=?a?q?b?= ",
        "x ",
    ] {
        for name in ["To", "Content-Type", "Content-Disposition", "Subject", "References", "Date"] {
            let long = line.repeat(100_000 / line.len());
            check(format!("{name}: {long}\r\n\r\n").as_bytes());
            check(format!("{name}: multipart/mixed; boundary={long}\r\n\r\n--\r\n").as_bytes());
        }
    }
    check("a".repeat(1 << 20).as_bytes());
    check(format!("Subject: {}", "\n x".repeat(1 << 18)).as_bytes());
    check(&[0; 1000]);
    check(&[0xff; 1000]);
}

/// Bytes that mean something to a parser of messages, and some that do not.
fn token() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::sample::select(vec![
            &b"\r\n"[..],
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"\0",
            b"\xe9",
            b"\r\n\r\n",
            b"--x",
            b"--x--",
            b"--y",
            b"From: ",
            b"To: ",
            b"Subject: ",
            b"Content-Type: ",
            b"Content-Disposition: attachment",
            b"Content-Language: ",
            b"Content-ID: ",
            b"multipart/mixed; boundary=x\r\n\r\n",
            b"multipart/digest; boundary=\"y\"\r\n\r\n",
            b"message/rfc822\r\n\r\n",
            b"text/plain",
            b"; charset=",
            b"<a@b>",
            b"group:",
            b";",
            b",",
            b"\"",
            b"\\",
            b"(",
            b")",
            b":",
            b"{3}",
            b"a",
            b"@",
            b"[",
            b"]",
        ])
        .prop_map(<[u8]>::to_vec),
        proptest::collection::vec(any::<u8>(), 0..4),
    ]
}

fn names() -> Vec<Vec<u8>> {
    [&b"From"[..], b"to", b"SUBJECT", b"Content-Type", b"References"].map(<[u8]>::to_vec).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_message(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn any_tokens_are_a_message(tokens in proptest::collection::vec(token(), 0..60)) {
        let message = tokens.concat();
        let list = check(&message);
        let (header, body) = message.split_at(engine::message::header_len(&message));
        let section = Section { path: Vec::new(), text: SectionText::HeaderFields(names()) };
        let structure = list.structure().unwrap();
        let scanned = section.locate(&structure).unwrap().octets(header, body).to_vec();
        prop_assert_eq!(list.fields(&names()), scanned);
        let visit = &mut |_: &str| std::ops::ControlFlow::Continue(());
        let _ = engine::message::header_text(header, visit);
        let _ = engine::message::body_text(&message, &structure, visit);
    }

    #[test]
    fn any_bytes_are_refused_or_read_as_a_list_piece(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        from_real in any::<bool>(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        if from_real {
            bytes = ListData::of(MIXED.as_bytes()).as_bytes().to_vec();
            for (at, value) in flips {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        if let Ok(list) = ListData::decode(bytes) {
            let _ = list.body();
            let _ = list.fields(&names());
            if let Ok(structure) = list.structure() {
                let section = Section { path: vec![2, 1], text: SectionText::Mime };
                if let Some(located) = section.locate(&structure) {
                    located.octets(b"short", b"").to_vec();
                }
                let visit = &mut |_: &str| std::ops::ControlFlow::Continue(());
                let _ = engine::message::body_text(b"short", &structure, visit);
            }
        }
    }
}

/// Pins the table of the list piece. Changing these bytes means a new version.
#[test]
fn golden_bytes_of_the_head() {
    let message = b"Date: Thu, 1 Jan 1970 01:00:01 +0100\r\nFrom: a@b\r\nReceived: x\r\nMessage-ID: <1@x>\r\n\r\nhi\r\n";
    let list = ListData::of(message);
    assert_eq!(list.thread_hash(), 0xfc2f_9187_8f04_a7b2);
    assert_eq!(list.message_id_hash(), list.thread_hash());
    let sent = list.sent_date().unwrap();
    assert_eq!((sent.unix_seconds, sent.zone_minutes), (1, 60));
    let text = b"\x02\x4a\x02\x04\
        (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 1 NIL NIL NIL NIL)\
        \x39\x10\0\0\x53\x04\
        Date: Thu, 1 Jan 1970 01:00:01 +0100\r\nFrom: a@b\r\nReceived: x\r\nMessage-ID: <1@x>\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(list.as_bytes()), String::from_utf8_lossy(text));
}

/// The page of the format says what the code says, row by row.
#[test]
fn the_format_page_has_the_tables_of_the_code() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/format-list-piece.md")).unwrap();
    for file in ["list_data.rs", "structure_codec.rs"] {
        let code = std::fs::read_to_string(root.join("src/message").join(file)).unwrap();
        let rows = code.lines().filter_map(|line| line.strip_prefix("//! "));
        let rows: Vec<&str> = rows.filter(|row| row.starts_with('|')).collect();
        assert!(rows.len() > 5 && page.contains(&rows.join("\n")), "the table of {file}");
    }
    let code = std::fs::read_to_string(root.join("src/message/hot_fields.rs")).unwrap();
    let tables = code.lines().filter_map(|line| line.strip_prefix("//! "));
    let mut tables = tables.filter(|row| row.starts_with('|'));
    assert!(tables.all(|row| page.lines().any(|line| line == row)), "the tables of hot_fields.rs");
    let names = code.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","));
    let rows = names.enumerate().map(|(number, name)| format!("| {number} | {name} |\n"));
    let rows: String = rows.collect();
    assert!(rows.len() > 500 && page.contains(&(rows + "\n")), "the hot fields");
}
