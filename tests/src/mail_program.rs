//! A mail program we did not write: found on the machine, run to its end without anybody watching,
//! in a home directory of its own.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::binary::repository;

/// How long a program may take before it counts as hanging.
const SECONDS_MAX: &str = "60";

/// A program and its arguments, about to run.
#[derive(Debug)]
pub struct MailProgram {
    name: String,
    command: Command,
    input: Vec<u8>,
}

impl MailProgram {
    /// A program of a Debian package that `ci/test install` installs.
    pub fn new(name: &str, home: &Path) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|it| it.is_file());
        let found = found.unwrap_or_else(|| panic!("{name} is not installed: run ci/test install"));
        Self::at(&found, home)
    }

    /// The Python of the environment that `ci/test install` makes.
    pub fn python(home: &Path) -> Self {
        let python = repository().join("target/ci/venv/bin/python");
        assert!(python.exists(), "no Python environment in target/ci/venv: run ci/test install");
        Self::at(&python, home)
    }

    fn at(program: &Path, home: &Path) -> Self {
        std::fs::create_dir_all(home).expect("the directory is ours");
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", SECONDS_MAX]).arg(program).current_dir(home);
        for unset in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "MAIL", "EMAIL"] {
            command.env_remove(unset);
        }
        command.env("HOME", home).env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        Self { name: program.display().to_string(), command, input: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What the program reads from standard input; otherwise nothing.
    #[must_use]
    pub fn input(mut self, input: &[u8]) -> Self {
        input.clone_into(&mut self.input);
        self
    }

    /// Runs the program to its end, however that comes.
    pub fn run(mut self) -> Output {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("coreutils has `timeout`");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = std::mem::take(&mut self.input);
        // A program that ends without reading everything is judged by its status.
        let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it ends");
        feeder.join().expect("writing does not panic");
        output
    }

    /// Runs the program; what it wrote to standard output, if it ended with status 0.
    pub fn succeed(self) -> Vec<u8> {
        let name = self.name.clone();
        let output = self.run();
        assert!(
            output.status.success(),
            "{name} ended with {} (124: it hung)\n--- its output ---\n{}\n--- its errors ---\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        output.stdout
    }
}
