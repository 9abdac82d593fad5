//! Flag lists. A mailbox has few different sets of flags, so each is written once and copied.

use engine::{FlagBits, Keyword, SystemFlag};

use super::Pen;

/// Places for texts. A set has one of them; two that have the same take turns.
const PLACES: usize = 64;
/// A text of at most this is copied whole, whatever its length.
const SHORT: usize = 64;

/// Texts of flag sets, such as `(\Seen $Junk)`, made when first needed.
#[derive(Debug)]
pub(crate) struct FlagTexts<'k> {
    keywords: &'k [Keyword],
    texts: Vec<(FlagBits, FlagText)>,
}

#[derive(Clone, Debug)]
enum FlagText {
    Short([u8; SHORT], usize),
    Long(Box<[u8]>),
}

impl<'k> FlagTexts<'k> {
    /// For a mailbox with these keywords, in the order of their numbers.
    pub(crate) fn new(keywords: &'k [Keyword]) -> Self {
        let none = (FlagBits::default(), text_of(FlagBits::default(), keywords));
        Self { keywords, texts: vec![none; PLACES] }
    }

    /// Writes the list of the flags that are set.
    #[inline]
    pub(crate) fn push(&mut self, flags: FlagBits, pen: &mut Pen<'_>) {
        let Some((has, text)) = self.texts.get_mut(place(flags)) else { return };
        if *has != flags {
            (*has, *text) = (flags, text_of(flags, self.keywords));
        }
        match text {
            FlagText::Short(text, len) => pen.push_padded(text, *len),
            FlagText::Long(text) => pen.push_long(text),
        }
    }
}

/// System flags and the first keyword tell most sets apart.
#[inline]
fn place(flags: FlagBits) -> usize {
    let low = u64::try_from(flags.0 & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(flags.0 >> 64).unwrap_or(0);
    let folded = low ^ low >> 6 ^ low >> 12 ^ low >> 29 ^ high ^ high >> 31;
    usize::try_from(folded % PLACES as u64).unwrap_or(0)
}

fn text_of(flags: FlagBits, keywords: &[Keyword]) -> FlagText {
    let mut out = vec![b'('];
    let system = SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag));
    let numbered = flags.iter().filter_map(|bit| bit.checked_sub(SystemFlag::ALL.len()));
    let words = numbered.filter_map(|number| keywords.get(number)).map(Keyword::as_str);
    push_words(&mut out, system.map(|flag| -> &str { flag.name() }).chain(words));
    out.push(b')');
    let mut short = [0; SHORT];
    match short.get_mut(..out.len()) {
        Some(slot) => {
            slot.copy_from_slice(&out);
            FlagText::Short(short, out.len())
        }
        None => FlagText::Long(out.into_boxed_slice()),
    }
}

/// Every flag a mailbox knows, and `\*` if it can be given more (RFC 3501, 7.1: PERMANENTFLAGS).
pub(crate) fn push_flag_set(
    out: &mut Vec<u8>,
    system: impl IntoIterator<Item = SystemFlag>,
    keywords: &[Keyword],
    with_star: bool,
) {
    out.push(b'(');
    let system = system.into_iter().map(|flag| -> &str { flag.name() });
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
    use crate::imap::encode::Sheet;

    fn written(texts: &mut FlagTexts<'_>, sets: &[FlagBits]) -> String {
        let (mut sheet, mut out) = (Sheet::new(), Vec::new());
        let mut pen = sheet.pen(&mut out);
        for flags in sets {
            pen.make_room(usize::MAX);
            texts.push(*flags, &mut pen);
        }
        pen.settle();
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn flags_and_keywords_are_listed_by_number() {
        let long = "x".repeat(100);
        let keywords = ["$Junk", "work", &long].map(|word| Keyword::new(word).expect("an atom"));
        let mut texts = FlagTexts::new(&keywords);
        let seen = SystemFlag::Seen.bit();
        let sets = [FlagBits::default(), seen | FlagBits::keyword(1), FlagBits::keyword(2), seen];
        let expected = format!("()(\\Seen work)({long})(\\Seen)");
        assert_eq!(written(&mut texts, &sets), expected);
    }

    #[test]
    fn sets_that_share_a_place_take_turns() {
        let keywords: Vec<_> =
            (0..123).filter_map(|number| Keyword::new(&format!("k{number}"))).collect();
        let mut texts = FlagTexts::new(&keywords);
        let sets: Vec<_> = (0..123).chain((0..123).rev()).map(FlagBits::keyword).collect();
        let numbers = (0..123).chain((0..123).rev());
        let expected: Vec<_> = numbers.map(|number| format!("(k{number})")).collect();
        assert_eq!(written(&mut texts, &sets), expected.concat());
    }
}
