//! From an address to the users it leads to, and to addresses elsewhere.
//!
//! An address is looked up as it is, first among users, then among aliases; then without its
//! detail. Aliases may lead to aliases, and to addresses of other servers. `postmaster` always leads somewhere (RFC 5321, 4.5.1):
//! without user or alias of that name, to the domain's first user. What leads nowhere else leads where
//! the domain's alias `*` does, if there is one.
//!
//! Found addresses are believed for a second: a flood of messages for one user costs one
//! question. Refusals are never remembered, so that a new user can be written to at once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use engine::AccountId;
use sqlx::Row as _;
use tokio::time::Instant;

use super::believed::Believed;
use super::{Address, Directory, DirectoryError, account_id};

/// Addresses that are followed for one recipient; an alias may not fan out without end.
const FOLLOWED_MAX: usize = 1000;
/// The alias of a domain that takes what no other name does.
const CATCH_ALL: &str = "*";
/// Accepted in every local domain.
const POSTMASTER: &str = "postmaster";

/// A local user that an address leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Whose mailboxes.
    pub account: AccountId,
    /// The user's own address.
    pub address: Address,
    /// What stood behind the separator; names a mailbox, if there is one of that name.
    pub detail: Option<String>,
}

/// What an address leads to: at least one of either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Users of ours, each once.
    pub users: Vec<Recipient>,
    /// Addresses of other servers, as they stand between angle brackets, each once.
    pub elsewhere: Vec<String>,
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// To these.
    Found(Arc<Targets>),
    /// The domain is ours, but there is no such user.
    UnknownUser,
    /// The domain is not ours.
    NotLocal,
}

/// Targets by address; refusals are not among them.
pub(super) type ResolveCache = Believed<Address, Arc<Targets>>;

pub(super) async fn resolve(
    directory: &Directory,
    address: &Address,
) -> Result<Resolution, DirectoryError> {
    let now = Instant::now();
    if let Some(known) = directory.cache.find(address, now) {
        return Ok(Resolution::Found(known));
    }
    if !directory.is_local(address.domain()).await? {
        return Ok(Resolution::NotLocal);
    }
    let found = Following::of(directory, address).finish().await?;
    if found.users.is_empty() && found.elsewhere.is_empty() {
        return Ok(Resolution::UnknownUser);
    }
    let targets = Arc::new(found);
    directory.cache.remember(address.clone(), Arc::clone(&targets), now);
    Ok(Resolution::Found(targets))
}

/// Following aliases from one address on.
struct Following<'a> {
    directory: &'a Directory,
    waiting: Vec<(Address, Option<String>)>,
    seen: HashSet<Address>,
    found: BTreeMap<AccountId, Recipient>,
    elsewhere: BTreeSet<String>,
}

/// Where one step leads.
enum Step {
    User(AccountId),
    Aliases(Vec<Address>),
    Nowhere,
}

impl<'a> Following<'a> {
    fn of(directory: &'a Directory, address: &Address) -> Self {
        let waiting = vec![(address.clone(), None)];
        let seen = HashSet::from([address.clone()]);
        let (found, elsewhere) = (BTreeMap::new(), BTreeSet::new());
        Self { directory, waiting, seen, found, elsewhere }
    }

    async fn finish(mut self) -> Result<Targets, DirectoryError> {
        while let Some((address, detail)) = self.waiting.pop() {
            match self.step(&address).await? {
                Step::User(account) => {
                    self.found.entry(account).or_insert(Recipient { account, address, detail });
                }
                Step::Aliases(targets) => {
                    for target in targets {
                        self.follow(target, detail.clone());
                    }
                }
                Step::Nowhere if self.directory.is_local(address.domain()).await? => {
                    self.without_detail(&address).await?;
                }
                Step::Nowhere => {
                    self.elsewhere.insert(address.to_string());
                }
            }
        }
        let users = self.found.into_values().collect();
        Ok(Targets { users, elsewhere: self.elsewhere.into_iter().collect() })
    }

    fn follow(&mut self, address: Address, detail: Option<String>) {
        if self.seen.len() >= FOLLOWED_MAX {
            tracing::warn!(%address, "an alias leads to more than {FOLLOWED_MAX} addresses");
        } else if self.seen.insert(address.clone()) {
            self.waiting.push((address, detail));
        }
    }

    async fn without_detail(&mut self, address: &Address) -> Result<(), DirectoryError> {
        if let Some((user, detail)) = address.without_detail(&self.directory.separator) {
            self.follow(user, Some(detail));
        } else if address.local_part() == POSTMASTER
            && let Some(first) = self.first_user(address.domain()).await?
        {
            self.follow(first, None);
        } else if address.local_part() != CATCH_ALL {
            self.follow(Address::new(CATCH_ALL, address.domain())?, None);
        }
        Ok(())
    }

    async fn step(&self, address: &Address) -> Result<Step, DirectoryError> {
        let rows = sqlx::query(
            "SELECT account, NULL FROM users WHERE domain = ?1 AND local_part = ?2 \
             UNION ALL SELECT NULL, target FROM aliases WHERE domain = ?1 AND local_part = ?2",
        )
        .bind(address.domain())
        .bind(address.local_part())
        .fetch_all(&self.directory.pool)
        .await?;
        let mut targets = Vec::new();
        for row in rows {
            if let Some(account) = row.try_get::<Option<i64>, _>(0)? {
                return Ok(Step::User(account_id(account)));
            }
            targets.push(Address::parse(row.try_get(1)?)?);
        }
        Ok(if targets.is_empty() { Step::Nowhere } else { Step::Aliases(targets) })
    }

    async fn first_user(&self, domain: &str) -> Result<Option<Address>, DirectoryError> {
        let row =
            sqlx::query("SELECT local_part FROM users WHERE domain = ? ORDER BY account LIMIT 1")
                .bind(domain)
                .fetch_optional(&self.directory.pool)
                .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Address::new(row.try_get(0)?, domain)?))
    }
}
