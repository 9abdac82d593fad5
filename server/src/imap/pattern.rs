//! LIST's wildcards: `*` matches anything, `%` anything but the hierarchy separator
//! (RFC 3501, 6.3.8).

/// The longest pattern that can match: longer than any mailbox name.
const LEN_MAX: usize = 4096;

/// A pattern, ready to be held against names.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// Empty for what can match nothing.
    elements: Vec<Element>,
    can_match: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Char(char),
    /// `*`
    Anything,
    /// `%`
    OneLevel,
}

impl Pattern {
    /// The pattern relative to the reference name, which for us is what stands before it.
    pub(crate) fn new(reference: &str, pattern: &str) -> Self {
        let text = format!("{reference}{pattern}");
        let mut elements = Vec::new();
        for char in text.chars() {
            let element = match char {
                '*' => Element::Anything,
                '%' => Element::OneLevel,
                char => Element::Char(char),
            };
            // Two wildcards beside each other are as much as the wider one.
            match (elements.last(), element) {
                (Some(Element::Anything), Element::Anything | Element::OneLevel)
                | (Some(Element::OneLevel), Element::OneLevel) => {}
                _ => elements.push(element),
            }
        }
        Self { elements, can_match: text.len() <= LEN_MAX }
    }

    /// Whether the name matches. INBOX, also as the first level, matches in any case
    /// (CLIENTS.md rule 21).
    pub(crate) fn matches(&self, name: &str) -> bool {
        if !self.can_match {
            return false;
        }
        if self.elements == [Element::Anything] {
            return true;
        }
        let inbox_len = if name == "INBOX" || name.starts_with("INBOX/") { 5 } else { 0 };
        // Every place in the pattern that the name so far can have come to.
        let mut places = vec![false; self.elements.len() + 1];
        let mut next = places.clone();
        self.reach(&mut places, 0);
        for (index, char) in name.chars().enumerate() {
            next.fill(false);
            for (place, element) in self.elements.iter().enumerate() {
                if !places.get(place).copied().unwrap_or(false) {
                    continue;
                }
                match element {
                    Element::Anything => self.reach(&mut next, place),
                    Element::OneLevel if char != '/' => self.reach(&mut next, place),
                    Element::Char(wanted)
                        if *wanted == char
                            || index < inbox_len && wanted.eq_ignore_ascii_case(&char) =>
                    {
                        self.reach(&mut next, place + 1);
                    }
                    Element::Char(_) | Element::OneLevel => {}
                }
            }
            std::mem::swap(&mut places, &mut next);
        }
        places.last().copied().unwrap_or(false)
    }

    /// Marks a place, and those after it that wildcards matching nothing lead to.
    fn reach(&self, places: &mut [bool], mut place: usize) {
        loop {
            match places.get_mut(place) {
                Some(mark) if !*mark => *mark = true,
                _ => return,
            }
            match self.elements.get(place) {
                Some(Element::Anything | Element::OneLevel) => place += 1,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_levels_or_everything() {
        for (pattern, name, matches) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a*c", "a/b/c", true),
            ("%/%", "a/b", true),
            ("*%", "a/b", true),
            ("inbox", "INBOX", true),
            ("iNb%", "INBOX", true),
            ("inbox/*", "INBOX/x", true),
            ("INBOX/X", "INBOX/x", false),
            ("work", "Work", false),
            ("", "", true),
            ("a", "ab", false),
            ("\u{e9}%", "\u{e9}t\u{e9}", true),
        ] {
            assert_eq!(Pattern::new("", pattern).matches(name), matches, "{pattern} {name}");
        }
        assert!(Pattern::new("a/", "%").matches("a/b"));
    }

    #[test]
    fn a_pattern_of_many_wildcards_ends_soon() {
        let pattern = Pattern::new("", &"*a%".repeat(1000));
        assert!(!pattern.matches(&"a/".repeat(400)));
        assert!(!Pattern::new("", &"*".repeat(5000)).matches("a"));
    }
}
