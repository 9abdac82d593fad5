//! Words of English prose, by rank: the first are the most frequent.

use super::draw::Draw;

/// Words are drawn from 2^12 - 1 ranks.
const OCTAVES: u64 = 12;

const FUNCTION: [&str; 64] = [
    "the", "to", "of", "and", "a", "in", "is", "that", "for", "it", "we", "you", "on", "with",
    "be", "this", "as", "have", "are", "not", "by", "or", "at", "from", "will", "if", "can", "an",
    "but", "our", "all", "has", "please", "was", "they", "your", "which", "would", "there", "when",
    "so", "more", "about", "also", "been", "up", "what", "should", "could", "some", "them", "who",
    "only", "into", "time", "their", "other", "new", "any", "do", "these", "after", "now", "its",
];

#[rustfmt::skip]
const STEMS: [&str; 224] = [
    "report", "index", "server", "letter", "market", "project", "budget", "review", "storage",
    "window", "garden", "travel", "invoice", "account", "signal", "season", "record", "answer",
    "module", "order", "repair", "deliver", "school", "doctor", "station", "number", "office",
    "planner", "branch", "filter", "border", "matter", "return", "submit", "render", "compile",
    "kernel", "driver", "packet", "router", "socket", "buffer", "thread", "memory", "vector",
    "matrix", "sample", "measure", "figure", "column", "margin", "header", "footer", "author",
    "editor", "reader", "writer", "print", "paint", "colour", "paper", "pencil", "copper",
    "silver", "timber", "cotton", "leather", "kitchen", "dinner", "coffee", "butter", "pepper",
    "orange", "lemon", "cherry", "summer", "winter", "autumn", "spring", "morning", "evening",
    "weather", "thunder", "river", "island", "harbour", "mountain", "valley", "forest", "meadow",
    "bridge", "tunnel", "corner", "street", "avenue", "village", "county", "region", "nation",
    "council", "committee", "member", "leader", "partner", "client", "vendor", "supplier",
    "contract", "tender", "permit", "licence", "patent", "claim", "policy", "premium", "credit",
    "deposit", "payment", "balance", "interest", "profit", "revenue", "expense", "salary",
    "pension", "holiday", "absence", "vacation", "meeting", "session", "lecture", "seminar",
    "course", "lesson", "student", "teacher", "pupil", "degree", "science", "physics", "biology",
    "chemist", "engine", "turbine", "motor", "battery", "charger", "cable", "switch", "button",
    "handle", "lever", "wheel", "basket", "bottle", "carton", "crate", "pallet", "freight",
    "cargo", "vessel", "anchor", "captain", "pilot", "flight", "ticket", "luggage", "passport",
    "customs", "import", "export", "quota", "tariff", "product", "service", "quality", "defect",
    "warranty", "support", "request", "problem", "solution", "release", "version", "update",
    "upgrade", "install", "remove", "restore", "archive", "backup", "network", "cluster",
    "gateway", "domain", "address", "mailbox", "message", "archway", "gallery", "museum",
    "theatre", "concert", "violin", "guitar", "chorus", "melody", "rhythm", "poem", "novel",
    "chapter", "sentence", "grammar", "dialect", "phrase", "symbol", "cipher", "secret", "guard",
    "shelter", "rescue", "danger", "compass", "lantern",
];

const ENDINGS: [&str; 18] = [
    "", "s", "ed", "ing", "er", "al", "ment", "less", "ful", "ly", "ist", "ish", "able", "ers",
    "ness", "wise", "ity", "ant",
];

/// The word of a rank.
pub(crate) fn word(rank: usize, out: &mut String) {
    if let Some(word) = FUNCTION.get(rank) {
        out.push_str(word);
        return;
    }
    let rank = rank - FUNCTION.len();
    out.push_str(STEMS[rank % STEMS.len()]);
    out.push_str(ENDINGS[rank / STEMS.len() % ENDINGS.len()]);
}

/// A word, drawn.
pub(crate) fn draw_word(draw: &mut Draw, out: &mut String) {
    if draw.one_in(70) {
        out.push_str(&draw.magnitude(1, 90_000).to_string());
    } else {
        word(draw.rank(OCTAVES), out);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_rank_has_a_word_of_its_own() {
        let mut seen = HashSet::new();
        for rank in 0..(1 << OCTAVES) - 1 {
            let mut text = String::new();
            word(rank, &mut text);
            assert!(seen.insert(text.clone()), "{rank} {text}");
        }
    }
}
