//! Which modules of its own crate a file names.

use std::collections::BTreeMap;

use super::source::SourceFile;

/// The names that a crate's root shows, and where they come from: `Store` is `store::Store`.
pub type Names = BTreeMap<String, String>;

/// One path in a file, resolved from the root of its crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `file:line`.
    pub place: String,
    /// The module that names it, such as `log::writer`.
    pub from: String,
    /// What it names, such as `format::frame::Frame`.
    pub to: String,
}

/// The paths that begin with `crate` or `super`. `roots` are the names of the crate's root.
pub fn references(file: &SourceFile, roots: &Names) -> Vec<Reference> {
    let from = module_of(&file.path);
    let mut found = Vec::new();
    for (at, start) in starts(&file.code) {
        let Some((base, rest)) = base_of(&from, &file.code[start..]) else { continue };
        let line = 1 + file.code[..at].matches('\n').count();
        let place = format!("{}:{line}", file.path);
        for tail in flattened(rest) {
            let path = [base.as_slice(), tail.as_slice()].concat();
            let Some((first, others)) = path.split_first() else { continue };
            let first = roots.get(first).unwrap_or(first);
            let to = [std::slice::from_ref(first), others].concat().join("::");
            found.push(Reference { place: place.clone(), from: from.join("::"), to });
        }
    }
    found
}

/// The names that a `lib.rs` shows by `pub use`, with the paths they stand for.
pub fn root_names(lib: &SourceFile) -> Names {
    let mut names = Names::new();
    for (at, _) in lib.code.match_indices("pub use ") {
        let rest = &lib.code[at + "pub use ".len()..];
        for path in flattened(rest) {
            if let Some(name) = path.last() {
                names.insert(name.clone(), path.join("::"));
            }
        }
    }
    names
}

/// Where a path begins: the place to report, and the place to read from.
fn starts(code: &str) -> Vec<(usize, usize)> {
    let mut starts = Vec::new();
    for word in ["crate::", "super::"] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            let is_inside =
                before.is_some_and(|letter| letter.is_alphanumeric() || "_:$".contains(letter));
            if !is_inside {
                starts.push((at, at));
            }
        }
    }
    starts
}

/// The module that `crate::` or `super::super::` stands for, and what follows.
fn base_of<'a>(from: &[String], code: &'a str) -> Option<(Vec<String>, &'a str)> {
    if let Some(rest) = code.strip_prefix("crate::") {
        return Some((Vec::new(), rest));
    }
    let mut base = from.to_vec();
    let mut rest = code;
    while let Some(after) = rest.strip_prefix("super::") {
        base.pop()?;
        rest = after;
    }
    Some((base, rest))
}

/// `a::{b, c::D}` as `a::b` and `a::c::D`.
fn flattened(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    walk(code, &mut Vec::new(), &mut paths);
    paths
}

/// Reads one path or group; returns what follows it.
fn walk<'a>(code: &'a str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let depth = prefix.len();
    let mut rest = code.trim_start();
    loop {
        if let Some(mut inside) = rest.strip_prefix('{') {
            loop {
                inside = inside.trim_start_matches([' ', '\n', ',']);
                if let Some(after) = inside.strip_prefix('}') {
                    prefix.truncate(depth);
                    return after;
                }
                if inside.is_empty() {
                    return inside;
                }
                let after = walk(inside, prefix, paths);
                // `as Name`, `*` and the like end an entry without a path of their own.
                let end = after.find([',', '}', '{']).unwrap_or(after.len());
                inside = &after[end..];
            }
        }
        let len = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let (word, after) = rest.split_at(len.unwrap_or(rest.len()));
        if !word.is_empty() {
            prefix.push(word.to_owned());
        }
        match after.strip_prefix("::") {
            Some(more) if !word.is_empty() && !more.starts_with('<') => rest = more,
            _ => {
                paths.push(prefix.clone());
                prefix.truncate(depth);
                return after;
            }
        }
    }
}

/// `engine/src/log/writer.rs` is `log::writer`; `mod.rs` is its directory; `lib.rs` the root.
fn module_of(path: &str) -> Vec<String> {
    let (_, inside) = path.split_once("/src/").unwrap_or(("", path));
    let mut parts: Vec<String> =
        inside.trim_end_matches(".rs").split('/').map(ToOwned::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str, code: &str) -> Vec<String> {
        let roots = Names::from([("Store".to_owned(), "store::Store".to_owned())]);
        let file = SourceFile::new(path, code);
        references(&file, &roots).into_iter().map(|reference| reference.to).collect()
    }

    #[test]
    fn groups_and_parents_are_resolved() {
        let path = "engine/src/log/writer.rs";
        assert_eq!(
            named(path, "use crate::{io::disk::{A, B as C}, state};"),
            ["io::disk::A", "io::disk::B", "state"]
        );
        assert_eq!(named(path, "use super::scan::Scan;"), ["log::scan::Scan"]);
        assert_eq!(named(path, "super::super::state::apply()"), ["state::apply"]);
        assert_eq!(named(path, "use crate::Store;"), ["store::Store"]);
        assert_eq!(named("engine/src/log/mod.rs", "use super::io;"), ["io"]);
        assert_eq!(named(path, "pub(crate) fn f() {}"), Vec::<String>::new());
    }

    #[test]
    fn root_names_are_read_from_pub_use() {
        let lib =
            SourceFile::new("engine/src/lib.rs", "pub use error::{Error, Fault};\npub use a::B;");
        let names = root_names(&lib);
        assert_eq!(names["Fault"], "error::Fault");
        assert_eq!(names["B"], "a::B");
    }
}
