//! Which domains are local, who lives there, and where an address leads.
//!
//! One SQLite file. The command line changes it while the server runs, so nothing here is
//! believed for longer than [`resolve`]'s second.

mod address;
mod believed;
mod dkim;
mod edit;
mod history;
mod hold;
mod masks;
mod quota;
mod resolve;
mod retention;
mod shares;
mod sts;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::AccountId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, SqlitePool};

pub use address::{Address, AddressError};
pub use dkim::DkimRow;
pub use history::{Event, HISTORY_KEPT_FOR, HistoryRow};
pub use hold::{HOLD_SECONDS_MAX, HoldRow, HoldTarget};
pub use masks::{Audience, CapabilityName, MaskRule, Masks, RuleError, Viewer, Visibility, Whom};
pub use quota::{Quota, QuotaLimits, QuotaTarget, Usage};
pub use resolve::{Recipient, Resolution, Targets};
pub use retention::RETENTION_DAYS_MAX;
pub use shares::{ANYONE, Share};
pub use sts::StsRow;

use self::hold::HoldCache;
use self::masks::MaskCache;
use self::quota::QuotaCache;
use self::resolve::ResolveCache;
use crate::private_file;

/// Whose messages wait to be sent: no user's, so that nobody can log in to it. Users get low numbers.
pub const QUEUE_ACCOUNT: AccountId = AccountId(i64::MAX.unsigned_abs());

/// Connections to the file; more would only wait for one another.
const CONNECTIONS_MAX: u32 = 4;
/// How long to wait for another process that writes.
const BUSY_TIME: Duration = Duration::from_secs(5);

/// Domains, users and aliases; clones share the file.
#[derive(Clone, Debug)]
pub struct Directory {
    pool: SqlitePool,
    separator: Arc<str>,
    cache: Arc<ResolveCache>,
    quotas: Arc<QuotaCache>,
    holds: Arc<HoldCache>,
    masks: Arc<MaskCache>,
}

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Whose mailboxes.
    pub account: AccountId,
    /// Login and address.
    pub address: Address,
    /// A PHC string.
    pub password_hash: String,
    /// What SCRAM-SHA-1 needs of the same password, as RFC 5803 writes it.
    pub scram_sha1: Option<String>,
    /// What SCRAM-SHA-256 needs.
    pub scram_sha256: Option<String>,
}

/// What is stored of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// A PHC string.
    pub hash: String,
    /// What SCRAM-SHA-1 needs, as RFC 5803 writes it.
    pub scram_sha1: Option<String>,
    /// What SCRAM-SHA-256 needs.
    pub scram_sha256: Option<String>,
}

impl From<&str> for StoredPassword {
    /// A hash alone.
    fn from(hash: &str) -> Self {
        Self { hash: hash.to_owned(), scram_sha1: None, scram_sha256: None }
    }
}

impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("StoredPassword").finish_non_exhaustive()
    }
}

/// Why the directory cannot answer, or refuses a change.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The file cannot be opened.
    #[error("cannot open the directory {file}: {source}")]
    Open {
        /// The file.
        file: String,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// The file is not what this version expects.
    #[error("cannot prepare the tables of the directory: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A question failed.
    #[error("the directory failed: {0}")]
    Query(#[from] sqlx::Error),
    /// The address is not one.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// Not one of ours.
    #[error("{0} is not a local domain; add it with `fumikura domain add {0}`")]
    NoSuchDomain(String),
    /// No such user or alias.
    #[error("there is no {0}")]
    NotFound(String),
    /// The name is taken.
    #[error("{0} exists")]
    Exists(String),
    /// Users or aliases still need the domain.
    #[error("{0} still has users or aliases; remove them first")]
    DomainInUse(String),
    /// No such rule for capabilities can be.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

impl Directory {
    /// Opens the file, which is made if it does not exist. `separator` stands between user and
    /// detail in an address; empty if there are no details.
    pub async fn open(file: &Path, separator: &str) -> Result<Self, DirectoryError> {
        let refused = |source| DirectoryError::Open { file: file.display().to_string(), source };
        private_file::ensure(file).map_err(|error| refused(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A change that the command line confirmed is on disk.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIME);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await
            .map_err(refused)?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self {
            pool,
            separator: separator.into(),
            cache: Arc::default(),
            quotas: Arc::default(),
            holds: Arc::default(),
            masks: Arc::default(),
        })
    }

    /// The user of exactly this address; aliases and details lead to nobody's password.
    pub async fn user(&self, address: &Address) -> Result<Option<User>, DirectoryError> {
        let row = sqlx::query(
            "SELECT account, password_hash, scram_sha1, scram_sha256 FROM users \
             WHERE domain = ? AND local_part = ?",
        )
        .bind(address.domain())
        .bind(address.local_part())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(User {
            account: account_id(row.try_get(0)?),
            address: address.clone(),
            password_hash: row.try_get(1)?,
            scram_sha1: row.try_get(2)?,
            scram_sha256: row.try_get(3)?,
        }))
    }

    /// The key that salts of unknown users are made with; the same for ever.
    pub(crate) async fn salt_key(&self) -> Result<[u8; 32], DirectoryError> {
        let asked = sqlx::query("SELECT value FROM secrets WHERE name = 'scram_salts'");
        let key: Vec<u8> = asked.fetch_one(&self.pool).await?.try_get(0)?;
        key.try_into().map_err(|_| DirectoryError::NotFound("key of 32 octets".to_owned()))
    }

    /// Where an address leads.
    pub async fn resolve(&self, address: &Address) -> Result<Resolution, DirectoryError> {
        resolve::resolve(self, address).await
    }

    /// Whether this server receives for the domain.
    pub async fn is_local(&self, domain: &str) -> Result<bool, DirectoryError> {
        let Ok(domain) = address::normal_domain(domain) else { return Ok(false) };
        let row = sqlx::query("SELECT 1 FROM domains WHERE name = ?")
            .bind(domain)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.is_some())
    }

    /// The normal form of a domain, if this server receives for it.
    pub async fn local_domain(&self, domain: &str) -> Result<Option<String>, DirectoryError> {
        let domain = address::normal_domain(domain)?;
        Ok(self.is_local(&domain).await?.then_some(domain))
    }

    /// Finishes what is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// SQLite counts in 64 bits with sign, and never below 1.
fn account_id(row_id: i64) -> AccountId {
    AccountId(row_id.unsigned_abs())
}

#[cfg(test)]
mod tests;
