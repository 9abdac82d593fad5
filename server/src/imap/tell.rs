//! What of its mailbox a client is told: everything while it works on a command, or what it asked for
//! by NOTIFY (RFC 5465, 3.1 and 6.1).

use engine::UidSet;

use super::command::{FetchItems, Numbering, Timing};
use super::commands;
use super::dialogue::Dialogue;
use super::outcome::Stop;
use super::session::Selected;
use super::view::{Moment, New, Telling};
use super::watch::{Known, Rule};

impl Selected {
    /// Tells what changed in the mailbox, and whatever else the client asked to be told of.
    pub(crate) async fn tell_all(
        &mut self,
        telling: Telling,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        self.tell(telling, dialogue).await?;
        let Self { authenticated, mailbox, view, .. } = self;
        authenticated
            .tell(Known::among_own(authenticated.account.id(), mailbox, view), dialogue)
            .await
    }

    /// Tells what changed in the mailbox since it was last told, as far as the client wants to know.
    async fn tell(&mut self, telling: Telling, dialogue: &mut Dialogue) -> Result<(), Stop> {
        let mut telling = telling;
        match self.authenticated.rule() {
            Rule::Usual => {}
            // What it removes itself, it must be told.
            Rule::Nothing if telling.moment == Moment::OwnRemoval => {}
            Rule::Nothing => return Ok(()),
            Rule::Asked { timing, flags } => {
                if timing == Timing::Delayed && telling.moment == Moment::Waiting {
                    telling.numbers_may_change = !self.view.has_removals(&self.mailbox)?;
                }
                // Flags are told with the UID (RFC 5465, 5.1).
                telling.numbering = Numbering::Uid;
                if !flags {
                    self.view.advance_flags(&self.mailbox)?;
                    self.view.told(&UidSet::all());
                }
            }
        }
        let new = self.tell_changes(telling, dialogue).await?;
        if !new.messages.is_empty() {
            let of_all = self.authenticated.watch.as_ref().and_then(|watch| watch.items_of_new());
            let own = std::mem::take(&mut self.view.own);
            for (uids, items) in described(new, &own, of_all) {
                commands::fetch_new(self, (&uids, &items), dialogue).await?;
            }
        }
        Ok(())
    }

    /// Whether a client hears more of new messages than that they are there.
    pub(crate) fn describes_new(&self) -> bool {
        self.authenticated.watch.is_some() || self.contexts.describe_new()
    }
}

/// What is told of new messages, of each once, whoever asked for it (RFC 5465, 5.2): NOTIFY of all,
/// and searches that are followed of those they find. Of its own messages a client is told nothing.
fn described(new: New, own: &UidSet, of_all: Option<FetchItems>) -> Vec<(UidSet, FetchItems)> {
    let mut parts = vec![(new.messages.without(own), of_all.unwrap_or_default())];
    for (found, asked) in new.found {
        let mut split = Vec::with_capacity(parts.len() + 1);
        for (uids, items) in parts {
            let mut joined = items.clone();
            joined.join(&asked);
            split.push((uids.intersection(&found), joined));
            split.push((uids.without(&found), items));
        }
        split.retain(|(uids, _)| !uids.is_empty());
        parts = split;
    }
    parts.retain(|(uids, items)| !uids.is_empty() && *items != FetchItems::default());
    parts
}

#[cfg(test)]
mod tests {
    use engine::Uid;

    use super::*;
    use crate::imap::command::FetchAttribute;

    fn uids(numbers: &[u32]) -> UidSet {
        numbers.iter().filter_map(|number| Uid::new(*number)).collect()
    }

    fn items(attributes: &[FetchAttribute]) -> FetchItems {
        let mut items = FetchItems::default();
        attributes.iter().for_each(|attribute| items.insert(*attribute));
        items
    }

    #[test]
    fn each_new_message_is_told_of_once_with_all_that_was_asked_for() {
        use FetchAttribute::{Flags, Size, Uid};
        let found = vec![(uids(&[1, 5, 6]), items(&[Size])), (uids(&[6, 7]), items(&[Uid, Flags]))];
        let new = New { messages: uids(&[5, 6, 7, 8]), found };
        let told = described(new, &uids(&[8]), Some(items(&[Uid])));
        let expected = [
            (uids(&[6]), items(&[Uid, Size, Flags])),
            (uids(&[5]), items(&[Uid, Size])),
            (uids(&[7]), items(&[Uid, Flags])),
        ];
        assert_eq!(told, expected);
        let new = New { messages: uids(&[5, 6]), found: vec![(uids(&[5]), items(&[Size]))] };
        assert_eq!(described(new, &uids(&[]), None), [(uids(&[5]), items(&[Size]))]);
    }
}
