//! The hash of a body in the forms that signatures know (RFC 6376, 3.4.3 and 3.4.4), made while
//! the body passes by.

use mail_auth::dkim::Canonicalization;
use ring::digest::{Algorithm, Context};

/// Bytes that are gathered before they are hashed: a line alone is not worth the call.
const GATHERED_MAX: usize = 4096;

/// A hash in the making.
#[derive(Clone)]
pub(super) struct BodyHash {
    form: Canonicalization,
    context: Context,
    gathered: Vec<u8>,
    /// Line ends that were seen and count only if something follows.
    line_ends: u64,
    /// Whether blanks stand before what comes next on this line, in the relaxed form.
    has_blanks: bool,
    is_empty: bool,
}

impl BodyHash {
    /// Of no bytes yet.
    pub(super) fn new(form: Canonicalization, algorithm: &'static Algorithm) -> Self {
        Self {
            form,
            context: Context::new(algorithm),
            gathered: Vec::new(),
            line_ends: 0,
            has_blanks: false,
            is_empty: true,
        }
    }

    /// Takes the next bytes, however they are cut. Lines end in CRLF, which reception has made
    /// sure of, so a CR says nothing by itself.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let is_relaxed = self.form == Canonicalization::Relaxed;
        let is_special =
            |byte: u8| matches!(byte, b'\r' | b'\n') || is_relaxed && matches!(byte, b' ' | b'\t');
        let mut rest = piece;
        while let Some((&byte, after)) = rest.split_first() {
            match byte {
                b'\r' => rest = after,
                b'\n' => {
                    self.line_ends += 1;
                    self.has_blanks = false;
                    rest = after;
                }
                b' ' | b'\t' if is_relaxed => {
                    self.has_blanks = true;
                    rest = after;
                }
                _ => {
                    let len = rest.iter().position(|byte| is_special(*byte));
                    let (text, next) = rest.split_at(len.unwrap_or(rest.len()));
                    self.text(text);
                    rest = next;
                }
            }
        }
    }

    fn text(&mut self, text: &[u8]) {
        for _ in 0..self.line_ends {
            self.out(b"\r\n");
        }
        self.line_ends = 0;
        if std::mem::take(&mut self.has_blanks) {
            self.out(b" ");
        }
        self.is_empty = false;
        self.out(text);
    }

    fn out(&mut self, bytes: &[u8]) {
        if self.gathered.len() + bytes.len() > GATHERED_MAX {
            self.context.update(&self.gathered);
            self.gathered.clear();
        }
        if bytes.len() > GATHERED_MAX {
            self.context.update(bytes);
        } else {
            self.gathered.extend_from_slice(bytes);
        }
    }

    /// The hash, now that the body has ended. A body of nothing is a line end in the simple form,
    /// and nothing in the relaxed one.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.is_empty || self.form == Canonicalization::Simple {
            self.out(b"\r\n");
        }
        self.context.update(&self.gathered);
        self.context.finish().as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};

    use super::*;

    fn hash(form: Canonicalization, pieces: &[&[u8]]) -> Vec<u8> {
        let mut hash = BodyHash::new(form, &SHA256);
        pieces.iter().for_each(|piece| hash.push(piece));
        hash.finish()
    }

    #[test]
    fn bodies_are_hashed_in_the_form_of_the_standard_however_they_are_cut() {
        use Canonicalization::{Relaxed, Simple};
        let long = [b"x".repeat(5000), b"\r\n".to_vec()].concat();
        for (form, body, canonical) in [
            (Relaxed, &b" C \r\nD \t E\r\n\r\n\r\n"[..], &b" C\r\nD E\r\n"[..]),
            (Simple, b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n"),
            // Lines of blanks alone are empty once their blanks are ignored, at the end too.
            (Relaxed, b"a\r\n \t\r\n\r\n", b"a\r\n"),
            (Relaxed, b"a\r\n \r\nb", b"a\r\n\r\nb\r\n"),
            (Simple, b"a\r\n \r\n", b"a\r\n \r\n"),
            (Relaxed, b"", b""),
            (Relaxed, b" \r\n\r\n", b""),
            (Simple, b"", b"\r\n"),
            (Simple, b"\r\n\r\n", b"\r\n"),
            (Simple, b"no end", b"no end\r\n"),
            (Relaxed, &long, &long),
        ] {
            let expected = digest(&SHA256, canonical);
            for len in [1, 2, 3, 7, 10_000] {
                let pieces: Vec<_> = body.chunks(len).collect();
                assert_eq!(hash(form, &pieces), expected.as_ref(), "{form:?} {body:?} {len}");
            }
        }
    }
}
