//! What an operator does to the queue: look, hold, release, hurry, remove.

use std::collections::BTreeSet;

use engine::clock::unix_seconds;
use serde::{Deserialize, Serialize};

use super::entries::{Entry, EntryError, EntryId, Timed};
use super::envelope::{Envelope, Trouble};
use super::report;
use super::settlement::{Action, Reported};
use super::{Queue, QueueError};

/// When what is held is due: never, in practice.
pub const NEVER: i64 = 253_402_300_799;
/// Envelopes that are read between two breaks for others.
const BREATH: usize = 64;

/// Which entries; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The name of a message.
    pub id: Option<String>,
    /// The sender's address; empty for reports, which have none.
    pub sender: Option<String>,
    /// The address of one of the recipients.
    pub recipient: Option<String>,
    /// The domain of the recipients.
    pub domain: Option<String>,
}

/// What is asked of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueOrder {
    /// To see entries, as many as this at most: a line of JSON each, a [`Listed`].
    List(Selection, usize),
    /// To see one message: its entries, and its header.
    Show(String),
    /// To change entries.
    Change(Selection, Change),
}

/// What becomes of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// They are not tried any more until they are released.
    Hold,
    /// They are tried at once, held or not.
    Release,
    /// Those that wait are tried at once.
    Retry,
    /// They go.
    Remove {
        /// Whether their senders hear of it.
        tell: bool,
    },
}

/// An entry as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// When it is tried next.
    pub due: i64,
    /// Whether it is being tried now.
    pub in_hand: bool,
    /// What is known of it.
    #[serde(flatten)]
    pub envelope: Envelope,
}

impl Selection {
    /// Whether an entry is one of them. Addresses and domains are compared in any case.
    pub fn has(&self, envelope: &Envelope) -> bool {
        let same = |asked: &Option<String>, is: &str| {
            asked.as_ref().is_none_or(|asked| asked.to_lowercase() == is.to_lowercase())
        };
        let is_recipient = |asked: &String| {
            let asked = asked.to_lowercase();
            envelope.recipients.iter().any(|one| one.address.to_lowercase() == asked)
        };
        same(&self.id, &envelope.id)
            && same(&self.sender, &envelope.reverse_path)
            && same(&self.domain, &envelope.destination)
            && self.recipient.as_ref().is_none_or(is_recipient)
    }
}

impl QueueOrder {
    /// Does it; what was done or seen, in words or lines.
    pub async fn carry_out(&self, queue: &Queue) -> Result<String, QueueError> {
        match self {
            Self::List(selection, count_max) => list(queue, selection, *count_max).await,
            Self::Show(id) => show(queue, id).await,
            Self::Change(selection, change) => change_all(queue, selection, *change).await,
        }
    }
}

/// The entries of a selection, by when they are due.
async fn selected(
    queue: &Queue,
    selection: &Selection,
    count_max: usize,
) -> Result<Vec<Entry>, EntryError> {
    let mut all = queue.0.entries.all()?;
    all.sort_unstable();
    let mut chosen = Vec::new();
    for (nth, (_, id)) in all.into_iter().enumerate() {
        if nth % BREATH == 0 {
            tokio::task::yield_now().await;
        }
        match queue.read(id) {
            Ok(Some(entry)) if selection.has(&entry.envelope) => chosen.push(entry),
            Ok(_) => {}
            Err(error) => tracing::error!(%id, %error, "cannot read an entry of the queue"),
        }
        if chosen.len() == count_max {
            break;
        }
    }
    Ok(chosen)
}

async fn list(
    queue: &Queue,
    selection: &Selection,
    count_max: usize,
) -> Result<String, QueueError> {
    let mut lines = String::new();
    for entry in selected(queue, selection, count_max).await? {
        let in_hand = queue.lock().has_in_hand(entry.id);
        let listed = Listed { due: entry.due, in_hand, envelope: entry.envelope };
        let line = serde_json::to_string(&listed).map_err(EntryError::from)?;
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(lines)
}

async fn show(queue: &Queue, id: &str) -> Result<String, QueueError> {
    let selection = Selection { id: Some(id.to_owned()), ..Selection::default() };
    let entries = selected(queue, &selection, usize::MAX).await?;
    let Some(first) = entries.first() else {
        return Err(QueueError::NotThere(id.to_owned()));
    };
    let header = queue.message(first)?.header().map_err(EntryError::from)?;
    let mut text = String::new();
    for Entry { due, envelope, .. } in entries {
        let listed = Listed { due, in_hand: false, envelope };
        text.push_str(&serde_json::to_string_pretty(&listed).map_err(EntryError::from)?);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&header).replace("\r\n", "\n"));
    Ok(text)
}

