//! How much the messages of a user may take: the user's own limits, else those of the domain.

use engine::AccountId;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tokio::time::Instant;

use super::address::normal_domain;
use super::believed::Believed;
use super::{Address, Directory, DirectoryError, account_id};

/// In the tables: no limit, whatever the domain says.
const UNLIMITED: i64 = -1;

/// What a user's messages may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Whose messages.
    pub account: AccountId,
    /// The user's address, which is the name of the quota root too.
    pub address: Address,
    /// What holds for the user.
    pub limits: QuotaLimits,
    /// Whether the user may change the limits of users of the same domain.
    pub is_admin: bool,
}

/// What messages take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Their RFC822.SIZE, added up; copies count like any other message.
    pub octets: u64,
    /// How many they are.
    pub messages: u64,
}

/// Two limits; `None` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaLimits {
    /// Octets of all messages, in units of 1,024 (RFC 9208, 5.1).
    pub kib: Option<u64>,
    /// Messages (RFC 9208, 5.2).
    pub messages: Option<u64>,
}

impl QuotaLimits {
    /// Whether there is no limit.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether more messages may come to those that are there. Nobody is refused what takes nothing.
    pub fn has_room(self, used: Usage, more: Usage) -> bool {
        let fits = |limit: Option<u64>, used: u64, more: u64| {
            more == 0 || limit.is_none_or(|limit| used.saturating_add(more) <= limit)
        };
        let octets = self.kib.map(|kib| kib.saturating_mul(1024));
        fits(octets, used.octets, more.octets) && fits(self.messages, used.messages, more.messages)
    }
}

/// Whose limits are changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaTarget {
    /// One user's.
    User(Address),
    /// Those of all users of a domain that have none of their own.
    Domain(String),
}

/// Limits by account.
pub(super) type QuotaCache = Believed<AccountId, Quota>;

/// The columns of [`quota`], up to the condition.
macro_rules! quotas_where {
    ($condition:literal) => {
        concat!(
            "SELECT u.account, u.local_part, u.domain, COALESCE(u.quota_kib, d.quota_kib, -1), \
             COALESCE(u.quota_messages, d.quota_messages, -1), u.is_quota_admin \
             FROM users u JOIN domains d ON d.name = u.domain WHERE ",
            $condition
        )
    };
}

impl Directory {
    /// The limits of an account; `None` for one that has no user any more.
    pub async fn quota(&self, account: AccountId) -> Result<Option<Quota>, DirectoryError> {
        let now = Instant::now();
        if let Some(known) = self.quotas.find(&account, now) {
            return Ok(Some(known));
        }
        let id = i64::try_from(account.0).unwrap_or(0);
        let asked = sqlx::query(quotas_where!("u.account = ?")).bind(id);
        let row = asked.fetch_optional(&self.pool).await?;
        let found = row.as_ref().map(quota).transpose()?;
        if let Some(found) = &found {
            self.quotas.remember(account, found.clone(), now);
        }
        Ok(found)
    }

    /// The limits of the user with exactly this address.
    pub async fn quota_of(&self, address: &Address) -> Result<Option<Quota>, DirectoryError> {
        let asked = sqlx::query(quotas_where!("u.domain = ? AND u.local_part = ?"));
        let asked = asked.bind(address.domain()).bind(address.local_part());
        let row = asked.fetch_optional(&self.pool).await?;
        row.as_ref().map(quota).transpose()
    }

