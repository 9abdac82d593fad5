//! The `fumikura` command line.
//!
//! Exit status: 0 done, 1 not done (one sentence on standard error says why), 2 called wrongly,
//! 3 `verify` found damage.

mod capability;
mod demo;
mod directory;
mod dkim;
mod domain_check;
mod hold;
mod init;
mod inspect;
mod logging;
mod maintain;
mod open_files;
mod output;
mod queue;
mod quota;
mod samples;
mod serve;
mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::directory::DirectoryError;
use crate::{SetUpError, StartError};

/// A mail server on a log-structured mailbox store: SMTP, LMTP, POP3 and IMAP.
#[derive(Debug, Parser)]
#[command(name = "fumikura", version, about, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = "fumikura.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it out: a server on this machine with two users and a few messages
    Demo(demo::DemoArguments),
    /// Make a configuration, a store and a certificate in a new directory
    Init(init::InitArguments),
    /// Run the server until it is told to stop (SIGINT, SIGTERM); SIGHUP reloads the certificate
    Serve,
    /// Domains this server receives for
    #[command(subcommand)]
    Domain(directory::DomainCommand),
    /// Users and their passwords
    #[command(subcommand)]
    User(directory::UserCommand),
    /// Addresses that lead to other addresses
    #[command(subcommand)]
    Alias(directory::AliasCommand),
    /// Accounts that nobody logs in to, whose mailboxes users share
    #[command(subcommand)]
    Shared(shared::SharedCommand),
    /// How much the messages of users may take
    #[command(subcommand)]
    Quota(quota::QuotaCommand),
    /// Mail on its way out
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// How long submitted mail waits in the Outbox of its sender, who may take it back
    #[command(subcommand)]
    Hold(hold::HoldCommand),
    /// What was decided of mail that waited, by whom and when
    History(hold::HistoryArguments),
    /// Which capabilities are hidden from whom
    #[command(subcommand)]
    Capability(capability::CapabilityCommand),
    /// Keys that mail of a domain is signed with
    #[command(subcommand)]
    Dkim(dkim::DkimCommand),
    /// Check every checksum, and every index against the log; changes nothing
    Verify,
    /// Give back space and compress what has come; a server does the same by itself when it is
    /// worth the work
    Compact,
    /// Take messages out of the store for good, with all their copies, before the retention window
    /// would let them go
    Erase(maintain::EraseArguments),
    /// Print the log as readable text
    Dump,
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Store(#[from] engine::Error),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("{0}")]
    Refused(String),
    /// What was asked for is done, and the answer is bad.
    #[error("{0}")]
    Damage(String),
}

impl CliError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // `fumikura dump | head`: whoever reads has enough.
        Err(CliError::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fumikura: {error}");
            ExitCode::from(if matches!(error, CliError::Damage(_)) { 3 } else { 1 })
        }
    }
}

fn execute(arguments: Arguments) -> Result<(), CliError> {
    let file = arguments.config;
    match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Serve => serve::run(Config::load(&file)?),
        Command::Domain(command) => directory::domain(&Config::load(&file)?, command),
        Command::User(command) => directory::user(&Config::load(&file)?, command),
        Command::Alias(command) => directory::alias(&Config::load(&file)?, command),
        Command::Shared(command) => shared::shared(&Config::load(&file)?, command),
        Command::Quota(command) => quota::quota(&Config::load(&file)?, command),
        Command::Queue(command) => queue::queue(&Config::load(&file)?, command),
        Command::Hold(command) => hold::hold(&Config::load(&file)?, command),
        Command::History(arguments) => hold::history(&Config::load(&file)?, &arguments),
        Command::Capability(command) => capability::capability(&Config::load(&file)?, &command),
        Command::Dkim(command) => dkim::dkim(&Config::load(&file)?, command),
        Command::Verify => inspect::verify(&Config::load(&file)?),
        Command::Compact => maintain::compact(&Config::load(&file)?),
        Command::Erase(arguments) => maintain::erase(&Config::load(&file)?, &arguments),
        Command::Dump => inspect::dump(&Config::load(&file)?),
    }
}

/// Runs a short command; the server has a runtime of its own.
fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::io("cannot start the runtime"))?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_themselves() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_calls_that_scripts_rely_on_are_understood() {
        for call in [
            "demo --dir d --base-port 20000",
            "init d --domain example.test",
            "serve --config f",
            "--config f domain add example.test",
            "--config f domain list",
            "--config f domain remove example.test",
            "--config f user add alice@example.test --password-stdin",
            "--config f user list",
            "--config f user remove alice@example.test",
            "--config f user password alice@example.test",
            "--config f alias add sales@example.test alice@example.test",
            "--config f alias list",
            "--config f alias remove sales@example.test",
            "--config f domain check example.test",
            "--config f domain set example.test --retention-days 30",
            "--config f erase alice@example.test INBOX 3,7:9",
            "--config f compact",
            "--config f quota set example.test --storage 1024",
            "--config f quota set alice@example.test --messages 10",
            "--config f quota clear alice@example.test",
            "--config f quota show alice@example.test",
            "--config f quota admin alice@example.test --revoke",
            "--config f hold set example.test 30",
            "--config f hold set alice@example.test 0",
            "--config f hold clear alice@example.test",
            "--config f hold list",
            "--config f history --id 5c0f --sender alice@example.test --limit 5",
            "--config f capability hide MOVE --listener imaps --client outlook --user a@b.test",
            "--config f capability offer UIDONLY --domain example.test",
            "--config f capability clear MOVE",
            "--config f capability show MOVE",
            "--config f capability list",
            "--config f dkim generate example.test --selector s1 --algorithm ed25519",
            "--config f dkim import example.test s2 key.pem",
            "--config f dkim list",
            "--config f dkim show example.test s1",
            "--config f dkim remove example.test s1",
            "--config f verify",
            "--config f dump",
        ] {
            let words = std::iter::once("fumikura").chain(call.split(' '));
            assert!(Arguments::try_parse_from(words).is_ok(), "{call}");
        }
    }
}
