//! A mail transaction: its reverse-path and forward-paths, until the message follows
//! (RFC 5321, 3.3).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::command::{AddressText, Mail};
use super::path::{ForwardPath, ReversePath};
use super::trace::TransactionId;
use crate::directory::{Recipient, Targets};
use crate::queue::QueuedRecipient;

/// Mailboxes that one transaction may lead to; aliases multiply what the recipient limit bounds.
const TARGETS_MAX: usize = 10_000;

/// An open mail transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) id: TransactionId,
    pub(super) reverse_path: ReversePath,
    pub(super) text: AddressText,
    /// How large the message is said to be (RFC 1870).
    pub(super) size: Option<u64>,
    accepted: Vec<Accepted>,
    target_count: usize,
}

/// A recipient that was accepted.
#[derive(Debug)]
struct Accepted {
    path: ForwardPath,
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
}

impl Transaction {
    /// As MAIL begins it.
    pub(super) fn new(mail: Mail) -> Self {
        Self {
            id: TransactionId::draw(),
            reverse_path: mail.reverse_path,
            text: mail.text,
            size: mail.size,
            accepted: Vec::new(),
            target_count: 0,
        }
    }

    /// Recipients accepted so far.
    pub(super) fn recipient_count(&self) -> usize {
        self.accepted.len()
    }

    /// The recipient, if there is only one.
    pub(super) fn only_recipient(&self) -> Option<&ForwardPath> {
        match self.accepted.as_slice() {
            [only] => Some(&only.path),
            _ => None,
        }
    }

    /// Adds a recipient; `false` if the transaction leads to too many mailboxes already.
    #[must_use]
    pub(super) fn accept(&mut self, path: ForwardPath, targets: Arc<Targets>) -> bool {
        let count = targets.users.len() + targets.elsewhere.len();
        if self.target_count + count > TARGETS_MAX {
            return false;
        }
        self.target_count += count;
        self.accepted.push(Accepted { path, targets });
        true
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
        for address in self.accepted.iter().flat_map(|recipient| &recipient.targets.elsewhere) {
            if seen.insert(address) {
                let address = address.clone();
                elsewhere.push(QueuedRecipient { address, ..QueuedRecipient::default() });
            }
        }
        let leads = |recipient: &Accepted| !recipient.targets.elsewhere.is_empty();
        let leads_elsewhere = self.accepted.iter().map(leads).collect();
        Plan { users, by_recipient, elsewhere, leads_elsewhere }
    }
}

#[cfg(test)]
mod tests {
    use engine::AccountId;

    use super::*;
    use crate::directory::Address;

    fn target(account: u64, detail: Option<&str>) -> Recipient {
        Recipient {
            account: AccountId(account),
            address: Address::new("a", "b.test").expect("an address"),
            detail: detail.map(str::to_owned),
        }
    }

    fn users(users: Vec<Recipient>) -> Arc<Targets> {
        Arc::new(Targets { users, elsewhere: Vec::new() })
    }

    fn elsewhere(addresses: &[&str]) -> Arc<Targets> {
        let elsewhere = addresses.iter().map(|address| (*address).to_owned()).collect();
        Arc::new(Targets { users: Vec::new(), elsewhere })
    }

    fn transaction() -> Transaction {
        let reverse_path = ReversePath::Null;
        Transaction::new(Mail { reverse_path, size: None, text: AddressText::Ascii })
    }

    #[test]
    fn a_mailbox_reached_twice_gets_one_message() {
        let mut transaction = transaction();
        let list = users(vec![target(1, None), target(2, None)]);
        assert!(transaction.accept(ForwardPath::Postmaster, list));
        assert!(transaction.accept(ForwardPath::Postmaster, users(vec![target(2, None)])));
        assert!(transaction.accept(ForwardPath::Postmaster, users(vec![target(2, Some("x"))])));
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
        assert!(transaction.accept(ForwardPath::Postmaster, list));
        assert!(transaction.accept(ForwardPath::Postmaster, elsewhere(&["a@b.test"])));
        assert!(!transaction.accept(ForwardPath::Postmaster, users(vec![target(3, None)])));
        assert_eq!(transaction.recipient_count(), 2);
    }

    #[test]
    fn an_address_elsewhere_gets_one_message() {
        let mut transaction = transaction();
        assert!(transaction.accept(ForwardPath::Postmaster, elsewhere(&["a@b.test", "b@b.test"])));
        assert!(transaction.accept(ForwardPath::Postmaster, users(vec![target(1, None)])));
        assert!(transaction.accept(ForwardPath::Postmaster, elsewhere(&["a@b.test"])));
        let plan = transaction.plan();
        let addresses: Vec<_> = plan.elsewhere.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(addresses, ["a@b.test", "b@b.test"]);
        assert_eq!(plan.leads_elsewhere, [true, false, true]);
    }
}
