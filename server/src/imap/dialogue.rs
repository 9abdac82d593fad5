//! The client's side of a session: whole commands come in, answers go out in order.
//!
//! While it waits for a command it holds no buffer, and answers to pipelined commands leave
//! together.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use engine::UidSet;

use super::command::{Command, Tag};
use super::dialect::Dialect;
use super::encode::SetWriter;
use super::parse::{Assembler, Fault, Limits, Oversize, Step, parse_command_in, tag_of};
use super::response::{Done, Refusal, Verdict};
use crate::auth::Channel;
use crate::auth::sasl::Mechanism;
use crate::config::Role;
use crate::context::Context;
use crate::directory::Viewer;
use crate::limits::ByteShare;
use crate::spool::{Spool, SpoolFault, Spooled};
use crate::stream::{Connection, Link, Stream, StreamError};

/// A command larger than this takes its memory from the budget that all receivers share.
const UNSHARED_LEN_MAX: usize = 64 << 10;

/// What the client sent, or what happened instead.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A command, and the bytes it was parsed from.
    Command(Box<Command>, Spooled),
    /// Something that is no command.
    Fault(Fault),
    /// A command that is too long.
    Oversize(Option<Tag>, Oversize),
    /// The client is about to send more than we would throw away.
    Hopeless,
    /// The client said nothing for too long.
    Silence,
    /// The client began a command and did not end it in time.
    Stalled,
    /// The server is about to stop.
    Shutdown,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// What all sessions share.
    pub(crate) context: Arc<Context>,
    /// The client's bytes.
    pub(crate) connection: Connection,
    /// For metrics.
    pub(crate) role: Role,
    /// How the client and we talk.
    pub(crate) dialect: Dialect,
    /// Whom capabilities are shown to.
    pub(crate) viewer: Box<Viewer>,
    /// The command that is being worked on.
    pub(crate) under_way: Option<Tag>,
}

impl Dialogue {
    /// Nothing is said yet.
    pub(crate) fn new(context: Arc<Context>, stream: Stream, role: Role) -> Self {
        let listener = role.protocol(stream.is_tls()).name();
        let viewer = Box::new(Viewer::at(listener, stream.local().port()));
        let connection = Connection::new(stream, context.config.limits.write_time);
        let dialect = Dialect::default();
        Self { context, connection, role, dialect, viewer, under_way: None }
    }

    /// Waits for the next command, and for all of it.
    pub(crate) async fn next_command(
        &mut self,
        limits: Limits,
        patience: Duration,
    ) -> Result<Incoming, StreamError> {
        if self.connection.buffered().is_empty()
            && let Some(interruption) = self.wait(Instant::now() + patience).await?
        {
            return Ok(interruption);
        }
        let deadline = Instant::now() + self.context.config.limits.command_time;
        // Boxed, since it is the waiting before it that lasts.
        match Box::pin(self.assemble(limits, deadline)).await {
            Err(StreamError::TimedOut) => Ok(Incoming::Stalled),
            other => other,
        }
    }

    /// Waits, without a buffer, until the client sends something; or says what came before that.
    async fn wait(&mut self, deadline: Instant) -> Result<Option<Incoming>, StreamError> {
        self.connection.flush().await?;
        let shutdown = self.context.shutdown.clone();
        tokio::select! {
            biased;
            readable = self.connection.readable() => readable.map(|()| None),
            () = shutdown.requested() => Ok(Some(Incoming::Shutdown)),
            () = sleep_until(deadline) => Ok(Some(Incoming::Silence)),
        }
    }

    async fn assemble(
        &mut self,
        limits: Limits,
        deadline: Instant,
    ) -> Result<Incoming, StreamError> {
        let mut assembler = Assembler::new(limits);
        let mut gathered = Gathered { share: self.context.receiving.in_memory(), spool: None };
        loop {
            if self.connection.buffered().is_empty() {
                self.connection.flush().await?;
                self.connection.fill(deadline).await?;
            }
            let (taken, step) = assembler.push(self.connection.buffered());
            self.connection.consume(taken);
            match step {
                Step::More => {
                    if let Err(fault) = gathered.take_from(&mut assembler, &self.context).await {
                        assembler.refuse(fault.into());
                        gathered.spool = None;
                    }
                }
                Step::Continuation => {
                    self.connection.output().extend_from_slice(b"+ Ready for the literal\r\n");
                }
                Step::Complete(rest) => {
                    return Ok(match gathered.finish(rest).await {
                        Ok(bytes) => match parse_command_in(&bytes, self.dialect) {
                            Ok(command) => Incoming::Command(Box::new(command), bytes),
                            Err(fault) => Incoming::Fault(fault),
                        },
                        Err(fault) => {
                            let tag = tag_of(assembler.drained_front());
                            Incoming::Oversize(tag, fault.into())
                        }
                    });
                }
                Step::Refused(front, oversize) => {
                    return Ok(Incoming::Oversize(tag_of(&front), oversize));
                }
                Step::Hopeless => return Ok(Incoming::Hopeless),
            }
        }
    }

    /// A line that is no command: an answer in a SASL exchange, or DONE. Without its line end;
    /// `None` if it is too long.
    pub(crate) async fn next_line(
        &mut self,
        len_max: usize,
        patience: Duration,
    ) -> Result<Option<Vec<u8>>, StreamError> {
        self.connection.flush().await?;
        let mut line = Vec::new();
        let deadline = Instant::now() + patience;
        match self.connection.read_line_into(&mut line, len_max, deadline).await {
            Ok(()) => {}
            Err(StreamError::LineTooLong) => {
                self.connection.skip_line(deadline).await?;
                return Ok(None);
            }
            Err(StreamError::TimedOut) => {
                self.untagged("BYE Nothing was said for too long");
                return Err(StreamError::Closed);
            }
            Err(error) => return Err(error),
        }
        while matches!(line.last(), Some(b'\r' | b'\n')) {
            line.pop();
        }
        Ok(Some(line))
    }

