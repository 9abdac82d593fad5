//! The words of a preview, as they are gathered: on one line, a single space between two, with
//! nothing that cannot be seen, up to the most characters a preview has.

use crate::limits::PREVIEW_CHARS_MAX;

/// What of a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// What its author wrote this time.
    OwnWords,
    /// Quotations and signatures too, where there is nothing else.
    Everything,
}

/// Words gathered so far.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    count: usize,
    is_spaced: bool,
    is_full: bool,
}

/// A place in the words to which they can be cut back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    len: usize,
    count: usize,
}

impl Words {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether nothing more is taken.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { len: self.text.len(), count: self.count }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// What comes next is another word.
    pub(super) fn space(&mut self) {
        self.is_spaced = true;
    }

    pub(super) fn push(&mut self, text: &str) {
        for character in text.chars() {
            if self.is_full {
                return;
            }
            self.push_char(character);
        }
    }

    pub(super) fn push_char(&mut self, character: char) {
        if character.is_whitespace() || character.is_control() {
            self.is_spaced = true;
            return;
        }
        let joins = matches!(character, '\u{200c}' | '\u{200d}');
        if is_invisible(character) || joins && (self.is_spaced || self.text.is_empty()) {
            return;
        }
        let space = self.is_spaced && !self.text.is_empty();
        if self.count + 1 + usize::from(space) > PREVIEW_CHARS_MAX {
            self.is_full = true;
            return;
        }
        if space {
            self.text.push(' ');
        }
        self.text.push(character);
        self.count += 1 + usize::from(space);
        self.is_spaced = false;
    }

    /// Takes back what came after the mark if it only introduces what is left out, as in
    /// `Ann wrote:`.
    pub(super) fn without_introduction(&mut self, mark: Mark) {
        if !self.is_full && self.text.ends_with([':', '：']) {
            self.text.truncate(mark.len);
            self.count = mark.count;
            self.is_spaced = true;
        }
    }
}

/// Characters without a shape, with which newsletters fill what follows their first line, and
/// marks of direction, which would reach beyond the preview.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
