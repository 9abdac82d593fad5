//! Messages far larger than the memory the server may take: in by APPEND and LMTP, out by
//! FETCH and RETR, to the byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tests::server::TestServer;

const ALICE: &str = "alice@example.test";
const MIB: usize = 1 << 20;

/// Memory that the server may take for a message, whatever its size, beyond what a log-in left it.
const ROOM: u64 = 16 << 20;

/// A message of about this length: text, and an attachment that repeats nothing.
fn message(len: usize, seed: u64) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut message = format!(
        "From: {ALICE}\r\nSubject: large {seed}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nsee below\r\n\
         --b\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes();
    message.reserve(len + 100);
    let mut state = seed;
    while message.len() < len {
        for _ in 0..19 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let sextets = (state >> 33).to_le_bytes();
            message.extend(sextets[..4].iter().map(|sextet| ALPHABET[usize::from(sextet % 64)]));
        }
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"--b--\r\n");
    message
}

/// The most private memory that a process has had since this was made: what it has touched, for the
/// stacks of threads that wait are address space and no memory.
struct Watch {
    before: u64,
    is_over: Arc<AtomicBool>,
    peak: Option<JoinHandle<u64>>,
}

impl Watch {
    fn new(server: &TestServer) -> Self {
        let status = format!("/proc/{}/status", server.pid());
        let held = move || {
            let status = std::fs::read_to_string(&status).expect("the server lives");
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            kib.expect("a number") * 1024
        };
        let (before, is_over) = (held(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&is_over);
        let peak = std::thread::spawn(move || {
            let mut peak = before;
            while !ends.load(Ordering::Relaxed) {
                peak = peak.max(held());
                std::thread::yield_now();
            }
            peak
        });
        Self { before, is_over, peak: Some(peak) }
    }

    /// How much more than at the beginning it ever had.
    fn growth(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let peak = self.peak.take().expect("asked once").join().expect("it read the numbers");
        peak - self.before
    }
}

/// In and out by every way, within the room.
fn pass(len: usize) {
    let max = format!("limits.message_bytes_max = {}", len + MIB);
    let server = TestServer::with(&[&max, "limits.receiving_bytes_max = 4194304"]);
    let mut imap = server.imap(ALICE);
    let watch = Watch::new(&server);

    let appended = message(len, 1);
    imap.append("INBOX", "", &appended).expect("an answer").ok().expect("appended");
    imap.command("SELECT INBOX").expect("an answer").ok().expect("selected");
    assert!(imap.fetch_octets(1, "BODY.PEEK[]").expect("fetched") == appended);
    let part = imap.fetch_octets(1, "BODY.PEEK[2]").expect("fetched");
    assert!(!part.is_empty() && appended.windows(part.len()).rev().any(|end| end == part));
    let slice = imap.fetch_octets(1, "BODY.PEEK[]<1000000.5000>").expect("fetched");
    assert!(slice == appended[1_000_000..1_005_000]);
    drop((part, slice));
    let catenate = "APPEND INBOX CATENATE (URL ;UID=1/;SECTION=HEADER URL ;UID=1/;SECTION=TEXT)";
    imap.command(catenate).expect("an answer").ok().expect("put together");
    assert!(imap.fetch_octets(2, "BODY.PEEK[]").expect("fetched") == appended);

    let delivered = message(len, 2);
    let mut lmtp = server.lmtp();
    lmtp.deliver(ALICE, &[ALICE], &delivered).expect("delivered");
    let mut pop3 = server.pop3(ALICE);
    let retrieved = pop3.lines("RETR 3").expect("retrieved");
    assert!(retrieved.ends_with(&delivered), "with trace fields in front");
    drop((pop3, imap));
    let growth = watch.growth();
    assert!(growth < ROOM, "{growth} bytes more at its peak");
    server.assert_sound();
}

#[test]
fn a_message_passes_in_less_memory_than_it_has_bytes() {
    pass(56 * MIB);
}

#[test]
#[ignore = "half a minute and 1 GiB of the test's own memory: `ci/test release` runs it"]
fn a_message_of_200_mib_passes_in_the_same_memory() {
    pass(200 * MIB);
}
