//! The field `Authentication-Results` (RFC 8601): written by us, and those that others wrote in our
//! name found.

use std::fmt::{self, Write as _};

use super::fields::fields;
use super::verdicts::{DkimVerdict, DmarcVerdict, SpfVerdict, Verdicts};

/// The name of the field.
const NAME: &str = "Authentication-Results";
/// What a field is called that was not written by whom it says: as long, so that it is renamed
/// where it stands.
pub const FORMER_NAME: &str = "X-Former-Authn-Results";
/// Characters of a value that somebody else chose.
const VALUE_LEN_MAX: usize = 255;

/// The results as the field's value has them, below the name of who found them.
#[derive(Clone, Copy)]
pub(super) struct Results<'a> {
    pub(super) hostname: &'a str,
    pub(super) verdicts: &'a Verdicts,
}

impl Results<'_> {
    /// The whole field.
    pub(super) fn field(&self) -> String {
        format!("{NAME}: {self}\r\n")
    }
}

impl fmt::Display for Results<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdicts { helo, mail_from, dkim, arc, dmarc } = self.verdicts;
        out.write_str(self.hostname)?;
        let SpfVerdict { outcome, identity } = helo;
        write!(out, ";\r\n\tspf={} smtp.helo={}", outcome.word(), Value(identity))?;
        write!(out, ";\r\n\tspf={} smtp.mailfrom=", mail_from.outcome.word())?;
        mailbox(out, &mail_from.identity)?;
        if dkim.is_empty() {
            out.write_str(";\r\n\tdkim=none")?;
        }
        dkim.iter().try_for_each(|verdict| signature(out, verdict))?;
        let DmarcVerdict { outcome, author, policy } = dmarc;
        write!(out, ";\r\n\tdmarc={}", outcome.word())?;
        match author {
            Some(author) => {
                write!(out, " (p={}) header.from={}", policy.word(), Value(author))?;
            }
            None => out.write_str(" (not one author)")?,
        }
        write!(out, ";\r\n\tarc={}", arc.outcome.word())?;
        match &arc.sealer {
            Some(sealer) => write!(out, " header.d={}", Value(sealer)),
            None => Ok(()),
        }
    }
}

fn signature(out: &mut fmt::Formatter<'_>, verdict: &DkimVerdict) -> fmt::Result {
    write!(out, ";\r\n\tdkim={}", verdict.outcome.word())?;
    if let Some(why) = verdict.why {
        write!(out, " ({why})")?;
    }
    if let Some(signer) = &verdict.signer {
        let (domain, selector) = (Value(&signer.domain), Value(&signer.selector));
        write!(out, "\r\n\t header.d={domain} header.s={selector}\r\n\t")?;
        let (algorithm, beginning) = (signer.algorithm, Value(&signer.beginning));
        write!(out, " header.a={algorithm} header.b={beginning}")?;
    }
    Ok(())
}

