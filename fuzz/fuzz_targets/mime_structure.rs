//! Any message gives an answer for a client: a structure whose parts lie inside the message, and
//! list data and sort keys that read back as they were written.
#![no_main]

use std::ops::ControlFlow;

use engine::message::{ListData, SortKeys, Structure, body_text, header_len, header_text, preview};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    assert!(header_len(message) <= message.len());
    let structure = Structure::of(message);
    for part in structure.parts() {
        assert!(part.header().end <= message.len() && part.body().end <= message.len());
    }
    let list = ListData::of(message);
    let mut envelope = Vec::new();
    list.push_envelope(&mut envelope);
    assert!(is_balanced(&envelope), "ENVELOPE: {envelope:?}");
    assert!(is_balanced(list.body_structure()), "BODYSTRUCTURE: {:?}", list.body_structure());
    assert!(is_balanced(&list.body().expect("our own list data")), "BODY");

    let again = ListData::decode(list.as_bytes().to_vec()).expect("our own list data");
    assert_eq!(
        again.structure().expect("our own list data").parts().len(),
        structure.parts().len()
    );

    let mut ignore = |_: &str| ControlFlow::Continue(());
    let _ = header_text(message, &mut ignore);
    let _ = body_text(message, &structure, &mut ignore);

    let words = preview(message, &structure);
    assert!(words.chars().count() <= 256 && !words.chars().any(char::is_control), "{words:?}");
    let keys = SortKeys::of(message);
    let mut encoded = Vec::new();
    keys.encode(&mut encoded);
    assert_eq!(SortKeys::decode(&encoded), Ok(keys));
    let _ = SortKeys::decode(message);

    // And what the disk may give back instead of what we wrote.
    if let Ok(list) = ListData::decode(message.to_vec()) {
        let _ = (list.body(), list.structure());
    }
});

/// Parentheses match outside quoted strings and literals, and the text ends with the last.
fn is_balanced(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return false,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return at == text.len();
                }
            }
            b'"' => {
                while let Some(&inside) = text.get(at).filter(|&&inside| inside != b'"') {
                    at += if inside == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' => {
                let rest = &text[at..];
                let Some(end) = rest.iter().position(|&inside| inside == b'}') else {
                    return false;
                };
                let len = std::str::from_utf8(&rest[..end])
                    .ok()
                    .and_then(|len| len.parse::<usize>().ok());
                let Some(len) = len else { return false };
                at += end + "}\r\n".len() + len;
            }
            b'\r' | b'\n' | 0 => return false,
            _ => {}
        }
    }
    false
}
