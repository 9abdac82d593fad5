//! Where log lines go: standard error, so that standard output is for answers.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{LogConfig, LogFormat};

/// Starts logging for this process; a second call changes nothing.
pub(super) fn start(config: &LogConfig) {
    // The configuration was checked when it was read.
    let filter = EnvFilter::try_new(&config.level).unwrap_or_default();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    // An error means that somebody else set up logging: then theirs is used.
    let _ = match config.format {
        LogFormat::Human => {
            builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
