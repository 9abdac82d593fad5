//! Changes to the directory; each is one statement, so a running server never sees half of one.

use engine::AccountId;
use sqlx::Row as _;

use super::address::normal_domain;
use super::{Address, Directory, DirectoryError, StoredPassword, account_id};

impl Directory {
    /// Receives for one more domain; returns its normal form.
    pub async fn add_domain(&self, domain: &str) -> Result<String, DirectoryError> {
        let domain = normal_domain(domain)?;
        let done = sqlx::query("INSERT OR IGNORE INTO domains (name) VALUES (?)")
            .bind(&domain)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 { Err(DirectoryError::Exists(domain)) } else { Ok(domain) }
    }

    /// No longer receives for a domain that has no users and aliases left.
    pub async fn remove_domain(&self, domain: &str) -> Result<(), DirectoryError> {
        let domain = normal_domain(domain)?;
        let done =
            sqlx::query("DELETE FROM domains WHERE name = ?").bind(&domain).execute(&self.pool);
        match done.await {
            Ok(done) => self.changed(done.rows_affected(), || format!("domain {domain}")),
            Err(error) if is_foreign_key(&error) => Err(DirectoryError::DomainInUse(domain)),
            Err(error) => Err(error.into()),
        }
    }

    /// All domains, sorted.
    pub async fn domains(&self) -> Result<Vec<String>, DirectoryError> {
        let rows =
            sqlx::query("SELECT name FROM domains ORDER BY name").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// A new user with an account number of its own.
    pub async fn add_user(
        &self,
        address: &Address,
        password: impl Into<StoredPassword>,
    ) -> Result<AccountId, DirectoryError> {
        let password = password.into();
        let done = sqlx::query(
            "INSERT OR IGNORE INTO users \
             (local_part, domain, password_hash, scram_sha1, scram_sha256) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(address.local_part())
        .bind(address.domain())
        .bind(password.hash)
        .bind(password.scram_sha1)
        .bind(password.scram_sha256)
        .execute(&self.pool);
        let done = no_domain(done.await, address)?;
        if done.rows_affected() == 0 {
            return Err(DirectoryError::Exists(address.to_string()));
        }
        self.cache.clear();
        Ok(account_id(done.last_insert_rowid()))
    }

    /// Removes a user from the directory. The messages stay in the store.
    pub async fn remove_user(&self, address: &Address) -> Result<(), DirectoryError> {
        let done = sqlx::query("DELETE FROM users WHERE domain = ? AND local_part = ?")
            .bind(address.domain())
            .bind(address.local_part())
            .execute(&self.pool)
            .await?;
        self.changed(done.rows_affected(), || format!("user {address}"))
    }

    /// Gives a user another password; at once, also where log-ins are cached.
    pub async fn set_password(
        &self,
        address: &Address,
        password: impl Into<StoredPassword>,
    ) -> Result<(), DirectoryError> {
        let password = password.into();
        let done = sqlx::query(
            "UPDATE users SET password_hash = ?, scram_sha1 = ?, scram_sha256 = ? \
             WHERE domain = ? AND local_part = ?",
        )
        .bind(password.hash)
        .bind(password.scram_sha1)
        .bind(password.scram_sha256)
        .bind(address.domain())
        .bind(address.local_part())
        .execute(&self.pool)
        .await?;
        self.changed(done.rows_affected(), || format!("user {address}"))
    }

    /// Adds what SCRAM needs to a user's password, unless it was changed meanwhile.
    pub(crate) async fn complete_password(
        &self,
        account: AccountId,
        password: &StoredPassword,
    ) -> Result<(), DirectoryError> {
        sqlx::query(
            "UPDATE users SET scram_sha1 = ?, scram_sha256 = ? \
             WHERE account = ? AND password_hash = ?",
        )
        .bind(&password.scram_sha1)
        .bind(&password.scram_sha256)
        .bind(i64::try_from(account.0).unwrap_or(0))
        .bind(&password.hash)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// All users, sorted by domain and name.
    pub async fn users(&self) -> Result<Vec<(Address, AccountId)>, DirectoryError> {
        let rows = sqlx::query(
            "SELECT local_part, domain, account FROM users ORDER BY domain, local_part",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let address = Address::new(row.try_get(0)?, row.try_get(1)?)?;
                Ok((address, account_id(row.try_get(2)?)))
            })
            .collect()
    }

    /// Makes an address lead to one more target, whose domain must be local.
    pub async fn add_alias(&self, alias: &Address, target: &Address) -> Result<(), DirectoryError> {
        if self.user(alias).await?.is_some() {
            return Err(DirectoryError::Exists(format!("user {alias}")));
        }
        let done = sqlx::query(
            "INSERT OR IGNORE INTO aliases (local_part, domain, target) VALUES (?, ?, ?)",
        )
        .bind(alias.local_part())
        .bind(alias.domain())
        .bind(target.to_string())
        .execute(&self.pool);
        let done = no_domain(done.await, alias)?;
        if done.rows_affected() == 0 {
            return Err(DirectoryError::Exists(format!("alias {alias} for {target}")));
        }
        self.cache.clear();
        Ok(())
    }

    /// Removes one target of an alias, or all.
    pub async fn remove_alias(
        &self,
        alias: &Address,
        target: Option<&Address>,
    ) -> Result<(), DirectoryError> {
        let done = sqlx::query(
            "DELETE FROM aliases WHERE domain = ?1 AND local_part = ?2 \
             AND (?3 IS NULL OR target = ?3)",
        )
        .bind(alias.domain())
        .bind(alias.local_part())
        .bind(target.map(ToString::to_string))
        .execute(&self.pool)
        .await?;
        self.changed(done.rows_affected(), || format!("alias {alias}"))
    }

    /// All aliases with their targets, sorted.
    pub async fn aliases(&self) -> Result<Vec<(Address, Address)>, DirectoryError> {
        let rows = sqlx::query(
            "SELECT local_part, domain, target FROM aliases ORDER BY domain, local_part, target",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let alias = Address::new(row.try_get(0)?, row.try_get(1)?)?;
                Ok((alias, Address::parse(row.try_get(2)?)?))
            })
            .collect()
    }

    fn changed(&self, rows: u64, what: impl FnOnce() -> String) -> Result<(), DirectoryError> {
        self.cache.clear();
        if rows == 0 { Err(DirectoryError::NotFound(what())) } else { Ok(()) }
    }
}

/// A broken reference means that the domain of `address` does not exist.
fn no_domain<T>(done: Result<T, sqlx::Error>, address: &Address) -> Result<T, DirectoryError> {
    done.map_err(|error| {
        if is_foreign_key(&error) {
            DirectoryError::NoSuchDomain(address.domain().to_owned())
        } else {
            error.into()
        }
    })
}

fn is_foreign_key(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}
