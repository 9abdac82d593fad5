//! What a store does beside its work, on threads of its own: one learns dictionaries and makes list
//! parts, the other compacts. Readers like any other; what they make goes through the writers'
//! queues.
//!
//! They need not know of each other. Compaction takes away segments that were sealed when it
//! began, and a new part goes to the active one; what a part is made of is read as by anybody
//! whose messages move meanwhile. Only erasing keeps the other thread from its work.

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
use crate::store::due::{Due, Work};
use crate::store::retention::Retention;
use crate::store::shard::Shard;
use crate::store::upkeep::list::{Last, Lister};
use crate::store::writer::Writer;

/// The upkeep of a store.
pub(crate) struct Upkeep {
    shards: Vec<Shard>,
    lister: Arc<Lister>,
    due: Arc<Due>,
    retention: Arc<Retention>,
    /// When compaction last looked at each shard, and how many segments were sealed then.
    looked_at: HashMap<ShardId, (Instant, usize)>,
    /// Whether somebody waits for what this does.
    is_hasty: bool,
}

impl Upkeep {
    pub(crate) fn new(
        shards: Vec<Shard>,
        dictionaries: Dictionaries,
        due: Arc<Due>,
        retention: Arc<Retention>,
    ) -> Self {
        let lister = Arc::new(Lister::new(shards.clone(), dictionaries, Arc::clone(&due)));
        let looked_at = HashMap::new();
        Self { shards, lister, due, retention, looked_at, is_hasty: false }
    }

    /// For somebody who waits for it.
    pub(crate) fn in_haste(self) -> Self {
        Self { is_hasty: true, ..self }
    }

    /// Works whenever there is something to do, until the store is closed.
    pub(crate) fn start(mut self) -> Result<Vec<JoinHandle<()>>, Error> {
        let (due, lister) = (Arc::clone(&self.due), Arc::clone(&self.lister));
        let lists = spawn("lists", Work::Lists, &due, move || lister.run(Last::IfWanted))?;
        let space = spawn("upkeep", Work::Space, &due, move || self.run_due());
        if space.is_err() {
            due.close();
        }
        Ok(vec![lists, space?])
    }

    /// Makes again what readers found damaged.
    fn heal(&self) -> Result<(), Error> {
        let _alone = self.due.alone();
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

    /// Does what is due, but for list parts.
    fn run_due(&mut self) -> Result<(), Error> {
        self.heal()?;
        // What is compressed again shall be compressed with them.
        self.lister.learn_if_due()?;
        self.compact_if_due()
    }

    /// Makes every list part that can be made.
    #[cfg(test)]
    pub(crate) fn list_all(&self) -> Result<(), Error> {
        self.lister.run(Last::Always)
    }

    /// Does all that can be done.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        self.heal()?;
        self.lister.run(Last::Always)?;
        self.compact_if_due()
    }
}

/// Starts a thread that works when it is rung for this kind of work.
fn spawn(
    name: &str,
    kind: Work,
    due: &Arc<Due>,
    mut work: impl FnMut() -> Result<(), Error> + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let due = Arc::clone(due);
    let until_closed = move || {
        while due.wait(kind) {
            match work() {
                Ok(()) => {}
                Err(Error::Closed) => break,
                Err(error) => tracing::warn!(%error, "upkeep goes on later"),
            }
        }
    };
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(until_closed).map_err(Error::io("start an upkeep thread"))
}
