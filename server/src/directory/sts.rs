//! Policies of other domains on how their servers are to be spoken to (RFC 8461), as they were fetched.
//! What is in one, `relay` knows.

use sqlx::Row as _;

use super::{Directory, DirectoryError};

/// A policy that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsRow {
    /// Which version of it, as the domain's record says.
    pub id: String,
    /// Its text.
    pub policy: String,
    /// When it was fetched; seconds since 1970.
    pub fetched: i64,
    /// Until when it holds.
    pub expires: i64,
}

impl Directory {
    /// The policy of a domain that holds now.
    pub async fn sts_policy(
        &self,
        domain: &str,
        now: i64,
    ) -> Result<Option<StsRow>, DirectoryError> {
        let row = sqlx::query(
            "SELECT id, policy, fetched, expires FROM sts_policies \
             WHERE domain = ? AND expires > ?",
        )
        .bind(domain)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(StsRow {
                id: row.try_get(0)?,
                policy: row.try_get(1)?,
                fetched: row.try_get(2)?,
                expires: row.try_get(3)?,
            })
        })
        .transpose()
    }

    /// Keeps a policy, and forgets those that hold no more.
    pub async fn keep_sts_policy(&self, domain: &str, row: &StsRow) -> Result<(), DirectoryError> {
        sqlx::query("DELETE FROM sts_policies WHERE expires <= ?")
            .bind(row.fetched)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "INSERT OR REPLACE INTO sts_policies (domain, id, policy, fetched, expires) \
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(domain)
        .bind(&row.id)
        .bind(&row.policy)
        .bind(row.fetched)
        .bind(row.expires)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
