//! The words of HTML: its text without tags, comments, style sheets and scripts, as far as one can
//! tell without laying it out. Any bytes are HTML; each is looked at a bounded number of times.

use memchr::{memchr, memchr2, memchr3, memmem};

use super::entity;
use super::words::{Mark, Reading, Words};

/// Elements whose content is no text of the message.
const SKIPPED: [&str; 7] = ["style", "script", "title", "template", "xml", "svg", "textarea"];

/// Elements that do not end a word.
const INLINE: [&str; 28] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font",
    "i", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup",
    "u", "wbr",
];

/// The words at the front of `text`.
pub(super) fn words(text: &str, reading: Reading) -> Words {
    let mut html = Html {
        rest: text,
        words: Words::default(),
        reading,
        quote_depth: 0,
        block: Mark::default(),
        is_block_start: true,
        has_closed_quotes: true,
    };
    while !html.words.is_full() && !html.rest.is_empty() {
        html.next();
    }
    html.words
}

struct Html<'a> {
    rest: &'a str,
    words: Words,
    reading: Reading,
    /// How many `blockquote` are open.
    quote_depth: usize,
    /// Where the text of the last block started.
    block: Mark,
    is_block_start: bool,
    /// Until the end of an attribute's quoted value was once looked for in vain.
    has_closed_quotes: bool,
}

impl<'a> Html<'a> {
    /// Text up to a tag or an entity, or one of those.
    fn next(&mut self) {
        let at = memchr2(b'<', b'&', self.rest.as_bytes()).unwrap_or(self.rest.len());
        if at > 0 {
            let text = self.take(at);
            self.text(text);
        } else if self.rest.starts_with('&') {
            let (character, len) = entity::character(self.rest).unwrap_or(('&', 1));
            self.take(len);
            self.text(character.encode_utf8(&mut [0; 4]));
        } else {
            self.tag();
        }
    }

    /// `len` is in front of an ASCII character or at the end.
    fn take(&mut self, len: usize) -> &'a str {
        let (front, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        front
    }

    fn text(&mut self, text: &str) {
        if self.quote_depth > 0 && self.reading == Reading::OwnWords {
            return;
        }
        if self.is_block_start && !text.trim_ascii().is_empty() {
            self.is_block_start = false;
            self.block = self.words.mark();
        }
        self.words.push(text);
    }

    /// Anything that starts with `<`.
    fn tag(&mut self) {
        if let Some(comment) = self.rest.strip_prefix("<!--") {
            let end = memmem::find(comment.as_bytes(), b"-->").map(|at| at + "-->".len());
            self.take("<!--".len() + end.unwrap_or(comment.len()));
            return;
        }
        let inside = self.rest.get(1..).unwrap_or_default();
        let (is_end, named) = match inside.strip_prefix('/') {
            Some(named) => (true, named),
            None => (false, inside),
        };
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-');
        let name_len = named.bytes().position(|byte| !is_of_name(byte)).unwrap_or(named.len());
        let name = named.get(..name_len).unwrap_or_default();
        let is_tag = is_end || inside.starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_tag && !inside.starts_with(['!', '?']) {
            self.take(1);
            self.text("<");
            return;
        }
        let len = self.tag_len();
        self.take(len);
        self.element(name, is_end);
    }

    fn element(&mut self, name: &str, is_end: bool) {
        let is_one_of = |names: &[&str]| names.iter().any(|one| one.eq_ignore_ascii_case(name));
        if is_one_of(&INLINE) {
            return;
        }
        if !is_end && is_one_of(&SKIPPED) {
            self.skip_content(name);
        }
        if name.eq_ignore_ascii_case("blockquote") {
            if is_end {
                self.quote_depth = self.quote_depth.saturating_sub(1);
            } else {
                self.quote_depth += 1;
                if self.reading == Reading::OwnWords {
                    self.words.without_introduction(self.block);
                }
            }
        }
        self.words.space();
        self.is_block_start = true;
    }

    /// Up to the end tag, or to the end of the text.
    fn skip_content(&mut self, name: &str) {
        let is_end = |at: usize| {
            let named = self.rest.as_bytes().get(at + 2..at + 2 + name.len());
            named.is_some_and(|named| named.eq_ignore_ascii_case(name.as_bytes()))
        };
        let mut ends = memmem::find_iter(self.rest.as_bytes(), b"</");
        let end = ends.find(|at| is_end(*at)).unwrap_or(self.rest.len());
        self.take(end);
    }

    /// Bytes of the tag at the front; a `>` in a quoted value does not end it.
    fn tag_len(&mut self) -> usize {
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        while self.has_closed_quotes {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(found) = memchr3(b'>', b'"', b'\'', rest) else { return bytes.len() };
            at += found + 1;
            let Some(quote) = rest.get(found).filter(|byte| **byte != b'>') else { return at };
            if !rest.get(..found).is_some_and(|before| before.trim_ascii_end().ends_with(b"=")) {
                continue;
            }
            match memchr(*quote, bytes.get(at..).unwrap_or_default()) {
                Some(end) => at += end + 1,
                None => self.has_closed_quotes = false,
            }
        }
        memchr(b'>', bytes).map_or(bytes.len(), |end| end + 1)
    }
}
