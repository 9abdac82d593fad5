//! Measures the whole server over real sockets: what its operations cost in CPU time of the server
//! process, and where asked the same beside Dovecot, in the same run.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use benches::client::Client;
use benches::dovecot;
use benches::message::{Seed, attachment, message};
use benches::process::{Process, size_of};
use clap::Parser;
use indicatif::ProgressBar;
use serde::Serialize;

/// Measure the fumikura server over real sockets, on loopback, in a temporary directory.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program to measure
    #[arg(long, default_value = "target/release/fumikura")]
    server: PathBuf,
    /// Deliveries of each round
    #[arg(long, default_value_t = 2000)]
    deliveries: u64,
    /// Messages of the large mailbox
    #[arg(long, default_value_t = 100_000)]
    messages: u64,
    /// Bytes of log that a restart is measured with
    #[arg(long, default_value_t = 1 << 30)]
    log_bytes: u64,
    /// Deliver to Dovecot too, by turns (Debian: dovecot-core dovecot-lmtpd); needs root
    #[arg(long)]
    dovecot: bool,
    /// Also write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

/// One figure.
#[derive(Debug, Serialize)]
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

const USER: &str = "alice@example.test";
const LMTP: u16 = 24_100;
const IMAP: u16 = 24_101;
const CONNECTIONS: u64 = 8;
const MESSAGE_LEN: usize = 20 << 10;
const ROUNDS: usize = 3;

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut bench = Bench { figures: Vec::new(), bar };
    let dir = tempfile::tempdir()?;
    let home = Home::make(&arguments.server, &dir.path().join("fumikura"))?;
    bench.deliveries(&arguments, &home, dir.path())?;
    bench.large_mailbox(&arguments, &home)?;
    bench.restarts(&arguments, &home)?;
    bench.bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    for figure in &bench.figures {
        writeln!(out, "{:<58} {:>12.3} {}", figure.what, figure.value, figure.unit)?;
    }
    if let Some(file) = arguments.json {
        std::fs::write(file, serde_json::to_vec_pretty(&bench.figures)?)?;
    }
    Ok(())
}

/// A configured server that can be started.
struct Home {
    server: PathBuf,
    dir: PathBuf,
}

impl Home {
    fn make(server: &Path, dir: &Path) -> Outcome<Self> {
        let home = Self { server: server.to_owned(), dir: dir.to_owned() };
        let mut init = Command::new(server);
        let made = init.arg("init").arg(dir).args(["--domain", "example.test"]).output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
        let file = dir.join("fumikura.toml");
        let text = std::fs::read_to_string(&file)?;
        let front = text.split("[[listener]]").next().unwrap_or_default();
        let listeners = [("lmtp", LMTP), ("imap", IMAP)].map(|(protocol, port)| {
            format!("[[listener]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"\n")
        });
        std::fs::write(&file, format!("{front}\n{}", listeners.concat()))?;
        let mut add = home.configured();
        add.args(["user", "add", USER, "--password-stdin"]).stdin(Stdio::piped());
        let mut adding = add.spawn()?;
        adding.stdin.take().ok_or("no input")?.write_all(b"secret\n")?;
        if adding.wait()?.success() { Ok(home) } else { Err("the user was not added".into()) }
    }

    fn configured(&self) -> Command {
        let mut command = Command::new(&self.server);
        command.arg("--config").arg(self.dir.join("fumikura.toml"));
        command
    }

    fn start(&self) -> Outcome<Process> {
        Ok(Process::start_until(self.configured().arg("serve"), "ready")?)
    }

    fn log_in() -> Outcome<Client> {
        let mut client = Client::connect(IMAP)?;
        client.imap(&format!("LOGIN {USER} secret"))?;
        Ok(client)
    }
}

struct Bench {
    figures: Vec<Figure>,
    bar: ProgressBar,
}

impl Bench {
    fn tell(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { what: what.into(), value, unit });
    }

    /// LMTP delivery over eight connections, by turns with Dovecot.
    fn deliveries(&mut self, arguments: &Arguments, home: &Home, dir: &Path) -> Outcome<()> {
        let ours = home.start()?;
        let theirs = arguments.dovecot.then(|| dovecot::start(&dir.join("dovecot"))).transpose()?;
        let (mut our_costs, mut their_costs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            self.bar.set_message(format!("deliveries, round {round}"));
            our_costs.push(deliver(&ours, LMTP, arguments.deliveries)?);
            if let Some(theirs) = &theirs {
                their_costs.push(deliver(theirs, dovecot::LMTP_PORT, arguments.deliveries)?);
            }
        }
        let (cpu, rate) = medians(&our_costs);
        self.tell("LMTP delivery, 8 connections, 20 KB: server CPU", cpu, "ms");
        self.tell("LMTP delivery, 8 connections, 20 KB: rate", rate, "a second");
        if theirs.is_some() {
            let (their_cpu, their_rate) = medians(&their_costs);
            self.tell("the same, Dovecot mdbox: server CPU", their_cpu, "ms");
            self.tell("the same, Dovecot mdbox: rate", their_rate, "a second");
            self.tell("rate, ours over Dovecot's", rate / their_rate, "times");
        }
        ours.terminate();
        Ok(())
    }

