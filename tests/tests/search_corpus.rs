//! Promise under test: SEARCH finds what a matcher finds that decodes each message and looks into
//! the text by itself, for random pieces of real mail of 1 to 20 characters, East Asian ones among
//! them (RFC 3501, 6.4.4; RFC 5051).
//!
//! The seed is printed; `FUMIKURA_SEED` replays it, `FUMIKURA_QUERIES` asks more often.

use std::ops::ControlFlow;

use engine::message::{Structure, body_text, field_text, header_text};
use tests::client::ImapClient;
use tests::corpus::{CorpusMessage, sample};
use tests::server::TestServer;
use unicode_normalization::char::decompose_compatible;

const USER: &str = "searcher@example.test";
/// Every so many messages of the corpus.
const EVERY: usize = 16;
const QUERIES: u64 = 240;
const CHARS_MAX: u64 = 20;

/// The texts of one message, folded.
struct Folded {
    subject: Vec<String>,
    from: Vec<String>,
    to: Vec<String>,
    header: Vec<String>,
    body: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Subject,
    From,
    To,
    Header,
    Body,
    Text,
}

const KEYS: [Key; 6] = [Key::Subject, Key::From, Key::To, Key::Header, Key::Body, Key::Text];

#[test]
fn search_finds_what_a_naive_matcher_finds() {
    let seed = number("FUMIKURA_SEED").unwrap_or(5051);
    println!("seed {seed}");
    let mut random = Random(seed | 1);
    let server = TestServer::start();
    server.add_user(USER);
    let messages: Vec<&CorpusMessage> = sample(EVERY).collect();
    let mut imap = server.imap(USER);
    for message in &messages {
        let appended = imap.append("INBOX", "", &message.octets).expect("an answer").ok();
        appended.unwrap_or_else(|error| panic!("{}: {error}", message.name));
    }
    imap.command("SELECT INBOX").expect("an answer").ok().expect("SELECT");
    let texts: Vec<Vec<String>> = messages.iter().map(|message| texts(message)).collect();
    let folded: Vec<Folded> = messages.iter().map(|message| folded(message)).collect();
    let (mut found_any, mut east_asian) = (0_u64, 0_u64);
    for _ in 0..number("FUMIKURA_QUERIES").unwrap_or(QUERIES) {
        let query = random.piece(&texts);
        let key = KEYS[random.below(KEYS.len() as u64)];
        let found = search(&mut imap, key, &query);
        let expected = expected(&folded, key, &query);
        assert_eq!(found, expected, "seed {seed}, {key:?} {query:?}");
        found_any += u64::from(!found.is_empty());
        east_asian += u64::from(query.chars().any(is_east_asian));
    }
    println!("{found_any} found something, {east_asian} had East Asian text");
    assert!(found_any >= 20 && east_asian >= 20, "{found_any}, {east_asian}: the test sees little");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Everything that can be looked for.
fn texts(message: &CorpusMessage) -> Vec<String> {
    let structure = Structure::of(&message.octets);
    let header = message.octets.get(..structure.header_len()).unwrap_or_default();
    let mut texts = collect(|visit| field_text(header, b"subject", visit));
    texts.extend(collect(|visit| field_text(header, b"from", visit)));
    texts.extend(collect(|visit| body_text(&message.octets, &structure, visit)));
    texts.retain(|text| !text.is_empty());
    texts
}

fn folded(message: &CorpusMessage) -> Folded {
    let structure = Structure::of(&message.octets);
    let header = message.octets.get(..structure.header_len()).unwrap_or_default();
    let field = |name: &[u8]| folds(&collect(|visit| field_text(header, name, visit)));
    Folded {
        subject: field(b"subject"),
        from: field(b"from"),
        to: field(b"to"),
        header: folds(&collect(|visit| header_text(header, visit))),
        body: folds(&collect(|visit| body_text(&message.octets, &structure, visit))),
    }
}

fn collect(
    walk: impl FnOnce(&mut dyn FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()>,
) -> Vec<String> {
    let mut texts = Vec::new();
    let walked = walk(&mut |text| {
        texts.push(text.to_owned());
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    texts
}

fn folds(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| fold(text)).collect()
}

/// i;unicode-casemap, one character at a time (RFC 5051, 2).
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        if ('\u{ac00}'..='\u{d7a3}').contains(&character) {
            folded.push(character);
            continue;
        }
        let mut upper = character.to_uppercase();
        let title = upper.next().filter(|_| upper.next().is_none()).unwrap_or(character);
        decompose_compatible(title, |part| folded.push(part));
    }
    folded
}

/// The characters whose simple title case is not their upper case are left to the unit tests.
fn is_plain(character: char) -> bool {
    !matches!(character, '\0' | '\u{1c4}'..='\u{1cc}' | '\u{1f1}'..='\u{1f3}' | '\u{10d0}'..='\u{10ff}'
        | '\u{1f80}'..='\u{1fff}')
}

fn is_east_asian(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

fn expected(folded: &[Folded], key: Key, query: &str) -> Vec<usize> {
    let needle = fold(query);
    let has = |texts: &[String]| texts.iter().any(|text| text.contains(&needle));
    let holds = |message: &Folded| match key {
        Key::Subject => has(&message.subject),
        Key::From => has(&message.from),
        Key::To | Key::Header => has(&message.to),
        Key::Body => has(&message.body),
        Key::Text => has(&message.header) || has(&message.body),
    };
    let numbered = (1..).zip(folded);
    numbered.filter(|(_, message)| holds(message)).map(|(number, _)| number).collect()
}

fn search(imap: &mut ImapClient, key: Key, query: &str) -> Vec<usize> {
    let key = match key {
        Key::Subject => "SUBJECT",
        Key::From => "FROM",
        Key::To => "TO",
        Key::Header => "HEADER To",
        Key::Body => "BODY",
        Key::Text => "TEXT",
    };
    let command = format!("UID SEARCH CHARSET UTF-8 {key} {{{}+}}\r\n{query}", query.len());
    let answer = imap.command(&command).expect("an answer").ok().expect("SEARCH");
    let lines = answer.lines();
    let line = lines.iter().find_map(|line| line.strip_prefix("* SEARCH")).expect("* SEARCH");
    line.split_whitespace().map(|number| number.parse().expect("a UID")).collect()
}

/// xorshift64*, which a seed repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn % limit).expect("below a length")
    }

    /// A piece of a text, by turns from East Asian text, in another case.
    fn piece(&mut self, texts: &[Vec<String>]) -> String {
        let wants_east_asian = self.below(2) == 0;
        loop {
            let message = &texts[self.below(texts.len() as u64)];
            if message.is_empty() {
                continue;
            }
            let text = &message[self.below(message.len() as u64)];
            if wants_east_asian && !text.chars().any(is_east_asian) {
                continue;
            }
            let count = text.chars().count() as u64;
            let (start, len) = (self.below(count), 1 + self.below(CHARS_MAX));
            let piece: String = text.chars().skip(start).take(len).collect();
            if piece.chars().all(is_plain) {
                return match self.below(3) {
                    0 => piece.to_lowercase(),
                    1 => piece.to_ascii_uppercase(),
                    _ => piece,
                };
            }
        }
    }
}
