//! A mail transaction: its reverse-path and forward-paths, until the message follows
//! (RFC 5321, 3.3).

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use super::command::{Mail, Rcpt};
use super::path::ForwardPath;
use super::trace::TransactionId;
use crate::directory::{Recipient, Targets};
use crate::queue::QueuedRecipient;

/// Mailboxes that one transaction may lead to; aliases multiply what the recipient limit bounds.
const TARGETS_MAX: usize = 10_000;

/// An open mail transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) id: TransactionId,
    pub(super) mail: Mail,
    accepted: Vec<Accepted>,
    target_count: usize,
}

/// A recipient that was accepted.
#[derive(Debug)]
struct Accepted {
    rcpt: Rcpt,
    targets: Arc<Targets>,
}

/// Whom a message goes to, each once, and who of them each recipient stands for.
#[derive(Debug)]
pub(super) struct Plan {
    /// Users here.
    pub(super) users: Vec<Recipient>,
    /// For each recipient, in the order of acceptance, places in `users`.
    pub(super) by_recipient: Vec<Vec<usize>>,
    /// Addresses elsewhere.
    pub(super) elsewhere: Vec<QueuedRecipient>,
    /// For each recipient, whether it leads elsewhere too.
    pub(super) leads_elsewhere: Vec<bool>,
    /// Recipients that lead to users here, and of whom the sender wants to hear (RFC 3461, 4.1).
    pub(super) told: Vec<QueuedRecipient>,
}

impl Transaction {
    /// As MAIL begins it.
    pub(super) fn new(mail: Mail) -> Self {
        Self { id: TransactionId::draw(), mail, accepted: Vec::new(), target_count: 0 }
    }

    /// Recipients accepted so far.
    pub(super) fn recipient_count(&self) -> usize {
        self.accepted.len()
    }

    /// The recipient, if there is only one.
    pub(super) fn only_recipient(&self) -> Option<&ForwardPath> {
        match self.accepted.as_slice() {
            [only] => Some(&only.rcpt.path),
            _ => None,
        }
    }

    /// The domain of a recipient that leads elsewhere: in its name the message is passed on.
    pub(super) fn forwarding_domain(&self) -> Option<&str> {
        let leads = |accepted: &&Accepted| !accepted.targets.elsewhere.is_empty();
        self.accepted.iter().filter(leads).find_map(|accepted| match &accepted.rcpt.path {
            ForwardPath::Path(path) => Some(path.domain()),
            ForwardPath::Postmaster => None,
        })
    }

    /// Adds a recipient; `false` if the transaction leads to too many mailboxes already.
    #[must_use]
    pub(super) fn accept(&mut self, rcpt: Rcpt, targets: Arc<Targets>) -> bool {
        let count = targets.users.len() + targets.elsewhere.len();
        if self.target_count + count > TARGETS_MAX {
            return false;
        }
        self.target_count += count;
        self.accepted.push(Accepted { rcpt, targets });
        true
    }

    /// The same of a message that is kept back: it waits in the queue for users here, too, who are
    /// looked up again then. What an alias leads to elsewhere is known now.
    pub(super) fn plan_for_later(&self) -> Plan {
        let mut seen = HashSet::new();
        let mut later = Vec::new();
        for Accepted { rcpt, targets } in &self.accepted {
            let here = match &rcpt.path {
                _ if targets.users.is_empty() => Vec::new(),
                ForwardPath::Path(path) => vec![path.to_string()],
                ForwardPath::Postmaster => {
                    targets.users.iter().map(|user| user.address.to_string()).collect()
                }
            };
            for address in targets.elsewhere.iter().cloned().chain(here) {
                if seen.insert(address.clone()) {
                    later.push(rcpt.queued(address));
                }
            }
        }
        Plan {
            users: Vec::new(),
            by_recipient: self.accepted.iter().map(|_| Vec::new()).collect(),
            elsewhere: later,
            leads_elsewhere: self.accepted.iter().map(|_| true).collect(),
            told: Vec::new(),
        }
    }

    /// Who gets the message.
    pub(super) fn plan(&self) -> Plan {
        let mut users: Vec<Recipient> = Vec::new();
        let mut places = HashMap::new();
        let mut place_of = |target: &Recipient| {
            *places.entry((target.account, target.detail.clone())).or_insert_with(|| {
                users.push(target.clone());
                users.len() - 1
            })
        };
        let by_recipient = self
            .accepted
            .iter()
            .map(|recipient| recipient.targets.users.iter().map(&mut place_of).collect())
            .collect();
        let mut seen = HashSet::new();
        let mut elsewhere = Vec::new();
        for Accepted { rcpt, targets } in &self.accepted {
            let new = targets.elsewhere.iter().filter(|address| seen.insert(*address));
            elsewhere.extend(new.map(|address| rcpt.queued(address.clone())));
        }
        let leads = |recipient: &Accepted| !recipient.targets.elsewhere.is_empty();
        let leads_elsewhere = self.accepted.iter().map(leads).collect();
        let wants_word = |recipient: &&Accepted| {
            let is_here = !recipient.targets.users.is_empty();
            is_here && recipient.rcpt.notify.is_some_and(|notify| notify.success)
        };
        let told = self.accepted.iter().filter(wants_word);
        let told = told.map(|recipient| match &recipient.rcpt.path {
            ForwardPath::Path(path) => recipient.rcpt.queued(path.to_string()),
            ForwardPath::Postmaster => recipient.rcpt.queued("postmaster".to_owned()),
        });
        Plan { users, by_recipient, elsewhere, leads_elsewhere, told: told.collect() }
    }
}

