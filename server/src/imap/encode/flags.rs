//! Flag lists. A mailbox has few different sets of flags, so each is written once and copied.

use std::collections::HashMap;

use engine::{FlagBits, Keyword, SystemFlag};

/// Sets kept ready; beyond this the table starts anew.
const TEXTS_MAX: usize = 512;

/// Texts of flag sets, such as `(\Seen $Junk)`, made when first needed.
#[derive(Debug)]
pub(crate) struct FlagTexts<'k> {
    keywords: &'k [Keyword],
    texts: HashMap<FlagBits, Box<[u8]>>,
    /// The set written last, which is most often the next one too.
    last: (FlagBits, Box<[u8]>),
}

impl<'k> FlagTexts<'k> {
    /// For a mailbox with these keywords, in the order of their numbers.
    pub(crate) fn new(keywords: &'k [Keyword]) -> Self {
        let last = (FlagBits::default(), Box::from(&b"()"[..]));
        Self { keywords, texts: HashMap::new(), last }
    }

    /// Appends the list of the flags that are set.
    pub(crate) fn push(&mut self, flags: FlagBits, out: &mut Vec<u8>) {
        if self.last.0 != flags {
            if self.texts.len() >= TEXTS_MAX {
                self.texts.clear();
            }
            let keywords = self.keywords;
            let text = self.texts.entry(flags).or_insert_with(|| text_of(flags, keywords));
            self.last = (flags, text.clone());
        }
        out.extend_from_slice(&self.last.1);
    }
}

fn text_of(flags: FlagBits, keywords: &[Keyword]) -> Box<[u8]> {
    let mut out = vec![b'('];
    let system = SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag));
    let numbered = flags.iter().filter_map(|bit| bit.checked_sub(SystemFlag::ALL.len()));
    let words = numbered.filter_map(|number| keywords.get(number)).map(Keyword::as_str);
    push_words(&mut out, system.map(|flag| -> &str { flag.name() }).chain(words));
    out.push(b')');
    out.into_boxed_slice()
}

/// Every flag a mailbox knows, and `\*` if it can be given more (RFC 3501, 7.1: PERMANENTFLAGS).
pub(crate) fn push_flag_set(out: &mut Vec<u8>, keywords: &[Keyword], with_star: bool) {
    out.push(b'(');
    let system = SystemFlag::ALL.into_iter().map(|flag| -> &str { flag.name() });
    let star = with_star.then_some("\\*");
    push_words(out, system.chain(keywords.iter().map(Keyword::as_str)).chain(star));
    out.push(b')');
}

fn push_words<'w>(out: &mut Vec<u8>, words: impl Iterator<Item = &'w str>) {
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_keywords_are_listed_by_number() {
        let keywords = ["$Junk", "work"].map(|word| Keyword::new(word).expect("an atom"));
        let mut texts = FlagTexts::new(&keywords);
        let mut out = Vec::new();
        let seen = SystemFlag::Seen.bit();
        for flags in [FlagBits::default(), seen | FlagBits::keyword(1), seen] {
            texts.push(flags, &mut out);
        }
        assert_eq!(out, b"()(\\Seen work)(\\Seen)");
    }

    #[test]
    fn the_table_stays_small_however_many_sets_there_are() {
        let mut texts = FlagTexts::new(&[]);
        let mut out = Vec::new();
        (0..5000).for_each(|bits| texts.push(FlagBits(bits), &mut out));
        assert!(texts.texts.len() <= TEXTS_MAX);
    }
}
