//! A server that mail is sent to: takes it, puts it off or refuses it by the name of the recipient, and keeps what it took.
//!
//! | recipient      | what happens                                                     |
//! |----------------|------------------------------------------------------------------|
//! | `no…`          | 550 at RCPT                                                      |
//! | `later…`       | 452 at RCPT, until [`Peer::relent`]                              |
//! | `drop…`        | the connection is closed behind the final dot, unanswered, once  |
//! | anybody else   | taken                                                            |

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::PATIENCE;

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// What stood in MAIL, parameters included.
    pub mail: String,
    /// What stood in each RCPT.
    pub recipients: Vec<String>,
    /// Its octets, the dots halved.
    pub octets: String,
}

/// The server; it lives as long as the test process.
#[derive(Clone, Debug)]
pub struct Peer(Arc<State>);

#[derive(Debug)]
struct State {
    address: SocketAddr,
    received: Mutex<Vec<Received>>,
    is_relenting: AtomicBool,
    has_dropped: AtomicBool,
    asked: AtomicUsize,
}

impl Peer {
    /// Listens on a free port of the loopback address.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let peer = Self(Arc::new(State {
            address: listener.local_addr().expect("an address"),
            received: Mutex::default(),
            is_relenting: AtomicBool::new(false),
            has_dropped: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        }));
        let state = Arc::clone(&peer.0);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                // Whoever is spoken to may be killed at any time.
                thread::spawn(move || drop(state.serve(&stream)));
            }
        });
        peer
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The setting that sends all mail to other domains here.
    pub fn as_smarthost(&self) -> String {
        let port = self.0.address.port();
        format!("outgoing.smarthost = [{{ host = \"127.0.0.1\", port = {port}, tls = \"off\" }}]")
    }

    /// From now on `later…` is taken.
    pub fn relent(&self) {
        self.0.is_relenting.store(true, Ordering::Relaxed);
    }

    /// How often it was asked to take mail for `later…`.
    pub fn times_put_off(&self) -> usize {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.0.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many messages came.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let end = Instant::now() + PATIENCE;
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(Instant::now() < end, "{count} messages did not come: {received:#?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?);
        let mut say = stream;
        say.write_all(b"220 peer.test ESMTP\r\n")?;
        let (mut mail, mut recipients) = (String::new(), Vec::new());
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            let reply = match line.get(..4).unwrap_or_default() {
                "EHLO" => "250-peer.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 DSN\r\n",
                "MAIL" => {
                    (mail, recipients) = (line.to_owned(), Vec::new());
                    "250 2.1.0 OK\r\n"
                }
                "RCPT" => self.judge(line, &mut recipients),
                "DATA" if recipients.is_empty() => "554 5.5.1 No recipients\r\n",
                "DATA" => {
                    say.write_all(b"354 Go on\r\n")?;
                    let octets = message(&mut lines)?;
                    let drops = recipients.iter().any(|one: &String| one.contains("<drop"));
                    if drops && !self.has_dropped.swap(true, Ordering::Relaxed) {
                        return Ok(());
                    }
                    let received = Received {
                        mail: mail.clone(),
                        recipients: std::mem::take(&mut recipients),
                        octets,
                    };
                    self.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
                    "250 2.0.0 Taken\r\n"
                }
                "QUIT" => "221 2.0.0 Bye\r\n",
                _ => "250 2.0.0 OK\r\n",
            };
            say.write_all(reply.as_bytes())?;
        }
    }

    fn judge(&self, line: &str, recipients: &mut Vec<String>) -> &'static str {
        if line.contains("<no") {
            return "550 5.1.1 Nobody of that name\r\n";
        }
        if line.contains("<later") {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if !self.is_relenting.load(Ordering::Relaxed) {
                return "452 4.2.2 Full\r\n";
            }
        }
        recipients.push(line.to_owned());
        "250 2.1.5 OK\r\n"
    }
}

fn message(lines: &mut impl std::io::BufRead) -> std::io::Result<String> {
    let mut octets = Vec::new();
    loop {
        let start = octets.len();
        if lines.read_until(b'\n', &mut octets)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = octets.get(start..).unwrap_or_default();
        if line == b".\r\n" {
            octets.truncate(start);
            return Ok(String::from_utf8_lossy(&octets).into_owned());
        }
        if line.starts_with(b".") {
            octets.remove(start);
        }
    }
}