impl Rcpt {
    /// As it stands in the queue, on its way to this address. Whom the sender wrote to stays known
    /// where an alias leads on (RFC 3461, 5.2.7).
    pub(super) fn queued(&self, address: String) -> QueuedRecipient {
        let (notify, mut original) = (self.notify, self.original.clone());
        if let (None, ForwardPath::Path(path)) = (&original, &self.path) {
            let written = path.to_string();
            original = (written != address && path.is_ascii()).then(|| xtext(&written));
        }
        QueuedRecipient { address, notify, original, trouble: None }
    }
}

/// An address for ORCPT (RFC 3461, 4.2).
fn xtext(address: &str) -> String {
    let mut text = "rfc822;".to_owned();
    for byte in address.bytes() {
        if byte.is_ascii_graphic() && byte != b'+' && byte != b'=' {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "+{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use engine::AccountId;

    use super::super::path::ReversePath;
    use super::*;
    use crate::directory::Address;

    fn target(account: u64, detail: Option<&str>) -> Recipient {
        Recipient {
            account: AccountId(account),
            address: Address::new("a", "b.test").expect("an address"),
            detail: detail.map(str::to_owned),
        }
    }

    fn postmaster() -> Rcpt {
        Rcpt { path: ForwardPath::Postmaster, notify: None, original: None }
    }

    fn users(users: Vec<Recipient>) -> Arc<Targets> {
        Arc::new(Targets { users, elsewhere: Vec::new() })
    }

    fn elsewhere(addresses: &[&str]) -> Arc<Targets> {
        let elsewhere = addresses.iter().map(|address| (*address).to_owned()).collect();
        Arc::new(Targets { users: Vec::new(), elsewhere })
    }

    fn transaction() -> Transaction {
        Transaction::new(Mail::new(ReversePath::Null))
    }

    #[test]
    fn a_mailbox_reached_twice_gets_one_message() {
        let mut transaction = transaction();
        let list = users(vec![target(1, None), target(2, None)]);
        assert!(transaction.accept(postmaster(), list));
        assert!(transaction.accept(postmaster(), users(vec![target(2, None)])));
        assert!(transaction.accept(postmaster(), users(vec![target(2, Some("x"))])));
        let plan = transaction.plan();
        assert_eq!(plan.users, [target(1, None), target(2, None), target(2, Some("x"))]);
        assert_eq!(plan.by_recipient, [vec![0, 1], vec![1], vec![2]]);
        assert!(plan.elsewhere.is_empty());
        assert_eq!(transaction.only_recipient(), None);
    }

    #[test]
    fn aliases_cannot_multiply_without_end() {
        let mut transaction = transaction();
        let list = users(vec![target(1, None); TARGETS_MAX - 1]);
        assert!(transaction.accept(postmaster(), list));
        assert!(transaction.accept(postmaster(), elsewhere(&["a@b.test"])));
        assert!(!transaction.accept(postmaster(), users(vec![target(3, None)])));
        assert_eq!(transaction.recipient_count(), 2);
    }

    #[test]
    fn an_address_elsewhere_gets_one_message() {
        let mut transaction = transaction();
        assert!(transaction.accept(postmaster(), elsewhere(&["a@b.test", "b@b.test"])));
        assert!(transaction.accept(postmaster(), users(vec![target(1, None)])));
        assert!(transaction.accept(postmaster(), elsewhere(&["a@b.test"])));
        let plan = transaction.plan();
        let addresses: Vec<_> = plan.elsewhere.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(addresses, ["a@b.test", "b@b.test"]);
        assert_eq!(plan.leads_elsewhere, [true, false, true]);
    }

    #[test]
    fn what_is_kept_back_goes_to_all_that_an_alias_leads_to() {
        let mut transaction = transaction();
        let (path, _) = ForwardPath::read("<team@b.test>").expect("a path");
        let team = || Rcpt { path: path.clone(), notify: None, original: None };
        let both = Targets {
            users: vec![target(1, None), target(2, None)],
            elsewhere: vec!["c@d.test".to_owned()],
        };
        assert!(transaction.accept(team(), Arc::new(both)));
        assert!(transaction.accept(postmaster(), elsewhere(&["c@d.test", "e@d.test"])));
        assert!(transaction.accept(postmaster(), users(vec![target(1, None)])));
        let plan = transaction.plan_for_later();
        let addresses: Vec<_> = plan.elsewhere.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(addresses, ["c@d.test", "team@b.test", "e@d.test", "a@b.test"]);
        assert!(plan.users.is_empty());
    }

    #[test]
    fn whom_the_sender_wrote_to_is_told_where_an_alias_leads_on() {
        let (path, _) = ForwardPath::read("<a+x@b.test>").expect("a path");
        let rcpt = Rcpt { path, notify: None, original: None };
        let original = rcpt.queued("c@d.test".to_owned()).original;
        assert_eq!(original.as_deref(), Some("rfc822;a+2Bx@b.test"));
        assert_eq!(rcpt.queued("a+x@b.test".to_owned()).original, None);
        let said = Rcpt { original: Some("rfc822;e".to_owned()), ..rcpt };
        assert_eq!(said.queued("c@d.test".to_owned()).original.as_deref(), Some("rfc822;e"));
    }
}
