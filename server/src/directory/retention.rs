//! Domains whose messages are held longer, or shorter, than the store's window says.

use std::time::Duration;

use engine::{AccountId, Retention};
use sqlx::Row as _;
use tokio::runtime::Handle;

use super::address::normal_domain;
use super::{Directory, DirectoryError, QUEUE_ACCOUNT};

/// Days of a window that a domain may have.
pub const RETENTION_DAYS_MAX: u16 = 366;

impl Directory {
    /// Gives a domain a retention window of its own, or with `None` the store's again.
    pub async fn set_retention_days(
        &self,
        domain: &str,
        days: Option<u16>,
    ) -> Result<(), DirectoryError> {
        let domain = normal_domain(domain)?;
        let done = sqlx::query("UPDATE domains SET retention_days = ? WHERE name = ?")
            .bind(days)
            .bind(&domain)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 { Err(DirectoryError::NoSuchDomain(domain)) } else { Ok(()) }
    }

    /// The days that a domain has of its own.
    pub async fn retention_days(&self, domain: &str) -> Result<Option<u16>, DirectoryError> {
        let domain = normal_domain(domain)?;
        let row = sqlx::query("SELECT retention_days FROM domains WHERE name = ?")
            .bind(&domain)
            .fetch_optional(&self.pool)
            .await?;
        let row = row.ok_or(DirectoryError::NoSuchDomain(domain))?;
        Ok(row.try_get(0)?)
    }

    /// For the engine: the store's window, and what this directory says of accounts whenever it is
    /// asked. Accounts that are in no domain any more have the store's.
    pub fn retention(&self, window: Duration, runtime: Handle) -> Retention {
        let directory = self.clone();
        Retention::of(window).with_others(move |account| {
            if account == QUEUE_ACCOUNT {
                return Some(Duration::ZERO);
            }
            match runtime.block_on(directory.window_of(account)) {
                Ok(window) => window,
                Err(error) => {
                    tracing::warn!(%error, %account, "nothing of it is given back this time");
                    Some(Duration::MAX)
                }
            }
        })
    }

    pub(super) async fn window_of(
        &self,
        account: AccountId,
    ) -> Result<Option<Duration>, DirectoryError> {
        let row = sqlx::query(
            "SELECT retention_days FROM domains JOIN users ON domains.name = users.domain \
             WHERE users.account = ?",
        )
        .bind(account.0.cast_signed())
        .fetch_optional(&self.pool)
        .await?;
        let days: Option<u16> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        Ok(days.map(|days| Duration::from_hours(24 * u64::from(days))))
    }
}
