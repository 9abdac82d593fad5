//! Whose mailboxes others may see: an index, so that nobody looks through all accounts. The rights
//! themselves stand with the mailboxes; here may be rows of rights that are no more.

use engine::AccountId;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Address, Directory, DirectoryError, StoredPassword, account_id};

/// Every user of the domain that the mailbox is of (RFC 4314, 2: who that is, is ours to say; a host
/// has domains that know nothing of one another).
pub const ANYONE: &str = "anyone";

/// An account with mailboxes that are, or were, shared with a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Whose mailboxes.
    pub account: AccountId,
    /// The address of the account.
    pub address: Address,
    /// Whether it belongs to nobody who logs in.
    pub is_shared: bool,
    /// Whether the user owns it, and so has all rights.
    pub is_owner: bool,
}

/// The columns of [`share`], up to what is asked for besides.
macro_rules! shares_where {
    ($condition:literal) => {
        concat!(
            "SELECT u.account, u.local_part, u.domain, u.is_shared, MAX(s.is_owner) \
             FROM shares s JOIN users u ON u.account = s.account \
             WHERE (s.identifier = ? OR (s.identifier = 'anyone' AND u.domain = ?))",
            $condition,
            " GROUP BY u.account ORDER BY u.domain, u.local_part"
        )
    };
}

impl Directory {
    /// The accounts that share mailboxes with a user, by address.
    pub async fn shares_with(&self, user: &Address) -> Result<Vec<Share>, DirectoryError> {
        let asked = sqlx::query(shares_where!("")).bind(user.to_string()).bind(user.domain());
        asked.fetch_all(&self.pool).await?.iter().map(share).collect()
    }

    /// The account of `owner`, if it shares mailboxes with the user.
    pub async fn share(
        &self,
        user: &Address,
        owner: &Address,
    ) -> Result<Option<Share>, DirectoryError> {
        let asked = sqlx::query(shares_where!(" AND u.domain = ? AND u.local_part = ?"));
        let asked = asked.bind(user.to_string()).bind(user.domain());
        let asked = asked.bind(owner.domain()).bind(owner.local_part());
        asked.fetch_optional(&self.pool).await?.as_ref().map(share).transpose()
    }

    /// Notes that an account shares something with whom an identifier names.
    pub async fn add_share(
        &self,
        account: AccountId,
        identifier: &str,
    ) -> Result<(), DirectoryError> {
        let added = sqlx::query("INSERT OR IGNORE INTO shares (account, identifier) VALUES (?, ?)");
        let account = i64::try_from(account.0).unwrap_or(0);
        added.bind(account).bind(identifier).execute(&self.pool).await?;
        Ok(())
    }

    /// Notes that it shares nothing with them any more; owners stay owners.
    pub async fn remove_share(
        &self,
        account: AccountId,
        identifier: &str,
    ) -> Result<(), DirectoryError> {
        let removed =
            sqlx::query("DELETE FROM shares WHERE account = ? AND identifier = ? AND is_owner = 0");
        let account = i64::try_from(account.0).unwrap_or(0);
        removed.bind(account).bind(identifier).execute(&self.pool).await?;
        Ok(())
    }

    /// A new account that nobody logs in to, with users who own it.
    pub async fn add_shared_account(
        &self,
        address: &Address,
        password: impl Into<StoredPassword>,
        owners: &[Address],
    ) -> Result<AccountId, DirectoryError> {
        for owner in owners {
            if self.user(owner).await?.is_none() {
                return Err(DirectoryError::NotFound(format!("user {owner}")));
            }
        }
        let account = self.add_user(address, password).await?;
        let id = i64::try_from(account.0).unwrap_or(0);
        let mut change = self.pool.begin().await?;
        let shared = sqlx::query("UPDATE users SET is_shared = 1 WHERE account = ?");
        shared.bind(id).execute(&mut *change).await?;
        for owner in owners {
            let owned = sqlx::query(
                "INSERT OR REPLACE INTO shares (account, identifier, is_owner) VALUES (?, ?, 1)",
            );
            owned.bind(id).bind(owner.to_string()).execute(&mut *change).await?;
        }
        change.commit().await?;
        Ok(account)
    }

    /// All shared accounts with their owners, sorted.
    pub async fn shared_accounts(&self) -> Result<Vec<(Address, Vec<String>)>, DirectoryError> {
        let rows = sqlx::query(
            "SELECT u.local_part, u.domain, s.identifier FROM users u \
             LEFT JOIN shares s ON s.account = u.account AND s.is_owner = 1 \
             WHERE u.is_shared = 1 ORDER BY u.domain, u.local_part, s.identifier",
        );
        let mut accounts: Vec<(Address, Vec<String>)> = Vec::new();
        for row in rows.fetch_all(&self.pool).await? {
            let address = Address::new(row.try_get(0)?, row.try_get(1)?)?;
            let owner: Option<String> = row.try_get(2)?;
            match accounts.last_mut().filter(|(last, _)| *last == address) {
                Some((_, owners)) => owners.extend(owner),
                None => accounts.push((address, owner.into_iter().collect())),
            }
        }
        Ok(accounts)
    }
}

fn share(row: &SqliteRow) -> Result<Share, DirectoryError> {
    Ok(Share {
        account: account_id(row.try_get(0)?),
        address: Address::new(row.try_get(1)?, row.try_get(2)?)?,
        is_shared: row.try_get::<i64, _>(3)? != 0,
        is_owner: row.try_get::<i64, _>(4)? != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[tokio::test]
    async fn who_shares_with_whom_is_found_by_either_name() {
        let dir = tempfile::tempdir().expect("directory");
        let directory = Directory::open(&dir.path().join("d.sqlite"), "+").await.expect("open");
        directory.add_domain("a.test").await.expect("domain");
        let (ann, ben) = (address("ann@a.test"), address("ben@a.test"));
        let account = directory.add_user(&ann, "x").await.expect("user");
        directory.add_user(&ben, "x").await.expect("user");
        assert_eq!(directory.shares_with(&ben).await.expect("answer"), []);
        directory.add_share(account, ANYONE).await.expect("share");
        directory.add_share(account, "ben@a.test").await.expect("share");
        let share = Share { account, address: ann.clone(), is_shared: false, is_owner: false };
        assert_eq!(directory.share(&ben, &ann).await.expect("answer"), Some(share.clone()));
        assert_eq!(directory.shares_with(&ben).await.expect("answer"), [share]);
        assert_eq!(directory.share(&ann, &ben).await.expect("answer"), None);
        assert_eq!(directory.shares_with(&address("ben@b.test")).await.expect("answer"), []);
        for identifier in [ANYONE, "ben@a.test"] {
            directory.remove_share(account, identifier).await.expect("removed");
        }
        assert_eq!(directory.shares_with(&ben).await.expect("answer"), []);

        let team = address("team@a.test");
        let nobody = directory.add_shared_account(&team, "x", &[address("x@a.test")]).await;
        assert!(matches!(nobody, Err(DirectoryError::NotFound(_))));
        let account = directory.add_shared_account(&team, "x", std::slice::from_ref(&ben)).await;
        let account = account.expect("a shared account");
        let share = Share { account, address: team.clone(), is_shared: true, is_owner: true };
        assert_eq!(directory.share(&ben, &team).await.expect("answer"), Some(share));
        directory.remove_share(account, "ben@a.test").await.expect("an owner stays");
        assert_eq!(directory.shares_with(&ben).await.expect("answer").len(), 1);
        let all = directory.shared_accounts().await.expect("answer");
        assert_eq!(all, [(team, vec!["ben@a.test".to_owned()])]);
    }
}
