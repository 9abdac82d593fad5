//! `fumikura verify` and `fumikura dump`: readers of a store, also of one that a server has open.

use std::io::{self, BufWriter, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

use super::{CliError, output};
use crate::config::Config;

pub(super) fn verify(config: &Config) -> Result<(), CliError> {
    let bar =
        if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let report = engine::verify(&config.store.path, &mut |progress| {
        let (records, messages) = (progress.records, progress.messages);
        bar.set_message(format!(
            "shard {}: {records} records, {messages} messages, at {}",
            progress.shard, progress.at
        ));
        bar.tick();
    });
    bar.finish_and_clear();
    let report = report?;
    for finding in &report.findings {
        let at = finding.at.map(|at| format!(", at {at}")).unwrap_or_default();
        output::line(&format!("shard {}{at}: {}", finding.shard, finding.what))?;
    }
    let (records, messages, mailboxes) = (report.records, report.messages, report.mailboxes);
    let counted = format!(
        "{records} records and {messages} messages read, {mailboxes} mailboxes compared with the newest checkpoint"
    );
    match report.findings.len() {
        0 => output::line(&format!("{counted}: all sound")),
        count => Err(CliError::Damage(format!(
            "{counted}: {count} findings; what is damaged stays as it is and everything else is served"
        ))),
    }
}

pub(super) fn dump(config: &Config) -> Result<(), CliError> {
    let mut out = BufWriter::new(io::stdout().lock());
    match engine::dump(&config.store.path, &mut out) {
        // Whoever reads has enough, as in `fumikura dump | head`.
        Err(engine::Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {
            Ok(())
        }
        outcome => Ok(outcome?),
    }
}
