//! The rows of the table: what is measured, one file for each family.

mod bodies;
mod deliver;
mod disk;
mod fill;
mod folders;
mod list;
mod measure;
mod remove;
mod restart;
mod resync;
mod search;
mod select;
mod sort;
mod store;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use indicatif::ProgressBar;

use crate::corpus::{Corpus, Profile};
use crate::figure::{Aim, Figure, Table};
use crate::profile::Profiles;
use crate::subject::{Outcome, Subject};

/// A family of figures.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name for `--rows`.
    pub name: &'static str,
    needs: &'static [Folder],
    run: fn(&mut Bench<'_>) -> Outcome<()>,
}

/// All rows, in an order in which each finds its mailboxes as it needs them: what takes messages
/// away comes last.
pub const ROWS: &[Row] = &[
    Row { name: "fill", needs: &[Folder::Mail, Folder::Million], run: |_| Ok(()) },
    Row { name: "flags-list", needs: &[Folder::Million], run: list::flags },
    Row { name: "envelopes", needs: &[Folder::Million], run: list::envelopes },
    Row { name: "thunderbird", needs: &[Folder::Mail, Folder::Million], run: list::thunderbird },
    Row { name: "structures", needs: &[Folder::Mail], run: list::structures },
    Row { name: "bodies", needs: &[Folder::Mail], run: bodies::all },
    Row { name: "random-body", needs: &[Folder::Mail], run: bodies::random },
    Row { name: "search", needs: &[Folder::Mail, Folder::Million], run: search::search },
    Row { name: "sort", needs: &[Folder::Mail, Folder::Million], run: sort::sort },
    Row { name: "select", needs: &[Folder::Million], run: select::select },
    Row { name: "memory", needs: &[Folder::Million], run: select::memory },
    Row { name: "store", needs: &[Folder::Million], run: store::all },
    Row { name: "store-one", needs: &[Folder::Million], run: store::one },
    Row { name: "resync", needs: &[Folder::Million], run: resync::resync },
    Row { name: "folders", needs: &[], run: folders::folders },
    Row { name: "restart", needs: &[Folder::Mail, Folder::Million], run: restart::killed },
    Row { name: "compacted-body", needs: &[Folder::Mail], run: bodies::compacted },
    Row { name: "move", needs: &[Folder::Mail], run: remove::moved },
    Row { name: "expunge", needs: &[Folder::Mail, Folder::Million], run: remove::expunged },
    Row { name: "deliver", needs: &[], run: deliver::deliver },
    Row { name: "disk", needs: &[], run: disk::disk },
];

/// The mailboxes that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folder {
    /// 100,000 realistic messages.
    Mail,
    /// A million tiny ones.
    Million,
}

impl Folder {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Million => "million",
        }
    }

    fn full_count(self) -> u64 {
        match self {
            Self::Mail => 100_000,
            Self::Million => 1_000_000,
        }
    }

    pub(crate) fn corpus(self) -> Corpus {
        match self {
            Self::Mail => Corpus::new(Profile::Realistic, 1),
            Self::Million => Corpus::new(Profile::Tiny, 2),
        }
    }
}

/// A server, its mailboxes as far as they are filled, and where figures go.
#[derive(Debug)]
pub struct Bench<'a> {
    subject: Subject,
    scale: f64,
    scratch: PathBuf,
    bar: &'a ProgressBar,
    table: &'a mut Table,
    row: &'static str,
    filled: Vec<Folder>,
    profiles: RefCell<Option<Profiles>>,
}

impl<'a> Bench<'a> {
    /// A bench of one server. What else it must write goes below `scratch`.
    pub fn new(
        subject: Subject,
        scratch: PathBuf,
        bar: &'a ProgressBar,
        table: &'a mut Table,
    ) -> Self {
        let scale = table.scale;
        Self {
            subject,
            scale,
            scratch,
            bar,
            table,
            row: "",
            filled: Vec::new(),
            profiles: RefCell::default(),
        }
    }

    /// Profiles whatever is measured from now on.
    pub fn profile(&mut self, profiles: Profiles) {
        self.profiles = RefCell::new(Some(profiles));
    }

    /// Fills what a row needs, and runs it.
    pub fn run(&mut self, row: &Row) -> Outcome<()> {
        for folder in row.needs {
            self.row = "fill";
            if !self.filled.contains(folder) {
                fill::fill(self, *folder)?;
                self.filled.push(*folder);
            }
        }
        self.row = row.name;
        self.say(row.name);
        (row.run)(self)
    }

    /// What was found so far.
    pub fn table(&self) -> &Table {
        self.table
    }

    /// How many messages a mailbox has in this run.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a number that fits"
    )]
    pub(crate) fn scaled(&self, count: u64) -> u64 {
        ((as_f64(count) * self.scale) as u64).max(10)
    }

    pub(crate) fn count(&self, folder: Folder) -> u64 {
        self.scaled(folder.full_count())
    }

    pub(crate) fn say(&self, what: &str) {
        self.bar.set_message(format!("{}: {what}", self.subject.name));
    }

    pub(crate) fn tell(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        aim: Aim,
        value: f64,
    ) {
        self.put(what.into(), unit, aim, Some(value));
    }

    pub(crate) fn not_offered(&mut self, what: impl Into<String>, unit: &'static str, aim: Aim) {
        self.put(what.into(), unit, aim, None);
    }

    fn put(&mut self, what: String, unit: &'static str, aim: Aim, value: Option<f64>) {
        let aim = self.table.scaled(aim);
        let values = BTreeMap::from([(self.subject.name, value)]);
        self.table.put(Figure { row: self.row, what, unit, aim, values });
    }
}

/// A count as people read it.
pub(crate) fn short(count: u64) -> String {
    match count {
        ..1000 => count.to_string(),
        1000..1_000_000 => format!("{}k", as_f64(count / 100) / 10.0),
        _ => format!("{}M", as_f64(count / 10_000) / 100.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures to be read have few digits")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
