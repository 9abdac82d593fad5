//! Seeded messages: the same seed gives the same bytes on every machine.

/// A small generator of numbers (splitmix64): benches need repeatable ones, not good ones.
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub u64);

impl Seed {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }
}

const WORDS: [&str; 24] = [
    "report", "meeting", "budget", "please", "thanks", "attached", "the", "server", "of", "and",
    "tomorrow", "quarter", "review", "draft", "storage", "a", "to", "invoice", "index", "letter",
    "house", "segment", "we", "is",
];

/// Headers as list and company mail has them: two hops, a signature, list fields, a thread.
pub fn header(seed: &mut Seed, number: u64) -> String {
    let (hop, sender, thread) = (seed.draw(), seed.below(400), number / 5 * 5);
    let subject = words(seed, 6);
    let signature = letters(seed, 172);
    format!(
        "Received: from mx{0}.example.org (mx{0}.example.org [192.0.2.{1}])\r\n\tby mail.example.test (Postfix) with ESMTPS id {hop:012X}\r\n\tfor <alice@example.test>; Tue, 24 Nov 2026 10:{2:02}:{3:02} +0900\r\nReceived: from localhost (unknown [198.51.100.{1}])\r\n\tby mx{0}.example.org with ESMTPSA; Tue, 24 Nov 2026 10:{2:02}:{3:02} +0900\r\nDKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=mail;\r\n\th=from:to:subject:date; bh={signature}=\r\nFrom: \"Sender Number {sender}\" <sender{sender}@example.org>\r\nTo: Alice <alice@example.test>\r\nSubject: {subject} #{number}\r\nDate: Tue, 24 Nov 2026 10:{2:02}:{3:02} +0900\r\nMessage-ID: <{number}.{hop:x}@example.org>\r\nReferences: <{thread}.thread@example.org>\r\nIn-Reply-To: <{thread}.thread@example.org>\r\nList-Id: Talk <talk.example.org>\r\nList-Unsubscribe: <mailto:talk-leave@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n",
        sender % 9,
        sender % 250 + 1,
        number / 60 % 60,
        number % 60,
    )
}

/// A message of about `len` octets, its text words; CRLF line ends.
pub fn message(seed: &mut Seed, number: u64, len: usize) -> Vec<u8> {
    let mut text = header(seed, number);
    text.push_str("\r\n");
    while text.len() < len {
        text.push_str(&words(seed, 11));
        text.push_str("\r\n");
    }
    text.into_bytes()
}

/// A message of about `len` octets that does not compress further than base64 does.
pub fn attachment(seed: &mut Seed, number: u64, len: usize) -> Vec<u8> {
    let mut text = header(seed, number);
    text.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
    while text.len() < len {
        text.push_str(&letters(seed, 76));
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn words(seed: &mut Seed, count: usize) -> String {
    let pick = |seed: &mut Seed| {
        let at = usize::try_from(seed.below(WORDS.len() as u64)).unwrap_or(0);
        WORDS.get(at).copied().unwrap_or("word")
    };
    (0..count).map(|_| pick(seed)).collect::<Vec<_>>().join(" ")
}

fn letters(seed: &mut Seed, count: usize) -> String {
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let pick = |seed: &mut Seed| {
        let at = usize::try_from(seed.below(64)).unwrap_or(0);
        BASE64.get(at).copied().map_or('A', char::from)
    };
    (0..count).map(|_| pick(seed)).collect()
}
