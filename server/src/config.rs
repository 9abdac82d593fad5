//! What the operator decides: one TOML file, every value with a default, unknown names refused.
//!
//! Relative paths count from the directory of the file, so that a store can be moved whole.

mod authenticity;
mod dns;
mod limits;
mod listener;
mod oauth;
mod outgoing;
mod queue;
mod template;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use authenticity::{AuthenticityConfig, Consequence, Network};
pub use dns::{DnsConfig, NameServer};
pub use limits::Limits;
pub use listener::{Listener, Protocol, Role};
pub use oauth::{OAuthConfig, TokenCheck};
pub use outgoing::{OutgoingConfig, Smarthost, SmarthostTls};
pub use queue::QueueConfig;
pub use template::commented;

/// Everything the operator decides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The name this server greets with.
    pub hostname: String,
    /// Where messages are.
    pub store: StoreConfig,
    /// Where users are.
    pub directory: DirectoryConfig,
    /// Certificate and key.
    pub tls: TlsFiles,
    /// Log-ins.
    pub auth: AuthConfig,
    /// What IMAP clients are offered.
    pub imap: ImapConfig,
    /// Who is asked about other domains.
    pub dns: DnsConfig,
    /// How mail from other servers is checked.
    pub authenticity: AuthenticityConfig,
    /// Mail on its way out.
    pub queue: QueueConfig,
    /// How other servers are spoken to.
    pub outgoing: OutgoingConfig,
    /// What the log looks like.
    pub log: LogConfig,
    /// The bounds of everything a client can ask for.
    pub limits: Limits,
    /// The ports.
    #[serde(rename = "listener")]
    pub listeners: Vec<Listener>,
}

/// Where messages are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The directory of the store.
    pub path: PathBuf,
    /// Where messages too long for memory wait while they arrive, in files without a name; the
    /// directory of the store if nothing is said.
    pub spool: Option<PathBuf>,
    /// Logs, each with a writer of its own; fixed when the store is created.
    #[serde(deserialize_with = "limits::positive")]
    pub shards: u16,
    /// How segments are written.
    pub io: IoChoice,
    /// How many days what was expunged or deleted is held.
    #[serde(deserialize_with = "limits::days")]
    pub retention_days: u16,
}

impl StoreConfig {
    /// How long what was expunged or deleted is held, where the domain says nothing.
    pub fn retention(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.retention_days))
    }

    /// As the engine takes it.
    pub fn options(&self) -> engine::Options {
        let io = match self.io {
            IoChoice::Auto => engine::io::IoPath::Auto,
            IoChoice::Uring => engine::io::IoPath::Uring,
            IoChoice::Blocking => engine::io::IoPath::Blocking,
        };
        let retention = engine::Retention::of(self.retention());
        engine::Options { io, shard_count: self.shards, retention, ..engine::Options::default() }
    }
}

/// How segments are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IoChoice {
    /// The ring where the kernel allows it.
    #[default]
    Auto,
    /// `io_uring`, or do not start.
    Uring,
    /// Positioned writes.
    Blocking,
}

/// Where users are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryConfig {
    /// The SQLite file of domains, users and aliases.
    pub path: PathBuf,
    /// Stands between user and detail in `user+detail@domain`; empty turns details off.
    #[serde(deserialize_with = "limits::separator")]
    pub separator: String,
}

/// Certificate and key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs the certificates that clients log in with.
    pub client_ca: Option<PathBuf>,
}

/// Log-ins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Whether a client on this machine may send its password without TLS.
    pub plaintext_on_loopback: bool,
    /// Whether SCRAM is offered, and what it needs is stored of passwords that are set or seen.
    pub scram: bool,
    /// For how long a verified password is believed without hashing it again.
    #[serde(rename = "cache_seconds", deserialize_with = "limits::seconds")]
    pub cache_time: Duration,
    /// How many verified log-ins are remembered.
    #[serde(deserialize_with = "limits::positive")]
    pub cache_entries_max: usize,
    /// Failures of one address, or for one login, within `failure_seconds` after which log-ins
    /// are refused unseen.
    #[serde(deserialize_with = "limits::positive")]
    pub failures_max: u32,
    /// How long a failure counts.
    #[serde(rename = "failure_seconds", deserialize_with = "limits::seconds")]
    pub failure_time: Duration,
    /// How long each failed log-in waits for its answer.
    #[serde(rename = "failure_delay_ms", deserialize_with = "limits::milliseconds")]
    pub failure_delay: Duration,
    /// Whose tokens open accounts, if anybody's.
    pub oauth: Option<OAuthConfig>,
}

