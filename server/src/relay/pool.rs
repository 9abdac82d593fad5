//! Sessions that wait for the next message to the same host, for a short time and a bounded number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::attempt::Hop;
use super::guard::Guard;
use super::session::Session;

/// Sessions that wait.
#[derive(Debug)]
pub(super) struct Pool {
    waiting: Mutex<Waiting>,
    idle_time: Duration,
    sessions_max: usize,
}

/// Which sessions can be used for one another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PoolKey {
    host: String,
    port: u16,
    guard: Guard,
    user: Option<String>,
}

#[derive(Debug, Default)]
struct Waiting {
    sessions: HashMap<PoolKey, Vec<(u64, Session)>>,
    count: usize,
    /// Names the next one.
    next: u64,
}

impl PoolKey {
    /// That of sessions with a host; which of its addresses they go to is all the same.
    pub(super) fn of(hop: &Hop) -> Self {
        Self {
            host: hop.name.to_ascii_lowercase(),
            port: hop.port,
            guard: hop.guard.clone(),
            user: hop.login.as_ref().map(|login| login.user.clone()),
        }
    }
}

impl Pool {
    pub(super) fn new(idle_time: Duration, sessions_max: usize) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), idle_time, sessions_max })
    }

    /// The session that waits for the shortest time.
    pub(super) fn take(&self, key: &PoolKey) -> Option<Session> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take(key)
    }

    /// Lets a session wait, if it can be used again and there is room; else ends it, which takes
    /// nobody's time.
    pub(super) fn put(self: &Arc<Self>, key: PoolKey, session: Session) {
        if !session.is_open || self.idle_time.is_zero() {
            tokio::spawn(session.quit());
            return;
        }
        let kept = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.count < self.sessions_max {
                Ok(waiting.put(key.clone(), session))
            } else {
                Err(session)
            }
        };
        match kept {
            Ok(number) => {
                let pool = Arc::clone(self);
                tokio::spawn(async move { pool.retire(key, number).await });
            }
            Err(session) => {
                tokio::spawn(session.quit());
            }
        }
    }

    /// Ends a session that nobody took in time.
    async fn retire(&self, key: PoolKey, number: u64) {
        tokio::time::sleep(self.idle_time).await;
        let tired =
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&key, number);
        if let Some(session) = tired {
            session.quit().await;
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).count
    }
}

impl Waiting {
    fn put(&mut self, key: PoolKey, session: Session) -> u64 {
        let number = self.next;
        self.next += 1;
        self.count += 1;
        self.sessions.entry(key).or_default().push((number, session));
        number
    }

    fn take(&mut self, key: &PoolKey) -> Option<Session> {
        let sessions = self.sessions.get_mut(key)?;
        let (_, session) = sessions.pop()?;
        self.count -= 1;
        if sessions.is_empty() {
            self.sessions.remove(key);
        }
        Some(session)
    }

    fn remove(&mut self, key: &PoolKey, number: u64) -> Option<Session> {
        let sessions = self.sessions.get_mut(key)?;
        let place = sessions.iter().position(|(own, _)| *own == number)?;
        let (_, session) = sessions.swap_remove(place);
        self.count -= 1;
        if sessions.is_empty() {
            self.sessions.remove(key);
        }
        Some(session)
    }
}
