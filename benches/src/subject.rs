//! A server under measurement: ours, or Dovecot.

use std::error::Error;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::dovecot;
use crate::process::Process;

/// What goes wrong is told and ends the run.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Whose mailboxes are measured.
pub const USER: &str = "alice@example.test";
/// How many others there are to deliver to.
pub const OTHERS: usize = 20;

/// Names of the servers, as the table shows them.
pub const FUMIKURA: &str = "fumikura";
/// See [`FUMIKURA`].
pub const DOVECOT: &str = "dovecot";

/// The ports of a server.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// IMAP without TLS.
    pub imap: u16,
    /// LMTP.
    pub lmtp: u16,
}

impl Ports {
    /// Two ports that were free a moment ago.
    fn free() -> io::Result<Self> {
        let (imap, lmtp) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        Ok(Self { imap: imap.local_addr()?.port(), lmtp: lmtp.local_addr()?.port() })
    }
}

/// A configured server, running unless it was stopped.
#[derive(Debug)]
pub struct Subject {
    /// Its name in the table.
    pub name: &'static str,
    /// Where it listens.
    pub ports: Ports,
    /// Everything of it is below.
    pub dir: PathBuf,
    program: PathBuf,
    process: Process,
}

impl Subject {
    /// Configures and starts our server below a directory that does not exist.
    pub fn fumikura(program: &Path, dir: &Path) -> Outcome<Self> {
        let ports = Ports::free()?;
        let mut init = Command::new(program);
        let made = init.arg("init").arg(dir).args(["--domain", "example.test"]).output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
        let file = dir.join("fumikura.toml");
        let text = std::fs::read_to_string(&file)?;
        let front = text.split("[[listener]]").next().unwrap_or_default();
        let listeners = [("lmtp", ports.lmtp), ("imap", ports.imap)].map(|(protocol, port)| {
            format!("[[listener]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"\n")
        });
        std::fs::write(&file, format!("{front}\n{}", listeners.concat()))?;
        for user in (0..OTHERS).map(other).chain([USER.to_owned()]) {
            let mut add = configured(program, dir);
            add.args(["user", "add", &user, "--password-stdin"]);
            let mut adding = add.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
            adding.stdin.take().ok_or("no input")?.write_all(b"secret\n")?;
            if !adding.wait()?.success() {
                return Err("a user was not added".into());
            }
        }
        let process = serve(program, dir)?;
        Ok(Self {
            name: FUMIKURA,
            ports,
            dir: dir.to_owned(),
            program: program.to_owned(),
            process,
        })
    }

    /// Configures and starts Dovecot below a directory that does not exist. Needs root.
    pub fn dovecot(dir: &Path) -> Outcome<Self> {
        let ports = Ports::free()?;
        dovecot::configure(dir, ports)?;
        let process = dovecot::start(dir, ports)?;
        Ok(Self { name: DOVECOT, ports, dir: dir.to_owned(), program: PathBuf::new(), process })
    }

    /// Whether it is ours.
    pub fn is_ours(&self) -> bool {
        self.name == FUMIKURA
    }

    /// The program of our server.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The running process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Has our server compact its store.
    pub fn compact(&self) -> Outcome<()> {
        let done = configured(&self.program, &self.dir).arg("compact").output()?;
        if done.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned().into())
    }

    /// Ends it, in order or by SIGKILL, and starts it again.
    pub fn restart(&mut self, is_killed: bool) -> Outcome<()> {
        self.process.stop(is_killed);
        self.process = if self.is_ours() {
            serve(&self.program, &self.dir)?
        } else {
            dovecot::start(&self.dir, self.ports)?
        };
        Ok(())
    }

    /// A session, logged in.
    pub fn log_in(&self) -> Outcome<Client> {
        let mut client = Client::connect(self.ports.imap)?;
        client.imap(&format!("LOGIN {USER} secret"))?;
        Ok(client)
    }

    /// A session with a mailbox selected.
    pub fn select(&self, mailbox: &str) -> Outcome<Client> {
        let mut client = self.log_in()?;
        client.imap(&format!("SELECT {mailbox}"))?;
        Ok(client)
    }

    /// Waits until what the server does by itself is done: it has used next to no CPU for a second.
    pub fn settle(&self) {
        const LOOKS_MAX: u32 = 2400;
        const LOOK: Duration = Duration::from_millis(250);
        const IDLE: Duration = Duration::from_millis(3);
        let mut idle = 0;
        let mut before = self.process.cpu();
        for _ in 0..LOOKS_MAX {
            thread::sleep(LOOK);
            let now = self.process.cpu();
            idle = if now.saturating_sub(before) < IDLE { idle + 1 } else { 0 };
            before = now;
            if idle == 4 {
                return;
            }
        }
    }
}

/// The address of one of the others.
pub fn other(number: usize) -> String {
    format!("user{number}@example.test")
}

fn configured(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--config").arg(dir.join("fumikura.toml"));
    command
}

fn serve(program: &Path, dir: &Path) -> io::Result<Process> {
    Process::start_until(configured(program, dir).arg("serve"), "ready")
}
