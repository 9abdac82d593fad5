//! i;unicode-casemap (RFC 5051): each character to title case, then decomposed; compared as bytes.
//!
//! The fold of a text that starts with another starts with that one's fold, so substring search on
//! folded bytes is substring search on characters. Hangul syllables stay whole: the collation
//! decomposes by the data file alone, which does not list them.

use unicode_normalization::char::decompose_compatible;

/// Adds the fold of `text` to `out`.
pub(super) fn push_folded(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while !rest.is_empty() {
        let (run, other) = rest.split_at(ascii_len(rest.as_bytes()));
        let start = out.len();
        out.extend_from_slice(run.as_bytes());
        out[start..].make_ascii_uppercase();
        rest = push_other_run(out, other);
    }
}

/// Bytes up to the first that is not ASCII; most text is, so many are looked at together.
fn ascii_len(text: &[u8]) -> usize {
    let whole = text.chunks_exact(64).take_while(|chunk| chunk.is_ascii()).count() * 64;
    let rest = text.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

/// Folds up to the next ASCII character; returns what follows.
fn push_other_run<'a>(out: &mut Vec<u8>, text: &'a str) -> &'a str {
    for (at, character) in text.char_indices() {
        if character.is_ascii() {
            return &text[at..];
        }
        if is_its_own_fold(character) {
            push_char(out, character);
        } else {
            decompose_compatible(title_case(character), |part| push_char(out, part));
        }
    }
    ""
}

fn push_char(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Most of East Asian text: ideographs and Hangul syllables.
fn is_its_own_fold(character: char) -> bool {
    matches!(character, '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// The simple title case mapping of the Unicode data file. It is the simple upper case mapping
/// but for the digraphs and Georgian; and where the full mapping has several characters, there
/// is a simple one only for Greek with iota.
fn title_case(character: char) -> char {
    match character {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10ff}' => character,
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(character) + 8).unwrap_or(character)
        }
        '\u{1fb3}' => '\u{1fbc}',
        '\u{1fc3}' => '\u{1fcc}',
        '\u{1ff3}' => '\u{1ffc}',
        _ => {
            let mut upper = character.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(single), None) => single,
                _ => character,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = Vec::new();
        push_folded(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn characters_fold_as_the_collation_says() {
        for (text, fold) in [
            ("Hello, World 1", "HELLO, WORLD 1"),
            ("caf\u{e9}X", "CAFE\u{301}X"),
            ("stra\u{df}e", "STRA\u{df}E"),
            ("\u{1c4}\u{1c6}", "Dz\u{30c}Dz\u{30c}"),
            ("дом", "ДОМ"),
            ("ς", "Σ"),
            ("\u{1f80}", "\u{391}\u{313}\u{345}"),
            ("日本語한글", "日本語한글"),
            ("が", "か\u{3099}"),
            ("ｶﾞａ", "カ\u{3099}A"),
            ("\u{10d0}", "\u{10d0}"),
            ("", ""),
        ] {
            assert_eq!(folded(text), fold, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_fold_of_a_joined_text_is_the_joined_folds(one: String, two: String) {
            proptest::prop_assert_eq!(folded(&format!("{one}{two}")), folded(&one) + &folded(&two));
        }
    }
}
