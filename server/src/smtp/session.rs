//! The states of a session, and which command leads from which to which (RFC 5321, 4.1.4).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::command::{Command, CommandError, Greeting, HelloName};
use super::commands::{auth, bdat, data, hello, mail, rcpt, starttls};
use super::incoming::Incoming;
use super::line_ends::LineEnds;
use super::parse::parse_command;
use super::reply::Reply;
use super::trace::{Carrier, Sender, Trace, With};
use super::transaction::Transaction;
use crate::auth::{Identity, sasl};
use crate::authenticity::Purpose;
use crate::config::Role;
use crate::context::Context;
use crate::directory::Viewer;
use crate::stream::{Connection, Ending, Line, Lines, Stream};

/// The longest command line, with room for long paths and every parameter beyond the 512
/// octets of RFC 5321, 4.5.3.1.4. AUTH may be as long as its exchange's lines.
const COMMAND_LEN_MAX: usize = 2048;
/// Bytes a second that a message must come at on the whole, once `command_time` has passed.
const BYTES_PER_SECOND_MIN: u64 = 1024;
/// A message that is too large is read to its end, but not more than so many times the limit.
const FLOOD_FACTOR: u64 = 4;

/// One connection: what lasts longer than its states.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) context: Arc<Context>,
    pub(super) role: Role,
    pub(super) lines: Lines,
    /// Whom extensions are shown to.
    pub(super) viewer: Box<Viewer>,
    pub(super) log_in: LogIn,
    errors: u32,
}

/// Who the client is.
#[derive(Debug)]
pub(super) enum LogIn {
    /// Not known; so many log-ins were refused.
    Anonymous { failures: u32 },
    /// This user.
    User(Identity),
}

/// Where the dialogue stands.
#[derive(Debug)]
pub(super) enum State {
    /// No greeting yet.
    Connected,
    /// No mail transaction.
    Ready(Client),
    /// A mail transaction.
    Mail(Client, Transaction),
    /// A mail transaction some of whose message came by BDAT.
    Chunks(Client, Transaction, Chunks),
    /// A chunk was refused; only a new beginning helps (RFC 3030, 2).
    ChunksFailed { client: Client, recipient_count: usize },
    /// Nothing more is read.
    Closing,
}

/// How the client greeted.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) greeting: Greeting,
    pub(super) name: HelloName,
}

/// A message that comes in chunks.
#[derive(Debug)]
pub(super) struct Chunks {
    pub(super) incoming: Incoming,
    pub(super) line_ends: LineEnds,
}

/// Whether a message was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was.
    Whole,
    /// It went so far beyond the limit that its end is not waited for.
    Flood,
}

/// How long a message may take: no silence longer than `idle_time`, and on the whole not slower
/// than so many bytes a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    started: Instant,
    idle_time: Duration,
    command_time: Duration,
}

impl Session {
    pub(super) fn new(context: Arc<Context>, stream: Stream, role: Role) -> Self {
        let listener = role.protocol(stream.is_tls()).name();
        let viewer = Box::new(Viewer::at(listener, stream.local().port()));
        let connection = Connection::new(stream, context.config.limits.write_time);
        let lines = Lines::new(connection, context.shutdown.clone());
        Self { context, role, lines, viewer, log_in: LogIn::Anonymous { failures: 0 }, errors: 0 }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(mut self) {
        match self.converse().await {
            Ok(()) | Err(Ending::Gone) => {}
            Err(Ending::TimedOut) => self.reply(&Reply::TIMED_OUT),
            Err(Ending::ShuttingDown) => self.reply(&Reply::SHUTTING_DOWN),
        }
        Box::pin(self.lines.close()).await;
    }

    async fn converse(&mut self) -> Result<(), Ending> {
        self.reply(&hello::banner(self));
        let mut state = State::Connected;
        loop {
            let deadline = Instant::now() + self.context.config.limits.smtp_idle_time;
            let line = self.lines.next(sasl::LINE_LEN_MAX, deadline).await?;
            let started = Instant::now();
            state = match command(line) {
                Ok(command) => {
                    let name = command.name();
                    // Boxed, so that a session that waits is no larger than its waiting.
                    let next = Box::pin(self.handle(state, command)).await?;
                    self.context.metrics.command(self.role, name, started.elapsed());
                    next
                }
                Err(reply) => {
                    let is_end = reply == Reply::CHUNK_SIZE;
                    self.refuse(&reply);
                    if is_end { State::Closing } else { state }
                }
            };
            if matches!(state, State::Closing) {
                return Ok(());
            }
            if self.errors >= self.context.config.limits.smtp_errors_max {
                self.reply(&Reply::TOO_MANY_ERRORS);
                return Ok(());
            }
        }
    }

    /// Runs one command and returns the state it leaves the session in.
    async fn handle(&mut self, state: State, command: Command) -> Result<State, Ending> {
        Ok(match (state, command) {
            (_, Command::Quit) => self.say(&Reply::BYE, State::Closing),
            (state, Command::Noop) => self.say(&Reply::OK, state),
            (state, Command::Help) => self.say(&Reply::HELP, state),
            (state, Command::Vrfy) => self.say(&Reply::CANNOT_VERIFY, state),
            (state, Command::Expn) => self.say(&Reply::NOT_OFFERED, state),
            (state, Command::Rset) => self.say(&Reply::OK, state.without_transaction()),
            (state, Command::Hello(greeting, name)) => {
                hello::hello(self, state, Client { greeting, name }).await
            }
            (state, Command::StartTls) => starttls::start_tls(self, state).await?,
            (state, Command::Bdat(chunk)) => bdat::bdat(self, state, chunk).await?,
            (State::Connected, _) => self.say(&self.greet_first(), State::Connected),
            (State::Ready(client), Command::Auth(auth)) => auth::auth(self, client, &auth).await?,
            (state, Command::Auth(_)) => self.say(&Reply::AUTH_IN_TRANSACTION, state),
            (State::Ready(client), Command::Mail(mail)) => mail::mail(self, client, mail).await,
            (state, Command::Mail(_)) => self.say(&Reply::NESTED_MAIL, state),
            (State::Mail(client, open), Command::Rcpt(rcpt)) => {
                rcpt::rcpt(self, client, open, rcpt).await
            }
            (State::Mail(client, open), Command::Data) => data::data(self, client, open).await?,
            (state, Command::Rcpt(_) | Command::Data) => self.say(&state.out_of_order(), state),
        })
    }

    /// Writes a reply and stays, or goes, where the caller says.
    fn say(&mut self, reply: &Reply, next: State) -> State {
        self.refuse(reply);
        next
    }

    /// Writes a reply; it leaves before the session waits.
    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.write_to(self.lines.connection().output());
    }

