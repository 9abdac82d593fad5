//! Measures connections in IDLE: what each costs in memory of the server, plain, in TLS and
//! compressed, and how soon many watchers of one mailbox hear of a delivery.
//!
//! Memory is the proportional set size of the server's process, so it counts what the connections
//! have grown it by, shared pages once.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use benches::client::Client;
use benches::process::Process;
use benches::wire::{Trust, Wire};
use clap::Parser;
use indicatif::ProgressBar;
use rustix::event::epoll;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// Measure connections in IDLE: memory of each, and how soon they hear of a delivery.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program to measure
    #[arg(long, default_value = "target/release/fumikura")]
    server: PathBuf,
    /// How many connections, each its own run
    #[arg(long, value_delimiter = ',', default_value = "1000,9000")]
    connections: Vec<usize>,
    /// What they are: plain, tls, tls-compress
    #[arg(long, value_delimiter = ',', default_value = "plain,tls,tls-compress")]
    kinds: Vec<Kind>,
    /// Watchers of one mailbox; 0 leaves them out
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
    /// Deliveries to them
    #[arg(long, default_value_t = 30)]
    deliveries: u64,
    /// Messages that are in the watchers' mailbox before
    #[arg(long, default_value_t = 3000)]
    messages: u64,
    /// Also write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    Plain,
    Tls,
    TlsCompress,
}

/// One figure.
#[derive(Debug, Serialize)]
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const USERS: usize = 10;
/// Threads that open connections.
const OPENERS: usize = 4;
/// Every run has its own ports, so that no address is still held by the run before.
const FIRST_PORT: u16 = 24_200;

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    allow_open_files();
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    let dir = tempfile::tempdir()?;
    let mut home = Home::make(&arguments.server, dir.path())?;
    let mut figures = Vec::new();
    for kind in &arguments.kinds {
        for count in &arguments.connections {
            bar.set_message(format!("{count} connections, {}", kind.name()));
            figures.extend(memory(&mut home, *kind, *count)?);
        }
    }
    if arguments.watchers > 0 {
        bar.set_message(format!("{} watchers", arguments.watchers));
        figures.extend(latency(&mut home, &arguments)?);
    }
    bar.finish_and_clear();
    let mut out = io::stdout().lock();
    for figure in &figures {
        writeln!(out, "{:<62} {:>10.2} {}", figure.what, figure.value, figure.unit)?;
    }
    if let Some(file) = arguments.json {
        std::fs::write(file, serde_json::to_vec_pretty(&figures)?)?;
    }
    Ok(())
}

/// Each connection is a file here too.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // If it is refused, connecting fails and says so.
    let _ = setrlimit(Resource::Nofile, raised);
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::TlsCompress => "TLS + COMPRESS",
        }
    }
}

/// A configured server that can be started.
struct Home {
    server: PathBuf,
    dir: PathBuf,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    imap: u16,
    imaps: u16,
    lmtp: u16,
}

impl Home {
    fn make(server: &Path, dir: &Path) -> Outcome<Self> {
        let ports = Ports { imap: FIRST_PORT, imaps: FIRST_PORT + 1, lmtp: FIRST_PORT + 2 };
        let home = Self { server: server.to_owned(), dir: dir.join("home"), ports };
        let mut init = Command::new(server);
        init.arg("init").arg(&home.dir).args(["--domain", "example.test"]);
        let made = init.args(["--hostname", "localhost"]).output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
        for number in 0..USERS {
            let mut add = home.configured();
            add.args(["user", "add", &user(number), "--password-stdin"]).stdin(Stdio::piped());
            let mut adding = add.stdout(Stdio::null()).spawn()?;
            adding.stdin.take().ok_or("no input")?.write_all(b"secret\n")?;
            if !adding.wait()?.success() {
                return Err("the user was not added".into());
            }
        }
        Ok(home)
    }

    fn configured(&self) -> Command {
        let mut command = Command::new(&self.server);
        command.arg("--config").arg(self.dir.join("fumikura.toml"));
        command
    }

