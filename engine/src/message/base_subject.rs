//! The base subject: what a subject is about, without the marks that replies, forwards and mailing
//! lists put around it (RFC 5256, 2.1).
//!
//! ```text
//! subject      = *subj-leader [subj-middle] *subj-trailer
//! subj-leader  = (*subj-blob subj-refwd) / WSP
//! subj-refwd   = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
//! subj-blob    = "[" *BLOBCHAR "]" *WSP          ; no bracket is a BLOBCHAR
//! subj-middle  = *subj-blob (subj-base / subj-fwd)
//! subj-fwd     = "[fwd:" subject "]"
//! subj-trailer = "(fwd)" / WSP
//! ```
//!
//! One pass in each direction: what one step has looked at, no later one looks at again, so that a
//! subject of a hundred thousand brackets costs no more than another of its length.

use super::encoded_word::push_decoded;

/// What is left of a subject, and whether a mark of a reply or forward was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BaseSubject {
    /// White space is single spaces; the case is as it was.
    pub(super) text: String,
    pub(super) is_reply_or_forward: bool,
}

impl BaseSubject {
    /// Of a Subject field's raw value.
    pub(super) fn of(value: &[u8]) -> Self {
        let mut decoded = String::with_capacity(value.len());
        push_decoded(&mut decoded, value);
        let line = on_single_spaces(&decoded);
        let mut strip = Strip { rest: &line, is_reply_or_forward: false };
        loop {
            strip.trailers();
            strip.leaders_and_blobs();
            if !strip.forward() {
                break;
            }
        }
        Self { text: strip.rest.to_owned(), is_reply_or_forward: strip.is_reply_or_forward }
    }
}

/// Step 1 after decoding: tabs, line ends and runs of spaces become one space.
fn on_single_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split([' ', '\t', '\r', '\n']) {
        if !word.is_empty() && !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A subject from which marks are taken at both ends.
struct Strip<'a> {
    rest: &'a str,
    is_reply_or_forward: bool,
}

impl Strip<'_> {
    /// Step 2.
    fn trailers(&mut self) {
        loop {
            self.rest = self.rest.trim_end_matches(' ');
            let Some(before) = without_suffix(self.rest, "(fwd)") else { return };
            self.rest = before;
            self.is_reply_or_forward = true;
        }
    }

    /// Steps 3, 4 and 5. Blobs before a mark go with it. When no mark follows, step 4 takes blob
    /// after blob, each time looking in vain for a mark after the others; so all of them go at
    /// once, but for the last when nothing else is left.
    fn leaders_and_blobs(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(' ');
            let mut after_blobs = self.rest;
            let mut last_blob = self.rest;
            while let Some(after) = after_blob(after_blobs) {
                last_blob = after_blobs;
                after_blobs = after;
            }
            if let Some(after) = after_mark(after_blobs) {
                self.rest = after;
                self.is_reply_or_forward = true;
                continue;
            }
            self.rest = if after_blobs.is_empty() { last_blob } else { after_blobs };
            return;
        }
    }

    /// Step 6; whether there was such a forward, and the steps start again.
    fn forward(&mut self) -> bool {
        let inner = without_prefix(self.rest, "[fwd:").and_then(|rest| rest.strip_suffix(']'));
        let Some(inner) = inner else { return false };
        self.rest = inner;
        self.is_reply_or_forward = true;
        true
    }
}

/// After a `subj-blob` and the white space that belongs to it.
fn after_blob(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let end = memchr::memchr2(b'[', b']', inside.as_bytes())?;
    Some(inside.get(end..)?.strip_prefix(']')?.trim_start_matches(' '))
}

