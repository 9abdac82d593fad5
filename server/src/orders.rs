//! What an operator may ask of a store besides what users do: asked of a running server by its
//! control socket, or done by the command itself where no server runs.

use std::fmt;

use engine::{AccountId, Store, Uid, UidSet};

use crate::queue::QueueOrder;

/// An order, one line in writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// About the store as a whole.
    Store(StoreOrder),
    /// About mail on its way out.
    Queue(QueueOrder),
}

/// What is asked of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOrder {
    /// Give back space and compress what has come.
    Compact,
    /// Take messages out for good.
    Erase {
        /// Whose.
        account: AccountId,
        /// The mailbox that has them, or had them.
        mailbox: String,
        /// Which.
        uids: UidSet,
    },
}

impl Order {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split('\t');
        let order = match words.next()? {
            "compact" => Self::Store(StoreOrder::Compact),
            "erase" => Self::Store(StoreOrder::Erase {
                account: AccountId(words.next()?.parse().ok()?),
                mailbox: words.next()?.to_owned(),
                uids: parse_uids(words.next()?)?,
            }),
            "queue" => Self::Queue(serde_json::from_str(words.next()?).ok()?),
            _ => return None,
        };
        words.next().is_none().then_some(order)
    }
}

impl StoreOrder {
    /// Does it, on this thread, which may take long; what was done, in words.
    pub fn carry_out(&self, store: &Store) -> Result<String, engine::Error> {
        match self {
            Self::Compact => {
                let len = || store.stats().iter().map(|stats| stats.segment_bytes()).sum::<u64>();
                let before = len();
                store.upkeep()?;
                store.compact()?;
                Ok(format!("{} bytes of log, {before} before", len()))
            }
            Self::Erase { account, mailbox, uids } => {
                let account = store.account(*account)?.ok_or(engine::Error::NoSuchAccount)?;
                let count = store.erase(&account.mailbox(mailbox)?, uids)?;
                Ok(format!("{count} messages erased, with their copies in other mailboxes"))
            }
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(StoreOrder::Compact) => out.write_str("compact"),
            Self::Store(StoreOrder::Erase { account, mailbox, uids }) => {
                write!(out, "erase\t{account}\t{mailbox}\t{uids}")
            }
            Self::Queue(order) => {
                let order = serde_json::to_string(order).map_err(|_| fmt::Error)?;
                write!(out, "queue\t{order}")
            }
        }
    }
}

/// UIDs and ranges of them, such as `3,7:9`.
pub fn parse_uids(text: &str) -> Option<UidSet> {
    let mut uids = UidSet::new();
    for range in text.split(',') {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let (first, last) = (Uid::new(first.parse().ok()?)?, Uid::new(last.parse().ok()?)?);
        uids.insert_range(first.min(last), first.max(last));
    }
    Some(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_back() {
        let uids = parse_uids("3,9:7").expect("uids");
        assert_eq!(uids.to_string(), "3,7:9");
        let mailbox = "Projekte/Übersicht".to_owned();
        let queue = QueueOrder::Show("a\tb".to_owned());
        for order in [
            Order::Store(StoreOrder::Compact),
            Order::Store(StoreOrder::Erase { account: AccountId(7), mailbox, uids }),
            Order::Queue(queue),
        ] {
            assert_eq!(Order::parse(&order.to_string()), Some(order));
        }
    }

    #[test]
    fn nonsense_is_no_order() {
        for line in
            ["", "erase", "erase\t1\tINBOX", "erase\t1\tINBOX\t0", "compact\tnow", "erase\tx\ty\t1"]
        {
            assert_eq!(Order::parse(line), None, "{line:?}");
        }
        for text in ["", "0", "1:", "a", "1,,2", "4294967296"] {
            assert_eq!(parse_uids(text), None, "{text:?}");
        }
    }
}
