//! From login and password to an account.
//!
//! A client learns from no answer, and from no delay, whether a login exists: the same work is
//! done for an unknown one, and every failure looks alike.

mod cache;
mod guard;
mod password;
pub mod sasl;

use std::net::IpAddr;
use std::sync::Arc;

use engine::AccountId;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use self::cache::VerifiedCache;
use self::guard::FailureGuard;
pub use self::password::{generate as generate_password, hash as hash_password, warm_up};
use crate::config::AuthConfig;
use crate::directory::{Address, Directory, DirectoryError, User};

/// Password hashes computed at one time; each takes one core and 19 MiB for some 20 ms.
const HASHES_MAX: usize = 2;
/// Log-ins that may wait for a hash; more are refused, so that a flood cannot queue without end.
const WAITING_MAX: usize = 256;
/// The longest login and password.
const CREDENTIAL_LEN_MAX: usize = 1024;

/// Who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose mailboxes.
    pub account: AccountId,
    /// The user's address.
    pub address: Address,
}

/// Why a log-in failed. The text is for the client and the log alike.
#[derive(Debug, thiserror::Error)]
pub enum AuthFailure {
    /// Login or password is wrong; which of them is not told.
    #[error("wrong login or password")]
    Wrong,
    /// Too many failures: the password was not looked at.
    #[error("too many failed log-ins; try again later")]
    TooMany,
    /// The server cannot tell at the moment.
    #[error("log-ins are not possible at the moment; try again later")]
    Unavailable(#[source] Option<DirectoryError>),
}

/// Verifies log-ins; clones share what they remember.
#[derive(Clone, Debug)]
pub struct Authenticator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    directory: Directory,
    config: AuthConfig,
    cache: VerifiedCache,
    guard: FailureGuard,
    hashing: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Authenticator {
    /// Remembers nothing yet.
    pub fn new(directory: Directory, config: AuthConfig) -> Self {
        let cache = VerifiedCache::new(config.cache_time, config.cache_entries_max);
        let guard = FailureGuard::new(config.failures_max, config.failure_time);
        let hashing = Arc::new(Semaphore::new(HASHES_MAX));
        let waiting = Semaphore::new(WAITING_MAX);
        Self { shared: Arc::new(Shared { directory, config, cache, guard, hashing, waiting }) }
    }

    /// Whether a client that came this way may send its password: in TLS, or from this machine
    /// where the configuration allows that.
    pub fn allows_password(&self, is_tls: bool, peer: IpAddr) -> bool {
        is_tls || (self.shared.config.plaintext_on_loopback && peer.is_loopback())
    }

    /// Finds the account of `login`, an address, if `password` is its password.
    pub async fn verify(
        &self,
        login: &str,
        password: &str,
        peer: IpAddr,
    ) -> Result<Identity, AuthFailure> {
        let shared = &*self.shared;
        let started = Instant::now();
        if !shared.guard.allows(login, peer, started) {
            tracing::warn!(%peer, "log-in refused: too many failures");
            sleep(shared.config.failure_delay).await;
            return Err(AuthFailure::TooMany);
        }
        match shared.identify(login, password, started).await {
            Ok(identity) => {
                shared.guard.succeeded(login);
                tracing::info!(%peer, address = %identity.address, "logged in");
                Ok(identity)
            }
            Err(AuthFailure::Wrong) => {
                shared.guard.failed(login, peer, Instant::now());
                tracing::warn!(%peer, login = ?loggable(login), "log-in failed");
                sleep(shared.config.failure_delay).await;
                Err(AuthFailure::Wrong)
            }
            Err(other) => {
                tracing::error!(%peer, error = ?other, "log-in not possible");
                Err(other)
            }
        }
    }
}

impl Shared {
    async fn identify(
        &self,
        login: &str,
        password: &str,
        now: Instant,
    ) -> Result<Identity, AuthFailure> {
        if login.len() > CREDENTIAL_LEN_MAX || password.len() > CREDENTIAL_LEN_MAX {
            return Err(AuthFailure::Wrong);
        }
        let user = match Address::parse(login) {
            Ok(address) => self
                .directory
                .user(&address)
                .await
                .map_err(|error| AuthFailure::Unavailable(Some(error)))?,
            Err(_) => None,
        };
        if let Some(user) = &user
            && self.cache.knows(user, password, now)
        {
            return Ok(identity(user));
        }
        let is_right = self.hash_matches(user.as_ref(), password).await?;
        match user {
            Some(user) if is_right => {
                self.cache.remember(&user, password, now);
                Ok(identity(&user))
            }
            _ => Err(AuthFailure::Wrong),
        }
    }

    /// Does the same work whether there is such a user or not.
    async fn hash_matches(&self, user: Option<&User>, password: &str) -> Result<bool, AuthFailure> {
        let _place = self.waiting.try_acquire().map_err(|_| AuthFailure::Unavailable(None))?;
        let permit = Arc::clone(&self.hashing)
            .acquire_owned()
            .await
            .map_err(|_| AuthFailure::Unavailable(None))?;
        let hash = user.map(|user| user.password_hash.clone());
        let password = password.to_owned();
        let verdict = tokio::task::spawn_blocking(move || {
            // Held by the work, not by who waits for it: a client that goes away frees nothing.
            let _permit = permit;
            password::matches(hash.as_deref(), &password)
        });
        verdict.await.map_err(|_| AuthFailure::Unavailable(None))
    }
}

fn identity(user: &User) -> Identity {
    Identity { account: user.account, address: user.address.clone() }
}

/// The beginning of a login; people type passwords there, but rarely long ones.
fn loggable(login: &str) -> String {
    login.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
