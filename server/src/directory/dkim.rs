//! The keys that domains sign their mail with (RFC 6376). What is in a key, `authenticity` knows.

use sqlx::Row as _;

use super::address::normal_domain;
use super::{Directory, DirectoryError};

/// A stored key.
#[derive(Clone, PartialEq, Eq)]
pub struct DkimRow {
    /// Whose mail it signs.
    pub domain: String,
    /// Its name in DNS, under `_domainkey` of the domain.
    pub selector: String,
    /// PKCS #8, DER.
    pub private_key: Vec<u8>,
    /// When it was made.
    pub unix_seconds: i64,
}

impl Directory {
    /// Adds a key to a local domain; returns the domain in normal form.
    pub async fn add_dkim_key(
        &self,
        domain: &str,
        selector: &str,
        private_key: &[u8],
    ) -> Result<String, DirectoryError> {
        let domain = normal_domain(domain)?;
        if !self.is_local(&domain).await? {
            return Err(DirectoryError::NoSuchDomain(domain));
        }
        let done = sqlx::query(
            "INSERT OR IGNORE INTO dkim_keys (domain, selector, private_key, created) \
             VALUES (?, ?, ?, ?)",
        )
        .bind(&domain)
        .bind(selector)
        .bind(private_key)
        .bind(engine::clock::unix_seconds())
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 {
            return Err(DirectoryError::Exists(format!("selector {selector} of {domain}")));
        }
        Ok(domain)
    }

    /// The keys of one domain, or of all, sorted.
    pub async fn dkim_keys(&self, domain: Option<&str>) -> Result<Vec<DkimRow>, DirectoryError> {
        let domain = domain.map(normal_domain).transpose()?;
        let rows = sqlx::query(
            "SELECT domain, selector, private_key, created FROM dkim_keys \
             WHERE ?1 IS NULL OR domain = ?1 ORDER BY domain, selector",
        )
        .bind(domain)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(DkimRow {
                    domain: row.try_get(0)?,
                    selector: row.try_get(1)?,
                    private_key: row.try_get(2)?,
                    unix_seconds: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Removes a key; nothing is signed with it from then on.
    pub async fn remove_dkim_key(
        &self,
        domain: &str,
        selector: &str,
    ) -> Result<(), DirectoryError> {
        let domain = normal_domain(domain)?;
        let done = sqlx::query("DELETE FROM dkim_keys WHERE domain = ? AND selector = ?")
            .bind(&domain)
            .bind(selector)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 {
            return Err(DirectoryError::NotFound(format!("selector {selector} of {domain}")));
        }
        Ok(())
    }
}

impl std::fmt::Debug for DkimRow {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}._domainkey.{}", self.selector, self.domain)
    }
}
