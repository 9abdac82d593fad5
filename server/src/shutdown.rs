//! Tells every session that the server is about to stop.

use tokio::sync::watch;

/// The one who decides.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// What a session waits on; clones are cheap.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl ShutdownTrigger {
    /// Both ends.
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Shutdown(receiver))
    }

    /// Asks every session to end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether sessions are asked to end.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when sessions are asked to end. Can be dropped at any moment.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // A dropped trigger means that the server is gone: the same thing to a session.
        let _ = receiver.wait_for(|requested| *requested).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_that_comes_late_still_hears_of_it() {
        let (trigger, shutdown) = ShutdownTrigger::new();
        assert!(!shutdown.is_requested());
        trigger.request();
        shutdown.clone().requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_server_that_is_gone_counts_as_stopping() {
        let (trigger, shutdown) = ShutdownTrigger::new();
        drop(trigger);
        shutdown.requested().await;
    }
}
