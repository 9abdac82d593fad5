//! Learning dictionaries from the messages that a store has.

use std::sync::{Arc, PoisonError};

use crate::Error;
use crate::format::dictionary::{Purpose, train};
use crate::store::dictionaries::Dictionaries;
use crate::store::message::StoredMessage;
use crate::store::places;
use crate::store::upkeep::list::Lister;

/// Messages of a store before it learns its first dictionaries; each further pair is learnt from
/// ten times as many.
const TRAIN_FROM: u64 = 250;
/// Messages looked at for a dictionary.
const SAMPLES_MAX: u64 = 4000;
/// Bytes of them for each dictionary.
const SAMPLES_LEN_MAX: usize = 8 << 20;
/// Of one message.
const SAMPLE_LEN_MAX: usize = 16 << 10;

/// Messages in the store at which the next dictionaries are due.
pub(super) fn due_at(known: &Dictionaries) -> u64 {
    // Each training gave two numbers.
    let trained = known.next_number() / 2;
    TRAIN_FROM.saturating_mul(10_u64.saturating_pow(trained))
}

impl Lister {
    /// Learns dictionaries if there are messages enough, or waits for who is at it.
    pub(super) fn learn_if_due(&self) -> Result<(), Error> {
        let mut learn_at = self.learn_at.lock().unwrap_or_else(PoisonError::into_inner);
        let highest = self.shards.iter().map(|shard| shard.reader().places().highest());
        let messages: u64 = highest.sum();
        if messages >= *learn_at {
            *learn_at = messages.saturating_mul(10);
            self.learn()?;
        }
        Ok(())
    }

    /// Learns dictionaries from the newer half of the messages, of few from all of them.
    fn learn(&self) -> Result<(), Error> {
        let (mut heads, mut bodies) = (Samples::default(), Samples::default());
        for shard in &self.shards {
            let highest = shard.reader().places().highest();
            let first = (highest / 2).min(highest.saturating_sub(SAMPLES_MAX));
            let step = (highest - first).div_ceil(SAMPLES_MAX).max(1);
            for number in (first..=highest).step_by(usize::try_from(step).unwrap_or(1)) {
                let email_id = places::email_id(shard.id().0, number);
                let message = StoredMessage::new(shard.reader().clone(), email_id);
                match message.list().and_then(|head| Ok((head, message.body_rest()?))) {
                    Ok((head, body)) => {
                        heads.add(head.as_bytes());
                        bodies.add(&body);
                    }
                    // Gone meanwhile, or never there; or somebody else's to report.
                    Err(Error::NoSuchMessage | Error::Damaged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        for (purpose, samples) in [(Purpose::Head, heads), (Purpose::Body, bodies)] {
            let number = self.dictionaries.next_number();
            if let Some(dictionary) = train(number, purpose, &samples.each) {
                tracing::info!(?dictionary, samples = samples.each.len(), "learnt a dictionary");
                self.dictionaries.add(Arc::new(dictionary));
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