    /// Starts it at ports of its own, with room for many connections of one address.
    fn start(&mut self) -> Outcome<Process> {
        let ports = &mut self.ports;
        (ports.imap, ports.imaps, ports.lmtp) = (ports.imap + 3, ports.imaps + 3, ports.lmtp + 3);
        let file = self.dir.join("fumikura.toml");
        let text = std::fs::read_to_string(&file)?;
        let front = text.split("[[listener]]").next().unwrap_or_default();
        let front: Vec<String> = front.lines().map(configured_line).collect();
        let listeners = [("lmtp", ports.lmtp), ("imap", ports.imap), ("imaps", ports.imaps)].map(
            |(protocol, port)| {
                format!("[[listener]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"\n")
            },
        );
        std::fs::write(&file, format!("{}\n{}", front.join("\n"), listeners.concat()))?;
        Ok(Process::start_until(self.configured().arg("serve"), "ready")?)
    }

    fn connect(&self, kind: Kind, trust: &Trust, user: &str) -> Outcome<Wire> {
        let mut wire = match kind {
            Kind::Plain => Wire::plain(self.ports.imap)?,
            Kind::Tls | Kind::TlsCompress => Wire::tls(self.ports.imaps, trust)?,
        };
        wire.line()?;
        wire.command(&format!("LOGIN {user} secret"))?;
        if matches!(kind, Kind::TlsCompress) {
            wire.command("COMPRESS DEFLATE")?;
            wire.start_deflate();
        }
        wire.command("SELECT INBOX")?;
        wire.idle()?;
        Ok(wire)
    }

    fn trust(&self) -> Outcome<Trust> {
        Ok(Trust::in_file(&self.dir.join("certificate.pem"), "localhost")?)
    }

    /// Logs each user in once, so that the slow hash of a password is in no figure.
    fn warm_up(&self, kind: Kind, trust: &Trust) -> Outcome<()> {
        (0..USERS).try_for_each(|number| self.connect(kind, trust, &user(number)).map(drop))
    }

    /// Puts messages into the first user's INBOX.
    fn fill(&self, trust: &Trust, count: u64) -> Outcome<()> {
        let mut wire = self.connect(Kind::Plain, trust, &user(0))?;
        wire.send(b"DONE\r\n")?;
        let message = "Subject: there before\r\n\r\nA message.\r\n";
        for first in (0..count).step_by(100) {
            let batch = (count - first).min(100);
            let append = format!("x APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
            wire.send(append.repeat(usize::try_from(batch)?).as_bytes())?;
            wire.command("NOOP")?;
        }
        Ok(())
    }

    fn open(&self, kind: Kind, count: usize) -> Outcome<Vec<Wire>> {
        let trust = &self.trust()?;
        let share = |first: usize| {
            let numbers = (first..count).step_by(OPENERS);
            numbers
                .map(|number| {
                    let mut wire = self.connect(kind, trust, &user(number % USERS))?;
                    wire.fall_silent();
                    Ok(wire)
                })
                .collect::<Outcome<Vec<Wire>>>()
        };
        thread::scope(|scope| {
            let openers: Vec<_> =
                (0..OPENERS).map(|first| scope.spawn(move || share(first))).collect();
            let mut wires = Vec::with_capacity(count);
            for opener in openers {
                wires.extend(opener.join().map_err(|_| "a client panicked")??);
            }
            Ok(wires)
        })
    }
}

fn user(number: usize) -> String {
    format!("user{number}@example.test")
}

fn configured_line(line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    match key {
        "connections_max" | "connections_per_address_max" => format!("{key} = 20000"),
        "cache_seconds" => format!("{key} = 3600"),
        _ => line.to_owned(),
    }
}

/// What connections in IDLE cost in memory.
fn memory(home: &mut Home, kind: Kind, count: usize) -> Outcome<Vec<Figure>> {
    let server = home.start()?;
    home.warm_up(kind, &home.trust()?)?;
    let (before, cpu) = (server.proportional_kib()?, server.cpu());
    let wires = home.open(kind, count)?;
    // The last one's answer has left; its session may not have gone to wait yet.
    thread::sleep(Duration::from_millis(300));
    let grown = server.proportional_kib()?.saturating_sub(before);
    let opening = server.cpu_since(cpu);
    let what = |which: &str| format!("{count} in IDLE, {}: {which}", kind.name());
    let figures = vec![
        Figure {
            what: what("memory of each"),
            value: as_f64(grown) / count_f64(count),
            unit: "KiB",
        },
        Figure {
            what: what("CPU of opening one"),
            value: opening.as_secs_f64() * 1000.0 / count_f64(count),
            unit: "ms",
        },
    ];
    // First the server, so that the ports stay with it.
    server.kill();
    drop(wires);
    Ok(figures)
}

/// From the begin of a delivery's DATA, and from its acknowledgement, to EXISTS at the watchers.
fn latency(home: &mut Home, arguments: &Arguments) -> Outcome<Vec<Figure>> {
    let (count, deliveries) = (arguments.watchers, arguments.deliveries);
    let server = home.start()?;
    let trust = home.trust()?;
    home.warm_up(Kind::Plain, &trust)?;
    home.fill(&trust, arguments.messages)?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut sockets = Vec::with_capacity(count);
    for number in 0..count {
        let wire = home.connect(Kind::Plain, &trust, &user(0))?;
        let socket = wire.into_socket().ok_or("a plain connection")?;
        socket.set_nonblocking(true)?;
        let key = epoll::EventData::new_u64(number as u64);
        epoll::add(&poll, &socket, key, epoll::EventFlags::IN)?;
        sockets.push(socket);
    }
    let mut lmtp = Client::connect(home.ports.lmtp)?;
    lmtp.smtp(b"LHLO bench.example.org\r\n")?;
    let mut times = Times::default();
    let cpu = server.cpu();
    for number in 0..deliveries {
        let message = format!("Subject: news {number}\r\n\r\nA message of no great length.\r\n");
        let delivered = thread::scope(|scope| {
            let delivering = scope.spawn(|| {
                let began = Instant::now();
                lmtp.deliver(&[user(0)], message.as_bytes()).map(|()| (began, Instant::now()))
            });
            let heard = hear(&poll, &mut sockets)?;
            let (began, answered) = delivering.join().map_err(|_| "a client panicked")??;
            times.take(began, answered, heard);
            Outcome::Ok(())
        });
        delivered?;
    }
    let each = server.cpu_since(cpu).as_secs_f64() * 1000.0 / as_f64(deliveries);
    let mut figures = times.figures(count);
    let what = format!("{count} watchers: CPU of one delivery");
    figures.push(Figure { what, value: each, unit: "ms" });
    server.kill();
    Ok(figures)
}

/// When each watcher has heard of one more message.
fn hear(poll: &rustix::fd::OwnedFd, sockets: &mut [TcpStream]) -> Outcome<Vec<Instant>> {
    let mut events = Vec::with_capacity(sockets.len().min(256));
    let mut heard = Vec::with_capacity(sockets.len());
    let mut buffer = [0; 4096];
    while heard.len() < sockets.len() {
        events.clear();
        epoll::wait(poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let number = usize::try_from(event.data.u64())?;
            let socket = sockets.get_mut(number).ok_or("no such socket")?;
            let count = socket.read(&mut buffer)?;
            let came = buffer.get(..count).unwrap_or_default();
            if came.is_empty() {
                return Err("a watcher was sent away".into());
            }
            if came.windows(7).any(|window| window == b" EXISTS") {
                heard.push(Instant::now());
            }
        }
    }
    Ok(heard)
}

/// Milliseconds of all watchers over all deliveries.
#[derive(Default)]
struct Times {
    each: Vec<f64>,
    last: Vec<f64>,
    after_answer: Vec<f64>,
}

impl Times {
    fn take(&mut self, began: Instant, answered: Instant, heard: Vec<Instant>) {
        let last = heard.iter().max().copied().unwrap_or(began);
        self.last.push(millis(last, began));
        self.after_answer.push(millis(last, answered));
        self.each.extend(heard.into_iter().map(|at| millis(at, began)));
    }

    fn figures(mut self, count: usize) -> Vec<Figure> {
        let mut figures = Vec::new();
        let mut tell = |what: &str, value| {
            let what = format!("{count} watchers: {what}");
            figures.push(Figure { what, value, unit: "ms" });
        };
        tell("delivery begun to EXISTS, median of all", quantile(&mut self.each, 0.5));
        tell("delivery begun to EXISTS, 99 % of all", quantile(&mut self.each, 0.99));
        tell("delivery begun to the last EXISTS, median", quantile(&mut self.last, 0.5));
        tell("delivery begun to the last EXISTS, worst", quantile(&mut self.last, 1.0));
        tell("answered to the last EXISTS, median", quantile(&mut self.after_answer, 0.5));
        figures
    }
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    let place = (values.len().saturating_sub(1) as f64 * part) as usize;
    values.get(place).copied().unwrap_or(0.0)
}

fn millis(at: Instant, since: Instant) -> f64 {
    at.saturating_duration_since(since).as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have few digits")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have few digits")]
fn count_f64(count: usize) -> f64 {
    count as f64
}
