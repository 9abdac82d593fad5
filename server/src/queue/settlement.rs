//! What follows from a try: who waits on and until when, and what the sender is told.

use super::entries::Timed;
use super::envelope::{Envelope, QueuedRecipient, Trouble};
use super::retry;
use crate::config::QueueConfig;
use crate::relay::LateAction;

/// How a try went for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Somebody else, or a mailbox, has the message now.
    Delivered(Handover),
    /// Another try may succeed.
    Deferred(Trouble),
    /// No other try will.
    Failed(Trouble),
}

/// Who has the message now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handover {
    /// The server that took it; `None` for a mailbox here.
    pub(super) host: Option<String>,
    /// What it said.
    pub(super) text: String,
    /// Whether that server tells the sender of success itself, if it was asked to (RFC 3461, 5.2.2).
    pub(super) reports: bool,
}

/// What follows from a try.
#[derive(Debug)]
pub(super) struct Settlement {
    /// What waits on; `None` if the entry is done.
    pub(super) rest: Option<Timed>,
    /// What the sender is told; empty for nothing.
    pub(super) report: Vec<Reported>,
}

/// One recipient in a report (RFC 3464, 2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) recipient: QueuedRecipient,
    pub(super) action: Action,
    pub(super) trouble: Trouble,
}

/// What became of a recipient (RFC 3464, 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Failed,
    Delayed,
    Delivered,
    /// Handed to a server that will not report.
    Relayed,
}

/// Draws the conclusions of a try that ended `now`, with an outcome for each recipient of the
/// envelope, in their order.
pub(super) fn settle(
    mut envelope: Envelope,
    outcomes: Vec<Outcome>,
    now: i64,
    config: &QueueConfig,
) -> Settlement {
    let by = envelope.options.deliver_by;
    let is_over = |late| by.is_some_and(|by| by.late == late && now >= by.at);
    let is_late = now >= envelope.expires || is_over(LateAction::Return);
    // What was kept back is not late for that.
    let began = envelope.expires.saturating_sub(config.expire.as_secs().cast_signed());
    let age = now.saturating_sub(envelope.arrived.max(began));
    let is_old = u64::try_from(age).is_ok_and(|age| age >= config.delay_report.as_secs());
    let tells_delay = !envelope.delay_reported && (is_old || is_over(LateAction::Notify));
    let tells = !envelope.is_report();
    let (mut waiting, mut report) = (Vec::new(), Vec::new());
    for (mut recipient, outcome) in
        std::mem::take(&mut envelope.recipients).into_iter().zip(outcomes)
    {
        let (action, trouble, wants_word) = match outcome {
            Outcome::Delivered(handover) => {
                let Handover { host, text, reports } = handover;
                let action = if host.is_some() { Action::Relayed } else { Action::Delivered };
                let wants_word = recipient.reports_success() && !reports;
                let is_reply = host.is_some();
                (action, Trouble { status: "2.0.0".to_owned(), host, text, is_reply }, wants_word)
            }
            Outcome::Failed(trouble) => (Action::Failed, trouble, recipient.reports_failure()),
            Outcome::Deferred(trouble) if is_late => {
                (Action::Failed, expired(trouble), recipient.reports_failure())
            }
            Outcome::Deferred(trouble) => {
                let wants_word = tells_delay && recipient.reports_delay();
                recipient.trouble = Some(trouble.clone());
                waiting.push(recipient.clone());
                (Action::Delayed, trouble, wants_word)
            }
        };
        if tells && wants_word {
            report.push(Reported { recipient, action, trouble });
        }
    }
    envelope.delay_reported |= tells_delay;
    envelope.attempts = envelope.attempts.saturating_add(1);
    envelope.recipients = waiting;
    let rest = (!envelope.recipients.is_empty()).then(|| {
        let pause = retry::pause(config, envelope.attempts).as_secs().cast_signed();
        // Once more at its end, so that it does not expire untried.
        let by = by.map_or(i64::MAX, |by| by.at).clamp(now + 1, i64::MAX);
        let due = now.saturating_add(pause).min(envelope.expires.max(now + 1)).min(by);
        Timed { envelope, due }
    });
    Settlement { rest, report }
}

/// What was only for the time being is for good now (RFC 3463, 3.5: X.4.7).
fn expired(last: Trouble) -> Trouble {
    Trouble { status: "5.4.7".to_owned(), ..last }
}

#[cfg(test)]
mod tests {
    use super::super::envelope::tests::envelope;
    use super::*;
    use crate::relay::Notify;

    const ARRIVED: i64 = 1_700_000_000;

