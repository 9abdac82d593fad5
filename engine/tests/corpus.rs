//! Real mail: every message of the shared corpus gives valid answers, and the parts that an
//! independent parser finds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod grammar;

use std::io::Read;
use std::path::Path;

use engine::message::{
    PartKind, Recipe, Section, SectionText, Structure, attachments, header_len, preview,
};
use engine::search::{Needle, body_contains, field_contains};
use grammar::check::check;
use mail_parser::{Message, MessageParser, PartType};

/// What a mail program asks for when it fills its list, without Received.
const LISTED: [&str; 20] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "Priority",
    "X-Priority",
    "References",
    "Newsgroups",
    "In-Reply-To",
    "Content-Type",
    "Reply-To",
    "Sender",
    "List-Post",
    "List-Unsubscribe",
    "Chat-Version",
    "X-Label",
    "Disposition-Notification-To",
];

fn for_each_message(mut visit: impl FnMut(&str, &[u8])) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/mail.tar.zst");
    let file = std::fs::File::open(&path)
        .unwrap_or_else(|error| panic!("the corpus must stand at {}: {error}", path.display()));
    let mut decoder = zstd::Decoder::new(file).unwrap();
    decoder.window_log_max(27).unwrap();
    let mut archive = tar::Archive::new(decoder);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if Path::new(&name).extension().is_some_and(|extension| extension == "eml") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            visit(&name, &bytes);
        }
    }
}

/// The places of the parts' bodies, nested messages' parts included, by an independent parser.
fn places(message: &Message<'_>, found: &mut Vec<(usize, usize)>, part: u32) {
    let part = &message.parts[part as usize];
    found.push((part.offset_body as usize, part.offset_end as usize));
    match &part.body {
        PartType::Multipart(children) => {
            for child in children {
                places(message, found, *child);
            }
        }
        PartType::Message(nested) => places(nested, found, 0),
        _ => {}
    }
}

#[test]
fn real_messages_are_answered_validly_and_agree_with_another_parser() {
    let names = LISTED.map(|name| name.as_bytes().to_vec()).to_vec();
    let (mut count, mut compared, mut agreed) = (0_usize, 0_usize, 0_usize);
    for_each_message(|name, message| {
        count += 1;
        // Half as they are, half with the line ends that SMTP gives them.
        let with_crlf = with_crlf(message);
        let message = if count % 2 == 0 { message } else { &with_crlf };
        let list = check(message);
        let structure = list.structure().unwrap();
        let (header, body) = message.split_at(header_len(message));
        let section = Section { path: Vec::new(), text: SectionText::HeaderFields(names.clone()) };
        let scanned = section.locate(&structure).unwrap().octets(header, body).to_vec();
        assert_eq!(list.fields(&names), scanned, "{name}");
        assert_eq!(list.header(), header, "{name}");
        // It gives up on a few messages, by panic.
        let parse = || MessageParser::default().parse(message);
        if let Ok(Some(other)) = std::panic::catch_unwind(parse) {
            compared += 1;
            let mut theirs = Vec::new();
            places(&other, &mut theirs, 0);
            if is_same(message, &structure, &theirs) {
                agreed += 1;
            } else {
                println!("{name}: {:?} {theirs:?}", structure.parts());
            }
        }
    });
    assert_eq!(count, 6493);
    println!("{agreed} of {compared} agree");
    assert!(agreed * 100 >= compared * 97, "{agreed} of {compared} agree");
}

fn with_crlf(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() * 21 / 20);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// The same parts with the same bodies, but for line ends at their ends.
fn is_same(message: &[u8], structure: &Structure, theirs: &[(usize, usize)]) -> bool {
    let trimmed = |start: usize, end: usize| message[start..end.max(start)].trim_ascii_end().len();
    structure.parts().len() == theirs.len()
        && structure.parts().iter().zip(theirs).all(|(part, (start, end))| {
            let body = part.body();
            body.start == *start
                && (part.kind() != PartKind::Leaf
                    || trimmed(body.start, body.end) == trimmed(*start, *end))
        })
}

/// Where the other parser met bytes it could not decode, there is nothing to compare with.
fn is_decoded(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\u{fffd}', '\0'])
}

