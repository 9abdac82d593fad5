//! What a domain says of itself: the record that names a version of its policy (RFC 8461, 3.1), and the
//! policy (3.2).

/// The longest time that a policy may hold, in seconds: about a year.
const MAX_AGE_MOST: i64 = 31_557_600;
/// Patterns of one policy.
const PATTERNS_MAX: usize = 100;

/// How a domain wants its servers to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Policy {
    pub(in crate::relay) mode: Mode,
    /// Names of its servers; `*.` stands for one label.
    patterns: Vec<String>,
    /// How long it holds, in seconds.
    pub(super) max_age: i64,
}

/// What is done about servers that do not meet a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Mode {
    /// No mail goes there.
    Enforce,
    /// Mail goes there all the same.
    Testing,
    /// There is no policy any more.
    None,
}

/// The version of the policy, out of all TXT records at `_mta-sts`; `None` if the domain has none, or
/// more than one, which is as good as none.
pub(super) fn policy_id(records: &[String]) -> Option<String> {
    let mut ids = records.iter().filter_map(|record| {
        let (version, rest) = record.split_once(';')?;
        (version.trim_end_matches(is_blank) == "v=STSv1").then_some(rest)
    });
    let (only, more) = (ids.next()?, ids.next());
    let mut fields = only.split(';').map(|field| field.trim_matches(is_blank));
    let id = fields.find_map(|field| field.strip_prefix("id="))?;
    let fits = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (more.is_none() && fits).then(|| id.to_owned())
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

impl Policy {
    /// Reads a policy; `None` if it lacks what every policy has, or has another version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mut version, mut mode, mut max_age, mut patterns) = (None, None, None, Vec::new());
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim_matches(is_blank);
            match key.trim_matches(is_blank) {
                // Of what may stand once, the first counts.
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => max_age = max_age.or(Some(value)),
                "mx" if patterns.len() < PATTERNS_MAX => patterns.push(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        let mode = match mode? {
            "enforce" => Mode::Enforce,
            "testing" => Mode::Testing,
            "none" => Mode::None,
            _ => return None,
        };
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        let max_age: i64 = max_age.filter(is_number)?.parse().ok()?;
        let is_whole = version == Some("STSv1") && (mode == Mode::None || !patterns.is_empty());
        is_whole.then_some(Self { mode, patterns, max_age: max_age.min(MAX_AGE_MOST) })
    }

    /// Whether a host is one of the domain's (RFC 8461, 4.1).
    pub(in crate::relay) fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.patterns.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => *pattern == host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(records: &[&str]) -> Option<String> {
        policy_id(&records.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn one_record_names_the_version() {
        assert_eq!(id(&["v=STSv1; id=20160831085700Z;"]).as_deref(), Some("20160831085700Z"));
        assert_eq!(id(&["v=spf1 -all", "v=STSv1 ; x=y; id=a"]).as_deref(), Some("a"));
        for wrong in [
            &["v=STSv1; id=a", "v=STSv1; id=b"][..],
            &["v=STSv1"],
            &["v=STSv1;"],
            &["v=stsv1; id=a"],
            &["v=STSv1; id=a-b"],
            &["v=STSv1; id="],
            &["id=a; v=STSv1;"],
            &[],
        ] {
            assert_eq!(id(wrong), None, "{wrong:?}");
        }
        assert_eq!(id(&[&format!("v=STSv1; id={}", "a".repeat(33))]), None);
    }

    #[test]
    fn a_policy_names_hosts() {
        let text = "version: STSv1\r\nmode: enforce\r\nmx: Mail.example.com\r\nmx: *.example.net\r\n\
                    new: field\r\nmax_age: 604800\r\nmode: none\r\n";
        let policy = Policy::parse(text).expect("a policy");
        assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, 604_800));
        for host in ["mail.example.com", "MAIL.EXAMPLE.COM.", "a.example.net"] {
            assert!(policy.names(host), "{host}");
        }
        for host in
            ["example.net", "a.b.example.net", "mail.example.com.evil.test", "example.com", ""]
        {
            assert!(!policy.names(host), "{host}");
        }
    }

    #[test]
    fn what_is_not_whole_is_no_policy() {
        let whole = "version: STSv1\nmode: testing\nmx: a\nmax_age: 99999999999\n";
        assert_eq!(Policy::parse(whole).expect("whole").max_age, MAX_AGE_MOST);
        for (line, other) in [
            ("version: STSv1\n", ""),
            ("version: STSv1", "version: STSv2"),
            ("mode: testing\n", ""),
            ("mode: testing", "mode: strict"),
            ("mx: a\n", ""),
            ("max_age: 99999999999", "max_age: -1"),
            ("max_age: 99999999999", "max_age: "),
        ] {
            assert_eq!(Policy::parse(&whole.replace(line, other)), None, "{line:?} -> {other:?}");
        }
        assert!(Policy::parse("version: STSv1\nmode: none\nmax_age: 0").is_some());
    }
}
