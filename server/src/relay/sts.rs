//! MTA-STS (RFC 8461): domains that say which servers are theirs, and that these have certificates. A policy
//! is believed from the first time it was fetched until it expires, whatever name servers say then.

mod fetch;
mod policy;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::fetch::Fetcher;
pub(super) use self::policy::{Mode, Policy};
use super::guard::ClientTls;
use super::outcome::{Concern, Trouble};
use super::reply::EnhancedStatus;
use super::route;
use crate::directory::{Directory, DirectoryError, StsRow};
use crate::dns::Dns;

/// A policy is looked at again after so many seconds, if mail goes there, so that it does not expire
/// unnoticed (RFC 8461, 10.2).
const REFRESH_SECONDS: i64 = 24 * 3600;
/// How long after a fetch that failed the next one is made (RFC 8461, 3.3).
const RETRY_TIME: Duration = Duration::from_mins(5);
/// Fetches that failed and are remembered.
const FAILURES_MAX: usize = 10_000;

/// One at a time.
type Gate = Arc<tokio::sync::Mutex<()>>;

/// The policies of other domains.
#[derive(Debug)]
pub(super) struct StsPolicies {
    dns: Dns,
    directory: Directory,
    tls: ClientTls,
    port: u16,
    /// When a fetch failed.
    failures: Mutex<HashMap<String, Instant>>,
    /// Held by the one who fetches, so that a policy is fetched once for many messages.
    fetching: Mutex<HashMap<String, Gate>>,
}

impl StsPolicies {
    pub(super) fn new(dns: Dns, directory: Directory, tls: ClientTls, port: u16) -> Self {
        let (failures, fetching) = (Mutex::default(), Mutex::default());
        Self { dns, directory, tls, port, failures, fetching }
    }

    /// The policy of a domain, unless it has none. A trouble where that cannot be known: mail must not
    /// go on as if there were none.
    pub(super) async fn of(&self, domain: &str) -> Result<Option<Policy>, Trouble> {
        let known = self.known(domain).await?;
        let records = route::texts(&self.dns, &format!("_mta-sts.{domain}")).await;
        let Some(id) = policy::policy_id(&records) else { return Ok(held(known)) };
        if known.as_ref().is_some_and(|row| !is_due(row, &id)) {
            return Ok(held(known));
        }
        let gate = self.gate(domain);
        let _one = gate.lock().await;
        let known = self.known(domain).await?;
        if known.as_ref().is_some_and(|row| !is_due(row, &id)) || self.has_failed(domain) {
            return Ok(held(known));
        }
        match self.fetch(domain, id).await {
            Ok(row) => {
                self.directory
                    .keep_sts_policy(domain, &row)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(held(Some(row)))
            }
            Err(reason) => {
                tracing::info!(domain, reason, "the MTA-STS policy cannot be fetched");
                self.remember_failure(domain);
                Ok(held(known))
            }
        }
    }

    async fn known(&self, domain: &str) -> Result<Option<StsRow>, Trouble> {
        self.directory
            .sts_policy(domain, engine::clock::unix_seconds())
            .await
            .map_err(|error| failed(&error))
    }

    async fn fetch(&self, domain: &str, id: String) -> Result<StsRow, String> {
        let fetcher = Fetcher { dns: &self.dns, tls: self.tls.verified(), port: self.port };
        let text = fetcher.fetch(domain).await?;
        let policy = Policy::parse(&text).ok_or("it is malformed")?;
        let now = engine::clock::unix_seconds();
        Ok(StsRow { id, policy: text, fetched: now, expires: now + policy.max_age })
    }

    /// For one domain; those that nobody holds or waits for are forgotten.
    fn gate(&self, domain: &str) -> Gate {
        let mut gates = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        Arc::clone(gates.entry(domain.to_owned()).or_default())
    }

    fn has_failed(&self, domain: &str) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(domain).is_some_and(|at| at.elapsed() < RETRY_TIME)
    }

    fn remember_failure(&self, domain: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= FAILURES_MAX {
            failures.retain(|_, at| at.elapsed() < RETRY_TIME);
        }
        if failures.len() < FAILURES_MAX {
            failures.insert(domain.to_owned(), Instant::now());
        }
    }
}

/// Whether a policy is to be fetched again.
fn is_due(row: &StsRow, id: &str) -> bool {
    let age = engine::clock::unix_seconds().saturating_sub(row.fetched);
    row.id != id || age > REFRESH_SECONDS
}

fn held(row: Option<StsRow>) -> Option<Policy> {
    let policy = Policy::parse(&row?.policy)?;
    (policy.mode != Mode::None).then_some(policy)
}

fn failed(error: &DirectoryError) -> Trouble {
    let text = format!("policies cannot be looked up: {error}");
    Trouble::own(EnhancedStatus::new(4, 3, 0), Concern::Destination, text)
}