/// An address; where its first part is unusual, its domain alone.
fn mailbox(out: &mut fmt::Formatter<'_>, address: &str) -> fmt::Result {
    let Some((local_part, domain)) = address.rsplit_once('@') else {
        return write!(out, "{}", Value(address));
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/^_`{|}~.".contains(&byte);
    if local_part.len() <= VALUE_LEN_MAX && local_part.bytes().all(is_plain) {
        write!(out, "{local_part}@")?;
    }
    write!(out, "{}", Value(domain))
}

/// A value: a token (RFC 2045, 5.1), or else a quoted string of what can be printed.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_token = |character: char| {
            character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~".contains(character)
        };
        if !self.0.is_empty() && self.0.len() <= VALUE_LEN_MAX && self.0.chars().all(is_token) {
            return out.write_str(self.0);
        }
        out.write_char('"')?;
        let is_text = |character: &char| {
            (*character == ' ' || character.is_ascii_graphic()) && !matches!(character, '"' | '\\')
        };
        self.0.chars().filter(is_text).take(VALUE_LEN_MAX).try_for_each(|it| out.write_char(it))?;
        out.write_char('"')
    }
}

/// Where the names of fields stand that say they were written by `hostname`. Those whose author
/// cannot be read are among them: programs may read them in another way.
pub(super) fn in_our_name(header: &[u8], hostname: &str) -> Vec<usize> {
    let ours = normal(hostname);
    let named = fields(header).filter(|field| field.is(NAME));
    named
        .filter(|field| author(field.value).is_none_or(|author| normal(&author) == ours))
        .map(|field| field.place.start)
        .collect()
}

fn normal(name: &str) -> String {
    let name = name.trim_end_matches('.');
    idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_ascii_lowercase())
}

/// The author of a field: its first token or quoted string behind blanks and comments.
fn author(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let text = behind_comments(text)?;
    let author = if let Some(quoted) = text.strip_prefix('"') {
        unquoted(quoted)?
    } else {
        let end = |character: char| character.is_whitespace() || ";(\"\\)".contains(character);
        text.split(end).next().unwrap_or_default().to_owned()
    };
    (!author.is_empty()).then_some(author)
}

/// The rest of a quoted string behind its first quote; `None` if it has no end.
fn unquoted(quoted: &str) -> Option<String> {
    let (mut plain, mut characters) = (String::new(), quoted.chars());
    loop {
        match characters.next()? {
            '"' => return Some(plain),
            '\\' => plain.push(characters.next()?),
            other => plain.push(other),
        }
    }
}

/// What follows blanks and comments (RFC 5322, 3.2.2); `None` if a comment has no end.
fn behind_comments(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            '\\' if depth > 0 => {
                characters.next()?;
            }
            _ if depth > 0 || character.is_whitespace() => {}
            _ => return text.get(at..),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::verdicts::tests::verdicts;
    use super::super::verdicts::{Outcome, Policy, Signer};
    use super::*;

    #[test]
    fn results_are_written_in_the_words_of_the_standard() {
        let mut verdicts = verdicts();
        let signer = |domain: &str| {
            Some(Signer {
                domain: domain.to_owned(),
                selector: "s1".to_owned(),
                algorithm: "rsa-sha256",
                beginning: "Ab+/cdef".to_owned(),
            })
        };
        let none = Results { hostname: "mx.test", verdicts: &verdicts }.field();
        assert_eq!(
            none,
            "Authentication-Results: mx.test;\r\n\tspf=none smtp.helo=mx.a.test;\r\n\t\
             spf=none smtp.mailfrom=x@a.test;\r\n\tdkim=none;\r\n\t\
             dmarc=none (p=none) header.from=a.test;\r\n\tarc=none\r\n"
        );
        verdicts.dkim = vec![
            DkimVerdict { outcome: Outcome::Pass, why: None, signer: signer("a.test") },
            DkimVerdict { outcome: Outcome::Fail, why: Some("it did not verify"), signer: None },
        ];
        verdicts.dmarc.policy = Policy::Reject;
        verdicts.dmarc.author = None;
        verdicts.mail_from.identity = String::new();
        let some = Results { hostname: "mx.test", verdicts: &verdicts }.to_string();
        assert!(
            some.contains("smtp.mailfrom=\"\";\r\n\tdkim=pass\r\n\t header.d=a.test header.s=s1"),
            "{some}"
        );
        assert!(some.contains("header.a=rsa-sha256 header.b=\"Ab+/cdef\";\r\n\t"), "{some}");
        assert!(
            some.contains("dkim=fail (it did not verify);\r\n\tdmarc=none (not one author)"),
            "{some}"
        );
    }

    #[test]
    fn what_strangers_chose_cannot_break_the_field() {
        for (value, expected) in [
            ("a.test", "a.test"),
            ("a; dkim=pass", "\"a; dkim=pass\""),
            ("a\r\nX: y", "\"aX: y\""),
            ("\"\\é", "\"\""),
        ] {
            assert_eq!(Value(value).to_string(), expected);
        }
        assert_eq!(Value(&"x".repeat(9000)).to_string().len(), VALUE_LEN_MAX + 2);
        let mut verdicts = verdicts();
        verdicts.mail_from.identity = "a b\" ;@a.test".to_owned();
        let text = Results { hostname: "mx.test", verdicts: &verdicts }.to_string();
        assert!(text.contains("smtp.mailfrom=a.test;"), "{text}");
    }

    #[test]
    fn fields_in_our_name_are_found_however_they_are_written() {
        assert_eq!(NAME.len(), FORMER_NAME.len());
        for ours in [
            "Authentication-Results: mx.test; spf=pass\r\n",
            "authentication-results : MX.Test. 1; none\r\n",
            "Authentication-Results:\r\n\t(a (b\\)) c)\r\n \"mx.test\" ; none\r\n",
            "Authentication-Results: \"m\\x.test\"; none\r\n",
            "Authentication-Results: (no end; mx.test\r\n",
            "Authentication-Results: ; mx.test\r\n",
            "Authentication-Results: mx.test",
        ] {
            assert_eq!(in_our_name(ours.as_bytes(), "mx.test"), [0], "{ours}");
        }
        for others in [
            "Authentication-Results: mx.test.other.test; none\r\n",
            "Authentication-Results: (mx.test) other.test; none\r\n",
            "ARC-Authentication-Results: i=1; mx.test; none\r\n",
            "X-Authentication-Results: mx.test\r\n",
        ] {
            assert!(in_our_name(others.as_bytes(), "mx.test").is_empty(), "{others}");
        }
        let two = "To: a\r\nAuthentication-Results: mx.test\r\nAuthentication-Results: mx.test\r\n";
        assert_eq!(in_our_name(two.as_bytes(), "mx.test"), [7, 40]);
    }
}
