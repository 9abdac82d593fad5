//! What a server offers in its answer to EHLO (RFC 5321, 4.1.1.1). What is malformed or unknown is as
//! good as not there.

use super::reply::Reply;

/// What a server offers. None of it: a server that knows only HELO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of words, each there or not")]
pub(super) struct Extensions {
    /// RFC 2920.
    pub(super) pipelining: bool,
    /// RFC 3030.
    pub(super) chunking: bool,
    /// RFC 3030; only with CHUNKING.
    pub(super) binary_mime: bool,
    /// RFC 6152.
    pub(super) eight_bit_mime: bool,
    /// RFC 6531.
    pub(super) smtputf8: bool,
    /// RFC 3207.
    pub(super) start_tls: bool,
    /// RFC 3461.
    pub(super) dsn: bool,
    /// RFC 8689.
    pub(super) require_tls: bool,
    /// RFC 6710.
    pub(super) mt_priority: bool,
    /// RFC 1870: the largest message; `Some(0)` where there is no fixed limit.
    pub(super) size: Option<u64>,
    /// RFC 2852: the shortest time, in seconds.
    pub(super) deliver_by: Option<u64>,
    /// Recipients of one transaction (RFC 9422).
    pub(super) recipients_max: Option<usize>,
    /// Transactions of one connection (RFC 9422).
    pub(super) transactions_max: Option<u32>,
    /// Mechanisms to log in by (RFC 4954), in upper case.
    pub(super) mechanisms: Vec<String>,
}

impl Extensions {
    /// Reads the lines behind the first, which has the server's name.
    pub(super) fn of(reply: &Reply) -> Self {
        let mut extensions = Self::default();
        for line in reply.lines.iter().skip(1) {
            let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            extensions.take(&word.to_ascii_uppercase(), rest.trim());
        }
        extensions.binary_mime &= extensions.chunking;
        extensions
    }

    fn take(&mut self, word: &str, rest: &str) {
        match word {
            "PIPELINING" => self.pipelining = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "STARTTLS" => self.start_tls = true,
            "DSN" => self.dsn = true,
            "REQUIRETLS" => self.require_tls = true,
            "MT-PRIORITY" => self.mt_priority = true,
            "SIZE" => self.size = Some(rest.parse().unwrap_or(0)),
            "DELIVERBY" => self.deliver_by = Some(rest.parse().unwrap_or(0)),
            "LIMITS" => self.limits(rest),
            "AUTH" => self.mechanisms.extend(rest.split_whitespace().map(str::to_ascii_uppercase)),
            _ => {}
        }
    }

    /// Zero would mean that nothing can be sent at all, which is not worth believing.
    fn limits(&mut self, rest: &str) {
        for (name, value) in rest.split_whitespace().filter_map(|limit| limit.split_once('=')) {
            let Some(value) = value.parse::<u32>().ok().filter(|value| *value > 0) else {
                continue;
            };
            match name.to_ascii_uppercase().as_str() {
                "RCPTMAX" => self.recipients_max = usize::try_from(value).ok(),
                "MAILMAX" => self.transactions_max = Some(value),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(lines: &[&str]) -> Extensions {
        let lines = ["mx.test"].iter().chain(lines).map(ToString::to_string).collect();
        Extensions::of(&Reply { code: 250, status: None, lines })
    }

    #[test]
    fn words_are_known_in_any_case_and_with_their_values() {
        let all = offered(&[
            "pipelining",
            "SIZE 1000",
            "AUTH plain LOGIN",
            "Limits RCPTMAX=7 MAILMAX=3 X=1",
            "DELIVERBY 240",
            "CHUNKING",
            "BINARYMIME",
            "X-EXPS",
        ]);
        assert!(all.pipelining && all.chunking && all.binary_mime && !all.dsn);
        assert_eq!((all.size, all.deliver_by), (Some(1000), Some(240)));
        assert_eq!((all.recipients_max, all.transactions_max), (Some(7), Some(3)));
        assert_eq!(all.mechanisms, ["PLAIN", "LOGIN"]);
    }

    #[test]
    fn lies_are_as_good_as_nothing() {
        let lies =
            offered(&["SIZE -5", "LIMITS RCPTMAX=0 MAILMAX", "BINARYMIME", "", "DELIVERBY x"]);
        let nothing = Extensions { size: Some(0), deliver_by: Some(0), ..Extensions::default() };
        assert_eq!(lies, nothing, "BINARYMIME needs CHUNKING");
        // The first line is the server's name, whatever it says.
        let named = Reply { code: 250, status: None, lines: vec!["STARTTLS".to_owned()] };
        assert_eq!(Extensions::of(&named), Extensions::default());
    }
}
