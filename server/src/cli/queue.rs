//! `fumikura queue`: mail on its way out.

use clap::{Args, Subcommand};
use engine::clock::unix_seconds;

use super::{CliError, maintain, output};
use crate::config::Config;
use crate::orders::Order;
use crate::queue::{Change, Envelope, Listed, NEVER, QueueOrder, Selection};

#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// Show what waits, by when it is tried next
    List {
        #[command(flatten)]
        which: Which,
        /// How many lines at most
        #[arg(long, default_value_t = 1000)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one message: what is known of its deliveries, and its header
    Show {
        /// Its name in the queue
        id: String,
    },
    /// Do not try until released
    Hold {
        #[command(flatten)]
        which: Chosen,
    },
    /// Try now what was held, or waits
    Release {
        #[command(flatten)]
        which: Chosen,
    },
    /// Try now what waits and is not held
    Retry {
        #[command(flatten)]
        which: Chosen,
    },
    /// Take out of the queue
    Remove {
        #[command(flatten)]
        which: Chosen,
        /// Tell the senders that it is not delivered
        #[arg(long)]
        tell: bool,
    },
}

/// Which messages; all that is given must hold.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// A message by its name in the queue
    #[arg(long)]
    id: Option<String>,
    /// From this address; "" for reports, which have no sender
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// To this address
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,
    /// To this domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
}

/// Some messages: something must be said of which.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    #[command(flatten)]
    which: Which,
    /// All there are
    #[arg(long)]
    all: bool,
}

pub(super) fn queue(config: &Config, command: QueueCommand) -> Result<(), CliError> {
    match command {
        QueueCommand::List { which, limit, json } => list(config, which, limit, json),
        QueueCommand::Show { id } => {
            let text = given(config, QueueOrder::Show(id))?;
            output::line(text.trim_end())
        }
        QueueCommand::Hold { which } => change(config, which, Change::Hold),
        QueueCommand::Release { which } => change(config, which, Change::Release),
        QueueCommand::Retry { which } => change(config, which, Change::Retry),
        QueueCommand::Remove { which, tell } => change(config, which, Change::Remove { tell }),
    }
}

fn given(config: &Config, order: QueueOrder) -> Result<String, CliError> {
    maintain::given(config, &Order::Queue(order), "looking through the queue")
}

fn change(config: &Config, which: Chosen, change: Change) -> Result<(), CliError> {
    let selection = Selection::from(which.which);
    if selection == Selection::default() && !which.all {
        return Err(CliError::Refused(
            "say which: --id, --sender, --recipient, --domain, or --all".to_owned(),
        ));
    }
    output::line(&given(config, QueueOrder::Change(selection, change))?)
}

fn list(config: &Config, which: Which, limit: usize, json: bool) -> Result<(), CliError> {
    let lines = given(config, QueueOrder::List(which.into(), limit))?;
    let now = unix_seconds();
    for line in lines.lines() {
        if json {
            output::line(line)?;
            continue;
        }
        let listed: Listed = serde_json::from_str(line).map_err(|error| {
            CliError::Refused(format!("the server said what is no entry: {error}"))
        })?;
        output::line(&shown(&listed, now))?;
    }
    Ok(())
}

/// An entry for people: one line, and one for each recipient.
fn shown(listed: &Listed, now: i64) -> String {
    let Listed { due, in_hand, envelope } = listed;
    let Envelope { id, reverse_path, destination, size, attempts, .. } = envelope;
    let when = match (in_hand, envelope.held, due - now) {
        (true, ..) => "being tried".to_owned(),
        (false, ..) if envelope.outbox.is_some() => in_outbox(*due, now),
        (false, true, _) => "held".to_owned(),
        (false, false, ..=0) => "due".to_owned(),
        (false, false, seconds) => format!("in {}", span(seconds)),
    };
    let age = span(now - envelope.arrived);
    let mut text = format!(
        "{id}  {when}, {age} old, tried {attempts} times, {size} bytes, from <{reverse_path}> to {destination}"
    );
    for recipient in &envelope.recipients {
        text.push_str("\n    ");
        text.push_str(&recipient.address);
        if let Some(trouble) = &recipient.trouble {
            let host = trouble.host.as_deref().map_or(String::new(), |host| format!("{host}: "));
            text.extend(["  ", &host, &trouble.text]);
        }
    }
    text
}

/// How long its sender may take it back.
fn in_outbox(due: i64, now: i64) -> String {
    if due == NEVER {
        return "in the Outbox until it is released".to_owned();
    }
    format!("in the Outbox for {}", span(due - now))
}

/// A time in the unit that says it best.
fn span(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{} s", seconds.max(0)),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

impl From<Which> for Selection {
    fn from(which: Which) -> Self {
        let Which { id, sender, recipient, domain } = which;
        Self { id, sender, recipient, domain }
    }
}
