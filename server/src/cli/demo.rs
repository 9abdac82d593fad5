//! `fumikura demo`: a server to try out, on this machine only, with two users and a few
//! messages. A second start finds everything as it was left.

mod guide;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::init::{Existing, prepare, write_config};
use super::samples::SAMPLES;
use super::serve::{Signals, ready_line, runtime, until_signal};
use super::{CliError, logging, open_files, output};
use crate::Server;
use crate::accounts;
use crate::auth::{generate_password, store_password};
use crate::config::{Config, Listener, LogConfig, Protocol, Role};
use crate::context::Context;
use crate::delivery::{self, Placement};
use crate::directory::{Address, DirectoryError, Resolution};
use crate::private_file;

/// The domain of the demo; `.test` is nobody's (RFC 2606, 2).
const DOMAIN: &str = "example.test";
const USERS: [&str; 2] = ["alice", "bob"];
const BASE_PORT: u16 = 10_000;
/// The highest base whose highest port, that of IMAPS or POP3S, is still one.
const BASE_PORT_MAX: u16 = u16::MAX - 995;

/// Where the demo lives.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// The directory of the demo; made if it does not exist
    #[arg(long, default_value = "fumikura-demo")]
    dir: PathBuf,
    /// SMTP listens at this port + 25, IMAP at + 143, and so on; 10000 for a new demo, and what
    /// it was for one that exists
    #[arg(long, value_parser = clap::value_parser!(u16).range(1000..=i64::from(BASE_PORT_MAX)))]
    base_port: Option<u16>,
}

pub(super) fn run(arguments: &DemoArguments) -> Result<(), CliError> {
    let config = config(arguments)?;
    // A demo's terminal is for its guide; RUST_LOG is not read on purpose: the file has `level`.
    logging::start(&LogConfig { level: quieter(&config.log.level), ..config.log.clone() });
    open_files::allow(config.limits.connections_max);
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        prepare(&config, DOMAIN).await?;
        let server = Server::start(config).await?;
        let passwords = users(server.context(), &arguments.dir).await?;
        deliver_samples(&server).await?;
        for (address, password) in &passwords {
            output::line(&format!("{address} password: {password}"))?;
        }
        output::line(&guide::text(&server, &arguments.dir, &passwords))?;
        output::line(&ready_line(&server))?;
        until_signal(server, signals).await
    })
}

/// At the default level a demo shows only what goes wrong.
fn quieter(level: &str) -> String {
    if level == LogConfig::default().level { "warn".to_owned() } else { level.to_owned() }
}

fn config(arguments: &DemoArguments) -> Result<Config, CliError> {
    let file = arguments.dir.join("fumikura.toml");
    let base = match arguments.base_port {
        None if file.exists() => return Ok(Config::load(&file)?),
        base => base.unwrap_or(BASE_PORT),
    };
    let file = write_config(&arguments.dir, "localhost", &listeners(base), Existing::Replace)?;
    Ok(Config::load(&file)?)
}

fn listeners(base: u16) -> Vec<Listener> {
    let served = [
        Protocol::Smtp,
        Protocol::Lmtp,
        Protocol::Smtps,
        Protocol::Submission,
        Protocol::Pop3,
        Protocol::Pop3s,
        Protocol::Imap,
        Protocol::Imaps,
        Protocol::Http,
    ];
    let listener = |protocol: Protocol| Listener {
        protocol,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, base + protocol.standard_port())),
    };
    served.into_iter().map(listener).collect()
}

/// The users and their passwords: those of the last start, or new ones.
async fn users(context: &Context, dir: &Path) -> Result<BTreeMap<Address, String>, CliError> {
    let file = dir.join("demo-passwords");
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let known: BTreeMap<&str, &str> =
        known.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut passwords = BTreeMap::new();
    for user in USERS {
        let address = Address::new(user, DOMAIN).map_err(DirectoryError::from)?;
        let password = match known.get(address.to_string().as_str()) {
            Some(password) => (*password).to_owned(),
            None => generate_password(),
        };
        passwords.insert(address, password);
    }
    // Written before the users exist: a demo that is ended in between knows its passwords.
    let lines: Vec<String> =
        passwords.iter().map(|(address, password)| format!("{address} {password}")).collect();
    let text = lines.join("\n") + "\n";
    private_file::write(&file, text.as_bytes())
        .map_err(CliError::io(format!("cannot write {}", file.display())))?;
    for (address, password) in &passwords {
        ensure_user(context, address, password).await?;
    }
    Ok(passwords)
}

async fn ensure_user(context: &Context, address: &Address, password: &str) -> Result<(), CliError> {
    let stored = store_password(password, &context.config.auth)
        .map_err(|error| CliError::Refused(error.to_string()))?;
    match context.directory.add_user(address, stored.clone()).await {
        Ok(_) => Ok(()),
        Err(DirectoryError::Exists(_)) => {
            Ok(context.directory.set_password(address, stored).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Delivers the samples unless a message has ever come in.
async fn deliver_samples(server: &Server) -> Result<(), CliError> {
    let context = server.context();
    if has_had_mail(context).await? {
        return Ok(());
    }
    for sample in &SAMPLES {
        let mut recipients = Vec::new();
        for user in sample.recipients {
            let address = Address::new(user, DOMAIN).map_err(DirectoryError::from)?;
            if let Resolution::Found(found) = context.directory.resolve(&address).await? {
                recipients.extend(found.users.iter().cloned());
            }
        }
        let message = Arc::new(sample.message().into());
        for outcome in
            delivery::deliver(context, Role::Lmtp, &recipients, message, Placement::Inbox).await
        {
            outcome.map_err(|error| CliError::Refused(error.to_string()))?;
        }
    }
    Ok(())
}

/// Whether any message ever reached the first user, also if it is gone by now.
async fn has_had_mail(context: &Context) -> Result<bool, CliError> {
    let address = Address::new(USERS[0], DOMAIN).map_err(DirectoryError::from)?;
    let Resolution::Found(found) = context.directory.resolve(&address).await? else {
        return Ok(false);
    };
    for recipient in &found.users {
        let account = accounts::ensure(context, recipient.account).await?;
        if account.mailbox("INBOX")?.snapshot().uid_next() != Some(engine::Uid::FIRST) {
            return Ok(true);
        }
    }
    Ok(false)
}
