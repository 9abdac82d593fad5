use proptest::prelude::*;

use super::*;
use crate::message::SortKeys;

/// `id<references|subject@date`, messages apart by spaces; ids are single letters.
fn threads(algorithm: ThreadAlgorithm, messages: &str) -> String {
    let messages: Vec<&str> = messages.split_whitespace().collect();
    let mut threads = Threads::new(algorithm, messages.len());
    for message in &messages {
        let (rest, date) = message.split_once('@').unwrap_or((message, "0"));
        let (rest, subject) = rest.split_once('|').unwrap_or((rest, ""));
        let (id, references) = rest.split_once('<').unwrap_or((rest, ""));
        let hash = |letter: char| u64::from(letter).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let keys = SortKeys {
            base_subject: subject.trim_start_matches("re:").to_owned(),
            is_reply_or_forward: subject.starts_with("re:"),
            message_id: id.chars().next().map_or(0, hash),
            references: references.chars().map(hash).collect(),
            ..SortKeys::default()
        };
        let mut encoded = Vec::new();
        keys.encode(&mut encoded);
        let keys = SortKeysRef::decode(&encoded).expect("just encoded");
        let date = date.parse().expect("a number");
        threads.push(&keys, date, date);
    }
    written(threads.finish())
}

fn written(forest: Forest) -> String {
    let mut out = String::new();
    for step in forest {
        if out.ends_with(|last: char| last.is_ascii_digit()) && step != Step::Close {
            out.push(' ');
        }
        match step {
            Step::Open => out.push('('),
            Step::Message(message) => out.push_str(&(message + 1).to_string()),
            Step::Close => out.push(')'),
        }
    }
    out
}

#[test]
fn references_make_threads() {
    use ThreadAlgorithm::References;
    for (messages, expected) in [
        ("", ""),
        ("a", "(1)"),
        ("a b", "(1)(2)"),
        ("a b<a c<ab", "(1 2 3)"),
        ("a b<a c<a", "(1 (2)(3))"),
        ("c<ab b<a a", "(3 2 1)"),
        // An id that nobody has: several below it stay together, one takes its place.
        ("b<a c<a", "((1)(2))"),
        ("c<ab", "(1)"),
        ("c<ab d<ab e<a", "((1)(2)(3))"),
        // Siblings and threads by date.
        ("a@9 b<a@8 c<a@7 d@1", "(4)(1 (3)(2))"),
        ("x<q@9 y<q@2 d@3", "((2)(1))(3)"),
        // A message's own word counts more than others'.
        ("c<ab a b", "(2)(3 1)"),
        ("c<ab a b<x", "(2)(3 1)"),
        // Loops are not closed.
        ("a<b b<a", "(2 1)"),
        ("a<a", "(1)"),
        ("a<b b<c c<a", "(3 2 1)"),
        // The second with an id is another message.
        ("a a<b a", "(1)(2)(3)"),
        ("a b<a a c<a", "(1 (2)(4))(3)"),
    ] {
        // A subject for each, so that subjects join nothing.
        assert_eq!(threads(References, messages), expected, "{messages}");
        assert_eq!(threads(ThreadAlgorithm::Refs, messages).len(), expected.len(), "{messages}");
    }
}

#[test]
fn subjects_join_threads_of_references() {
    use ThreadAlgorithm::References;
    for (messages, expected) in [
        // Replies below what they answer, though it came later.
        ("a|s b|re:s c|re:s", "(1 (2)(3))"),
        ("a|re:s@1 b|s@2", "(2 1)"),
        // Equals, side by side.
        ("a|s b|s c|s", "((1)(2)(3))"),
        ("a|re:s b|re:s", "((1)(2))"),
        ("a|s b|S", "((1)(2))"),
        // With a dummy, side by side with its children; two dummies become one.
        ("b<a|s c<a|s d|s", "((1)(2)(3))"),
        ("d|s@0 b<a|s@1 c<a|s@1", "((1)(2)(3))"),
        ("b<a|s c<a|s e<d|s f<d|s", "((1)(2)(3)(4))"),
        // Without a subject, none.
        ("a b", "(1)(2)"),
        ("a| b|re:", "(1)(2)"),
        // What hangs below stays there.
        ("a|s b<a|x c|re:s d<c|y", "(1 (2)(3 4))"),
    ] {
        assert_eq!(threads(References, messages), expected, "{messages}");
    }
    assert_eq!(threads(ThreadAlgorithm::Refs, "a|s b|re:s"), "(1)(2)");
}

#[test]
fn threads_of_refs_come_by_their_newest_message() {
    let messages = "a@1 b@2 c<a@9 d@3 x<q@4 y<q@0";
    assert_eq!(threads(ThreadAlgorithm::Refs, messages), "(2)(4)((6)(5))(1 3)");
    assert_eq!(threads(ThreadAlgorithm::References, messages), "((6)(5))(1 3)(2)(4)");
}

#[test]
fn ordered_subject_is_flat() {
    for (messages, expected) in [
        ("|s@3 |t@2 |S@1 |t@4 |s@2", "(3 (5)(1))(2 4)"),
        ("|re:s@1 |s@2", "(1 2)"),
        ("a@2 b@1", "(2 1)"),
    ] {
        assert_eq!(threads(ThreadAlgorithm::OrderedSubject, messages), expected, "{messages}");
    }
}

#[test]
fn hostile_references_take_bounded_time() {
    let count = 20_000_u64;
    let deep = |index: u64| (index, vec![index + 1]);
    let fan = |index: u64| (index, (0..100).map(|n| index * 100 + n + 1_000_000).collect());
    let shuffled = |index: u64| (index * 7919 % count + 1, vec![(index * 7919 + 1) % count + 1]);
    for shape in [&deep as &dyn Fn(u64) -> (u64, Vec<u64>), &fan, &shuffled] {
        let mut threads = Threads::new(ThreadAlgorithm::References, 0);
        for index in 0..count {
            let (message_id, references) = shape(index + 1);
            let keys = SortKeys { message_id, references, ..SortKeys::default() };
            let mut encoded = Vec::new();
            keys.encode(&mut encoded);
            threads.push(&SortKeysRef::decode(&encoded).expect("just encoded"), 0, 0);
        }
        let messages = threads.finish().filter(|step| matches!(step, Step::Message(_))).count();
        assert_eq!(messages as u64, count);
    }
}

proptest! {
    #[test]
    fn every_message_is_in_one_thread_whatever_they_refer_to(
        messages in proptest::collection::vec("[a-f](<[a-f]{1,4})?(\\|(re:)?[st])?@[0-9]", 0..40),
    ) {
        for algorithm in
            [ThreadAlgorithm::OrderedSubject, ThreadAlgorithm::References, ThreadAlgorithm::Refs]
        {
            let text = threads(algorithm, &messages.join(" "));
            let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
            let mut numbers: Vec<usize> = numbers.map(|word| word.parse().unwrap_or(0)).collect();
            numbers.sort_unstable();
            let expected: Vec<usize> = (1..=messages.len()).collect();
            prop_assert_eq!(numbers, expected);
            let open = text.matches('(').count();
            prop_assert_eq!(open, text.matches(')').count());
        }
    }
}
