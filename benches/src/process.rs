//! Server processes of a bench, and what they cost.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks a second in `/proc/PID/stat`; Linux has shown 100 to programs for decades.
const TICKS: u64 = 100;

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// From the start of the program to its readiness.
    pub start: Duration,
}

impl Process {
    /// Starts a program and waits for a line of its output that begins with `ready`.
    pub fn start_until(command: &mut Command, ready: &str) -> io::Result<Self> {
        let began = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let mut lines = BufReader::new(output).lines();
        for line in lines.by_ref() {
            if line?.starts_with(ready) {
                let start = began.elapsed();
                // Whatever it says later must have somewhere to go.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, start });
            }
        }
        Err(io::Error::other("the server ended before it was ready"))
    }

    /// Starts a program in the foreground and waits until a port answers.
    pub fn start_listening(command: &mut Command, port: u16) -> io::Result<Self> {
        let began = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                return Err(io::Error::other("the server does not listen"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { child, start: began.elapsed() })
    }

    /// CPU time, user and system, of the process, its children and those that they waited for.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(tree_ticks(self.child.id()) * 1000 / TICKS)
    }

    /// CPU time since it was `before`.
    pub fn cpu_since(&self, before: Duration) -> Duration {
        self.cpu().saturating_sub(before)
    }

    /// CPU time of the process's present threads, to the nanosecond: for single operations, which
    /// a clock tick is too long for.
    pub fn cpu_of_threads(&self) -> Duration {
        let Ok(tasks) = fs::read_dir(format!("/proc/{}/task", self.child.id())) else {
            return Duration::ZERO;
        };
        let ran = |task: fs::DirEntry| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(tasks.flatten().filter_map(ran).sum())
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// Its share of memory in KiB: pages of its own, and its part of those that others have too.
    pub fn proportional_kib(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .ok_or_else(|| io::Error::other("no Pss in smaps_rollup"))
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to end, and waits.
    pub fn terminate(mut self) {
        let pid = self.child.id().to_string();
        if Command::new("kill").arg(pid).status().is_ok_and(|status| status.success()) {
            // It ends by itself, or is killed when dropped.
            let _ = self.child.wait();
        }
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ticks of a process and all below it; those of children that ended are in their parents.
fn tree_ticks(pid: u32) -> u64 {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0 };
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime, stime, cutime, cstime: fields 14 to 17, counted from 1, of which 2 stand before ')'.
    let own: u64 =
        fields.iter().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    own + children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .map(tree_ticks)
        .sum::<u64>()
}

/// Bytes of all files below a directory.
pub fn size_of(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size_of(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
