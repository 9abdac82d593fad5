//! Measures the queue: how fast mail for others is received, durable, and sent on, beside Postfix if it is
//! installed; and what a queue of a million entries costs at a start.
//!
//! Both servers take mail from `smtp-source`, are made to send all of it to the same `smtp-sink`
//! (both programs are Postfix's, and written by neither side's rules), and sync what they accept. Ours has it go through
//! an alias that leads elsewhere, since strangers may not relay.

use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use benches::process::Process;
use clap::{Parser, Subcommand};
use engine::{Options, Store};
use indicatif::ProgressBar;
use server::config::Config;
use server::directory::Directory;
use server::queue::{MailOptions, Queue, QueuedRecipient, Submission};

/// A start with a million entries may take this long, and hold so many KiB.
const START_MAX: Duration = Duration::from_secs(2);
const MEMORY_MAX: u64 = 256 << 10;
/// Destinations of each message of the large queue.
const DESTINATIONS: usize = 100;
/// How often CPU time is looked at: processes that end in between are counted as they were then.
const LOOK: Duration = Duration::from_millis(20);

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Measure the queue.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    step: Option<Step>,
    /// Messages that are received and sent
    #[arg(long, default_value_t = 20_000)]
    messages: u32,
    /// Sessions that bring them
    #[arg(long, default_value_t = 8)]
    sessions: u32,
    /// Octets of each
    #[arg(long, default_value_t = 2048)]
    size: u32,
    /// Entries of the large queue; 0 leaves it out
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
    /// Where to make stores, which are removed in the end
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What the processes of the large queue do.
#[derive(Clone, Debug, Subcommand)]
enum Step {
    /// Make the store
    #[command(hide = true)]
    Make { store: PathBuf, entries: usize },
    /// Start it
    #[command(hide = true)]
    Start { store: PathBuf },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.step.clone() {
        None => measure(&arguments),
        Some(Step::Make { store, entries }) => make(&store, entries),
        Some(Step::Start { store }) => start(&store),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Outcome {
    let base = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    if arguments.entries > 0 {
        let dir = tempfile::tempdir_in(&base)?;
        let run = |step: &str, rest: &[String]| -> Outcome {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(step).arg(dir.path().join("store")).args(rest);
            if command.status()?.success() { Ok(()) } else { Err(format!("{step} failed").into()) }
        };
        run("make", &[arguments.entries.to_string()])?;
        run("start", &[])?;
    }
    println!("| server | accepted /s | sent after | CPU a message |");
    println!("|---|---:|---:|---:|");
    for relay in [ours as Start, postfix] {
        let dir = tempfile::tempdir_in(&base)?;
        let sink = Sink::start()?;
        match relay(dir.path(), sink.port) {
            Ok((name, process, port)) => row(arguments, name, process, port, &sink)?,
            Err(error) => println!("| {error} | | | |"),
        }
        let config = dir.path().join("etc");
        if config.exists() {
            // What starts Postfix in the foreground does not end with it.
            Command::new("postfix").arg("-c").arg(config).arg("stop").status()?;
        }
    }
    Ok(())
}

/// Configures and starts a server that sends to this port: its name, process and port.
type Start = fn(&Path, u16) -> Outcome<(&'static str, Process, u16)>;

fn row(arguments: &Arguments, name: &str, mut process: Process, port: u16, sink: &Sink) -> Outcome {
    let Arguments { messages, sessions, size, .. } = arguments;
    let (before, began) = (process.cpu(), Instant::now());
    let mut source = Command::new("smtp-source");
    source.args(["-s", &sessions.to_string(), "-m", &messages.to_string()]);
    source.args(["-l", &size.to_string(), "-f", "sender@elsewhere.test", "-t", "x@example.test"]);
    let mut source = source.arg(format!("127.0.0.1:{port}")).spawn()?;
    let mut accepted = None;
    let bar = ProgressBar::new(u64::from(*messages));
    let goal = u64::from(*messages);
    loop {
        thread::sleep(LOOK);
        process.cpu();
        if accepted.is_none() && source.try_wait()?.is_some() {
            accepted = Some(began.elapsed());
        }
        let sent = sink.count()?;
        bar.set_position(sent);
        if sent >= goal && accepted.is_some() {
            break;
        }
        if began.elapsed() > Duration::from_mins(10) {
            return Err(format!("{name}: {sent} of {goal} arrived in ten minutes").into());
        }
    }
    bar.finish_and_clear();
    let (sent, cpu) = (began.elapsed(), process.cpu_since(before));
    let accepted = accepted.ok_or("nothing was accepted")?;
    println!(
        "| {name} | {:.0} | {:.1} s | {:.0} µs |",
        f64::from(*messages) / accepted.as_secs_f64(),
        sent.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / f64::from(*messages),
    );
    process.stop(false);
    Ok(())
}

/// `smtp-sink`, which counts what it takes.
struct Sink {
    process: Process,
    port: u16,
    log: tempfile::NamedTempFile,
}

impl Sink {
    fn start() -> Outcome<Self> {
        let (port, log) = (free_port()?, tempfile::NamedTempFile::new()?);
        let mut command = Command::new("smtp-sink");
        // It does not run as root.
        command.args(["-c", "-u", "postfix", &format!("127.0.0.1:{port}"), "1000"]);
        // It writes its count over and over to one line.
        let child = command.stdout(log.reopen()?).stderr(Stdio::null());
        let process = Process::adopt(child.spawn()?, &[port])?;
        Ok(Self { process, port, log })
    }

    /// Messages so far.
    fn count(&self) -> Outcome<u64> {
        let text = fs::read_to_string(self.log.path())?;
        let count = text.rsplit_once("mesg=").and_then(|(_, after)| {
            after.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
        });
        Ok(count.unwrap_or(0))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.process.stop(true);
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn ours(dir: &Path, sink: u16) -> Outcome<(&'static str, Process, u16)> {
    let (program, port) = (std::env::current_exe()?.with_file_name("fumikura"), free_port()?);
    let home = dir.join("home");
    let run = |arguments: &[&str]| -> Outcome {
        let config = home.join("fumikura.toml");
        let output = Command::new(&program).arg("--config").arg(config).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said.into()) }
    };
    let home_name = home.to_str().ok_or("a directory in UTF-8")?;
    run(&["init", home_name, "--domain", "example.test"])?;
    let file = home.join("fumikura.toml");
    let text = fs::read_to_string(&file)?;
    let front = text.split("[[listener]]").next().unwrap_or_default();
    let text = format!(
        "{front}\n[[listener]]\nprotocol = \"smtp\"\naddress = \"127.0.0.1:{port}\"\n\
         [[outgoing.smarthost]]\nhost = \"127.0.0.1\"\nport = {sink}\ntls = \"off\"\n"
    );
    fs::write(&file, text.replace("verify = true", "verify = false"))?;
    run(&["alias", "add", "x@example.test", "y@elsewhere.test"])?;
    let mut command = Command::new(&program);
    command.arg("--config").arg(&file).arg("serve");
    Ok(("Fumikura", Process::start_until(&mut command, "ready")?, port))
}

/// Postfix as Debian ships it, with a queue, ports and configuration of its own. Needs root.
fn postfix(dir: &Path, sink: u16) -> Outcome<(&'static str, Process, u16)> {
    let port = free_port()?;
    let (config, queue, data) = (dir.join("etc"), dir.join("queue"), dir.join("data"));
    for path in [&config, &queue, &data] {
        fs::create_dir_all(path)?;
    }
    Command::new("chown").arg("postfix").arg(&data).status()?;
    Command::new("chmod").arg("a+rx").arg(dir).status()?;
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\nmail_owner = postfix\n\
         myhostname = mail.example.test\nmydestination =\ninet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nrelayhost = [127.0.0.1]:{sink}\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\nalias_maps =\nalias_database =\n\
         maillog_file = {}\nmaillog_file_prefixes = {}\nsmtpd_client_connection_count_limit = 0\n",
        queue.display(),
        data.display(),
        dir.join("postfix.log").display(),
        dir.display(),
    );
    fs::write(config.join("main.cf"), main)?;
    let master = fs::read_to_string("/usr/share/postfix/master.cf.dist")
        .or_else(|_| fs::read_to_string("/etc/postfix/master.cf"))
        .map_err(|_| "Postfix is not installed")?;
    let master = master.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let line = if line.starts_with("smtp ") && line.contains("inet") {
            line.replacen("smtp ", &format!("{port} "), 1)
        } else {
            line.to_owned()
        };
        line + "\n"
    });
    let log = "postlog   unix-dgram n  -       n       -       1       postlogd\n";
    fs::write(config.join("master.cf"), master.collect::<String>() + log)?;
    let mut command = Command::new("postfix");
    command.arg("-c").arg(&config).arg("start-fg");
    Ok(("Postfix", Process::start_listening(&mut command, &[port])?, port))
}

