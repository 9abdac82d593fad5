//! The rules of `docs/STYLE.md` that a test can keep. Each failure names file and line.

use tests::tidy::{
    LAYERS, Layer, Names, SEPARATE, SourceFile, files, has_extension, references, root_names,
    rust_files,
};

/// A file without its tests.
const FILE_LINES_MAX: usize = 500;
/// A `lib.rs`.
const LIB_LINES_MAX: usize = 120;
/// Names that the engine shows.
const PUBLIC_NAMES_MAX: usize = 60;

const CRATES: [&str; 4] = ["engine/src", "server/src", "tests", "benches"];

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} found:\n{}", wrong.len(), wrong.join("\n"));
}

fn all_crates() -> impl Iterator<Item = SourceFile> {
    CRATES.iter().flat_map(|krate| rust_files(krate))
}

#[test]
fn no_module_names_what_stands_above_or_beside_it() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for krate in ["engine", "server"] {
        let sources = rust_files(&format!("{krate}/src"));
        let lib = sources.iter().find(|file| file.path.ends_with("/src/lib.rs"));
        let roots = lib.map_or_else(Names::new, root_names);
        for file in sources.iter().filter(|file| !file.is_test()) {
            for reference in references(file, &roots) {
                count += 1;
                wrong.extend(Layer::verdict(LAYERS, krate, &reference));
                let separations = SEPARATE.iter().filter(|separate| separate.krate == krate);
                wrong.extend(separations.filter_map(|separate| separate.verdict(&reference)));
            }
        }
    }
    assert!(count > 100, "only {count} references: the check does not see the source");
    assert_none(&wrong);
}

#[test]
fn no_file_outgrows_a_reader() {
    let is_lib = |file: &SourceFile| file.path.ends_with("/src/lib.rs");
    let max = |file: &SourceFile| if is_lib(file) { LIB_LINES_MAX } else { FILE_LINES_MAX };
    let long = all_crates().filter(|file| !file.is_test() && file.own_lines > max(file));
    let wrong: Vec<String> = long
        .map(|file| format!("{}:1: {} lines, at most {}", file.path, file.own_lines, max(&file)))
        .collect();
    assert_none(&wrong);
}

#[test]
fn unsafe_stands_in_two_modules() {
    let modules = ["engine/src/io/uring.rs", "engine/src/io/map.rs"];
    let others = all_crates().filter(|file| !modules.contains(&file.path.as_str()));
    assert_none(&others.flat_map(|file| file.places_of("unsafe")).collect::<Vec<_>>());
}

#[test]
fn only_io_touches_files_in_the_engine() {
    let others = rust_files("engine/src").into_iter().filter(|file| {
        !file.path.starts_with("engine/src/io/")
            && file.path != "engine/src/io.rs"
            && !file.is_test()
    });
    let wrong: Vec<String> = others
        .flat_map(|file| [file.places_of("std::fs"), file.places_of("fs::File")].concat())
        .collect();
    assert_none(&wrong);
}

#[test]
fn only_the_clock_reads_the_clock() {
    let others = ["engine/src", "server/src"].into_iter().flat_map(rust_files);
    let others = others.filter(|file| file.path != "engine/src/clock.rs");
    assert_none(&others.flat_map(|file| file.places_of("SystemTime")).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    let marks = ["TODO", "FIXME", "XXX", "HACK"];
    let mut wrong = Vec::new();
    for file in all_crates().filter(|file| !file.path.ends_with("tests/tidy.rs")) {
        for mark in marks {
            let lines = (1..).zip(file.text.lines()).filter(|(_, line)| line.contains(mark));
            wrong.extend(lines.map(|(number, _)| format!("{}:{number}: {mark}", file.path)));
        }
        for word in ["todo!", "unimplemented!"] {
            wrong.extend(file.places_of(word.trim_end_matches('!')));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_transcript_is_played() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, _) in
        files("tests/transcripts").iter().filter(|(path, _)| has_extension(path, "txt"))
    {
        let mut parts = path.trim_end_matches(".txt").rsplit('/');
        let (Some(name), Some(protocol)) = (parts.next(), parts.next()) else { continue };
        let list = format!("tests/tests/transcripts_{protocol}.rs");
        let list = rust_files(&list).pop();
        count += 1;
        if list.is_none_or(|list| list.places_of(name).is_empty()) {
            wrong.push(format!("{path}:1: no list of transcripts names it"));
        }
    }
    assert_none(&wrong);
    assert!(count > 0, "the check does not see the transcripts");
}

/// What only one machine knows does not belong here.
#[test]
fn nothing_names_a_place_of_one_machine() {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut wrong = Vec::new();
    for (path, text) in files("") {
        let named = |line: &str| places.iter().any(|place| line.contains(place));
        let lines = (1..).zip(text.lines()).filter(|(_, line)| named(line));
        wrong.extend(lines.map(|(number, line)| format!("{path}:{number}: {line}")));
    }
    assert_none(&wrong);
}

#[test]
fn the_engine_shows_few_names() {
    let lib = rust_files("engine/src/lib.rs").pop().expect("the engine has a lib.rs");
    let modules = lib.places_of("pub mod").len();
    let count = root_names(&lib).len() + modules;
    assert!(count > 10, "the check does not see the names");
    assert!(count <= PUBLIC_NAMES_MAX, "{count} public names, at most {PUBLIC_NAMES_MAX}");
}

#[test]
fn the_format_page_holds_every_table_of_the_code() {
    let (_, page) = files("docs/FORMAT.md").pop().expect("the page");
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in files("engine/src/format") {
        let rows = (1..).zip(text.lines()).filter_map(|(number, line)| {
            Some((number, line.strip_prefix("//! ")?)).filter(|(_, row)| row.starts_with('|'))
        });
        for (number, row) in rows {
            count += 1;
            if !page.lines().any(|line| line == row) {
                wrong.push(format!("{path}:{number}: not in docs/FORMAT.md: {row}"));
            }
        }
    }
    assert!(count > 50, "only {count} rows: the check does not see the tables");
    assert_none(&wrong);
}

#[test]
fn every_dependency_has_a_reason() {
    let mut wrong = Vec::new();
    for krate in ["engine", "server", "tests", "benches"] {
        let (path, text) = files(&format!("{krate}/Cargo.toml")).pop().expect("a manifest");
        let mut is_inside = false;
        for (number, line) in (1..).zip(text.lines()) {
            if line.starts_with('[') {
                is_inside = line.contains("dependencies");
            }
            let is_dependency = is_inside && line.contains(" = ") && !line.contains("path = ");
            if is_dependency && !line.contains("# ") {
                wrong.push(format!("{path}:{number}: no reason stands beside it"));
            }
        }
    }
    assert_none(&wrong);
}
