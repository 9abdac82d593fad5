//! The server under test: the real program as its own process, on free ports of the loopback
//! address, with a store in a directory of its own.
//!
//! A server that is not stopped is killed when its owner is dropped, and also when the whole test
//! process dies, so that nothing stays. A panic inside the server fails the test.

mod guest;
mod settings;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

use crate::binary::{program, run};
use crate::client::{ImapClient, LineClient, PATIENCE, PopClient, SmtpClient, Trust};

pub use guest::PASSWORD;
use settings::Settings;

/// Runs the program, and kills it once standard input ends: when the test process dies, however
/// it dies, the kernel closes the pipe. The name is compared because numbers come again.
const GUARDED: &str = r#"
exec 3<&0
(
    read -r _ <&3
    if [ "$(cat /proc/$$/comm 2>/dev/null)" = fumikura ]; then kill -KILL $$; fi
    if [ -n "$REMOVE_AFTERWARDS" ]; then rm -rf "$REMOVE_AFTERWARDS"; fi
) >/dev/null 2>&1 &
exec "$0" "$@" 3<&- </dev/null
"#;

/// A running server.
#[derive(Debug)]
pub struct TestServer {
    home: Home,
    settings: Settings,
    process: Process,
}

/// The directory with configuration, certificate, directory and store.
#[derive(Debug)]
enum Home {
    Owned(TempDir),
    /// Removed by the guard when the test process ends.
    Shared(PathBuf),
}

#[derive(Debug)]
struct Process {
    child: Child,
    ports: BTreeMap<String, SocketAddr>,
    log: Arc<Mutex<String>>,
    /// The program lives as long as this is open.
    _lifeline: Option<ChildStdin>,
}

static SHARED: LazyLock<TestServer> = LazyLock::new(|| {
    let home = temporary().keep();
    TestServer::start_in(Home::Shared(home), Settings::new(&[]))
});

impl TestServer {
    /// A new server with `example.test`, and in it `alice` and `bob`.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same with settings, each `table.key = value`.
    pub fn with(settings: &[&str]) -> Self {
        let server = Self::start_in(Home::Owned(temporary()), Settings::new(settings));
        server.add_user("alice@example.test");
        server.add_user("bob@example.test");
        server
    }

    /// One server for all tests of this process that bring their own domains.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    fn start_in(home: Home, settings: Settings) -> Self {
        settings.prepare(home.path());
        let process = Process::start(&home);
        Self { home, settings, process }
    }

    /// Where the configuration and everything else is.
    pub fn dir(&self) -> &Path {
        self.home.path()
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        settings::file_in(self.dir())
    }

    /// Where a protocol is spoken: `imap`, `imaps`, `lmtp` and so on.
    pub fn address(&self, protocol: &str) -> SocketAddr {
        *self.process.ports.get(protocol).unwrap_or_else(|| {
            panic!("no port for {protocol} among those reported: {:?}", self.process.ports)
        })
    }

    /// What clients must trust.
    pub fn trust(&self) -> Trust {
        Trust::in_file(&self.dir().join("certificate.pem"))
    }

    /// Runs the program with its configuration; what it says if it fails is the error.
    pub fn command(&self, arguments: &[&str]) -> Result<(), String> {
        let config = self.config_file();
        let config = ["--config", config.to_str().expect("UTF-8")];
        let output = run(&[&config, arguments].concat());
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said()) }
    }

    /// The process number.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// An IMAP connection, logged in.
    pub fn imap(&self, login: &str) -> ImapClient {
        let mut client = ImapClient::plain(self.address("imap")).expect("IMAP greets");
        client.log_in(login, PASSWORD).expect("the log-in is right");
        client
    }

    /// A POP3 connection, logged in.
    pub fn pop3(&self, login: &str) -> PopClient {
        let mut client = PopClient::plain(self.address("pop3")).expect("POP3 greets");
        client.log_in(login, PASSWORD).expect("the log-in is right");
        client
    }

    /// An LMTP connection.
    pub fn lmtp(&self) -> SmtpClient {
        SmtpClient::lmtp(self.address("lmtp")).expect("LMTP greets")
    }

    /// An SMTP connection of another server.
    pub fn smtp(&self) -> SmtpClient {
        SmtpClient::plain(self.address("smtp")).expect("SMTP greets")
    }

    /// A plain connection to a protocol's port, nothing read yet.
    pub fn connect(&self, protocol: &str) -> LineClient {
        LineClient::plain(self.address(protocol)).expect("the port accepts")
    }

    /// Sends the process a signal by its name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("sh").args(["-c", "kill -$0 $1", name, &pid]).status();
        assert!(sent.expect("sh runs").success(), "the server is gone already");
    }

    /// Kills the process at once, as a crash would.
    pub fn kill(&mut self) {
        self.process.child.kill().expect("the process is ours");
        self.process.child.wait().expect("the process is ours");
    }

    /// Asks the process to end and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.process.child.wait().expect("the process is ours");
        assert_sound(&self.log());
        status
    }

    /// Starts the program again after `kill` or `stop`; it has other ports then.
    pub fn restart(&mut self) {
        self.process = Process::start(&self.home);
    }

    /// Starts the program again with other settings.
    pub fn restart_with(&mut self, settings: &[&str]) {
        self.settings = Settings::new(settings);
        self.settings.write(self.home.path());
        self.restart();
    }

    /// What the program has written to standard error and output so far.
    pub fn log(&self) -> String {
        self.process.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails when a panic happened inside the server.
    pub fn assert_sound(&self) {
        assert_sound(&self.log());
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.process.child.kill();
        let _ = self.process.child.wait();
        if thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.log());
        } else {
            self.assert_sound();
        }
    }
}

