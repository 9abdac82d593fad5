//! Figures, and the table that they are printed in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// Told, not judged.
    None,
    /// At most this, whatever the size of the mailbox.
    Most(f64),
    /// At most this for the whole mailbox: less for a part of it.
    MostOfAll(f64),
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Which row of the bench it belongs to.
    pub row: &'static str,
    /// What was measured.
    pub what: String,
    /// The unit of aim and values.
    pub unit: &'static str,
    /// At most this, at the scale of this run.
    pub aim: Option<f64>,
    /// By server; a server that does not offer it has none.
    pub values: BTreeMap<&'static str, Option<f64>>,
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub struct Table {
    /// The part of the full sizes that mailboxes have.
    pub scale: f64,
    /// In the order of the run.
    pub figures: Vec<Figure>,
}

impl Table {
    /// Puts a value beside that of the other server, or begins a line.
    pub fn put(&mut self, told: Figure) {
        match self.figures.iter_mut().find(|figure| figure.what == told.what) {
            Some(figure) => figure.values.extend(told.values),
            None => self.figures.push(told),
        }
    }

    /// The aim at this run's scale.
    pub fn scaled(&self, aim: Aim) -> Option<f64> {
        match aim {
            Aim::None => None,
            Aim::Most(value) => Some(value),
            Aim::MostOfAll(value) => Some(value * self.scale),
        }
    }

    /// The table in Markdown, as docs/BENCHMARKS.md has it.
    pub fn markdown(&self, servers: &[&'static str]) -> String {
        let mut text = format!("| what | aim | {} |\n|---|---:|", servers.join(" | "));
        text.push_str(&"---:|".repeat(servers.len()));
        text.push('\n');
        for figure in &self.figures {
            let aim = figure.aim.map_or(String::new(), |aim| format!("≤ {}", digits(aim)));
            let _ = write!(text, "| {} | {aim} |", figure.what);
            for server in servers {
                let _ = write!(text, " {} |", shown(figure, server));
            }
            text.push('\n');
        }
        text
    }

    /// The table for people, one column for each server.
    pub fn text(&self, servers: &[&'static str]) -> String {
        let mut text = format!("{:<62} {:>10}", format!("scale {}", self.scale), "aim");
        for server in servers {
            let _ = write!(text, " {server:>12}");
        }
        text.push('\n');
        for figure in &self.figures {
            let aim = figure.aim.map_or(String::new(), |aim| format!("≤ {}", digits(aim)));
            let _ = write!(text, "{:<62} {aim:>10}", figure.what);
            for server in servers {
                let value = match figure.values.get(server) {
                    Some(Some(value)) => digits(*value),
                    _ => shown(figure, server),
                };
                let _ = write!(text, " {value:>12}");
            }
            let ours = servers.first().and_then(|server| figure.values.get(server)).copied();
            let is_missed =
                matches!((figure.aim, ours.flatten()), (Some(aim), Some(value)) if value > aim);
            let _ = writeln!(text, " {}{}", figure.unit, if is_missed { "  missed" } else { "" });
        }
        text
    }
}

/// A server's figure with its unit.
fn shown(figure: &Figure, server: &str) -> String {
    match figure.values.get(server) {
        None => "–".to_owned(),
        Some(None) => "not offered".to_owned(),
        Some(Some(value)) => format!("{} {}", digits(*value), figure.unit).trim_end().to_owned(),
    }
}

/// Three digits that count.
fn digits(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.3}"),
        ..100.0 => format!("{value:.2}"),
        ..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
