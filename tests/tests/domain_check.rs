//! `fumikura domain check`: what it says of a domain, by what a name server of the test has.

use std::fmt::Write as _;

use tests::binary::run;
use tests::name_server::{NameServer, Record};

/// RFC 8463, appendix A.2.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const RECORD: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const WHOLE: [Record<'static>; 9] = [
    ("example.test", "MX", "10 mail.example.test"),
    ("example.test", "TXT", "v=spf1 mx -all"),
    ("mail.example.test", "A", "192.0.2.1"),
    ("1.2.0.192.in-addr.arpa", "PTR", "mail.example.test"),
    ("s._domainkey.example.test", "TXT", RECORD),
    ("_dmarc.example.test", "TXT", "v=DMARC1; p=reject"),
    ("_mta-sts.example.test", "TXT", "v=STSv1; id=1"),
    ("mta-sts.example.test", "A", "192.0.2.2"),
    ("_smtp._tls.example.test", "TXT", "v=TLSRPTv1; rua=mailto:x@example.test"),
];

/// A server that need not run, with a key.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Self(dir);
        let made = run(&["init", home.path("").as_str(), "--domain", "example.test"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(home.path("dkim.pem"), KEY).expect("writable");
        home
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let config = self.path("fumikura.toml");
        let output = run(&[&["--config", config.as_str()], arguments].concat());
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("text"))
    }

    /// What is said where a name server has these records.
    fn check(&self, records: &[Record<'_>]) -> (bool, String) {
        let name_server = NameServer::start(records);
        let mut config = "hostname = \"mail.example.test\"\n".to_owned();
        let address = name_server.address();
        let dns = format!("[dns]\nservers = ['{address}']\ntimeout_ms = 300\nattempts = 1\n");
        write!(config, "{dns}").expect("a string takes text");
        std::fs::write(self.path("fumikura.toml"), config).expect("writable");
        self.run(&["domain", "check", "example.test"])
    }
}

/// The whole zone with other values for a name and type, which may be none.
fn with<'a>(name: &str, kind: &str, values: &[&'a str]) -> Vec<Record<'a>> {
    let others = WHOLE.iter().filter(|(n, k, _)| (*n, *k) != (name, kind)).copied();
    let (name, kind) = WHOLE
        .iter()
        .find(|(n, k, _)| (*n, *k) == (name, kind))
        .map(|(name, kind, _)| (*name, *kind))
        .expect("it is in the zone");
    others.chain(values.iter().map(|value| (name, kind, *value))).collect()
}

#[test]
fn a_domain_that_has_everything_is_fine() {
    let home = Home::new();
    let config = home.path("dkim.pem");
    assert!(home.check(&WHOLE).1.contains("WRONG   example.test has no key"));
    let (done, said) = home.run(&["dkim", "import", "example.test", "s", &config]);
    assert!(done && said.contains(RECORD), "{said}");
    let (is_fine, said) = home.check(&WHOLE);
    assert!(is_fine, "{said}");
    assert!(said.lines().all(|line| line.starts_with("fine ")), "{said}");
    assert_eq!(said.lines().count(), 8, "{said}");
}

#[test]
fn what_is_missing_is_named_with_the_record_that_mends_it() {
    let home = Home::new();
    let key = home.path("dkim.pem");
    assert!(home.run(&["dkim", "import", "example.test", "s", &key]).0);
    let (is_fine, said) = home.check(&[("unrelated.test", "A", "192.0.2.9")]);
    assert!(!is_fine, "{said}");
    for record in [
        "example.test. IN MX 10 mail.example.test.",
        "example.test. IN TXT \"v=spf1 mx -all\"",
        &format!("s._domainkey.example.test. IN TXT \"{RECORD}\""),
        "_dmarc.example.test. IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@example.test\"",
        "_smtp._tls.example.test. IN TXT \"v=TLSRPTv1; rua=mailto:postmaster@example.test\"",
    ] {
        assert!(said.contains(&format!("add: {record}")), "{record}: {said}");
    }
    assert!(said.contains("5 things are wrong with example.test"), "{said}");
    for (name, kind, values, expected) in [
        ("example.test", "MX", &["10 mx.other.test"][..], "goes to mx.other.test, not to mail"),
        ("example.test", "MX", &["0 ."], "says that it takes no mail"),
        ("example.test", "TXT", &["v=spf1 -all"], "192.0.2.1 may not send for example.test (fail)"),
        ("example.test", "TXT", &["v=spf1 +all"], "lets everybody send"),
        ("example.test", "TXT", &["v=spf1 mx -all", "v=spf1 a -all"], "more than one SPF record"),
        (
            "1.2.0.192.in-addr.arpa",
            "PTR",
            &["host.other.test"],
            "is called host.other.test, not mail",
        ),
        ("1.2.0.192.in-addr.arpa", "PTR", &[], "192.0.2.1 has no name"),
        ("s._domainkey.example.test", "TXT", &["v=DKIM1; k=ed25519; p=AAAA"], "another than here"),
        (
            "_dmarc.example.test",
            "TXT",
            &["v=DMARC1; p=none", "v=DMARC1; p=reject"],
            "more than one DMARC",
        ),
        ("mta-sts.example.test", "A", &[], "mta-sts.example.test has no address"),
    ] {
        let (is_fine, said) = home.check(&with(name, kind, values));
        assert!(!is_fine && said.contains(expected), "{name} {values:?}: {said}");
    }
    // Advice is no fault.
    let (is_fine, said) = home.check(&with("_dmarc.example.test", "TXT", &["v=DMARC1; p=none"]));
    assert!(is_fine && said.contains("advice  DMARC: v=DMARC1; p=none"), "{said}");
    // A name server that fails is told of.
    let failing: Vec<_> = WHOLE.iter().copied().chain([("example.test", "FAIL", "")]).collect();
    let (is_fine, said) = home.check(&failing);
    assert!(!is_fine && said.contains("example.test cannot be looked up"), "{said}");
    let (is_ours, said) = home.run(&["domain", "check", "other.test"]);
    assert!(!is_ours && said.contains("not a local domain"), "{said}");
}