impl Home {
    fn path(&self) -> &Path {
        match self {
            Self::Owned(dir) => dir.path(),
            Self::Shared(path) => path,
        }
    }
}

impl Process {
    fn start(home: &Home) -> Self {
        let mut command = guarded();
        command.arg("serve").arg("--config").arg(settings::file_in(home.path()));
        if let Home::Shared(path) = home {
            command.env("REMOVE_AFTERWARDS", path);
        }
        let mut child = command.spawn().expect("a shell starts");
        // Not left in the child: waiting for it would close the pipe, and the guard would kill it.
        let lifeline = child.stdin.take();
        let log = Arc::default();
        let (lines, ready) = mpsc::channel();
        follow(child.stderr.take(), &log, lines.clone());
        follow(child.stdout.take(), &log, lines);
        let Some(ports) = wait_until_ready(&ready) else {
            let _ = child.kill();
            let log = log.lock().unwrap_or_else(PoisonError::into_inner);
            panic!("the server did not get ready; it said:\n{log}");
        };
        Self { child, ports, log, _lifeline: lifeline }
    }
}

/// The program in a shell that ends it when this process ends; arguments are added to it.
pub fn guarded() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", GUARDED]).arg(program());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("fumikura-test-").tempdir().expect("a temporary directory")
}

fn assert_sound(log: &str) {
    let panicked = log.lines().find(|line| line.contains("panicked at"));
    assert!(panicked.is_none(), "a panic inside the server:\n{log}");
}

/// Copies what the program says into the log, and each line to who waits for "ready".
fn follow<R: Read + Send + 'static>(
    output: Option<R>,
    log: &Arc<Mutex<String>>,
    lines: mpsc::Sender<String>,
) {
    let output = output.expect("the program's output is piped");
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
            drop(log);
            // Nobody waits any longer once the server is ready.
            let _ = lines.send(line);
        }
    });
}

fn wait_until_ready(lines: &mpsc::Receiver<String>) -> Option<BTreeMap<String, SocketAddr>> {
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        let is_ready = line.starts_with("ready");
        let ports = if is_ready { ports_of(&line) } else { BTreeMap::new() };
        if is_ready {
            return Some(ports);
        }
    }
    None
}

/// The listeners of a "ready" line: each a protocol's name, and next to it an address.
fn ports_of(line: &str) -> BTreeMap<String, SocketAddr> {
    let spaced = line.replace("://", " ");
    let words: Vec<&str> =
        spaced.split([' ', ',', '=', ';', '(', ')']).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).filter_map(|pair| {
        let address = pair[1].trim_end_matches(['/', '.']).parse().ok()?;
        Some((pair[0].trim_end_matches(':').to_owned(), address))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_the_ready_line() {
        let expected = [("imap".to_owned(), SocketAddr::from(([127, 0, 0, 1], 143)))];
        assert_eq!(ports_of("ready: imap 127.0.0.1:143,"), BTreeMap::from(expected.clone()));
        assert_eq!(ports_of("ready imap=127.0.0.1:143"), BTreeMap::from(expected.clone()));
        assert_eq!(ports_of("ready imap://127.0.0.1:143/"), BTreeMap::from(expected));
    }
}
