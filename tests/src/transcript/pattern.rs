//! What a server's line is compared with: text, `…` for any text, `<<name>>` for a value that is
//! kept when it is met first and must be the same ever after.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Values by name.
pub(super) type Values = HashMap<String, String>;

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Anything,
    /// A value that is not known yet.
    Unknown(&'a str),
}

/// Compares a line with a pattern; the new values, or `None` when they differ.
pub(super) fn matches(pattern: &str, line: &str, values: &Values) -> Option<Values> {
    let mut found = Values::new();
    let pieces = pieces(pattern, values);
    walk(&pieces, line, &mut found).then_some(found)
}

/// Puts values, and base64 text, into what a client sends.
pub(super) fn fill_in(text: &str, values: &Values) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<<") {
        let (name, after) = after.split_once(">>").ok_or("`<<` without `>>`")?;
        filled.push_str(before);
        match name.strip_prefix("base64 ") {
            Some(plain) => filled.push_str(&STANDARD.encode(plain.replace("\\0", "\0"))),
            None => filled.push_str(values.get(name).ok_or(format!("nothing is called {name}"))?),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn pieces<'a>(pattern: &'a str, values: &'a Values) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find("<<").into_iter().chain(rest.find('…')).min() {
        pieces.push(Piece::Text(&rest[..at]));
        let special = &rest[at..];
        if let Some(after) = special.strip_prefix('…') {
            pieces.push(Piece::Anything);
            rest = after;
        } else if let Some((name, after)) = special[2..].split_once(">>") {
            let known = values.get(name);
            pieces.push(known.map_or(Piece::Unknown(name), |value| Piece::Text(value)));
            rest = after;
        } else {
            break;
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn walk(pieces: &[Piece<'_>], line: &str, found: &mut Values) -> bool {
    let Some((piece, others)) = pieces.split_first() else { return line.is_empty() };
    match piece {
        Piece::Text(text) => line.strip_prefix(text).is_some_and(|rest| walk(others, rest, found)),
        Piece::Anything => {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| walk(others, &line[at..], found))
        }
        Piece::Unknown(name) => {
            let end = line.find([' ', ')', ']', '"', '>', ',']).unwrap_or(line.len());
            let (value, rest) = line.split_at(end);
            if found.get(*name).is_some_and(|seen| seen != value) || value.is_empty() {
                return false;
            }
            found.insert((*name).to_owned(), value.to_owned());
            walk(others, rest, found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(pattern: &str, line: &str) -> bool {
        matches(pattern, line, &Values::new()).is_some()
    }

    #[test]
    fn an_ellipsis_stands_for_any_text() {
        assert!(agrees("a OK …", "a OK done"));
        assert!(agrees("…[X]…", "a OK [X] y"));
        assert!(agrees("…", ""));
        assert!(!agrees("a OK", "a OK done"));
        assert!(!agrees("a … b", "a x c"));
    }

    #[test]
    fn a_value_is_the_same_wherever_it_is_named() {
        let found = matches("* OK [UIDNEXT <<n>>] …", "* OK [UIDNEXT 5] x", &Values::new());
        let found = found.expect("it matches");
        assert_eq!(found["n"], "5");
        assert!(matches("n is <<n>>", "n is 5", &found).is_some());
        assert!(matches("n is <<n>>", "n is 6", &found).is_none());
        assert_eq!(fill_in("FETCH <<n>>", &found), Ok("FETCH 5".to_owned()));
        assert!(fill_in("FETCH <<m>>", &found).is_err());
    }

    #[test]
    fn base64_is_made_of_plain_text() {
        let auth = fill_in("AUTH PLAIN <<base64 \\0a\\0b>>", &Values::new());
        assert_eq!(auth, Ok("AUTH PLAIN AGEAYg==".to_owned()));
    }
}
