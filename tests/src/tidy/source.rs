//! Source files as rules see them: without comments, texts and test code, lines where they were.

use std::path::{Path, PathBuf};

use crate::binary::repository;

/// A Rust file.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// From the root of the repository.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Comments, texts and `#[cfg(test)]` items blanked, line ends kept.
    pub code: String,
    /// Lines that are not test code.
    pub own_lines: usize,
}

impl SourceFile {
    /// Takes a file apart.
    pub fn new(path: &str, text: &str) -> Self {
        let bare = without_comments_and_texts(text);
        let code = without_tests(&bare);
        let is_test_line =
            |(bare, code): (&str, &str)| !bare.trim().is_empty() && code.trim().is_empty();
        let test_lines = bare.lines().zip(code.lines()).filter(|&pair| is_test_line(pair)).count();
        let own_lines = text.lines().count() - test_lines;
        Self { path: path.to_owned(), text: text.to_owned(), code, own_lines }
    }

    /// Whether all of it is test code: `tests.rs`, or a file in `tests/` of a crate's source.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
            || self.path.contains("/src/") && self.path.contains("/tests/")
    }

    /// Where a word stands in the code, as `file:line`.
    pub fn places_of(&self, word: &str) -> Vec<String> {
        let holds = |line: &str| {
            line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + word.len()..].chars().next();
                !before.is_some_and(is_word) && !after.is_some_and(is_word)
            })
        };
        let lines = (1..).zip(self.code.lines()).filter(|(_, line)| holds(line));
        lines.map(|(number, _)| format!("{}:{number}", self.path)).collect()
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The Rust files under a directory of the repository.
pub fn rust_files(under: &str) -> Vec<SourceFile> {
    let files = files(under).into_iter().filter(|(path, _)| has_extension(path, "rs"));
    files.map(|(path, text)| SourceFile::new(&path, &text)).collect()
}

/// Whether a path ends in `.extension`.
pub fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|its| its == extension)
}

/// The text files under a directory (or the file) of the repository, with their paths from its
/// root; build output and what is not UTF-8 left out.
pub fn files(under: &str) -> Vec<(String, String)> {
    let root = repository();
    let mut found = Vec::new();
    collect(&root.join(under), &root, &mut found);
    found.sort();
    found
}

fn collect(path: &Path, root: &Path, found: &mut Vec<(String, String)>) {
    let name = path.file_name().unwrap_or_default();
    if ["target", ".git", "artifacts"].iter().any(|skipped| name == *skipped) {
        return;
    }
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("the repository is readable");
        let entries: Vec<PathBuf> =
            entries.map(|entry| entry.expect("the repository is readable").path()).collect();
        for entry in &entries {
            collect(entry, root, found);
        }
    } else if let Ok(text) = std::fs::read_to_string(path) {
        let path = path.strip_prefix(root).expect("it was found under the root");
        found.push((path.display().to_string(), text));
    }
}

/// Blanks comments and the insides of texts.
fn without_comments_and_texts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = out.chars().next_back().is_some_and(is_word);
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment_len(rest),
            '"' => text_len(rest),
            'r' | 'b' | 'c' if !after_word => raw_text_len(rest).unwrap_or(0),
            '\'' => letter_len(rest),
            _ => 0,
        };
        if len == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            blank(&rest[..len], &mut out);
            rest = &rest[len..];
        }
    }
    out
}

fn blank(text: &str, out: &mut String) {
    out.extend(text.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn text_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"…"`, `br#"…"#` and the like.
fn raw_text_len(text: &str) -> Option<usize> {
    let start = text.find('r').filter(|&at| at <= 1)?;
    let hashes = text[start + 1..].bytes().take_while(|&byte| byte == b'#').count();
    let open = start + 1 + hashes;
    text[open..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = text[open + 1..].find(&close)?;
    Some(open + 1 + end + close.len())
}

/// The length of `'x'`; 0 for a lifetime.
fn letter_len(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            letters.next();
            letters.find(|&(_, letter)| letter == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => letters.next().filter(|&(_, letter)| letter == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// Blanks every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let len = item_len(&rest[at..]);
        blank(&rest[at..at + len], &mut out);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    out
}

/// Up to the `;` or the `}` that ends the item.
fn item_len(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_texts_and_tests_are_blank_and_lines_stay() {
        let text = "use a; // std::fs\nlet x = \"unsafe \\\" y\"; let c = '\"'; f::<'a>();\n\
                    let r = r#\"todo \"# ; /* a /* b */ */ end();\n\
                    #[cfg(test)]\nmod tests {\n    use std::fs;\n}\nlast();\n";
        let file = SourceFile::new("x.rs", text);
        assert_eq!(file.code.lines().count(), text.lines().count());
        for gone in ["std::fs", "unsafe", "todo", "mod tests", "a /*"] {
            assert!(!file.code.contains(gone), "{gone} in {}", file.code);
        }
        for kept in ["use a;", "f::<'a>()", "end()", "last()"] {
            assert!(file.code.contains(kept), "{kept} not in {}", file.code);
        }
        assert_eq!(file.own_lines, 4);
    }

    #[test]
    fn a_word_is_found_whole_and_with_its_line() {
        let file = SourceFile::new("x.rs", "a();\nunsafe_code();\nunsafe { }\n");
        assert_eq!(file.places_of("unsafe"), ["x.rs:3"]);
    }
}