fn make(path: &Path, entries: usize) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    let store = Store::create(path, &Options::default())?;
    let config = Config::default();
    let directory = runtime.block_on(Directory::open(&path.with_extension("sqlite"), ""))?;
    let queue = runtime.block_on(Queue::open(&store, &directory, &config))?;
    let bar = ProgressBar::new(entries as u64);
    for number in 0..entries.div_ceil(DESTINATIONS) {
        let text = format!("From: a@example.test\r\nSubject: number {number}\r\n\r\ntext\r\n");
        let recipient = |nth| QueuedRecipient {
            address: format!("user{number}@domain{nth}.example"),
            ..QueuedRecipient::default()
        };
        let submission = Submission {
            id: format!("{number:016x}"),
            reverse_path: "sender@example.test".to_owned(),
            options: MailOptions::default(),
            account: None,
            recipients: (0..DESTINATIONS).map(recipient).collect(),
            due: Some(4_000_000_000 + i64::try_from(number)?),
        };
        runtime.block_on(queue.submit(submission, store.prepare(text.as_bytes())))?;
        bar.inc(DESTINATIONS as u64);
    }
    bar.finish_and_clear();
    store.close();
    Ok(())
}

fn start(path: &Path) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()?;
    let directory = runtime.block_on(Directory::open(&path.with_extension("sqlite"), ""))?;
    let began = Instant::now();
    let store = Store::open(path, &Options { upkeep: false, ..Options::default() })?;
    let queue = runtime.block_on(Queue::open(&store, &directory, &Config::default()))?;
    let took = began.elapsed();
    let (waiting, _) = queue.counts();
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib: u64 =
        kib.and_then(|line| line.split_whitespace().next()?.parse().ok()).ok_or("no RssAnon")?;
    println!("{waiting} entries: started in {:.0} ms, {kib} KiB held", took.as_secs_f64() * 1e3);
    if took > START_MAX || kib > MEMORY_MAX {
        return Err(format!("more than {START_MAX:?} or {MEMORY_MAX} KiB").into());
    }
    Ok(())
}
