//! Orders, and `fumikura compact` and `fumikura erase`, which are some: asked of the server that has the store, or done here
//! if none runs.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use super::{CliError, directory, output, serve};
use crate::config::Config;
use crate::control;
use crate::directory::Directory;
use crate::orders::{Order, StoreOrder, parse_uids};
use crate::queue::Queue;

#[derive(Debug, Args)]
pub(super) struct EraseArguments {
    /// The user's address, or `account:` and the number of a removed user's account
    user: String,
    /// The mailbox that has the messages, or had them before they were expunged
    mailbox: String,
    /// Their UIDs, such as 3,7:9
    uids: String,
}

pub(super) fn compact(config: &Config) -> Result<(), CliError> {
    carry_out(
        config,
        &Order::Store(StoreOrder::Compact),
        "compacting; a stop at any moment loses nothing",
    )
}

pub(super) fn erase(config: &Config, arguments: &EraseArguments) -> Result<(), CliError> {
    let EraseArguments { user, mailbox, uids } = arguments;
    let account = match user.strip_prefix("account:") {
        Some(number) => number
            .parse()
            .map(engine::AccountId)
            .map_err(|_| CliError::Refused(format!("{number} is not an account number")))?,
        None => account_of(config, user)?,
    };
    if mailbox.chars().any(char::is_control) {
        return Err(CliError::Refused("a mailbox has no such name".to_owned()));
    }
    let uids = parse_uids(uids)
        .ok_or_else(|| CliError::Refused(format!("{uids} is not a set of UIDs such as 3,7:9")))?;
    let order = Order::Store(StoreOrder::Erase { account, mailbox: mailbox.clone(), uids });
    carry_out(config, &order, "erasing; if it is stopped, give the same command again")
}

fn account_of(config: &Config, user: &str) -> Result<engine::AccountId, CliError> {
    let address = directory::address_of(user)?;
    super::block_on(async {
        let settings = &config.directory;
        let directory = Directory::open(&settings.path, &settings.separator).await?;
        let user = directory.user(&address).await;
        directory.close().await;
        let found =
            user?.ok_or_else(|| CliError::Refused(format!("there is no user {address}")))?;
        Ok(found.account)
    })
}

fn carry_out(config: &Config, order: &Order, message: &'static str) -> Result<(), CliError> {
    output::line(&given(config, order, message)?)
}

/// Gives an order to the server that has the store, or carries it out here.
pub(super) fn given(
    config: &Config,
    order: &Order,
    message: &'static str,
) -> Result<String, CliError> {
    let bar =
        if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_message(message);
    bar.enable_steady_tick(Duration::from_millis(100));
    let store = &config.store.path;
    let given =
        control::give(store, order).map_err(CliError::io("cannot speak to the running server"))?;
    let done = match given {
        Some(done) => done.map_err(CliError::Refused),
        None => by_ourselves(config, order),
    };
    bar.finish_and_clear();
    done
}

fn by_ourselves(config: &Config, order: &Order) -> Result<String, CliError> {
    let runtime = serve::runtime()?;
    let settings = &config.directory;
    let directory = runtime.block_on(Directory::open(&settings.path, &settings.separator))?;
    let retention = directory.retention(config.store.retention(), runtime.handle().clone());
    let options = engine::Options { upkeep: false, retention, ..config.store.options() };
    let store = engine::Store::open(&config.store.path, &options)?;
    let done = match order {
        Order::Store(order) => order.carry_out(&store).map_err(CliError::from),
        Order::Queue(order) => runtime.block_on(async {
            let queue = Queue::open(&store, &directory, config).await?;
            order.carry_out(&queue).await.map_err(|error| CliError::Refused(error.to_string()))
        }),
    };
    drop(store);
    runtime.block_on(directory.close());
    done
}
