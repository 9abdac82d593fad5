//! Where CPU goes: `perf record` beside a measured action.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How long perf takes until it samples, at most.
const ATTACH: Duration = Duration::from_secs(1);

/// A directory that profiles are written to, one after another.
#[derive(Debug)]
pub struct Profiles {
    dir: PathBuf,
    written: u32,
}

/// A profile under way.
#[derive(Debug)]
pub struct Profile {
    perf: Child,
}

impl Profiles {
    /// Makes the directory.
    pub fn into_dir(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned(), written: 0 })
    }

    /// Starts to sample a process; the file is named after the row.
    pub fn start(&mut self, pid: u32, row: &str) -> io::Result<Profile> {
        self.written += 1;
        let file = self.dir.join(format!("{:02}-{row}.data", self.written));
        let mut command = Command::new("perf");
        command.args(["record", "-q", "-F", "1999", "-g", "-p", &pid.to_string(), "-o"]).arg(file);
        let perf = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let missing = |error| io::Error::other(format!("{error}: is perf (linux-perf) installed?"));
        let perf = perf.map_err(missing)?;
        thread::sleep(ATTACH);
        Ok(Profile { perf })
    }
}

impl Profile {
    /// Ends it, as Ctrl-C would.
    pub fn finish(mut self) -> io::Result<()> {
        Command::new("kill").args(["-INT", &self.perf.id().to_string()]).status()?;
        self.perf.wait().map(drop)
    }
}
