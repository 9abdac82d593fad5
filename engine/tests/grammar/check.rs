//! What must hold for any message at all.

use engine::message::{
    ListData, Part, PartKind, Pieces, Section, SectionText, SortKeys, Structure, header_len,
    preview,
};

use super::{Body, body, envelope};

/// Parses `message` and checks all that is promised about the outcome; returns the list piece.
pub(crate) fn check(message: &[u8]) -> ListData {
    let list = ListData::of(message);
    let structure = list.structure().expect("the structure can be read back");
    assert_eq!(structure, Structure::of(message));
    assert_eq!(ListData::decode(list.as_bytes().to_vec()).as_ref(), Ok(&list));

    let mut listed = Vec::new();
    list.push_envelope(&mut listed);
    envelope(&listed).expect("ENVELOPE follows the grammar");
    let long = body(list.body_structure()).expect("BODYSTRUCTURE follows the grammar");
    let short = body(&list.body().expect("BODY can be made")).expect("BODY does too");
    assert_eq!(without_extensions(long), short);

    check_sort_keys(&list);
    check_preview(&preview(message, &structure));

    assert_eq!(structure.header_len(), header_len(message));
    assert_eq!(structure.message_len(), message.len());
    let count = check_part(message, &structure, 0, &short);
    assert_eq!(count, structure.parts().len());
    check_sections(message, &structure, &short);
    list
}

/// The keys come back from their encoding, and the message is known by the same id.
fn check_sort_keys(list: &ListData) {
    let keys = SortKeys::of(list.header());
    assert_eq!(keys.message_id, list.message_id_hash());
    let mut encoded = Vec::new();
    keys.encode(&mut encoded);
    assert!(encoded.len() < 4096, "{} bytes", encoded.len());
    assert_eq!(SortKeys::decode(&encoded), Ok(keys));
}

/// One line of text, short enough (RFC 8970, 3.1).
fn check_preview(text: &str) {
    assert!(text.chars().count() <= 256);
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), text);
}

/// The same tree, each body with its extension data and then without it.
fn without_extensions(mut body: Body) -> Body {
    assert!(body.has_extensions);
    body.has_extensions = false;
    body.children = body.children.into_iter().map(without_extensions).collect();
    body
}

/// Compares a part with its text and its place with its parent's; returns the index after it.
fn check_part(message: &[u8], structure: &Structure, index: usize, body: &Body) -> usize {
    let part = structure.parts()[index];
    assert!(part.header().start <= part.header().end && part.body().start <= part.body().end);
    let octets = &message[part.body()];
    match part.kind() {
        PartKind::Multipart => assert_eq!(body.kind, "multipart"),
        PartKind::Message => assert_eq!(body.kind, "message"),
        PartKind::Leaf => assert!(body.children.is_empty()),
    }
    if part.kind() != PartKind::Multipart {
        assert_eq!(body.octets, octets.len());
    }
    if let Some(lines) = body.lines {
        assert_eq!(lines, octets.split(|byte| *byte == b'\n').count() - 1);
    }
    let mut next = index + 1;
    let mut from = part.body().start;
    for child in &body.children {
        let place: &Part = &structure.parts()[next];
        assert!(from <= place.header().start && place.body().end <= part.body().end);
        from = place.body().end;
        next = check_part(message, structure, next, child);
    }
    next
}

/// Every way to ask for a part gives its octets, from the pieces that were promised to do.
fn check_sections(message: &[u8], structure: &Structure, tree: &Body) {
    let whole = Section::default();
    assert_eq!(octets(&whole, message, structure).as_deref(), Some(message));
    for (path, index) in paths(tree).into_iter().take(50) {
        let part = structure.parts()[index];
        let section = |text| Section { path: path.clone(), text };
        let body = octets(&section(SectionText::Whole), message, structure);
        assert_eq!(body.as_deref(), Some(&message[part.body()]), "{path:?}");
        let mime = octets(&section(SectionText::Mime), message, structure);
        assert_eq!(mime.as_deref(), Some(&message[part.header()]), "{path:?}");
        let header = octets(&section(SectionText::Header), message, structure);
        let text = octets(&section(SectionText::Text), message, structure);
        assert_eq!(header.is_some(), part.kind() == PartKind::Message);
        if let (Some(header), Some(text)) = (header, text) {
            assert_eq!([header, text].concat(), message[part.body()], "{path:?}");
        }
    }
}

fn octets(section: &Section, message: &[u8], structure: &Structure) -> Option<Vec<u8>> {
    let located = section.locate(structure)?;
    let (header, body) = message.split_at(structure.header_len());
    let octets = match located.pieces() {
        Pieces::Header => located.octets(header, b""),
        Pieces::Body => located.octets(b"", body),
        Pieces::HeaderAndBody => located.octets(header, body),
    };
    if let Some(count) = located.octet_count() {
        assert_eq!(count, octets.len());
    }
    Some(octets.to_vec())
}

/// The part numbers and the index of every part that has some.
fn paths(body: &Body) -> Vec<(Vec<u32>, usize)> {
    let mut walk = Walk { next: 0, found: Vec::new() };
    walk.content(body, &[]);
    walk.found
}

struct Walk {
    next: usize,
    found: Vec<(Vec<u32>, usize)>,
}

impl Walk {
    /// The content of a message: its multipart has no number of its own, a single part is 1.
    fn content(&mut self, body: &Body, path: &[u32]) {
        if body.kind == "multipart" {
            self.next += 1;
            self.children(body, path);
        } else {
            self.part(body, &[path, &[1]].concat());
        }
    }

    fn part(&mut self, body: &Body, path: &[u32]) {
        self.found.push((path.to_vec(), self.next));
        self.next += 1;
        if body.kind == "multipart" {
            self.children(body, path);
        } else if let Some(content) = body.children.first() {
            self.content(content, path);
        }
    }

    fn children(&mut self, body: &Body, path: &[u32]) {
        for (number, child) in (1..).zip(&body.children) {
            self.part(child, &[path, &[number]].concat());
        }
    }
}
