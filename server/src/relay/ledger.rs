//! What is known of each recipient while a try goes on, and what it comes to in the end.

use super::outcome::{Concern, Outcome, RemoteHost, Trouble};
use super::reply::EnhancedStatus;

/// What is known of each recipient.
#[derive(Debug)]
pub(super) struct Ledger {
    /// `None` for those whom another host may still take.
    settled: Vec<Option<Outcome>>,
    /// Why the last host did not take them yet.
    put_off: Vec<Option<Trouble>>,
    /// Why hosts took nothing.
    hosts: Vec<Trouble>,
    /// Who has the message, or not: it was sent, and not answered yet.
    unanswered: Option<(RemoteHost, Vec<usize>)>,
}

impl Ledger {
    pub(super) fn new(recipients: usize) -> Self {
        let (settled, put_off) = (vec![None; recipients], vec![None; recipients]);
        Self { settled, put_off, hosts: Vec::new(), unanswered: None }
    }

    /// The recipients that somebody may still take, by their places.
    pub(super) fn open(&self) -> Vec<usize> {
        let open = self.settled.iter().enumerate().filter(|(_, outcome)| outcome.is_none());
        open.map(|(place, _)| place).collect()
    }

    /// Whether there is nobody left to take.
    pub(super) fn is_settled(&self) -> bool {
        self.settled.iter().all(Option::is_some)
    }

    /// What a recipient comes to, whatever other hosts would say.
    pub(super) fn settle(&mut self, place: usize, outcome: Outcome) {
        if let Some(settled) = self.settled.get_mut(place) {
            *settled = Some(outcome);
        }
    }

    /// A host refused these: for good, or until another or the next try.
    pub(super) fn refuse(&mut self, places: &[usize], trouble: &Trouble) {
        for place in places {
            if !trouble.status.is_temporary() {
                self.settle(*place, Outcome::Refused(trouble.clone()));
            } else if let Some(put_off) = self.put_off.get_mut(*place) {
                *put_off = Some(trouble.clone());
            }
        }
    }

    /// A host took nothing; the next one may.
    pub(super) fn skip_host(&mut self, trouble: Trouble) {
        tracing::debug!(%trouble, "a server was passed over");
        self.hosts.push(trouble);
    }

    /// The end of the message for these is being sent.
    pub(super) fn sending(&mut self, host: &RemoteHost, places: &[usize]) {
        self.unanswered = Some((host.clone(), places.to_vec()));
    }

    /// It was answered.
    pub(super) fn answered(&mut self) {
        self.unanswered = None;
    }

    /// It was not, and will not be. Nobody else gets the message in this try: it may have arrived.
    pub(super) fn lost(&mut self, what: &str) {
        let Some((host, places)) = self.unanswered.take() else { return };
        let text = format!("{what} after the message was sent; it may have arrived all the same");
        let trouble = Trouble::own(EnhancedStatus::new(4, 4, 2), Concern::Destination, text);
        let trouble = Trouble { may_have_arrived: true, ..trouble.at(&host) };
        for place in places {
            self.settle(place, Outcome::Deferred(trouble.clone()));
        }
    }

    /// The try took longer than it may.
    pub(super) fn out_of_time(&mut self) {
        self.lost("the try took too long");
        let text = "the servers took too long on the whole";
        let status = EnhancedStatus::new(4, 4, 7);
        self.skip_host(Trouble::own(status, Concern::Destination, text));
    }

    /// What it comes to. Hosts that could not be used count for good only if all of them did, and
    /// what one said of a recipient counts more than that another was not there.
    pub(super) fn finish(mut self) -> Vec<Outcome> {
        self.lost("the connection was given up");
        let fallback = self.for_the_rest();
        let settled = self.settled.into_iter().zip(self.put_off);
        settled
            .map(|(settled, put_off)| {
                settled
                    .unwrap_or_else(|| put_off.unwrap_or_else(|| fallback.clone()).into_outcome())
            })
            .collect()
    }

    fn for_the_rest(&self) -> Trouble {
        let temporary = self.hosts.iter().rfind(|trouble| trouble.status.is_temporary());
        temporary.or(self.hosts.last()).cloned().unwrap_or_else(|| {
            let status = EnhancedStatus::new(4, 4, 1);
            Trouble::own(status, Concern::Destination, "no server could be tried")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(class: u8, text: &str) -> Trouble {
        Trouble::own(EnhancedStatus::new(class, 0, 0), Concern::Destination, text)
    }

    fn texts(ledger: Ledger) -> Vec<String> {
        let outcomes = ledger.finish().into_iter();
        let text = |outcome| match outcome {
            Outcome::Accepted(_) => unreachable!("none was accepted"),
            Outcome::Deferred(trouble) => format!("deferred: {}", trouble.text),
            Outcome::Refused(trouble) => format!("refused: {}", trouble.text),
        };
        outcomes.map(text).collect()
    }

    #[test]
    fn hosts_count_for_good_only_if_all_do() {
        let mut ledger = Ledger::new(2);
        ledger.refuse(&[1], &trouble(5, "unknown"));
        ledger.skip_host(trouble(4, "busy"));
        ledger.skip_host(trouble(5, "go away"));
        assert_eq!(ledger.open(), [0]);
        assert_eq!(texts(ledger), ["deferred: busy", "refused: unknown"]);
        let mut ledger = Ledger::new(1);
        ledger.skip_host(trouble(5, "go away"));
        assert_eq!(texts(ledger), ["refused: go away"]);
    }

    #[test]
    fn what_a_host_said_of_a_recipient_counts_more_than_a_host_that_is_not_there() {
        let mut ledger = Ledger::new(2);
        ledger.refuse(&[0], &trouble(4, "greylisted"));
        ledger.skip_host(trouble(4, "not there"));
        assert_eq!(texts(ledger), ["deferred: greylisted", "deferred: not there"]);
    }

    #[test]
    fn a_message_that_may_have_arrived_is_given_to_nobody_else() {
        let mut ledger = Ledger::new(1);
        ledger.sending(&RemoteHost { name: "mx.test".to_owned(), address: None }, &[0]);
        ledger.lost("the connection was closed");
        assert!(ledger.is_settled());
        let outcomes = ledger.finish();
        assert!(matches!(&outcomes[..], [Outcome::Deferred(trouble)] if trouble.may_have_arrived));
    }
}
