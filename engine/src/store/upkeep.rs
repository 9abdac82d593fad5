//! What a store does beside its work, on a thread of its own: it learns dictionaries, makes
//! list parts and compacts. A reader like any other; what it makes goes through the writers' queues.

mod compact;
mod condense;
mod erase;
mod learn;
pub(crate) mod list;
mod mark;
mod mover;
mod pace;

pub(crate) use list::NewPart;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::Error;
use crate::ids::ShardId;
use crate::store::dictionaries::Dictionaries;
use crate::store::due::Due;
use crate::store::retention::Retention;
use crate::store::shard::Shard;
use crate::store::upkeep::list::Last;
use crate::store::writer::Writer;

/// The upkeep of a store.
pub(crate) struct Upkeep {
    shards: Vec<Shard>,
    dictionaries: Dictionaries,
    due: Arc<Due>,
    retention: Arc<Retention>,
    /// When compaction last looked at each shard, and how many segments were sealed then.
    looked_at: HashMap<ShardId, (Instant, usize)>,
    /// Whether somebody waits for what this does.
    is_hasty: bool,
    /// Messages in the store at which the next dictionaries are due.
    learn_at: u64,
}

impl Upkeep {
    pub(crate) fn new(
        shards: Vec<Shard>,
        dictionaries: Dictionaries,
        due: Arc<Due>,
        retention: Arc<Retention>,
    ) -> Self {
        let learn_at = learn::due_at(&dictionaries);
        let looked_at = HashMap::new();
        Self { shards, dictionaries, due, retention, looked_at, is_hasty: false, learn_at }
    }

    /// For somebody who waits for it.
    pub(crate) fn in_haste(self) -> Self {
        Self { is_hasty: true, ..self }
    }

    /// Works whenever there is something to do, until the store is closed.
    pub(crate) fn start(mut self) -> Result<JoinHandle<()>, Error> {
        let thread = std::thread::Builder::new().name("upkeep".to_owned());
        let work = move || {
            while self.due.wait() {
                match self.run_due() {
                    Ok(()) => {}
                    Err(Error::Closed) => break,
                    Err(error) => tracing::warn!(%error, "upkeep goes on later"),
                }
            }
        };
        thread.spawn(work).map_err(Error::io("start the upkeep thread"))
    }

    /// Makes again what readers found damaged.
    fn heal(&self) -> Result<(), Error> {
        for shard in &self.shards {
            let found = shard.reader().ailing().take();
            if found.is_table {
                shard.submit(Writer::give_up_checkpoint).wait()?;
            }
            for mailbox in found.mailboxes {
                shard.submit(move |writer| writer.heal(mailbox)).wait()?;
            }
        }
        Ok(())
    }

    /// Does what is due.
    fn run_due(&mut self) -> Result<(), Error> {
        self.make(Last::IfWanted)?;
        self.compact_if_due()
    }

    fn make(&mut self, last: Last) -> Result<(), Error> {
        let due = Arc::clone(&self.due);
        let _alone = due.alone();
        self.heal()?;
        self.learn_if_due()?;
        self.list_what_waits(last)
    }

    /// Does all that can be done.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        self.make(Last::Always)?;
        self.compact_if_due()
    }
}
