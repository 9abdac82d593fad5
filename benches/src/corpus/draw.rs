//! Repeatable numbers, in whole arithmetic only, so that every machine draws the same.

/// What numbers are drawn for: each part of a message has a sequence of its own, so that it can be
/// made without the others.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// What a message answers.
    Conversation = 1,
    /// On which list it is, in which language.
    Place,
    /// Whether it has an attachment.
    Carries,
    /// Who wrote it.
    Sender,
    /// Its Message-ID.
    Identifier,
    /// Its hops, its signature, whom it is for.
    Trace,
    /// Its words.
    Text,
    /// How its words are laid out and encoded.
    Layout,
    /// Bytes of its attachment.
    Attachment,
    /// A person's name, by number of the person.
    Name,
    /// A person's habits in HTML, by number of the person.
    Manner,
}

/// A sequence of numbers (splitmix64): repeatable, not secret.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The numbers of one message (or person, or list) for one purpose.
    pub fn of(seed: u64, number: u64, purpose: Purpose) -> Self {
        let mut start = Self(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        Self(start.number() ^ ((purpose as u64) << 56))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True once in `count` times.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// True in so many of a hundred.
    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// A place below `len`, which is not 0.
    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// One of some.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.place(choices.len())]
    }

    /// A rank below 2^`octaves` - 1, the n-th about as probable as 1/n (Zipf).
    pub fn rank(&mut self, octaves: u64) -> usize {
        let octave = 1 << self.below(octaves);
        usize::try_from(octave - 1 + self.below(octave)).unwrap_or(0)
    }

    /// A number from `low` to `high`, as probable between 1 and 2 times of any number as between any
    /// other and its double (log-uniform).
    pub fn magnitude(&mut self, low: u64, high: u64) -> u64 {
        let octaves = u64::from((high / low).max(1).ilog2()) + 1;
        loop {
            let floor = low << self.below(octaves);
            let drawn = floor + self.below(floor);
            // Within an octave, larger numbers are rarer in proportion.
            if self.below(drawn) < floor && drawn <= high {
                return drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_double_of_a_magnitude_is_as_probable() {
        let mut draw = Draw::of(1, 1, Purpose::Text);
        let mut octaves = [0_u32; 4];
        for _ in 0..8000 {
            let drawn = draw.magnitude(100, 1599);
            octaves[(drawn / 100).ilog2() as usize] += 1;
        }
        assert!(octaves.iter().all(|count| (1800..2200).contains(count)), "{octaves:?}");
    }

    #[test]
    fn sequences_for_different_purposes_differ() {
        let mut text = Draw::of(1, 1, Purpose::Text);
        let mut place = Draw::of(1, 1, Purpose::Place);
        assert!((0..100).all(|_| text.number() != place.number()));
    }
}
