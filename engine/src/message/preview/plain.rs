//! The words of plain text, line by line.

use super::words::{Mark, Reading, Words};

/// Lines of the longest introduction of a quotation, `On Monday, Ann Other` and
/// `<ann@example.test> wrote:`.
const INTRODUCTION_LINES_MAX: usize = 2;

/// The words at the front of `text`.
pub(super) fn words(text: &str, reading: Reading) -> Words {
    let mut words = Words::default();
    let mut paragraph = Paragraph::default();
    for line in text.split('\n') {
        let line = line.trim();
        if words.is_full() || reading == Reading::OwnWords && line == SIGNATURE {
            break;
        }
        if line.is_empty() {
            paragraph.is_over = true;
        } else if reading == Reading::Everything {
            words.space();
            words.push(line.trim_start_matches(['>', ' ']));
        } else if line.starts_with('>') {
            words.without_introduction(paragraph.introduction());
            paragraph.is_over = true;
        } else if has_words(line) {
            paragraph.line(words.mark());
            words.space();
            words.push(line);
        }
    }
    words
}

/// What stands before a signature, the space at its end cut off (RFC 3676, 4.3).
const SIGNATURE: &str = "--";

/// The lines since the last empty one.
#[derive(Default)]
struct Paragraph {
    first: Mark,
    last: Mark,
    lines: usize,
    is_over: bool,
}

impl Paragraph {
    /// A line starts at `mark`.
    fn line(&mut self, mark: Mark) {
        if std::mem::take(&mut self.is_over) || self.lines == 0 {
            self.first = mark;
            self.lines = 0;
        }
        self.last = mark;
        self.lines += 1;
    }

    /// Where the introduction starts, if the paragraph ends with one.
    fn introduction(&self) -> Mark {
        if self.lines > INTRODUCTION_LINES_MAX { self.last } else { self.first }
    }
}

/// Rules and frames have none.
fn has_words(line: &str) -> bool {
    line.bytes().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
}
