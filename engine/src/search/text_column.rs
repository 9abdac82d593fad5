//! Searching columns of texts (`message/field_texts.rs`): all messages of a list part at once.

use super::casemap::push_folded;
use super::text::Needle;
use crate::message::{TextName, is_mark, is_unheld, push_decoded};

/// Adds the value of a field, decoded and folded, to a column; false where a column cannot hold
/// it, because it would be another text once its ASCII letters were made upper case.
pub(crate) fn push_folded_value(value: &[u8], column: &mut Vec<u8>) -> bool {
    let (mut text, start) = (String::new(), column.len());
    push_decoded(&mut text, value);
    push_folded(column, &text);
    !column.get(start..).unwrap_or_default().iter().any(u8::is_ascii_lowercase)
}

/// Makes texts that are as written what a search compares; others stay as they are.
pub(crate) fn fold_column(column: &mut [u8]) {
    column.make_ascii_uppercase();
}

/// What was met in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// A text that contains it.
    Text,
    /// A field that only its header can tell.
    Unheld,
}

impl Needle {
    /// Looks for it in a folded column; says where in it there is something, at least once for each
    /// text.
    pub(crate) fn find_in_column(
        &self,
        column: &[u8],
        name: TextName,
        mut met: impl FnMut(usize, Met),
    ) {
        let mut from = 0;
        while let Some(at) = self.find(column.get(from..).unwrap_or_default()) {
            let rest = column.get(from + at..).unwrap_or_default();
            let Some(len) = rest.iter().position(|byte| is_mark(*byte)) else { break };
            let mark = from + at + len;
            if column.get(mark).is_some_and(|byte| name.has(*byte)) {
                met(mark, Met::Text);
            }
            from = mark + 1;
        }
        for (at, _) in column.iter().enumerate().filter(|(_, byte)| is_unheld(**byte)) {
            met(at, Met::Unheld);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::HotFields;
    use crate::search::field_contains;

    const TEXTS: [&str; 14] = [
        "",
        "Lunch?",
        " a  b ",
        "=?utf-8?q?caf=C3=A9?=",
        "\u{fb01}n",
        "FIN",
        "日本\r\n 語",
        "a\r\n\tb",
        "=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=",
        "x =? y",
        "stra\u{df}e",
        "\u{ff41}b",
        "a\0b",
        "\u{fffd}",
    ];
    const NEEDLES: [&str; 16] = [
        "",
        "a",
        "LUNCH",
        "b",
        "\u{fb01}",
        "fi",
        "FI",
        "é",
        "日本語",
        "=?",
        "a b",
        "本",
        "ß",
        "ab",
        "n",
        " ",
    ];

    /// What a column says, where it says anything.
    fn column_says(header: &str, name: TextName, needle: &Needle) -> Option<bool> {
        let mut columns = HotFields::of(header.as_bytes(), &push_folded_value).texts;
        let column = columns.get_mut(name.column).expect("one of three");
        fold_column(column);
        let mut said = Some(false);
        needle.find_in_column(column, name, |_, met| {
            said = if met == Met::Unheld { None } else { said.map(|_| true) };
        });
        said
    }

    #[test]
    fn a_column_says_what_the_header_says_or_that_it_does_not_know() {
        let mut unknown = 0;
        for (number, name) in ["From", "To", "Cc", "Bcc", "Subject"].into_iter().enumerate() {
            let column = TextName::of(number).expect("one of five");
            for (text, other) in TEXTS.iter().flat_map(|text| TEXTS.map(|other| (text, other))) {
                let header =
                    format!("Cc: x\r\n{name}: {text}\r\nBcc: zz\r\n{name}:{other}\r\n\r\n");
                for needle in NEEDLES.map(Needle::new) {
                    let truth = field_contains(header.as_bytes(), name.as_bytes(), &needle);
                    match column_says(&header, column, &needle) {
                        Some(said) => assert_eq!(said, truth, "{header:?} {needle:?}"),
                        None => unknown += 1,
                    }
                }
            }
        }
        assert!(unknown < 5 * NEEDLES.len() * TEXTS.len() * 3, "{unknown}");
    }

    proptest::proptest! {
        #[test]
        fn any_column_is_searched(
            column in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
            needle in "\\PC{0,3}",
        ) {
            let name = TextName::of(1).expect("To");
            let len = column.len();
            Needle::new(&needle).find_in_column(&column, name, |at, _| assert!(at < len));
        }
    }
}
