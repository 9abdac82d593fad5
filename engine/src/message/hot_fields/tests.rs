use proptest::prelude::*;

use super::*;
use crate::message::header::select_fields;

fn answer(header: &[u8], names: &[&str]) -> Option<String> {
    let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let fields = HotFields::of(header, &|_, _| false);
    let texts = WrittenTexts(fields.texts.each_ref().map(Vec::as_slice));
    let mut out = b"before ".to_vec();
    let names = FieldNames::new(&names);
    let held = names.push(&fields.hot, (&fields.received, texts), &mut out);
    let mut visited = Vec::new();
    let walked = names.visit(&fields.hot, |field| {
        visited.extend_from_slice(field);
        ControlFlow::Continue(())
    });
    if walked.expect("our own fields").is_some() {
        let answer = [b"before ", &visited[..], b"\r\n"].concat();
        assert_eq!((&held, &answer), (&Ok(true), &out));
    } else {
        let is_elsewhere = names.want_received() || names.text_columns().contains(&true);
        assert!(is_elsewhere || held == Ok(false));
    }
    let text = String::from_utf8_lossy(&out).strip_prefix("before ").map(str::to_owned);
    if held.expect("our own fields") { text } else { None }
}

#[test]
fn an_answer_is_that_of_the_whole_header() {
    let header = b"Received: x\r\nTO: a\r\nX-Spam-Score: 1\r\nreceived: y\r\n z\r\n\
        Subject : s\n t\nX-Other: o\r\nto: b\r\nX-Spam-Flag: no\r\nFrom: c";
    let want = "TO: a\r\nX-Spam-Score: 1\r\nSubject : s\n t\nto: b\r\nFrom: c\r\n\r\n";
    let asked = ["to", "SUBJECT", "x-spam-score", "from", "cc"];
    assert_eq!(answer(header, &asked).as_deref(), Some(want));
    let want = "Received: x\r\nTO: a\r\nreceived: y\r\n z\r\nto: b\r\n\r\n";
    assert_eq!(answer(header, &["to", "Received"]).as_deref(), Some(want));
    assert_eq!(answer(header, &["to", "x-other"]), None);
}

#[test]
fn a_field_that_is_too_long_is_not_answered_from_here() {
    let long = "a@b, ".repeat(HOT_FIELD_LEN_MAX / 5);
    let header = format!("To: {long}\r\nReceived: {long}\r\nTo: c\r\nSubject: s\r\n");
    for name in ["To", "Received"] {
        assert_eq!(answer(header.as_bytes(), &[name]), None, "{name}");
    }
    let subject = answer(header.as_bytes(), &["Subject"]);
    assert_eq!(subject.as_deref(), Some("Subject: s\r\n\r\n"));
}

#[test]
fn every_name_has_a_bit_and_is_in_lower_case() {
    assert!(HOT_NAMES.len() < 63);
    for name in HOT_NAMES {
        assert_eq!(name, name.to_ascii_lowercase());
    }
}

proptest! {
    #[test]
    fn any_header_is_answered_as_by_a_scan(
        fields in prop::collection::vec(
            (
                prop::sample::select(
                    &["From", "Cc", "To", "received", "X-Spam-A", "X-B", "Lines"][..],
                ),
                "( [a-z]{0,9}|[a-z \t]{0,9})",
            ),
            0..12,
        ),
        asked in prop::sample::subsequence(
            &["from", "cc", "to", "Received", "x-spam-a", "lines"][..],
            0..6,
        ),
    ) {
        let lines: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
        let header = lines.concat();
        let wanted = |name: &[u8]| {
            asked.iter().any(|asked| name.eq_ignore_ascii_case(asked.as_bytes()))
        };
        let scanned = select_fields(header.as_bytes(), wanted);
        let scanned = String::from_utf8(scanned).expect("ASCII");
        prop_assert_eq!(answer(header.as_bytes(), &asked), Some(scanned));
    }

    #[test]
    fn any_bytes_are_fields_or_a_fault(
        hot in prop::collection::vec(any::<u8>(), 0..60),
        received in prop::collection::vec(any::<u8>(), 0..60),
        texts in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let names = FieldNames::new(&[b"from".to_vec(), b"received".to_vec()]);
        let texts = WrittenTexts([&texts; TEXT_COLUMNS]);
        let _ = names.push(&hot, (&received, texts), &mut Vec::new());
    }
}
