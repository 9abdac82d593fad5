//! Measures the whole server over real sockets: what its operations cost in CPU time of the server
//! process, in memory and on disk, and where asked the same of Dovecot in the same run.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use benches::figure::Table;
use benches::rows::{Bench, ROWS, Row};
use benches::subject::{DOVECOT, FUMIKURA, Outcome, Subject};
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
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let rows = chosen(&arguments.rows)?;
    let bar = ProgressBar::new(rows.len() as u64 * if arguments.dovecot { 2 } else { 1 });
    bar.set_style(indicatif::ProgressStyle::with_template("{elapsed_precise} {pos}/{len} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let parent = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::tempdir_in(parent)?;
    let mut table = Table { scale: arguments.scale, figures: Vec::new() };
    let mut servers = vec![FUMIKURA];
    let home = dir.path().join("fumikura");
    let ours = Subject::fumikura(&arguments.server, &home)?;
    measure(ours, &rows, dir.path(), &bar, &mut table)?;
    std::fs::remove_dir_all(home)?;
    if arguments.dovecot {
        servers.push(DOVECOT);
        let theirs = Subject::dovecot(&dir.path().join("dovecot"))?;
        measure(theirs, &rows, dir.path(), &bar, &mut table)?;
    }
    bar.finish_and_clear();
    std::io::stdout().lock().write_all(table.text(&servers).as_bytes())?;
    if let Some(file) = arguments.json {
        std::fs::write(file, serde_json::to_vec_pretty(&table)?)?;
    }
    Ok(())
}

fn measure(
    subject: Subject,
    rows: &[&Row],
    scratch: &std::path::Path,
    bar: &ProgressBar,
    table: &mut Table,
) -> Outcome<()> {
    let mut bench = Bench::new(subject, scratch.to_owned(), bar, table);
    for row in rows {
        bench.run(row)?;
        bar.inc(1);
    }
    Ok(())
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
