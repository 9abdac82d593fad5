//! A name server for tests, with the few kinds of records that mail needs, on a free port of the
//! loopback address. It knows its own records and nobody else's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// The longest question that is read.
const QUESTION_LEN_MAX: usize = 1500;
/// Strings of a TXT record.
const STRING_LEN_MAX: usize = 255;
const NO_ERROR: u8 = 0;
const FAILED: u8 = 2;
const NO_SUCH_NAME: u8 = 3;

/// A record: name, type, value. The type `FAIL` makes every question for the name fail, and
/// `SILENT` leaves it without an answer.
pub type Record<'a> = (&'a str, &'a str, &'a str);

/// A name server that answers until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl NameServer {
    /// Answers from these records.
    pub fn start(records: &[Record<'_>]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let own = |text: &str| text.to_ascii_lowercase();
        let zone = records.iter().map(|(name, kind, value)| {
            (own(name.trim_end_matches('.')), (*kind).to_owned(), (*value).to_owned())
        });
        let zone: Vec<_> = zone.collect();
        let thread = thread::spawn(move || {
            let mut buffer = [0; QUESTION_LEN_MAX];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let question = buffer.get(..len).unwrap_or_default();
                if question.is_empty() {
                    break;
                }
                if let Some(answer) = answer(question, &zone) {
                    // Who has gone needs no answer.
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Self { address, thread: Some(thread) }
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// It as a setting of a server under test.
    pub fn setting(&self) -> String {
        format!("dns.servers = [\"{}\"]", self.address)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let end = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let sent = end.and_then(|socket| socket.send_to(&[], self.address));
        if let (Ok(_), Some(thread)) = (sent, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// The answer to a question (RFC 1035, 4); `None` to what is none, and where there shall be none.
fn answer(question: &[u8], zone: &[(String, String, String)]) -> Option<Vec<u8>> {
    let (name, end) = name_at(question, 12)?;
    let kind = u16::from_be_bytes(question.get(end..end + 2)?.try_into().ok()?);
    let known: Vec<_> = zone.iter().filter(|(known, ..)| *known == name).collect();
    let has = |word: &str| known.iter().any(|(_, kind, _)| kind == word);
    if has("SILENT") {
        return None;
    }
    let found = known.iter().filter(|(_, word, _)| number_of(word) == kind);
    let values: Vec<Vec<u8>> = found.filter_map(|(_, word, value)| data(word, value)).collect();
    let code = match () {
        () if has("FAIL") => FAILED,
        () if known.is_empty() => NO_SUCH_NAME,
        () => NO_ERROR,
    };
    let mut out = question.get(..2)?.to_vec();
    out.extend([0x85, 0x80 | code, 0, 1]);
    out.extend(u16::try_from(values.len()).ok()?.to_be_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend(question.get(12..end + 4)?);
    for value in values {
        // The name is that of the question.
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(value.len()).ok()?.to_be_bytes());
        out.extend(value);
    }
    Some(out)
}

fn name_at(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut name, mut at) = (String::new(), start);
    loop {
        let len = usize::from(*bytes.get(at)?);
        if len == 0 {
            return Some((name, at + 1));
        }
        let label = bytes.get(at + 1..at + 1 + len)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
        at += 1 + len;
    }
}

fn number_of(kind: &str) -> u16 {
    match kind {
        "A" => 1,
        "PTR" => 12,
        "MX" => 15,
        "TXT" => 16,
        "AAAA" => 28,
        _ => 0,
    }
}

fn data(kind: &str, value: &str) -> Option<Vec<u8>> {
    Some(match kind {
        "A" | "AAAA" => match value.parse().ok()? {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        },
        "PTR" => encoded(value)?,
        "MX" => {
            let (preference, host) = value.split_once(' ')?;
            let preference: u16 = preference.parse().ok()?;
            [preference.to_be_bytes().to_vec(), encoded(host)?].concat()
        }
        "TXT" => {
            let strings = value.as_bytes().chunks(STRING_LEN_MAX);
            let len = |string: &[u8]| u8::try_from(string.len()).unwrap_or(u8::MAX);
            strings.flat_map(|string| [&[len(string)], string].concat()).collect()
        }
        _ => return None,
    })
}

fn encoded(name: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).ok()?);
        out.extend(label.as_bytes());
    }
    out.push(0);
    Some(out)
}