/// After a `subj-refwd`.
fn after_mark(text: &str) -> Option<&str> {
    let word = without_prefix(text, "re")
        .or_else(|| without_prefix(text, "fwd"))
        .or_else(|| without_prefix(text, "fw"))?;
    let rest = word.trim_start_matches(' ');
    after_blob(rest).unwrap_or(rest).strip_prefix(':')
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn without_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(subject: &str) -> (String, bool) {
        let base = BaseSubject::of(subject.as_bytes());
        (base.text, base.is_reply_or_forward)
    }

    #[test]
    fn marks_of_replies_forwards_and_lists_are_removed() {
        for (subject, text) in [
            ("Re: hello", "hello"),
            ("RE: re : Fw: FWD: fwd  : hello", "hello"),
            ("re[2]: hello", "hello"),
            ("Re [list] : hello", "hello"),
            ("[list] Re: hello", "hello"),
            ("[one] [two]Re: [three] hello", "hello"),
            ("Re: [list] Re: hello", "hello"),
            ("hello (fwd)", "hello"),
            ("hello(FWD) (fwd)  ", "hello"),
            ("[Fwd: hello]", "hello"),
            ("[fwd: Re: [list] hello (fwd)]", "hello"),
            ("[fwd:[fwd:[fwd:hello]]] (fwd)", "hello"),
            ("Re: [Fwd: [list] hello]", "hello"),
            ("Re:", ""),
            ("[list] Re: ", ""),
            ("(fwd)", ""),
            ("[fwd:]", ""),
            ("Re: [list]", "[list]"),
            ("re: Hello\r\n\tWorld ", "Hello World"),
            ("=?ISO-2022-JP?B?UmU6IBskQkZ8S1wbKEI=?=", "日本"),
            ("Re: =?ISO-2022-JP?B?GyRCRnwbKEI=?=\r\n =?iso-2022-jp?B?GyRCS1wbKEI=?=", "日本"),
            ("=?utf-8?q?Fw=3A_=5Bx=5D_caf=C3=A9?=", "café"),
        ] {
            assert_eq!(base(subject), (text.to_owned(), true), "{subject}");
        }
    }

    #[test]
    fn what_only_looks_like_a_mark_stays() {
        for (subject, text) in [
            ("", ""),
            ("  ", ""),
            ("hello", "hello"),
            (" [list]  hello\t \t there ", "hello there"),
            ("[one] [two] hello [three]", "hello [three]"),
            ("[one] [two]", "[two]"),
            ("[one]", "[one]"),
            ("[]", "[]"),
            ("[one [two] hello", "[one [two] hello"),
            ("Reply: hello", "Reply: hello"),
            ("Fwding: hello", "Fwding: hello"),
            ("re hello", "re hello"),
            ("re[x] hello: there", "re[x] hello: there"),
            ("[fwd: hello] there", "there"),
            ("hello (fwd) there", "hello (fwd) there"),
            ("Ré: hello", "Ré: hello"),
            ("Re：全角", "Re：全角"),
            ("é", "é"),
        ] {
            assert_eq!(base(subject), (text.to_owned(), false), "{subject}");
        }
    }

    /// The steps as the RFC writes them, one match at a time.
    fn step_by_step(subject: &str) -> String {
        let mut text = on_single_spaces(subject);
        loop {
            let shorter = strip_one(&text).map(str::to_owned);
            match shorter {
                Some(shorter) => text = shorter,
                None => return text,
            }
        }
    }

    /// The first match of a step, from step 2 on; after each the steps may start again, since
    /// no later step makes an earlier one match differently.
    fn strip_one(text: &str) -> Option<&str> {
        let trailer = || text.strip_suffix(' ').or_else(|| without_suffix(text, "(fwd)"));
        let leader = || text.strip_prefix(' ').or_else(|| after_marked_blobs(text));
        let blob = || after_blob(text).filter(|rest| !rest.is_empty());
        let forward = || without_prefix(text, "[fwd:").and_then(|rest| rest.strip_suffix(']'));
        trailer().or_else(leader).or_else(blob).or_else(forward)
    }

    fn after_marked_blobs(text: &str) -> Option<&str> {
        after_mark(text).or_else(|| after_marked_blobs(after_blob(text)?))
    }

    proptest::proptest! {
        #[test]
        fn one_pass_does_what_the_steps_do(
            tokens in proptest::collection::vec(
                proptest::sample::select(vec![
                    "re", "fw", "fwd", "Re:", ":", " ", "[", "]", "[fwd:", "(fwd)", "a", "é", "[]",
                    "[x] ",
                ]),
                0..12,
            ),
        ) {
            let subject = tokens.concat();
            proptest::prop_assert_eq!(base(&subject).0, step_by_step(&subject), "{}", subject);
        }
    }

    #[test]
    fn long_subjects_of_marks_are_read_in_one_pass() {
        for mark in ["[]", "[fwd:", "re:", "[x] re:", "(fwd)", "[", "]", "fwd[", "re [x]"] {
            let subject = mark.repeat(200_000);
            let base = BaseSubject::of(subject.as_bytes());
            assert!(base.text.len() <= subject.len());
        }
        assert_eq!(base(&("[]".repeat(200_000) + "x")).0, "x");
    }
}
