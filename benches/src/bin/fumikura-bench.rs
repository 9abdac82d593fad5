//! Measures the whole server over real sockets: what its operations cost in CPU time of the server
//! process, in memory and on disk, and where asked the same of Dovecot in the same run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use benches::figure::Table;
use benches::profile::Profiles;
use benches::rows::{Bench, ROWS, Row};
use benches::subject::{Outcome, Subject};
use clap::Parser;
use indicatif::ProgressBar;

/// Measure the fumikura server over real sockets, on loopback, in a temporary directory.
///
/// Connections in IDLE have a program of their own: fumikura-idle.
#[derive(Debug, Parser)]
struct Arguments {
    /// The program to measure
    #[arg(long, default_value = "target/release/fumikura")]
    server: PathBuf,
    /// Only these rows; the default is all
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// The part of the full sizes: 1 is a million messages in one mailbox, 100,000 in another
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where to make the temporary directory
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Measure Dovecot too (Debian: dovecot-core dovecot-imapd dovecot-lmtpd); needs root
    #[arg(long)]
    dovecot: bool,
    /// Also write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write the table as docs/BENCHMARKS.md has it
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Write profiles of what is measured into this directory (Debian: linux-perf)
    #[arg(long)]
    profile: Option<PathBuf>,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let rows = chosen(&arguments.rows)?;
    let bar = ProgressBar::new(rows.len() as u64 * if arguments.dovecot { 2 } else { 1 });
    bar.set_style(indicatif::ProgressStyle::with_template("{elapsed_precise} {pos}/{len} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let parent = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::tempdir_in(parent)?;
    let table = Table { scale: arguments.scale, figures: Vec::new() };
    let mut run = Run { arguments, rows, bar, table, servers: Vec::new(), failures: Vec::new() };
    let home = dir.path().join("fumikura");
    let ours = Subject::fumikura(&run.arguments.server, &home)?;
    run.measure(ours, dir.path())?;
    std::fs::remove_dir_all(home)?;
    if run.arguments.dovecot {
        run.measure(Subject::dovecot(&dir.path().join("dovecot"))?, dir.path())?;
    }
    run.bar.finish_and_clear();
    std::io::stdout().lock().write_all(run.table.text(&run.servers).as_bytes())?;
    if run.failures.is_empty() { Ok(()) } else { Err(run.failures.join("; ").into()) }
}

/// What is measured, and what was found so far.
struct Run {
    arguments: Arguments,
    rows: Vec<&'static Row>,
    bar: ProgressBar,
    table: Table,
    servers: Vec<&'static str>,
    failures: Vec<String>,
}

impl Run {
    /// Runs all rows of one server. A row that fails does not take the others with it.
    fn measure(&mut self, subject: Subject, scratch: &Path) -> Outcome<()> {
        self.servers.push(subject.name);
        let name = subject.name;
        let mut bench = Bench::new(subject, scratch.to_owned(), &self.bar, &mut self.table);
        if let Some(dir) = &self.arguments.profile {
            bench.profile(Profiles::into_dir(&dir.join(name))?);
        }
        for row in &self.rows {
            if let Err(error) = bench.run(row) {
                self.failures.push(format!("{name}, {}: {error}", row.name));
            }
            self.bar.inc(1);
            // After every row: a long run that is broken off has not been for nothing.
            if let Some(file) = &self.arguments.markdown {
                std::fs::write(file, bench.table().markdown(&self.servers))?;
            }
            if let Some(file) = &self.arguments.json {
                std::fs::write(file, serde_json::to_vec_pretty(bench.table())?)?;
            }
        }
        Ok(())
    }
}

/// The rows of these names, in their own order.
fn chosen(names: &[String]) -> Outcome<Vec<&'static Row>> {
    if let Some(unknown) = names.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        let known: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        return Err(format!("no row {unknown}; there are {}", known.join(", ")).into());
    }
    Ok(ROWS
        .iter()
        .filter(|row| names.is_empty() || names.iter().any(|name| name == row.name))
        .collect())
}
