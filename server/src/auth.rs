//! From login and password to an account.
//!
//! A client learns from no answer, and from no delay, whether a login exists: the same work is
//! done for an unknown one, and every failure looks alike.

mod cache;
mod channel;
mod exchange;
mod guard;
mod oauth;
mod password;
pub mod sasl;
mod scram;

use std::net::IpAddr;
use std::sync::Arc;

use engine::AccountId;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, sleep};

use self::cache::VerifiedCache;
pub use self::channel::{Bindings, Channel};
pub use self::exchange::{Exchange, LogInError, Step};
use self::guard::FailureGuard;
use self::oauth::{Claim, TokenFault, Tokens};
pub use self::password::{generate as generate_password, store as store_password, warm_up};
use self::sasl::{IsBound, Mechanism};
use self::scram::{SALT_LEN, ScramHash, ScramKeys};
use crate::config::AuthConfig;
use crate::directory::{Address, Directory, DirectoryError, Masks, User, Viewer};

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
    /// Makes the salts of unknown users.
    salts: OnceCell<[u8; 32]>,
    tokens: Option<Tokens>,
}

impl Authenticator {
    /// Remembers nothing yet.
    pub fn new(directory: Directory, config: AuthConfig) -> Self {
        let cache = VerifiedCache::new(config.cache_time, config.cache_entries_max);
        let guard = FailureGuard::new(config.failures_max, config.failure_time);
        let hashing = Arc::new(Semaphore::new(HASHES_MAX));
        let waiting = Semaphore::new(WAITING_MAX);
        let salts = OnceCell::new();
        let tokens = config.oauth.clone().and_then(|oauth| {
            let made = Tokens::new(oauth);
            made.inspect_err(|error| tracing::error!(%error, "no tokens: TLS cannot be set up"))
                .ok()
        });
        let shared = Shared { directory, config, cache, guard, hashing, waiting, salts, tokens };
        Self { shared: Arc::new(shared) }
    }

    /// Whether a client that came this way may send its password: in TLS, or from this machine
    /// where the configuration allows that.
    pub fn allows_password(&self, is_tls: bool, peer: IpAddr) -> bool {
        is_tls || (self.shared.config.plaintext_on_loopback && peer.is_loopback())
    }

    /// The mechanisms that a client may use over a connection, strongest first, without those that
    /// are hidden from it. None may be without TLS that a password may not be.
    pub fn offered(&self, channel: &Channel, masks: &Masks, viewer: &Viewer) -> Vec<Mechanism> {
        if !self.allows_password(channel.is_tls, channel.peer) {
            return Vec::new();
        }
        let is_there = |mechanism: &Mechanism| match mechanism.scram() {
            Some((_, IsBound::Yes)) => self.shared.config.scram && !channel.bindings.is_empty(),
            Some((_, IsBound::No)) => self.shared.config.scram,
            None if *mechanism == Mechanism::External => !channel.certified.is_empty(),
            None if mechanism.token_form().is_some() => self.shared.tokens.is_some(),
            None => true,
        };
        let all = Mechanism::ALL.into_iter().filter(is_there);
        all.filter(|mechanism| !masks.hide(mechanism.capability(), viewer)).collect()
    }

    /// Finds the account of `login`, an address, if `password` is its password.
    pub async fn verify(
        &self,
        login: &str,
        password: &str,
        peer: IpAddr,
    ) -> Result<Identity, AuthFailure> {
        self.admit(login, peer).await?;
        let identified = self.shared.identify(login, password, Instant::now()).await;
        self.conclude(login, peer, identified).await
    }

    /// Finds the account that a token opens, which must be that of whom the client wants to be.
    async fn open(&self, claim: &Claim, peer: IpAddr) -> Result<Identity, AuthFailure> {
        let claimed = claim.user.as_deref().unwrap_or("token");
        self.admit(claimed, peer).await?;
        let found = self.shared.token_owner(claim).await;
        self.conclude(claimed, peer, found).await
    }

    /// Finds the account of an address that was proved by other means than a password.
    async fn enter(&self, address: &Address, peer: IpAddr) -> Result<Identity, AuthFailure> {
        let login = address.to_string();
        self.admit(&login, peer).await?;
        let user = self.shared.user(Some(address)).await;
        let found = user.and_then(|user| user.as_ref().map(identity).ok_or(AuthFailure::Wrong));
        self.conclude(&login, peer, found).await
    }

    /// Whether what a client claims is looked at.
    async fn admit(&self, login: &str, peer: IpAddr) -> Result<(), AuthFailure> {
        let shared = &*self.shared;
        if shared.guard.allows(login, peer, Instant::now()) {
            return Ok(());
        }
        tracing::warn!(%peer, "log-in refused: too many failures");
        sleep(shared.config.failure_delay).await;
        Err(AuthFailure::TooMany)
    }

