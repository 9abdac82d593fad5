//! A mail transaction: its reverse-path and forward-paths, until the message follows
//! (RFC 5321, 3.3).

use std::collections::HashMap;
use std::sync::Arc;

use super::command::{AddressText, Mail};
use super::path::{ForwardPath, ReversePath};
use super::trace::TransactionId;
use crate::directory::Recipient;

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
    targets: Arc<[Recipient]>,
}

/// The users a message goes to, each mailbox once, and who of them each recipient stands for.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) unique: Vec<Recipient>,
    /// For each recipient, in the order of acceptance, places in `unique`.
    pub(super) by_recipient: Vec<Vec<usize>>,
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
    pub(super) fn accept(&mut self, path: ForwardPath, targets: Arc<[Recipient]>) -> bool {
        if self.target_count + targets.len() > TARGETS_MAX {
            return false;
        }
        self.target_count += targets.len();
        self.accepted.push(Accepted { path, targets });
        true
    }

    /// Who gets the message.
    pub(super) fn targets(&self) -> Targets {
        let mut unique: Vec<Recipient> = Vec::new();
        let mut places = HashMap::new();
        let mut place_of = |target: &Recipient| {
            *places.entry((target.account, target.detail.clone())).or_insert_with(|| {
                unique.push(target.clone());
                unique.len() - 1
            })
        };
        let by_recipient = self
            .accepted
            .iter()
            .map(|recipient| recipient.targets.iter().map(&mut place_of).collect())
            .collect();
        Targets { unique, by_recipient }
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

    fn transaction() -> Transaction {
        let reverse_path = ReversePath::Null;
        Transaction::new(Mail { reverse_path, size: None, text: AddressText::Ascii })
    }

    #[test]
    fn a_mailbox_reached_twice_gets_one_message() {
        let mut transaction = transaction();
        let list: Arc<[_]> = [target(1, None), target(2, None)].into();
        assert!(transaction.accept(ForwardPath::Postmaster, list));
        assert!(transaction.accept(ForwardPath::Postmaster, [target(2, None)].into()));
        assert!(transaction.accept(ForwardPath::Postmaster, [target(2, Some("x"))].into()));
        let targets = transaction.targets();
        assert_eq!(targets.unique, [target(1, None), target(2, None), target(2, Some("x"))]);
        assert_eq!(targets.by_recipient, [vec![0, 1], vec![1], vec![2]]);
        assert_eq!(transaction.only_recipient(), None);
    }

    #[test]
    fn aliases_cannot_multiply_without_end() {
        let mut transaction = transaction();
        let list: Arc<[_]> = vec![target(1, None); TARGETS_MAX - 1].into();
        assert!(transaction.accept(ForwardPath::Postmaster, list));
        assert!(transaction.accept(ForwardPath::Postmaster, [target(2, None)].into()));
        assert!(!transaction.accept(ForwardPath::Postmaster, [target(3, None)].into()));
        assert_eq!(transaction.recipient_count(), 2);
    }
}
