//! The configuration of a server under test, and the files it names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::binary::run;

/// Every protocol gets a port.
const PROTOCOLS: [&str; 10] = [
    "smtp",
    "smtps",
    "submission",
    "submissions",
    "lmtp",
    "pop3",
    "pop3s",
    "imap",
    "imaps",
    "http",
];

/// What differs from the defaults: tests come from one address, quickly, with wrong passwords.
const FOR_TESTS: [&str; 6] = [
    // Nobody is there: no test asks the name servers of the machine.
    "dns.servers = [\"127.0.0.1:1\"]",
    "hostname = \"mail.fumikura.test\"",
    "auth.failures_max = 1000000",
    "auth.failure_delay_ms = 0",
    "limits.connections_per_address_max = 5000",
    "log.level = \"info\"",
];

/// Settings by their dotted names.
#[derive(Clone, Debug)]
pub(super) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The tests' own settings, and over them `changed`, each `table.key = value`.
    pub(super) fn new(changed: &[&str]) -> Self {
        let pairs = FOR_TESTS.iter().chain(changed).map(|line| {
            let (key, value) = line.split_once('=').expect("a setting is `table.key = value`");
            (key.trim().to_owned(), value.trim().to_owned())
        });
        Self(pairs.collect())
    }

    /// Makes an empty store with its domain, a certificate for `localhost`, and the
    /// configuration.
    pub(super) fn prepare(&self, dir: &Path) {
        let home = dir.to_str().expect("temporary directories have UTF-8 names");
        let made = run(&["init", home, "--domain", "example.test"]);
        assert!(made.status.success(), "init failed: {}", String::from_utf8_lossy(&made.stderr));
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        std::fs::write(dir.join("certificate.pem"), made.cert.pem()).expect("it is writable");
        std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).expect("writable");
        self.write(dir);
    }

    /// Writes the configuration file.
    pub(super) fn write(&self, dir: &Path) {
        let mut text = String::new();
        for (key, value) in &self.0 {
            writeln!(text, "{key} = {value}").expect("a string takes text");
        }
        for protocol in PROTOCOLS {
            let listener = format!("protocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"");
            writeln!(text, "\n[[listener]]\n{listener}").expect("a string takes text");
        }
        std::fs::write(file_in(dir), text).expect("the directory is ours");
    }
}

/// The configuration file of a server in `dir`.
pub(super) fn file_in(dir: &Path) -> PathBuf {
    dir.join("fumikura.toml")
}
