//! Who writes: a pool of people at some companies, and mailing lists.

use super::draw::{Draw, Purpose};
use super::encode::encoded_words;

const GIVEN: [&str; 40] = [
    "Anna", "Ben", "Clara", "David", "Elena", "Felix", "Grace", "Hugo", "Ines", "Jonas", "Karin",
    "Liam", "Maria", "Noah", "Olga", "Peter", "Quinn", "Rosa", "Simon", "Tara", "Ulf", "Vera",
    "Walter", "Xenia", "Yara", "Zoe", "Arthur", "Bianca", "Carlos", "Dora", "Emil", "Flora",
    "Georg", "Helga", "Ivan", "Julia", "Kurt", "Laura", "Martin", "Nina",
];
const FAMILY: [&str; 48] = [
    "Adler", "Baker", "Conti", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ivanov",
    "Jansen", "Keller", "Lopez", "Moreau", "Novak", "Olsen", "Petrov", "Quist", "Rossi", "Silva",
    "Turner", "Urban", "Vogel", "Weber", "Xavier", "Young", "Zimmer", "Ahmed", "Brandt", "Costa",
    "Dietz", "Egger", "Ferrari", "Gruber", "Huber", "Ibsen", "Jung", "Kraus", "Lindt", "Meyer",
    "Nagel", "Ortiz", "Pauli", "Reiter", "Stein", "Thoma", "Ulrich", "Voss", "Wirth",
];
#[rustfmt::skip]
const WIDE_FAMILY: [(&str, &str); 16] = [
    ("山田", "yamada"), ("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋",
    "takahashi"), ("田中", "tanaka"), ("伊藤", "ito"), ("渡辺",
    "watanabe"), ("中村", "nakamura"), ("小林", "kobayashi"), ("加藤",
    "kato"), ("吉田", "yoshida"), ("佐々木", "sasaki"), ("山口",
    "yamaguchi"), ("松本", "matsumoto"), ("井上", "inoue"), ("木村",
    "kimura"),
];
#[rustfmt::skip]
const WIDE_GIVEN: [(&str, &str); 12] = [
    ("太郎", "taro"), ("花子", "hanako"), ("一郎", "ichiro"), ("美咲",
    "misaki"), ("健太", "kenta"), ("陽子", "yoko"), ("直樹", "naoki"),
    ("恵", "megumi"), ("大輔", "daisuke"), ("由美", "yumi"), ("翔",
    "sho"), ("愛", "ai"),
];
#[rustfmt::skip]
const DOMAINS: [&str; 20] = [
    "alder.example", "birch-works.example", "cedar.example.net", "dogwood.example.com",
    "elm.example.org", "fir-trade.example", "ginkgo.example.jp", "hazel.example.net",
    "ivy-media.example", "juniper.example.com", "larch.example.org", "maple-bank.example",
    "nutmeg.example.net", "oak.example.com", "pine-air.example", "rowan.example.org",
    "spruce.example.net", "teak-lines.example", "willow.example.com", "yew.example.org",
];
const PROGRAMS: [&str; 6] = [
    "User-Agent: Mozilla Thunderbird\r\n",
    "X-Mailer: Apple Mail (2.3774.300.61.1.2)\r\n",
    "X-Mailer: Microsoft Outlook 16.0\r\n",
    "User-Agent: Mutt/2.2.12 (2023-09-09)\r\n",
    "",
    "X-Mailer: Becky! ver. 2.81.07 [ja]\r\n",
];
/// Ranks of people are below 2^9 - 1.
const PEOPLE_OCTAVES: u64 = 9;

/// Someone who writes or is written to.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// The name as a header field has it.
    pub(crate) name: String,
    /// The address.
    pub(crate) address: String,
    /// The domain of the address.
    pub(crate) domain: &'static str,
    /// What the mail program says of itself, a header field or nothing.
    pub(crate) program: &'static str,
    /// The number of the person, for habits.
    pub(crate) number: u64,
}

impl Person {
    /// Someone: few write much, many write little.
    pub(crate) fn draw(seed: u64, draw: &mut Draw, is_japanese: bool) -> Self {
        Self::of(seed, draw.rank(PEOPLE_OCTAVES) as u64, is_japanese)
    }

    /// A person by number.
    fn of(seed: u64, number: u64, is_japanese: bool) -> Self {
        let mut draw = Draw::of(seed, number, Purpose::Name);
        let (domain, program) = (DOMAINS[draw.rank(4)], draw.pick(&PROGRAMS));
        if is_japanese {
            let ((family, family_latin), (given, given_latin)) =
                (draw.pick(&WIDE_FAMILY), draw.pick(&WIDE_GIVEN));
            let name = encoded_words(&format!("{family} {given}"), uses_utf8(number));
            let address = format!("{family_latin}.{given_latin}{}@{domain}", number % 10);
            return Self { name, address, domain, program, number };
        }
        let (given, family) = (draw.pick(&GIVEN), draw.pick(&FAMILY));
        let name = if draw.one_in(3) {
            format!("\"{family}, {given}\"")
        } else {
            format!("{given} {family}")
        };
        let (given, family) = (given.to_lowercase(), family.to_lowercase());
        let address = match draw.below(3) {
            0 => format!("{given}.{family}@{domain}"),
            1 => format!("{}{family}{}@{domain}", &given[..1], number % 100),
            _ => format!("{family}@{domain}"),
        };
        Self { name, address, domain, program, number }
    }

    /// Name and address as a header field has them.
    pub(crate) fn mailbox(&self) -> String {
        format!("{} <{}>", self.name, self.address)
    }

    /// Whether a Japanese message of this person is UTF-8, else ISO-2022-JP.
    pub(crate) fn uses_utf8(&self) -> bool {
        uses_utf8(self.number)
    }
}

fn uses_utf8(number: u64) -> bool {
    number % 5 < 3
}

/// The name of a mailing list and its host.
pub(crate) fn list_name(list: u64) -> (&'static str, &'static str) {
    const LISTS: [&str; 14] = [
        "announce", "users", "devel", "bugs", "commits", "talk", "team", "sales", "board",
        "research", "choir", "news", "press", "alumni",
    ];
    let place = usize::try_from(list).unwrap_or(0);
    (LISTS[place % LISTS.len()], DOMAINS[place % DOMAINS.len()])
}
