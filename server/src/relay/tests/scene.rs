//! A relay with short times, a name server of its own, and nobody else in the world.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::super::{Destination, Outcome, OutgoingMail, Relay, Trouble};
use super::names::Names;
use crate::config::{Config, NameServer};
use crate::directory::Directory;
use crate::dns::Dns;

/// A relay and what it stands on.
pub(super) struct Scene {
    pub(super) relay: Arc<Relay>,
    pub(super) names: Names,
    home: Arc<TempDir>,
}

impl Scene {
    /// A relay that speaks to others on this port.
    pub(super) async fn with_port(port: u16) -> Self {
        Self::with(&format!("[outgoing]\nport = {port}\n"), &[]).await
    }

    /// A relay with this configuration, and these records.
    pub(super) async fn with(text: &str, records: &[&str]) -> Self {
        Self::at_home(Arc::new(tempfile::tempdir().expect("directory")), text, records).await
    }

    /// Another relay with the same directory, as after a restart.
    pub(super) async fn again(&self, text: &str, records: &[&str]) -> Self {
        Self::at_home(Arc::clone(&self.home), text, records).await
    }

    async fn at_home(home: Arc<TempDir>, text: &str, records: &[&str]) -> Self {
        let names = Names::start(records).await;
        let mut config = Config::parse(text, "f").expect("parses").relative_to(home.path());
        config.hostname = "us.test".to_owned();
        config.dns.servers = vec![NameServer(names.address)];
        config.dns.timeout = Duration::from_millis(500);
        config.dns.attempts = 1;
        let directory = Directory::open(&config.directory.path, "+").await.expect("directory");
        let dns = Dns::new(&config.dns).expect("a resolver");
        let mut relay = Relay::new(&config, dns, directory).expect("a relay");
        let times = &mut relay.dialer.config;
        times.greeting_time = Duration::from_millis(300);
        times.command_time = Duration::from_millis(300);
        times.data_time = Duration::from_millis(300);
        times.end_time = Duration::from_millis(300);
        Self { relay: Arc::new(relay), names, home }
    }

    /// What comes of a message for these recipients, all of the destination of the first.
    pub(super) async fn send(&self, recipients: &[&str]) -> Vec<Outcome> {
        self.send_mail(&mail(recipients)).await
    }

    pub(super) async fn send_mail(&self, mail: &OutgoingMail) -> Vec<Outcome> {
        let first = &mail.recipients.first().expect("a recipient").address;
        let destination = Destination::of_address(first).expect("a destination");
        let outcomes = self.relay.send(&destination, mail).await;
        assert_eq!(outcomes.len(), mail.recipients.len(), "one for each recipient");
        outcomes
    }

    /// The same for one recipient, in one line.
    pub(super) async fn told(&self, recipient: &str) -> String {
        brief(self.send(&[recipient]).await.first().expect("one"))
    }
}

pub(super) fn mail(recipients: &[&str]) -> OutgoingMail {
    let message = b"Subject: a\r\n\r\n.dot\r\n".to_vec();
    OutgoingMail::plain("alice@us.test", recipients, Arc::new(message))
}

/// `accepted 250 …`, `deferred 4.4.2 …`.
pub(super) fn brief(outcome: &Outcome) -> String {
    let trouble = |word: &str, trouble: &Trouble| {
        let maybe = if trouble.may_have_arrived { " perhaps" } else { "" };
        format!("{word} {}{maybe}", trouble.status)
    };
    match outcome {
        Outcome::Accepted(acceptance) => format!("accepted {}", acceptance.reply),
        Outcome::Deferred(why) => trouble("deferred", why),
        Outcome::Refused(why) => trouble("refused", why),
    }
}

pub(super) fn briefs(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(brief).collect()
}
