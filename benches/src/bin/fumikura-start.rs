//! Measures what being costs: how long a shard with many mailboxes takes to start, how much memory
//! it holds then, and what opening one mailbox adds. The messages' bytes are shared by all copies;
//! their rows, flags and mailboxes are not.
//!
//! The store is made by one process and started by another, so that the memory of making it is
//! not counted. It is started twice: as it was closed, and as a crash would leave it after the
//! changes since its last checkpoint.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use engine::{
    AccountId, AppendItem, FlagAction, FlagEdit, FlagSet, InternalDate, Mailbox, Options,
};
use engine::{Store, SystemFlag, UidSet};
use indicatif::ProgressBar;

/// The account that has one large mailbox, and how many messages that has at least.
const LARGE: AccountId = AccountId(u32::MAX as u64);
const LARGE_MESSAGES: u32 = 1_000_000;
/// Mailboxes of one account.
const MAILBOXES: u64 = 10;
/// A start may take this long.
const START_MAX: Duration = Duration::from_secs(1);

type Outcome = Result<(), Box<dyn Error>>;

/// Measure the start of a shard with many mailboxes.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    step: Option<Step>,
    /// How many mailboxes
    #[arg(long, default_value_t = 10_000)]
    mailboxes: u64,
    /// How many messages in each
    #[arg(long, default_value_t = 1000)]
    messages: u32,
    /// Where to make the store, which is removed in the end
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What the processes of the measurement do.
#[derive(Clone, Debug, Subcommand)]
enum Step {
    /// Make the store
    #[command(hide = true)]
    Make { store: PathBuf, mailboxes: u64, messages: u32 },
    /// Change it and end without closing it
    #[command(hide = true)]
    Crash { store: PathBuf, mailboxes: u64 },
    /// Start it, and fail if that takes too long
    #[command(hide = true)]
    Start { store: PathBuf, mailboxes: u64 },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.step.clone() {
        None => measure(&arguments),
        Some(Step::Make { store, mailboxes, messages }) => make(&store, mailboxes, messages),
        Some(Step::Crash { store, mailboxes }) => crash(&store, mailboxes),
        Some(Step::Start { store, mailboxes }) => start(&store, mailboxes),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Outcome {
    let base = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::tempdir_in(base)?;
    let store = dir.path().join("store");
    let (store, mailboxes) = (store.as_os_str(), arguments.mailboxes.to_string());
    let messages = arguments.messages.to_string();
    let run = |step: &str, rest: &[&str]| -> Outcome {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(step).arg(store).args(rest);
        if command.status()?.success() { Ok(()) } else { Err(format!("{step} failed").into()) }
    };
    run("make", &[&mailboxes, &messages])?;
    println!("closed, then started:");
    run("start", &[&mailboxes])?;
    run("crash", &[&mailboxes])?;
    println!("killed 5,000 changes later, then started:");
    run("start", &[&mailboxes])
}

fn options() -> Options {
    Options { shard_count: 1, ..Options::default() }
}

fn mailbox(store: &Store, number: u64) -> Result<Mailbox, engine::Error> {
    let account = store.account(AccountId(number / MAILBOXES + 1))?;
    let account = account.ok_or(engine::Error::NoSuchAccount)?;
    account.mailbox(&name(number))
}

fn name(number: u64) -> String {
    match number % MAILBOXES {
        0 => "INBOX".to_owned(),
        nth => format!("folder {nth}"),
    }
}

fn make(path: &Path, mailboxes: u64, messages: u32) -> Outcome {
    let store = Store::create(path, &options())?;
    let bar = ProgressBar::new(mailboxes);
    let mut seed: Option<(Mailbox, UidSet)> = None;
    for number in 0..mailboxes {
        let account = AccountId(number / MAILBOXES + 1);
        let account = store.ensure_account(account, &[]).wait()?;
        if number % MAILBOXES != 0 {
            account.create(&name(number), None).wait()?;
        }
        let mailbox = account.mailbox(&name(number))?;
        if let Some((seed, uids)) = &seed {
            seed.copy(uids.clone(), &mailbox).wait()?;
        } else {
            let items = (0..messages).map(|nth| {
                let text = format!("From: a@example.test\r\nSubject: number {nth}\r\n\r\ntext\r\n");
                let mut flags = FlagSet::default();
                if nth % 3 == 0 {
                    flags = FlagSet::system(&[SystemFlag::Seen]);
                }
                let internal_date = InternalDate { seconds: nth.into(), zone_minutes: 0 };
                AppendItem { message: store.prepare(text.as_bytes()), flags, internal_date }
            });
            let appended = mailbox.append(items.collect()).wait()?;
            seed = Some((mailbox, appended.uids));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some((seed, uids)) = &seed {
        let account = store.ensure_account(LARGE, &[]).wait()?;
        let large = account.mailbox("INBOX")?;
        while large.snapshot().exists() < LARGE_MESSAGES {
            seed.copy(uids.clone(), &large).wait()?;
        }
    }
    store.close();
    println!("{} messages in {mailboxes} mailboxes", mailboxes * u64::from(messages));
    Ok(())
}

fn crash(path: &Path, mailboxes: u64) -> Outcome {
    let store = Store::open(path, &Options { checkpoint_every: u64::MAX, ..options() })?;
    for change in 0..5000 {
        let mailbox = mailbox(&store, change * 7 % mailboxes)?;
        let uids = [engine::Uid::FIRST].into_iter().collect();
        let action = if change < 2500 { FlagAction::Add } else { FlagAction::Remove };
        let flags = FlagSet::system(&[SystemFlag::Flagged]);
        let edit = FlagEdit { uids, action, flags, unchanged_since: None };
        mailbox.edit_flags(edit).wait()?;
    }
    // No destructor runs: the store is as a kill leaves it.
    std::process::exit(0)
}

fn start(path: &Path, mailboxes: u64) -> Outcome {
    let empty = anonymous()?;
    let began = Instant::now();
    let store = Store::open(path, &options())?;
    let took = began.elapsed();
    let started = anonymous()?;
    println!("  start                    {took:>10.1?}");
    println!("  memory held              {:>7} KiB", started - empty);

    let began = Instant::now();
    let opened = mailbox(&store, mailboxes / 2)?;
    let exists = opened.snapshot().exists();
    println!("  opening a mailbox        {:>10.1?}", began.elapsed());
    let snapshot = opened.snapshot();
    let uids = snapshot.all_uids()?;
    let began = Instant::now();
    let count = snapshot.rows(&uids).map(|row| row.map(|_| 1)).sum::<Result<u32, _>>()?;
    println!("  walking its {exists} messages {:>9.1?}", began.elapsed());
    drop((snapshot, opened));

    for number in 0..mailboxes {
        let opened = mailbox(&store, number)?;
        opened.snapshot().first_unseen()?;
    }
    println!("  memory once all were open{:>7} KiB", anonymous()?.saturating_sub(empty));
    let account = store.account(LARGE)?.ok_or("no large mailbox")?;
    let began = Instant::now();
    let large = account.mailbox("INBOX")?;
    println!("  opening one of {} {:>9.1?}", large.snapshot().exists(), began.elapsed());
    let snapshot = large.snapshot();
    let uids = snapshot.all_uids()?;
    for time in ["first", "again"] {
        let began = Instant::now();
        let walked = snapshot.rows(&uids).map(|row| row.map(|_| 1)).sum::<Result<u32, _>>()?;
        println!("  walking it, {time}    {:>14.1?}", began.elapsed());
        if walked != snapshot.exists() {
            return Err(format!("{walked} of {} messages", snapshot.exists()).into());
        }
    }
    println!("  memory then              {:>7} KiB", anonymous()?.saturating_sub(empty));
    if count != exists {
        return Err(format!("{count} of {exists} messages").into());
    }
    if took > START_MAX {
        return Err(format!("the start took {took:?}, more than {START_MAX:?}").into());
    }
    Ok(())
}

/// KiB of this process that no file stands behind.
fn anonymous() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
