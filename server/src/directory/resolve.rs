//! From an address to the users it leads to.
//!
//! An address is looked up as it is, first among users, then among aliases; then without its
//! detail. Aliases may lead to aliases. `postmaster` always leads somewhere (RFC 5321, 4.5.1):
//! without user or alias of that name, to the domain's first user.
//!
//! Found addresses are believed for a second: a flood of messages for one user costs one
//! question. Refusals are never remembered, so that a new user can be written to at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::AccountId;
use sqlx::Row as _;
use tokio::time::Instant;

use super::{Address, Directory, DirectoryError, account_id};

/// How long a found address is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// How many are remembered.
const ENTRIES_MAX: usize = 4096;
/// Addresses that are followed for one recipient; an alias may not fan out without end.
const FOLLOWED_MAX: usize = 1000;
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

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// To these users, at least one, each once.
    Local(Arc<[Recipient]>),
    /// The domain is ours, but there is no such user.
    UnknownUser,
    /// The domain is not ours.
    NotLocal,
}

#[derive(Debug, Default)]
pub(super) struct ResolveCache(Mutex<HashMap<Address, Believed>>);

#[derive(Debug)]
struct Believed {
    until: Instant,
    recipients: Arc<[Recipient]>,
}

impl ResolveCache {
    fn find(&self, address: &Address, now: Instant) -> Option<Arc<[Recipient]>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = entries.get(address).filter(|believed| believed.until > now)?;
        Some(Arc::clone(&believed.recipients))
    }

    fn remember(&self, address: &Address, recipients: &Arc<[Recipient]>, now: Instant) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, believed| believed.until > now);
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        let believed = Believed { until: now + BELIEVED_FOR, recipients: Arc::clone(recipients) };
        entries.insert(address.clone(), believed);
    }

    /// For changes by this process.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

pub(super) async fn resolve(
    directory: &Directory,
    address: &Address,
) -> Result<Resolution, DirectoryError> {
    let now = Instant::now();
    if let Some(known) = directory.cache.find(address, now) {
        return Ok(Resolution::Local(known));
    }
    if !directory.is_local(address.domain()).await? {
        return Ok(Resolution::NotLocal);
    }
    let found = Following::of(directory, address).finish().await?;
    if found.is_empty() {
        return Ok(Resolution::UnknownUser);
    }
    let recipients: Arc<[Recipient]> = found.into();
    directory.cache.remember(address, &recipients, now);
    Ok(Resolution::Local(recipients))
}

/// Following aliases from one address on.
struct Following<'a> {
    directory: &'a Directory,
    waiting: Vec<(Address, Option<String>)>,
    seen: HashSet<Address>,
    found: BTreeMap<AccountId, Recipient>,
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
        Self { directory, waiting, seen, found: BTreeMap::new() }
    }

    async fn finish(mut self) -> Result<Vec<Recipient>, DirectoryError> {
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
                Step::Nowhere => self.without_detail(&address).await?,
            }
        }
        Ok(self.found.into_values().collect())
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
