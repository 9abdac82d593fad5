//! What the corpus promises.

use std::collections::HashMap;

use super::*;

fn text(corpus: &Corpus, number: u64) -> String {
    String::from_utf8(corpus.message(number)).expect("UTF-8")
}

fn field<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name))
}

#[test]
fn a_number_gives_the_same_message_whatever_was_made_before() {
    let corpus = Corpus::new(Profile::Realistic, 7);
    let twice = (corpus.message(900), corpus.message(3), corpus.message(900));
    assert_eq!(twice.0, twice.2);
    assert_ne!(twice.0, twice.1);
    assert_ne!(twice.0, Corpus::new(Profile::Realistic, 8).message(900));
}

#[test]
fn lines_end_in_crlf_and_are_not_too_long() {
    for profile in [Profile::Realistic, Profile::Texts, Profile::Tiny] {
        let corpus = Corpus::new(profile, 1);
        for message in (0..300).map(|number| text(&corpus, number)) {
            let bare = message.replace("\r\n", "");
            assert!(!bare.contains(['\r', '\n']), "a bare line end");
            assert!(message.lines().all(|line| line.len() <= 998), "a long line");
        }
    }
}

#[test]
fn answers_refer_to_messages_of_the_corpus() {
    let corpus = Corpus::new(Profile::Realistic, 1);
    let mut subjects = HashMap::new();
    let mut answers = 0;
    for message in (0..500).map(|number| text(&corpus, number)) {
        let subject = field(&message, "Subject: ").expect("a subject").to_owned();
        if let Some(parent) = field(&message, "In-Reply-To: ") {
            let answered: &String = subjects.get(parent).expect("an earlier message");
            assert!(subject.starts_with("Re: "));
            let is_ascii = !subject.contains("=?");
            assert!(
                !is_ascii
                    || subject.trim_start_matches("Re: ") == answered.trim_start_matches("Re: ")
            );
            answers += 1;
        }
        let id = field(&message, "Message-ID: ").expect("an identifier").to_owned();
        assert!(subjects.insert(id, subject).is_none(), "identifiers are unique");
    }
    assert!((200..350).contains(&answers), "{answers}");
}

#[test]
fn shares_and_sizes_are_those_promised() {
    const COUNT: u64 = 3000;
    let corpus = Corpus::new(Profile::Realistic, 1);
    let (mut attached, mut repeated, mut japanese, mut octets) = (0, 0, 0, 0);
    for number in 0..COUNT {
        let place = Place::of(1, number);
        attached += u64::from(place.attachment.is_some());
        repeated += u64::from(place.attachment.is_some_and(|whose| whose != number));
        japanese += u64::from(place.is_japanese);
        octets += corpus.message(number).len() as u64;
    }
    assert!((250..350).contains(&attached), "{attached}");
    assert!((attached / 7..attached / 3).contains(&repeated), "{repeated} of {attached}");
    assert!((COUNT / 9..COUNT / 5).contains(&japanese), "{japanese}");
    assert!((20_000..26_000).contains(&(octets / COUNT)), "{}", octets / COUNT);
    let tiny = Corpus::new(Profile::Tiny, 1);
    let octets: usize = (0..COUNT).map(|number| tiny.message(number).len()).sum();
    assert!((1300..1500).contains(&(octets as u64 / COUNT)), "{}", octets as u64 / COUNT);
}

#[test]
fn a_forwarded_attachment_is_the_earlier_one_byte_for_byte() {
    let corpus = Corpus::new(Profile::Realistic, 1);
    let (number, original) = (0..3000)
        .find_map(|number| {
            Some((number, Place::of(1, number).attachment.filter(|whose| *whose != number)?))
        })
        .expect("one that is forwarded");
    assert_eq!(Place::of(1, original).attachment, Some(original));
    let attached = |number| {
        let message = text(&corpus, number);
        let (_, part) =
            message.split_once("Content-Disposition: attachment").expect("an attachment");
        part.split("\r\n--").next().unwrap_or_default().to_owned()
    };
    assert_eq!(attached(number), attached(original));
}