/// Subjects, and the first words of the first text, in every charset that real mail has.
#[test]
fn search_finds_what_another_parser_decodes() {
    let (mut subjects, mut found_subjects, mut texts, mut found_texts) = (0, 0, 0, 0);
    for_each_message(|name, message| {
        let parse = || MessageParser::default().parse(message);
        let Ok(Some(other)) = std::panic::catch_unwind(parse) else { return };
        if let Some(subject) = other.subject().map(str::trim).filter(|text| is_decoded(text)) {
            subjects += 1;
            if field_contains(message, b"subject", &Needle::new(subject)) {
                found_subjects += 1;
            } else {
                println!("{name}: subject {subject:?}");
            }
        }
        let text = other.text_part(0).and_then(|part| match &part.body {
            PartType::Text(text) | PartType::Html(text) => Some(text.trim()),
            _ => None,
        });
        let line = text.and_then(|text| text.lines().map(str::trim).max_by_key(|line| line.len()));
        if let Some(line) = line.filter(|line| is_decoded(line)) {
            texts += 1;
            if body_contains(message, &Structure::of(message), &Needle::new(line)) {
                found_texts += 1;
            } else {
                println!("{name}: text {line:?}");
            }
        }
    });
    println!("{found_subjects} of {subjects} subjects, {found_texts} of {texts} texts");
    assert!(found_subjects * 1000 >= subjects * 995, "{found_subjects} of {subjects} subjects");
    assert!(found_texts * 1000 >= texts * 995, "{found_texts} of {texts} texts");
}

/// Where there is a text part there are words, and hardly any that a decoder could not read.
#[test]
fn real_messages_with_text_have_a_preview() {
    let (mut count, mut with_words, mut broken) = (0, 0, 0);
    for_each_message(|name, message| {
        let words = preview(message, &Structure::of(message));
        count += 1;
        with_words += usize::from(!words.is_empty());
        if words.is_empty() || words.contains('\u{fffd}') {
            println!("{name}: {words}");
        }
        broken += usize::from(words.contains('\u{fffd}'));
    });
    println!("{with_words} of {count} have words, {broken} of them broken ones");
    assert!(with_words * 100 >= count * 95, "{with_words} of {count}");
    assert!(broken * 100 <= count, "{broken} of {count}");
}

/// Parts that are base64, and how many of them can be stored decoded: what is made of them again
/// is compared to the byte, in stretches that fit neither lines nor groups.
#[test]
fn nearly_all_base64_of_real_mail_is_made_again_from_its_recipe() {
    let (mut parts, mut exact) = ([0_usize; 2], [0_usize; 2]);
    for_each_message(|name, message| {
        for part in attachments(message, &Structure::of(message), 3) {
            if part.encoding != b"base64" {
                continue;
            }
            let encoded = &message[part.body];
            parts = [parts[0] + 1, parts[1] + encoded.len()];
            let Some(recipe) = Recipe::of(b"base64", encoded) else {
                println!("{name}: {}", encoded[..encoded.len().min(80)].escape_ascii());
                continue;
            };
            exact = [exact[0] + 1, exact[1] + encoded.len()];
            let mut decoded = Vec::new();
            recipe.decode_range(encoded, 0..recipe.decoded_len(), &mut decoded).unwrap();
            let mut rebuilt = Vec::new();
            for start in (0..recipe.encoded_len()).step_by(1009) {
                let range = start..(start + 1009).min(recipe.encoded_len());
                let needed = recipe.decoded_range_for(range.clone());
                let from = usize::try_from(needed.start).unwrap();
                recipe.rebuild(&decoded[from..], needed.start, range, &mut rebuilt).unwrap();
            }
            assert_eq!(rebuilt, encoded, "{name}");
        }
    });
    println!("{} of {} parts, {} of {} bytes", exact[0], parts[0], exact[1], parts[1]);
    assert!(exact[0] * 100 >= parts[0] * 90, "{} of {} parts", exact[0], parts[0]);
    assert!(exact[1] * 100 >= parts[1] * 90, "{} of {} bytes", exact[1], parts[1]);
}
