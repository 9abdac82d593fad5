//! How a command is measured: CPU of the server, or what it grows by meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Bench;
use crate::client::Client;
use crate::process::Memory;
use crate::subject::Outcome;

/// Between two looks at the memory of a server.
const LOOK: Duration = Duration::from_millis(5);

impl Bench<'_> {
    /// Milliseconds of server CPU that something takes.
    pub(crate) fn cost(&self, action: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
        let process = self.subject.process();
        let mut profiles = self.profiles.borrow_mut();
        let profile = profiles
            .as_mut()
            .map(|profiles| profiles.start(process.pid(), self.row))
            .transpose()?;
        let before = process.cpu();
        action()?;
        let cost = millis(process.cpu_since(before));
        if let Some(profile) = profile {
            profile.finish()?;
        }
        Ok(cost)
    }

    /// Milliseconds of server CPU that a command takes.
    pub(crate) fn cost_of(&self, client: &mut Client, command: &str) -> Outcome<f64> {
        self.cost(|| Ok(client.imap(command).map(drop)?))
    }

    /// The median of several times.
    pub(crate) fn median_cost(
        &self,
        client: &mut Client,
        command: &str,
        times: usize,
    ) -> Outcome<f64> {
        let mut costs =
            (0..times).map(|_| self.cost_of(client, command)).collect::<Outcome<Vec<f64>>>()?;
        costs.sort_by(f64::total_cmp);
        Ok(costs.get(costs.len() / 2).copied().unwrap_or(0.0))
    }

    /// By how many KiB the server grows at most while a command runs.
    pub(crate) fn growth(&self, client: &mut Client, command: &str) -> Outcome<Memory> {
        let process = self.subject.process();
        let before = process.memory();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let watching = scope.spawn(|| {
                let mut most = before;
                while !is_done.load(Ordering::Relaxed) {
                    let now = process.memory();
                    most.proportional = most.proportional.max(now.proportional);
                    most.anonymous = most.anonymous.max(now.anonymous);
                    thread::sleep(LOOK);
                }
                most
            });
            let answered = client.imap(command);
            is_done.store(true, Ordering::Relaxed);
            let most = watching.join().map_err(|_| "the watch over memory panicked")?;
            answered?;
            Ok(Memory {
                proportional: most.proportional - before.proportional,
                anonymous: most.anonymous - before.anonymous,
            })
        })
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