/// What IMAP clients are offered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImapConfig {
    /// COMPRESS=DEFLATE (RFC 4978).
    pub compress: bool,
    /// How long a command works before the client is told how far it is, and from then on between
    /// two such lines (RFC 9585). None: after every piece of the work.
    #[serde(rename = "progress_ms", deserialize_with = "limits::milliseconds")]
    pub progress_time: Duration,
    /// Messages that one command may work on; 0 for any number (RFC 9738).
    pub message_limit: u32,
    /// Messages that one COPY or APPEND may store, where there is no such limit for all commands.
    pub save_limit: u32,
    /// The server's annotation `/shared/admin`: where its administrator is reached, a URI; empty for none
    /// (RFC 5464, 6.2.1).
    #[serde(deserialize_with = "limits::uri")]
    pub admin: String,
    /// The server's annotation `/shared/comment`; empty for none.
    pub comment: String,
}

/// What the log looks like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is logged: a level, or directives such as `info,server::imap=debug`.
    #[serde(deserialize_with = "limits::log_level")]
    pub level: String,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text each.
    #[default]
    Human,
    /// One JSON object each.
    Json,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {file}: {source}; make one with `fumikura init`")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is wrong.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl Config {
    /// Reads a file; its relative paths count from its directory.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: name.clone(), source })?;
        let config = Self::parse(&text, &name)?;
        Ok(config.relative_to(file.parent().unwrap_or(Path::new(""))))
    }

    /// Reads the text of a file called `name`.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or(text);
            ConfigError::Line {
                file: name.to_owned(),
                line: 1 + before.matches('\n').count(),
                reason: error.message().to_owned(),
            }
        })
    }

    /// Makes relative paths count from `dir`.
    #[must_use]
    pub fn relative_to(mut self, dir: &Path) -> Self {
        for path in [
            &mut self.store.path,
            &mut self.directory.path,
            &mut self.tls.certificate,
            &mut self.tls.key,
        ] {
            *path = dir.join(&*path);
        }
        if let Some(oauth) = &mut self.auth.oauth {
            oauth.relative_to(dir);
        }
        self.outgoing.relative_to(dir);
        let optional = [&mut self.store.spool, &mut self.tls.client_ca];
        for path in optional.into_iter().flatten() {
            *path = dir.join(&*path);
        }
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            store: StoreConfig::default(),
            directory: DirectoryConfig::default(),
            tls: TlsFiles::default(),
            auth: AuthConfig::default(),
            imap: ImapConfig::default(),
            dns: DnsConfig::default(),
            authenticity: AuthenticityConfig::default(),
            queue: QueueConfig::default(),
            outgoing: OutgoingConfig::default(),
            log: LogConfig::default(),
            limits: Limits::default(),
            listeners: Listener::standard(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: "store".into(), spool: None, shards: 1, io: IoChoice::Auto, retention_days: 7 }
    }
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self { path: "directory.sqlite".into(), separator: "+".to_owned() }
    }
}

impl Default for TlsFiles {
    fn default() -> Self {
        Self { certificate: "certificate.pem".into(), key: "key.pem".into(), client_ca: None }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            plaintext_on_loopback: true,
            scram: true,
            cache_time: Duration::from_mins(1),
            cache_entries_max: 10_000,
            failures_max: 20,
            failure_time: Duration::from_mins(5),
            failure_delay: Duration::from_millis(500),
            oauth: None,
        }
    }
}

impl Default for ImapConfig {
    fn default() -> Self {
        let (admin, comment) = (String::new(), String::new());
        let progress_time = Duration::from_secs(10);
        Self { compress: true, progress_time, message_limit: 0, save_limit: 0, admin, comment }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Config::parse(text, "f.toml").expect_err("must be refused").to_string()
    }

    #[test]
    fn the_commented_file_says_what_the_defaults_are() {
        let config =
            Config::parse(&commented("localhost", &Listener::standard()), "f").expect("parses");
        assert_eq!(config, Config::default());
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(Config::parse("", "f").expect("parses"), Config::default());
    }

    #[test]
    fn an_unknown_name_is_refused_with_its_line() {
        let refusal = refusal("hostname = 'a'\n[limits]\nconections_max = 3\n");
        assert!(refusal.starts_with("f.toml:3: unknown field `conections_max`"), "{refusal}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_line() {
        let zero = refusal("\n\n[store]\nshards = 0\n");
        assert!(zero.starts_with("f.toml:4: must be at least 1"), "{zero}");
        let long = refusal("[directory]\nseparator = '++'\n");
        assert!(long.starts_with("f.toml:2: "), "{long}");
        let level = refusal("[log]\nlevel = 'loud=x=y'\n");
        assert!(level.starts_with("f.toml:2: "), "{level}");
    }

    #[test]
    fn broken_syntax_is_refused_with_its_line() {
        assert!(refusal("hostname = 'a'\n[limits\n").starts_with("f.toml:2: "));
    }

    #[test]
    fn paths_count_from_the_directory_of_the_file() {
        let config = Config::parse("[store]\npath = '/var/mail'\n", "f").expect("parses");
        let config = config.relative_to(Path::new("/etc/fumikura"));
        assert_eq!(config.store.path, Path::new("/var/mail"));
        assert_eq!(config.tls.key, Path::new("/etc/fumikura/key.pem"));
    }
}