    /// Where answers are written to.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        self.connection.output()
    }

    /// Sends what gathered if it is much, and then gives way to other sessions: the way to answer
    /// at length in bounded memory, at the client's pace and without making others wait.
    pub(crate) async fn breathe(&mut self) -> Result<(), StreamError> {
        if self.connection.flush_if_full().await? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Whether work for the client is still wanted. A client that sends no more may have gone: it is
    /// told something, once, to find out.
    pub(crate) async fn is_wanted(&mut self, was_told: &mut bool) -> Result<(), StreamError> {
        match self.connection.link() {
            Link::Whole => Ok(()),
            Link::SilentClient if *was_told => Ok(()),
            Link::SilentClient => {
                *was_told = true;
                self.untagged("OK Still at it");
                self.connection.flush().await
            }
            Link::Gone => Err(StreamError::Closed),
        }
    }

    /// `* text`.
    pub(crate) fn untagged(&mut self, text: impl fmt::Display) {
        // Writing to a `Vec` does not fail.
        let _ = write!(self.out(), "* {text}\r\n");
    }

    /// The last line of an answer to a command that was done, with a code that has no sets.
    pub(crate) fn done(&mut self, tag: &Tag, done: &Done) {
        let _ = match &done.code {
            Some(code) => write!(self.out(), "{tag} OK [{code}] {}\r\n", done.text),
            None => write!(self.out(), "{tag} OK {}\r\n", done.text),
        };
    }

    /// An `OK` response under a tag or `*`, in pieces where its code is long.
    pub(crate) async fn ok(&mut self, tag: &str, done: &Done) -> Result<(), StreamError> {
        let Some(code) = &done.code else {
            let _ = write!(self.out(), "{tag} OK {}\r\n", done.text);
            return Ok(());
        };
        let _ = write!(self.out(), "{tag} OK [{code}");
        for set in &done.sets {
            self.out().push(b' ');
            self.uid_set(set).await?;
        }
        let _ = write!(self.out(), "] {}\r\n", done.text);
        Ok(())
    }

    /// A set of UIDs as IMAP writes it, in pieces where it is long.
    pub(crate) async fn uid_set(&mut self, set: &UidSet) -> Result<(), StreamError> {
        let mut writer = SetWriter::new("");
        for range in set.ranges() {
            writer.push(range, self.out());
            self.breathe().await?;
        }
        writer.end(self.out());
        Ok(())
    }

    /// The last line of an answer to a command that was refused; untagged if it had no tag.
    pub(crate) fn refused(&mut self, tag: Option<&Tag>, refusal: &Refusal) {
        let tag = tag.map_or("*", Tag::as_str);
        let verdict = match refusal.verdict {
            Verdict::No => "NO",
            Verdict::Bad => "BAD",
        };
        let _ = match &refusal.code {
            Some(code) => write!(self.out(), "{tag} {verdict} [{code}] {}\r\n", refusal.text),
            None => write!(self.out(), "{tag} {verdict} {}\r\n", refusal.text),
        };
    }

    /// The connection as a way to log in, and the mechanisms that the client may use over it.
    pub(crate) async fn mechanisms(&self) -> (Channel, Vec<Mechanism>) {
        let channel = Channel::of(&self.connection);
        let masks = self.context.directory.masks().await;
        let offered = self.context.auth.offered(&channel, &masks, &self.viewer);
        (channel, offered)
    }

    /// Whether the client may send its password over this connection.
    pub(crate) fn allows_password(&self) -> bool {
        let peer = self.connection.peer().ip();
        self.context.auth.allows_password(self.connection.is_tls(), peer)
    }
}

/// What has come of a long command.
struct Gathered {
    share: ByteShare,
    /// Messages of APPEND, and what stands around them.
    spool: Option<Box<Spool>>,
}

impl Gathered {
    /// Takes the octets of messages out of the assembler; what stays there is counted.
    async fn take_from(
        &mut self,
        assembler: &mut Assembler,
        context: &Context,
    ) -> Result<(), SpoolFault> {
        if assembler.len() <= UNSHARED_LEN_MAX {
            return Ok(());
        }
        let mut taken = Ok(());
        let spool = &mut self.spool;
        assembler.drain_settled(|bytes| {
            let spool = spool.get_or_insert_with(|| Box::new(context.receiving.spool()));
            taken = spool.push(bytes);
        });
        taken?;
        if let Some(spool) = &mut self.spool {
            spool.write_out().await?;
        }
        let is_counted = assembler.len() <= UNSHARED_LEN_MAX || self.share.cover(assembler.len());
        if is_counted { Ok(()) } else { Err(SpoolFault::NoRoom) }
    }

    /// The whole command, of which this is what was not taken.
    async fn finish(self, rest: Vec<u8>) -> Result<Spooled, SpoolFault> {
        match self.spool {
            None => Ok(Spooled::in_memory(rest, self.share)),
            Some(mut spool) => {
                spool.push(&rest)?;
                spool.finish(b"").await
            }
        }
    }
}

impl From<SpoolFault> for Oversize {
    fn from(fault: SpoolFault) -> Self {
        match fault {
            SpoolFault::NoRoom => Self::Together,
            SpoolFault::DiskFull | SpoolFault::Failed => Self::Disk,
        }
    }
}

/// Runs work that reads from disk or searches text, so that other sessions are not kept waiting.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // A runtime of one thread has nobody to hand the other sessions to.
        _ => work(),
    }
}