    fn three() -> Envelope {
        let names = ["a@example.org", "b@example.org", "c@example.org"];
        let recipients = names
            .map(|name| QueuedRecipient { address: name.to_owned(), ..QueuedRecipient::default() });
        Envelope { recipients: recipients.into(), ..envelope() }
    }

    fn full() -> Trouble {
        Trouble::own("4.2.2", "full")
    }

    fn gone() -> Trouble {
        Trouble::own("5.1.1", "no such user")
    }

    fn taken(reports: bool) -> Outcome {
        let host = Some("mx.example.org".to_owned());
        Outcome::Delivered(Handover { host, text: "250 OK".to_owned(), reports })
    }

    fn told(settlement: &Settlement) -> Vec<(&str, Action, &str)> {
        let of = |one| {
            let Reported { recipient, action, trouble }: &Reported = one;
            (recipient.address.as_str(), *action, trouble.status.as_str())
        };
        settlement.report.iter().map(of).collect()
    }

    #[test]
    fn who_was_deferred_waits_on_and_who_was_refused_is_reported() {
        let outcomes = vec![taken(false), Outcome::Deferred(full()), Outcome::Failed(gone())];
        let settlement = settle(three(), outcomes, ARRIVED + 10, &QueueConfig::default());
        assert_eq!(told(&settlement), [("c@example.org", Action::Failed, "5.1.1")]);
        let Timed { envelope, due } = settlement.rest.expect("one waits");
        let waiting: Vec<_> = envelope.recipients.iter().map(|one| one.address.as_str()).collect();
        assert_eq!((waiting.as_slice(), envelope.attempts), (&["b@example.org"][..], 1));
        assert_eq!(envelope.recipients[0].trouble, Some(full()));
        let pause = due - ARRIVED - 10;
        assert!((240..=360).contains(&pause), "{pause}");
    }

    #[test]
    fn a_delay_wants_word_once() {
        let outcomes = || vec![Outcome::Deferred(full()); 3];
        let config = QueueConfig::default();
        let early = settle(three(), outcomes(), ARRIVED + 60, &config);
        assert!(early.report.is_empty());
        let late = ARRIVED + config.delay_report.as_secs().cast_signed();
        let first = settle(early.rest.expect("waits").envelope, outcomes(), late, &config);
        assert_eq!(told(&first).len(), 3);
        assert_eq!(told(&first)[0], ("a@example.org", Action::Delayed, "4.2.2"));
        let second = settle(first.rest.expect("waits").envelope, outcomes(), late + 9000, &config);
        assert!(second.report.is_empty() && second.rest.is_some());
    }

    #[test]
    fn what_expires_is_tried_at_its_end_and_then_failed() {
        let mut envelope = three();
        envelope.attempts = 30;
        envelope.delay_reported = true;
        let (end, config) = (envelope.expires, QueueConfig::default());
        let last = settle(envelope, vec![Outcome::Deferred(full()); 3], end - 60, &config);
        let Timed { envelope, due } = last.rest.expect("waits");
        assert_eq!(due, end);
        let over = settle(envelope, vec![Outcome::Deferred(full()); 3], end, &config);
        assert!(over.rest.is_none());
        assert_eq!(told(&over)[2], ("c@example.org", Action::Failed, "5.4.7"));
    }

    #[test]
    fn success_wants_word_if_it_was_asked_for_and_nobody_else_tells() {
        let mut envelope = three();
        let notify = Notify { success: true, ..Notify::default() };
        envelope.recipients.iter_mut().for_each(|one| one.notify = Some(notify));
        let here = Outcome::Delivered(Handover { host: None, text: String::new(), reports: false });
        let settlement = settle(
            envelope,
            vec![taken(false), taken(true), here],
            ARRIVED,
            &QueueConfig::default(),
        );
        let expected = [
            ("a@example.org", Action::Relayed, "2.0.0"),
            ("c@example.org", Action::Delivered, "2.0.0"),
        ];
        assert_eq!(told(&settlement), expected);
        assert!(settlement.rest.is_none());
    }

    #[test]
    fn nobody_wants_word_of_a_report_and_nobody_who_wants_no_word() {
        let mut silent = three();
        silent.recipients[0].notify = Some(Notify::default());
        silent.recipients.truncate(1);
        let report = Envelope { reverse_path: String::new(), ..three() };
        for envelope in [silent, report] {
            let outcomes = vec![Outcome::Failed(gone()); envelope.recipients.len()];
            let settlement = settle(envelope, outcomes, ARRIVED, &QueueConfig::default());
            assert!(settlement.report.is_empty() && settlement.rest.is_none());
        }
    }
}