    /// Remembers and logs how a log-in ended; a failure waits.
    async fn conclude(
        &self,
        login: &str,
        peer: IpAddr,
        outcome: Result<Identity, AuthFailure>,
    ) -> Result<Identity, AuthFailure> {
        let shared = &*self.shared;
        match outcome {
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

    /// What SCRAM checks a proof with, and whose account that opens. Unknown users have keys too, of
    /// no password, and always the same salt, so that nobody is told apart from them by asking.
    async fn scram_keys(
        &self,
        login: &str,
        hash: ScramHash,
    ) -> Result<(ScramKeys, Option<Identity>), AuthFailure> {
        let shared = &*self.shared;
        let address = Address::parse(login).ok().filter(|_| login.len() <= CREDENTIAL_LEN_MAX);
        let called = address.as_ref().map_or_else(|| login.to_lowercase(), Address::to_string);
        let salt = shared.salt_of_nobody(&called).await?;
        let user = shared.user(address.as_ref()).await?;
        let stored = user.as_ref().and_then(|user| {
            let text = match hash {
                ScramHash::Sha1 => user.scram_sha1.as_deref(),
                ScramHash::Sha256 => user.scram_sha256.as_deref(),
            };
            Some((ScramKeys::parse(text?, hash)?, identity(user)))
        });
        Ok(match stored {
            Some((keys, identity)) => (keys, Some(identity)),
            None => (ScramKeys::of_nobody(hash, &salt), None),
        })
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
        let user = self.user(Address::parse(login).ok().as_ref()).await?;
        if let Some(user) = &user
            && self.cache.knows(user, password, now)
        {
            return Ok(identity(user));
        }
        let is_right = self.hash_matches(user.as_ref(), password).await?;
        match user {
            Some(user) if is_right => {
                self.complete(&user, password).await;
                self.cache.remember(&user, password, now);
                Ok(identity(&user))
            }
            _ => Err(AuthFailure::Wrong),
        }
    }

    async fn user(&self, address: Option<&Address>) -> Result<Option<User>, AuthFailure> {
        let Some(address) = address else { return Ok(None) };
        let found = self.directory.user(address).await;
        found.map_err(|error| AuthFailure::Unavailable(Some(error)))
    }

    async fn token_owner(&self, claim: &Claim) -> Result<Identity, AuthFailure> {
        let Some(tokens) = &self.tokens else { return Err(AuthFailure::Unavailable(None)) };
        let address = match tokens.address(&claim.token).await {
            Ok(address) => address,
            Err(TokenFault::Wrong(why)) => {
                tracing::info!(%why, "a token is refused");
                return Err(AuthFailure::Wrong);
            }
            Err(TokenFault::Unknown(why)) => {
                tracing::error!(%why, "a token cannot be verified");
                return Err(AuthFailure::Unavailable(None));
            }
        };
        let is_claimed = |user: &String| Address::parse(user).is_ok_and(|user| user == address);
        if !claim.user.as_ref().is_none_or(is_claimed) {
            return Err(AuthFailure::Wrong);
        }
        self.user(Some(&address)).await?.as_ref().map(identity).ok_or(AuthFailure::Wrong)
    }

    /// Adds what SCRAM needs to a user who has none of it; with the salt that the user seemed to have
    /// so far. That it fails is no reason to refuse a right password.
    async fn complete(&self, user: &User, password: &str) {
        let is_complete = user.scram_sha1.is_some() || user.scram_sha256.is_some();
        if is_complete || !self.config.scram {
            return;
        }
        let Ok(salt) = self.salt_of_nobody(&user.address.to_string()).await else { return };
        let Ok(permit) = Arc::clone(&self.hashing).acquire_owned().await else { return };
        let (password, hash) = (password.to_owned(), user.password_hash.clone());
        let stored = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            password::with_scram(hash, &password, &salt)
        });
        let Ok(stored) = stored.await else { return };
        if let Err(error) = self.directory.complete_password(user.account, &stored).await {
            tracing::error!(%error, "cannot store what SCRAM needs");
        }
    }

    async fn salt_of_nobody(&self, called: &str) -> Result<[u8; SALT_LEN], AuthFailure> {
        let key = self.salts.get_or_try_init(|| self.directory.salt_key()).await;
        let key = key.map_err(|error| AuthFailure::Unavailable(Some(error)))?;
        let hash = blake3::keyed_hash(key, called.as_bytes());
        let mut salt = [0; SALT_LEN];
        salt.copy_from_slice(&hash.as_bytes()[..SALT_LEN]);
        Ok(salt)
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
