//! What a store does beside its work, on a thread of its own: it learns dictionaries. A reader
//! like any other; what it makes goes through the writers' queues.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::Error;
use crate::format::dictionary::{Purpose, train};
use crate::store::dictionaries::Dictionaries;
use crate::store::message::StoredMessage;
use crate::store::places;
use crate::store::shard::Shard;

/// Messages of a store before it learns its first dictionaries; each further pair is learnt from
/// ten times as many.
const TRAIN_FROM: u64 = 1000;
/// Messages looked at for a dictionary.
const SAMPLES_MAX: u64 = 4000;
/// Bytes of them for each dictionary.
const SAMPLES_LEN_MAX: usize = 8 << 20;
/// Of one message.
const SAMPLE_LEN_MAX: usize = 16 << 10;

/// Something may be due: cheap, never waits, and one notice stands for many.
#[derive(Clone)]
pub(crate) struct Bell(SyncSender<()>);

impl Bell {
    /// Lets the upkeep look.
    pub(crate) fn ring(&self) {
        // A notice that waits already says the same; without a listener there is nothing to do.
        let _ = self.0.try_send(());
    }
}

/// A bell and who hears it.
pub(crate) fn bell() -> (Bell, Receiver<()>) {
    let (sender, receiver) = sync_channel(1);
    (Bell(sender), receiver)
}

/// The upkeep of a store.
pub(crate) struct Upkeep {
    shards: Vec<Shard>,
    dictionaries: Dictionaries,
    /// Messages in the store at which the next dictionaries are due.
    train_at: u64,
}

impl Upkeep {
    pub(crate) fn new(shards: Vec<Shard>, dictionaries: Dictionaries) -> Self {
        // Each training gave two numbers.
        let trained = dictionaries.next_number() / 2;
        let train_at = TRAIN_FROM.saturating_mul(10_u64.saturating_pow(trained));
        Self { shards, dictionaries, train_at }
    }

    /// Works whenever the bell rings, until the store is closed.
    pub(crate) fn start(mut self, notices: Receiver<()>) -> Result<JoinHandle<()>, Error> {
        let thread = std::thread::Builder::new().name("upkeep".to_owned());
        let work = move || {
            while notices.recv().is_ok() {
                if let Err(error) = self.run() {
                    tracing::warn!(%error, "upkeep goes on later");
                }
            }
        };
        thread.spawn(work).map_err(Error::io("start the upkeep thread"))
    }

    /// Does what is due.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        let messages: u64 = self.shards.iter().map(|shard| shard.reader().places().highest()).sum();
        if messages >= self.train_at {
            self.train_at = messages.saturating_mul(10);
            self.learn()?;
        }
        Ok(())
    }

    /// Learns dictionaries from the newer half of the messages.
    fn learn(&self) -> Result<(), Error> {
        let (mut heads, mut bodies) = (Samples::default(), Samples::default());
        for shard in &self.shards {
            let highest = shard.reader().places().highest();
            let step = (highest / 2).div_ceil(SAMPLES_MAX).max(1);
            for number in (highest / 2..=highest).step_by(usize::try_from(step).unwrap_or(1)) {
                let email_id = places::email_id(shard.id().0, number);
                let message = StoredMessage::new(shard.reader().clone(), email_id);
                match message.list().and_then(|head| Ok((head, message.body()?))) {
                    Ok((head, body)) => {
                        heads.add(head.as_bytes());
                        bodies.add(&body);
                    }
                    // Gone meanwhile, or never there.
                    Err(Error::NoSuchMessage) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        for (purpose, samples) in [(Purpose::Head, heads), (Purpose::Body, bodies)] {
            let number = self.dictionaries.next_number();
            if let Some(dictionary) = train(number, purpose, &samples.each) {
                tracing::info!(?dictionary, samples = samples.each.len(), "learnt a dictionary");
                self.dictionaries.add(std::sync::Arc::new(dictionary));
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Samples {
    each: Vec<Vec<u8>>,
    len: usize,
}

impl Samples {
    fn add(&mut self, bytes: &[u8]) {
        let sample = bytes.get(..SAMPLE_LEN_MAX).unwrap_or(bytes);
        if !sample.is_empty() && self.len + sample.len() <= SAMPLES_LEN_MAX {
            self.len += sample.len();
            self.each.push(sample.to_vec());
        }
    }
}
