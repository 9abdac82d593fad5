//! Server processes of a bench, and what they cost.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// From the start of the program to its readiness.
    pub start: Duration,
    /// Nanoseconds that each thread had run when it was last looked at: those that ended count.
    ran: Mutex<HashMap<String, u64>>,
}

/// Memory in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Proportional set size: pages of its own, and its part of those that others have too.
    pub proportional: u64,
    /// The part of it that no file stands behind, which the kernel cannot drop.
    pub anonymous: u64,
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
                return Ok(Self { child, start, ran: Mutex::default() });
            }
        }
        Err(io::Error::other("the server ended before it was ready"))
    }

    /// Starts a program in the foreground and waits until all its ports answer. Processes of an
    /// earlier one may still hold them; these are waited for too.
    pub fn start_listening(command: &mut Command, ports: &[u16]) -> io::Result<Self> {
        let answers = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_ok();
        wait_until(|| !ports.iter().any(answers))?;
        Self::adopt(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?, ports)
    }

    /// Takes a program that was started in the foreground, and waits until all its ports answer.
    pub fn adopt(child: Child, ports: &[u16]) -> io::Result<Self> {
        let began = Instant::now();
        let mut process = Self { child, start: Duration::ZERO, ran: Mutex::default() };
        wait_until(|| ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()))?;
        process.start = began.elapsed();
        Ok(process)
    }

    /// CPU time, user and system, of all threads of the process and of all processes below it, to
    /// the nanosecond (`/proc/PID/task/TID/schedstat`).
    pub fn cpu(&self) -> Duration {
        let Ok(mut ran) = self.ran.lock() else { return Duration::ZERO };
        let mut processes = vec![self.child.id()];
        while let Some(pid) = processes.pop() {
            let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
            for task in tasks.flatten() {
                let read = |name: &str| fs::read_to_string(task.path().join(name)).ok();
                let nanos = read("schedstat").and_then(|text| {
                    text.split_whitespace().next().and_then(|first| first.parse().ok())
                });
                if let Some(nanos) = nanos {
                    ran.insert(task.path().display().to_string(), nanos);
                }
                let children = read("children").unwrap_or_default();
                processes
                    .extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
        }
        Duration::from_nanos(ran.values().sum())
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time since it was `before`.
    pub fn cpu_since(&self, before: Duration) -> Duration {
        self.cpu().saturating_sub(before)
    }

    /// Its memory and that of all processes below it.
    pub fn memory(&self) -> Memory {
        let mut sum = Memory::default();
        let mut processes = vec![self.child.id()];
        while let Some(pid) = processes.pop() {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            processes.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
            let rollup = rollup.unwrap_or_default();
            let field = |name: &str| {
                let line = rollup.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            };
            sum.proportional += field("Pss:").unwrap_or(0);
            sum.anonymous += field("Pss_Anon:").unwrap_or(0);
        }
        sum
    }

    /// Proportional set size in KiB.
    pub fn proportional_kib(&self) -> io::Result<u64> {
        match self.memory().proportional {
            0 => Err(io::Error::other("no Pss in smaps_rollup")),
            kib => Ok(kib),
        }
    }

    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.end();
    }

    /// Ends it either way, and waits; it stays to be replaced.
    pub fn stop(&mut self, is_killed: bool) {
        let pid = self.child.id().to_string();
        if is_killed || !Command::new("kill").arg(pid).status().is_ok_and(|status| status.success())
        {
            self.end();
        } else {
            // Nothing is left to be done about one that cannot be waited for.
            let _ = self.child.wait();
        }
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a server to come or go, 20 seconds at most.
fn wait_until(is_so: impl Fn() -> bool) -> io::Result<()> {
    for _ in 0..1000 {
        if is_so() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(io::Error::other("the server neither comes nor goes"))
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