    /// Writes a reply to what the client did; permanent failures count as its errors.
    pub(super) fn refuse(&mut self, reply: &Reply) {
        if reply.is_permanent_failure() {
            self.errors += 1;
        }
        self.reply(reply);
    }

    /// Takes one error back: a list with dead addresses among living ones is no attack.
    pub(super) fn forgive(&mut self) {
        self.errors = self.errors.saturating_sub(1);
    }

    /// What is said to commands that come before a greeting.
    pub(super) fn greet_first(&self) -> Reply {
        if self.role == Role::Lmtp { Reply::LHLO_FIRST } else { Reply::HELLO_FIRST }
    }

    /// Room for the message of a transaction, its trace fields in front.
    pub(super) fn incoming(&self, client: &Client, transaction: &Transaction) -> Incoming {
        let connection = self.lines.peek();
        let trace = Trace {
            reverse_path: &transaction.mail.reverse_path,
            only_recipient: transaction.only_recipient(),
            client: &client.name,
            peer: connection.peer().ip(),
            hostname: &self.context.config.hostname,
            with: With {
                greeting: client.greeting,
                text: transaction.mail.text,
                carrier: if connection.is_tls() { Carrier::Tls } else { Carrier::Plain },
                sender: match self.log_in {
                    LogIn::Anonymous { .. } => Sender::Anonymous,
                    LogIn::User(_) => Sender::LoggedIn,
                },
            },
            id: transaction.id,
            unix_seconds: engine::clock::unix_seconds(),
        };
        let len_max = self.context.config.limits.message_bytes_max;
        let room = &self.context.receiving;
        let incoming = Incoming::new(trace.to_string(), len_max, room);
        match self.role {
            Role::Submission => incoming.read_to(Purpose::Sign, room),
            Role::Smtp if self.is_stranger() => incoming.read_to(Purpose::Verify, room),
            _ => incoming,
        }
    }

    /// Whether what the client sends is checked.
    fn is_stranger(&self) -> bool {
        let config = &self.context.config.authenticity;
        let peer = self.lines.peek().peer().ip();
        config.verify && !config.trusted.iter().any(|network| network.contains(peer))
    }

    /// Bytes of a message, kept or not, after which its end is not waited for.
    pub(super) fn flood_len(&self) -> u64 {
        (self.context.config.limits.message_bytes_max as u64).saturating_mul(FLOOD_FACTOR)
    }

    /// The time a message that begins now has.
    pub(super) fn pace(&self) -> Pace {
        let limits = &self.context.config.limits;
        let (idle_time, command_time) = (limits.smtp_idle_time, limits.command_time);
        Pace { started: Instant::now(), idle_time, command_time }
    }
}

impl State {
    /// RSET and a new greeting end a transaction (RFC 5321, 4.1.1.5).
    fn without_transaction(self) -> Self {
        match self {
            Self::Mail(client, _)
            | Self::Chunks(client, ..)
            | Self::ChunksFailed { client, .. } => Self::Ready(client),
            other => other,
        }
    }

    /// What is said to RCPT and DATA in a state that does not take them.
    fn out_of_order(&self) -> Reply {
        match self {
            Self::Chunks(..) => Reply::CHUNKS_BEGUN,
            Self::ChunksFailed { .. } => Reply::CHUNKS_FAILED,
            _ => Reply::MAIL_FIRST,
        }
    }
}

impl Pace {
    /// When the next bytes must have come.
    pub(super) fn deadline(&self, received: u64) -> Instant {
        let slowest = Duration::from_secs(received / BYTES_PER_SECOND_MIN);
        let by_silence = Instant::now() + self.idle_time;
        by_silence.min(self.started + self.command_time + slowest)
    }
}

/// The command of a line, or the reply to what is none.
fn command(line: Line) -> Result<Command, Reply> {
    let text = match line {
        Line::Text(text) => text,
        // Behind a broken BDAT there may be a message: nothing more can be taken for commands.
        Line::Bare(text) if is_bdat(&text) => return Err(Reply::CHUNK_SIZE),
        Line::Bare(_) => return Err(Reply::BARE_LINE_END),
        Line::TooLong => return Err(Reply::LINE_TOO_LONG),
    };
    match parse_command(&text) {
        Ok(command @ Command::Auth(_)) => Ok(command),
        Err(CommandError::ChunkSize) => Err(Reply::CHUNK_SIZE),
        _ if text.len() + 2 > COMMAND_LEN_MAX => Err(Reply::LINE_TOO_LONG),
        other => other.map_err(Reply::from),
    }
}

fn is_bdat(text: &[u8]) -> bool {
    text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT"))
}