async fn change_all(
    queue: &Queue,
    selection: &Selection,
    change: Change,
) -> Result<String, QueueError> {
    let (mut changed, mut in_hand) = (0_usize, 0_usize);
    let mut messages = BTreeSet::new();
    for entry in selected(queue, selection, usize::MAX).await? {
        if entry.envelope.outbox.is_some() {
            // Its entries change together.
            let name = (entry.envelope.account, entry.envelope.id.clone());
            let is_first = messages.insert(name);
            if is_first && queue.change_held(&entry.envelope, change).await? {
                changed += 1;
            }
            continue;
        }
        // Whoever tries it must find it as it was.
        if !queue.lock().claim(entry.id) {
            in_hand += 1;
            continue;
        }
        match change_one(queue, entry.id, change).await {
            Ok(true) => changed += 1,
            Ok(false) => queue.lock().let_go(entry.id),
            Err(error) => {
                queue.lock().let_go(entry.id);
                return Err(error.into());
            }
        }
    }
    let done = match change {
        Change::Hold => "held",
        Change::Release => "released",
        Change::Retry => "to be tried now",
        Change::Remove { .. } => "removed",
    };
    let under_way = match in_hand {
        0 => String::new(),
        count => format!("; {count} are being tried at this moment and were left alone"),
    };
    Ok(format!("{changed} {done}{under_way}"))
}

/// Changes an entry that is in hand; `false` if it is as it should be, or gone.
async fn change_one(queue: &Queue, id: EntryId, change: Change) -> Result<bool, EntryError> {
    let Some(entry) = queue.read(id)? else { return Ok(false) };
    let (now, mut envelope) = (unix_seconds(), entry.envelope.clone());
    let due = match change {
        Change::Hold | Change::Retry if envelope.held => return Ok(false),
        Change::Hold => NEVER,
        Change::Release | Change::Retry => now,
        Change::Remove { tell } => {
            let recipients = if tell { removed(&envelope) } else { Vec::new() };
            let reports = report::parcels(queue, &entry, &recipients, now);
            queue.settle(&entry, None, reports).await?;
            return Ok(true);
        }
    };
    envelope.held = change == Change::Hold;
    queue.reopen(&envelope.destination);
    queue.settle(&entry, Some(Timed { envelope, due }), Vec::new()).await?;
    Ok(true)
}

pub(super) fn removed(envelope: &Envelope) -> Vec<Reported> {
    let told = envelope.recipients.iter().filter(|one| one.reports_failure());
    let reported = told.map(|recipient| Reported {
        recipient: recipient.clone(),
        action: Action::Failed,
        trouble: Trouble::own("5.7.0", "the administrator took it out of the queue"),
    });
    reported.filter(|_| !envelope.is_report()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::envelope::tests::envelope;
    use super::*;

    #[test]
    fn all_that_is_given_must_hold() {
        let some = |text: &str| Some(text.to_owned());
        let all = Selection::default();
        let by = |id, sender, recipient, domain| Selection { id, sender, recipient, domain };
        for (selection, has) in [
            (all, true),
            (by(some("00AB"), None, None, None), true),
            (by(some("00ac"), None, None, None), false),
            (by(None, some("A@example.test"), None, None), true),
            (by(None, some(""), None, None), false),
            (by(None, None, some("B@Example.org"), some("EXAMPLE.org")), true),
            (by(None, None, some("b@example.org"), some("example.com")), false),
        ] {
            assert_eq!(selection.has(&envelope()), has, "{selection:?}");
        }
    }

    #[test]
    fn an_order_is_a_line() {
        let selection = Selection { id: Some("a\nb".to_owned()), ..Selection::default() };
        for order in [
            QueueOrder::List(selection.clone(), 5),
            QueueOrder::Show("00ab".to_owned()),
            QueueOrder::Change(selection, Change::Remove { tell: true }),
        ] {
            let line = serde_json::to_string(&order).expect("written");
            assert!(!line.contains(['\n', '\t']), "{line}");
            assert_eq!(serde_json::from_str::<QueueOrder>(&line).expect("reads"), order);
        }
    }
}
