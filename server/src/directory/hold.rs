//! How long mail that a user submits waits in the user's Outbox: as the user's own setting says,
//! else the domain's.

use engine::AccountId;
use sqlx::Row as _;
use tokio::time::Instant;

use super::address::normal_domain;
use super::believed::Believed;
use super::{Address, Directory, DirectoryError};

/// The longest wait.
pub const HOLD_SECONDS_MAX: u32 = 7 * 24 * 3600;

/// Whose mail waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldTarget {
    /// One user's.
    User(Address),
    /// That of all users of a domain that have no setting of their own.
    Domain(String),
}

/// A setting as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// A domain, or a user's address.
    pub target: String,
    /// How long; 0 is not at all.
    pub seconds: u32,
}

/// Seconds by account.
pub(super) type HoldCache = Believed<AccountId, u32>;

impl Directory {
    /// How long mail of this user waits; 0 is not at all.
    pub async fn hold_seconds(&self, account: AccountId) -> Result<u32, DirectoryError> {
        let now = Instant::now();
        if let Some(known) = self.holds.find(&account, now) {
            return Ok(known);
        }
        let asked = sqlx::query(
            "SELECT COALESCE(u.hold_seconds, d.hold_seconds, 0) \
             FROM users u JOIN domains d ON d.name = u.domain WHERE u.account = ?",
        );
        let id = i64::try_from(account.0).unwrap_or(0);
        let row = asked.bind(id).fetch_optional(&self.pool).await?;
        let seconds = row.map_or(Ok(0), |row| row.try_get(0).map(seconds))?;
        self.holds.remember(account, seconds, now);
        Ok(seconds)
    }

    /// Sets how long mail waits; `None` leaves a user to the domain's setting, and a domain to none.
    pub async fn set_hold(
        &self,
        target: &HoldTarget,
        seconds: Option<u32>,
    ) -> Result<(), DirectoryError> {
        let done = match target {
            HoldTarget::User(address) => {
                let change = sqlx::query(
                    "UPDATE users SET hold_seconds = ? WHERE domain = ? AND local_part = ?",
                );
                let change = change.bind(seconds).bind(address.domain());
                change.bind(address.local_part()).execute(&self.pool).await?
            }
            HoldTarget::Domain(domain) => {
                let change = sqlx::query("UPDATE domains SET hold_seconds = ? WHERE name = ?");
                change.bind(seconds).bind(normal_domain(domain)?).execute(&self.pool).await?
            }
        };
        self.holds.clear();
        if done.rows_affected() > 0 {
            return Ok(());
        }
        Err(match target {
            HoldTarget::User(address) => DirectoryError::NotFound(format!("user {address}")),
            HoldTarget::Domain(domain) => DirectoryError::NoSuchDomain(domain.clone()),
        })
    }

    /// All settings, domains first.
    pub async fn holds(&self) -> Result<Vec<HoldRow>, DirectoryError> {
        let asked = sqlx::query(
            "SELECT name, hold_seconds FROM domains WHERE hold_seconds IS NOT NULL UNION ALL \
             SELECT local_part || '@' || domain, hold_seconds FROM users \
             WHERE hold_seconds IS NOT NULL",
        );
        let rows = asked.fetch_all(&self.pool).await?;
        let row = |row: &sqlx::sqlite::SqliteRow| {
            Ok(HoldRow { target: row.try_get(0)?, seconds: seconds(row.try_get(1)?) })
        };
        rows.iter().map(row).collect()
    }
}

/// As it stands in the table.
fn seconds(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(0).min(HOLD_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_users_setting_comes_before_the_domains() {
        let dir = tempfile::tempdir().expect("directory");
        let file = dir.path().join("directory.sqlite");
        let directory = Directory::open(&file, "+").await.expect("opens");
        directory.add_domain("example.test").await.expect("domain");
        let alice = Address::parse("alice@example.test").expect("address");
        let account = directory.add_user(&alice, "hash").await.expect("user");
        let held = async || directory.hold_seconds(account).await.expect("asked");
        assert_eq!(held().await, 0);
        let domain = HoldTarget::Domain("Example.Test".to_owned());
        directory.set_hold(&domain, Some(30)).await.expect("set");
        assert_eq!(held().await, 30);
        let user = HoldTarget::User(alice.clone());
        directory.set_hold(&user, Some(0)).await.expect("set");
        assert_eq!(held().await, 0, "not at all is a setting of its own");
        let rows = directory.holds().await.expect("asked");
        let rows: Vec<_> = rows.iter().map(|row| (row.target.as_str(), row.seconds)).collect();
        assert_eq!(rows, [("example.test", 30), ("alice@example.test", 0)]);
        directory.set_hold(&user, None).await.expect("set");
        assert_eq!(held().await, 30);
        let nobody = HoldTarget::User(Address::parse("bob@example.test").expect("address"));
        assert!(directory.set_hold(&nobody, Some(1)).await.is_err());
        assert_eq!(directory.hold_seconds(AccountId(77)).await.expect("asked"), 0);
        directory.close().await;
    }
}