    /// Sets both limits; what is `None` has none. The outer `None` leaves a user to the domain's.
    pub async fn set_quota(
        &self,
        target: &QuotaTarget,
        limits: Option<QuotaLimits>,
    ) -> Result<(), DirectoryError> {
        let stored = |limit: Option<u64>| {
            limit.map_or(UNLIMITED, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
        };
        let kib = limits.map(|limits| stored(limits.kib));
        let messages = limits.map(|limits| stored(limits.messages));
        let done = match target {
            QuotaTarget::User(address) => {
                let change = sqlx::query(
                    "UPDATE users SET quota_kib = ?, quota_messages = ? \
                     WHERE domain = ? AND local_part = ?",
                );
                let change = change.bind(kib).bind(messages);
                change.bind(address.domain()).bind(address.local_part()).execute(&self.pool).await?
            }
            QuotaTarget::Domain(domain) => {
                let change = sqlx::query(
                    "UPDATE domains SET quota_kib = ?, quota_messages = ? WHERE name = ?",
                );
                let change = change.bind(kib).bind(messages).bind(normal_domain(domain)?);
                change.execute(&self.pool).await?
            }
        };
        self.quotas.clear();
        if done.rows_affected() > 0 {
            return Ok(());
        }
        Err(match target {
            QuotaTarget::User(address) => DirectoryError::NotFound(format!("user {address}")),
            QuotaTarget::Domain(domain) => DirectoryError::NoSuchDomain(domain.clone()),
        })
    }

    /// Lets a user change the limits of users of the same domain, or no longer.
    pub async fn set_quota_admin(
        &self,
        address: &Address,
        is_admin: bool,
    ) -> Result<(), DirectoryError> {
        let change =
            sqlx::query("UPDATE users SET is_quota_admin = ? WHERE domain = ? AND local_part = ?");
        let change = change.bind(is_admin).bind(address.domain()).bind(address.local_part());
        let done = change.execute(&self.pool).await?;
        self.quotas.clear();
        match done.rows_affected() {
            0 => Err(DirectoryError::NotFound(format!("user {address}"))),
            _ => Ok(()),
        }
    }
}

fn quota(row: &SqliteRow) -> Result<Quota, DirectoryError> {
    let limit = |at: usize| row.try_get::<i64, _>(at).map(|limit| u64::try_from(limit).ok());
    Ok(Quota {
        account: account_id(row.try_get(0)?),
        address: Address::new(row.try_get(1)?, row.try_get(2)?)?,
        limits: QuotaLimits { kib: limit(3)?, messages: limit(4)? },
        is_admin: row.try_get::<i64, _>(5)? != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_may_be_reached_and_not_passed() {
        let limits = QuotaLimits { kib: Some(2), messages: Some(3) };
        let usage = |octets, messages| Usage { octets, messages };
        assert!(limits.has_room(usage(1024, 2), usage(1024, 1)));
        assert!(!limits.has_room(usage(1025, 2), usage(1024, 1)));
        assert!(!limits.has_room(usage(0, 3), usage(1, 1)));
        assert!(limits.has_room(usage(9999, 9), usage(0, 0)));
        assert!(QuotaLimits::default().has_room(usage(u64::MAX, u64::MAX), usage(1, 1)));
    }

    #[tokio::test]
    async fn a_users_limits_come_before_the_domains() {
        let dir = tempfile::tempdir().expect("directory");
        let file = dir.path().join("directory.sqlite");
        let directory = Directory::open(&file, "+").await.expect("opens");
        directory.add_domain("example.test").await.expect("domain");
        let alice = Address::parse("alice@example.test").expect("address");
        let account = directory.add_user(&alice, "hash").await.expect("user");
        let limits = async || {
            let found = directory.quota(account).await.expect("asked").expect("there");
            assert_eq!(directory.quota_of(&alice).await.expect("asked"), Some(found.clone()));
            found.limits
        };
        assert!(limits().await.is_empty());
        let domain = QuotaTarget::Domain("Example.Test".to_owned());
        let of_domain = QuotaLimits { kib: Some(10), messages: None };
        directory.set_quota(&domain, Some(of_domain)).await.expect("set");
        assert_eq!(limits().await, of_domain);
        let user = QuotaTarget::User(alice.clone());
        let own = QuotaLimits { kib: None, messages: Some(5) };
        directory.set_quota(&user, Some(own)).await.expect("set");
        assert_eq!(limits().await, own, "none is a limit of its own");
        directory.set_quota(&user, None).await.expect("set");
        assert_eq!(limits().await, of_domain);
        let nobody = QuotaTarget::User(Address::parse("bob@example.test").expect("address"));
        assert!(directory.set_quota(&nobody, None).await.is_err());
        directory.close().await;
    }
}