    /// A mailbox of many small messages: opening, listing flags and envelopes, sessions' memory.
    fn large_mailbox(&mut self, arguments: &Arguments, home: &Home) -> Outcome<()> {
        let server = home.start()?;
        self.fill(&server, arguments.messages)?;
        let select = "SELECT large";
        self.repeated(&server, "SELECT, warm: server CPU", 300, select)?;
        self.repeated(&server, "UID FETCH 1:* (FLAGS): server CPU", 20, "UID FETCH 1:* (FLAGS)")?;
        let envelopes = "UID FETCH 1:* (ENVELOPE)";
        self.repeated(&server, "UID FETCH 1:* (ENVELOPE): server CPU", 3, envelopes)?;
        self.repeated(&server, "UID SEARCH UNSEEN: server CPU", 20, "UID SEARCH UNSEEN")?;
        self.memory(&server)?;
        server.terminate();
        let server = home.start()?;
        let mut client = Home::log_in()?;
        let (cpu, began) = (server.cpu_of_threads(), Instant::now());
        client.imap(select)?;
        let wall = millis(began.elapsed());
        let cpu = millis(server.cpu_of_threads().saturating_sub(cpu));
        self.tell("SELECT, first after a restart: server CPU", cpu, "ms");
        self.tell("SELECT, first after a restart: wall", wall, "ms");
        server.terminate();
        Ok(())
    }

    fn fill(&mut self, server: &Process, count: u64) -> Outcome<()> {
        let mut client = Home::log_in()?;
        client.imap("CREATE large")?;
        let (mut seed, began) = (Seed(2), server.cpu());
        for first in (0..count).step_by(200) {
            self.bar.set_message(format!("filling: {first} of {count}"));
            let numbers = first..(first + 200).min(count);
            let batch: Vec<_> = numbers.map(|at| message(&mut seed, at, 1400)).collect();
            client.append("large", &batch)?;
        }
        let each = millis(server.cpu_since(began)) / as_f64(count);
        self.tell("APPEND of 1.4 KB, one connection: server CPU", each, "ms");
        Ok(())
    }

    fn memory(&mut self, server: &Process) -> Outcome<()> {
        const SESSIONS: u32 = 60;
        let mut sessions = vec![Home::log_in()?];
        let before = server.resident_kib();
        for _ in 0..SESSIONS {
            let mut session = Home::log_in()?;
            session.imap("SELECT large")?;
            sessions.push(session);
        }
        let grown = as_f64(server.resident_kib().saturating_sub(before));
        self.tell("memory of a selected session, resident", grown / f64::from(SESSIONS), "KiB");
        Ok(())
    }

    fn repeated(&mut self, server: &Process, what: &str, times: u32, command: &str) -> Outcome<()> {
        self.bar.set_message(what.to_owned());
        let mut client = Home::log_in()?;
        client.imap("SELECT large")?;
        client.imap(command)?;
        let began = server.cpu();
        for _ in 0..times {
            client.imap(command)?;
        }
        self.tell(what, millis(server.cpu_since(began)) / f64::from(times), "ms");
        Ok(())
    }

    /// From the start of the program to "ready", with a log of a given size.
    fn restarts(&mut self, arguments: &Arguments, home: &Home) -> Outcome<()> {
        let server = home.start()?;
        let store = home.dir.join("store");
        let mut client = Home::log_in()?;
        let (mut seed, mut number) = (Seed(3), 0);
        while size_of(&store) < arguments.log_bytes {
            self.bar.set_message(format!("filling the log: {} MiB", size_of(&store) >> 20));
            let numbers = number..number + 50;
            let batch: Vec<_> = numbers.map(|at| attachment(&mut seed, at, 100 << 10)).collect();
            number += 50;
            client.append("INBOX", &batch)?;
        }
        self.tell("store at the restarts", as_f64(size_of(&store) >> 20), "MiB");
        server.kill();
        let server = home.start()?;
        self.tell("start to ready after SIGKILL", millis(server.start), "ms");
        server.terminate();
        let server = home.start()?;
        self.tell("start to ready after an orderly stop", millis(server.start), "ms");
        server.terminate();
        Ok(())
    }
}

/// CPU milliseconds a delivery, and deliveries a second.
fn deliver(server: &Process, port: u16, count: u64) -> Outcome<(f64, f64)> {
    let each = count / CONNECTIONS;
    let mut shares: Vec<(Client, Vec<Vec<u8>>)> = Vec::new();
    for number in 0..CONNECTIONS {
        let mut client = Client::connect(port)?;
        client.smtp(b"LHLO bench.example.org\r\n")?;
        let mut seed = Seed(number);
        shares.push((client, (0..each).map(|at| message(&mut seed, at, MESSAGE_LEN)).collect()));
    }
    let (cpu, began) = (server.cpu(), Instant::now());
    std::thread::scope(|scope| {
        let share = |(client, messages): &'_ mut (Client, Vec<Vec<u8>>)| {
            messages.iter().try_for_each(|message| client.deliver(USER, message))
        };
        let running: Vec<_> =
            shares.iter_mut().map(|mine| scope.spawn(move || share(mine))).collect();
        running.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(std::io::Error::other("a client panicked")))
        })
    })?;
    let (took, done) = (began.elapsed(), as_f64(each * CONNECTIONS));
    Ok((millis(server.cpu_since(cpu)) / done, done / took.as_secs_f64()))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have few digits")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// The median of each of two figures.
fn medians(pairs: &[(f64, f64)]) -> (f64, f64) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let (first, second) = pairs.iter().copied().unzip();
    (median(first), median(second))
}
