//! The states of a session (RFC 1939, 3), and which command leads from which to which.

use std::sync::Arc;

use tokio::time::Instant;

use super::command::{Command, CommandError};
use super::commands::{auth, capa, listing, quit, retr, stls, user};
use super::maildrop::Maildrop;
use super::parse::parse_command;
use super::reply::{Refusal, ok};
use crate::auth::sasl;
use crate::config::Role;
use crate::context::Context;
use crate::directory::Viewer;
use crate::stream::{Connection, Ending, Line, Lines, Stream};

/// One connection: what lasts longer than its states.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) context: Arc<Context>,
    pub(super) lines: Lines,
    /// Whom capabilities are shown to.
    pub(super) viewer: Box<Viewer>,
    pub(super) log_in_failures: u32,
    /// When a client that has not logged in is sent away; `None` once it has.
    log_in_deadline: Option<Instant>,
    /// Unknown commands since the last known one.
    bad_commands: u32,
}

/// Where the dialogue stands.
#[derive(Debug)]
pub(super) enum State {
    /// AUTHORIZATION.
    Authorization(Authorization),
    /// TRANSACTION.
    Transaction(Maildrop),
    /// UPDATE is over, or the client is sent away: nothing more is read.
    Closing,
}

/// How far a log-in by USER and PASS has come.
#[derive(Debug, Default)]
pub(super) enum Authorization {
    /// Nothing yet.
    #[default]
    Unknown,
    /// USER came; PASS may follow.
    Named(String),
}

impl Session {
    pub(super) fn new(context: Arc<Context>, stream: Stream) -> Self {
        let listener = Role::Pop3.protocol(stream.is_tls()).name();
        let viewer = Box::new(Viewer::at(listener, stream.local().port()));
        let connection = Connection::new(stream, context.config.limits.write_time);
        let lines = Lines::new(connection, context.shutdown.clone());
        let log_in_deadline = Some(Instant::now() + context.config.limits.log_in_time);
        Self { context, lines, viewer, log_in_failures: 0, log_in_deadline, bad_commands: 0 }
    }

    /// Serves the connection until it ends. Only QUIT deletes what is marked: after anything
    /// else all messages stay (RFC 1939, 6).
    pub(super) async fn run(mut self) {
        if self.converse().await == Err(Ending::ShuttingDown) {
            self.refuse(Refusal::SHUTTING_DOWN);
        }
        Box::pin(self.lines.close()).await;
    }

    async fn converse(&mut self) -> Result<(), Ending> {
        let banner = format!("{} POP3 Fumikura", self.context.config.hostname);
        self.ok(&banner);
        let mut state = State::Authorization(Authorization::Unknown);
        loop {
            if matches!(state, State::Transaction(_)) {
                self.log_in_deadline = None;
            }
            let line = self.next_line().await?;
            let started = Instant::now();
            state = match command(line) {
                Ok(command) => {
                    self.bad_commands = 0;
                    let name = command.name();
                    // Boxed, so that a session that waits is no larger than its waiting.
                    let next = Box::pin(self.handle(state, command)).await?;
                    self.context.metrics.command(Role::Pop3, name, started.elapsed());
                    next
                }
                Err(refusal) => self.bad(state, refusal),
            };
            if matches!(state, State::Closing) {
                return Ok(());
            }
        }
    }

    /// The client's next line, a command or part of a SASL exchange.
    pub(super) async fn next_line(&mut self) -> Result<Line, Ending> {
        let by_silence = Instant::now() + self.context.config.limits.pop3_idle_time;
        let deadline = self.log_in_deadline.map_or(by_silence, |end| end.min(by_silence));
        self.lines.next(sasl::LINE_LEN_MAX, deadline).await
    }

    fn bad(&mut self, state: State, refusal: Refusal) -> State {
        self.refuse(refusal);
        self.bad_commands += 1;
        if self.bad_commands < self.context.config.limits.bad_commands_max {
            return state;
        }
        self.refuse(Refusal::TOO_MANY_BAD);
        State::Closing
    }

    /// Runs one command and returns the state it leaves the session in.
    async fn handle(&mut self, state: State, command: Command) -> Result<State, Ending> {
        Ok(match (state, command) {
            (state, command) if self.is_hidden(&command).await => {
                self.bad(state, CommandError::Unrecognized.into())
            }
            (state, Command::Capa) => capa::capa(self, state).await,
            (State::Transaction(maildrop), Command::Quit) => quit::quit(self, maildrop).await,
            (_, Command::Quit) => self.accept("Bye", State::Closing),
            (State::Authorization(authorization), command) => {
                self.authorize(authorization, command).await?
            }
            (State::Transaction(maildrop), command) => {
                self.transact(maildrop, command).await.map(State::Transaction)?
            }
            (State::Closing, _) => State::Closing,
        })
    }

    async fn authorize(
        &mut self,
        authorization: Authorization,
        command: Command,
    ) -> Result<State, Ending> {
        let same = State::Authorization;
        Ok(match command {
            Command::User(name) => user::user(self, name),
            Command::Pass(password) => user::pass(self, authorization, &password).await,
            Command::AuthList => {
                auth::list(self).await;
                same(authorization)
            }
            Command::Auth(auth) => auth::auth(self, &auth).await?,
            Command::Stls => stls::stls(self, authorization).await?,
            // Messages travel as they are stored in any case (RFC 6856, 2.1).
            Command::Utf8 => self.accept("UTF-8 it is", same(authorization)),
            _ => {
                self.refuse(Refusal::LOG_IN_FIRST);
                same(authorization)
            }
        })
    }

    async fn transact(
        &mut self,
        mut maildrop: Maildrop,
        command: Command,
    ) -> Result<Maildrop, Ending> {
        match command {
            Command::Noop => self.ok(""),
            Command::Stat => self.ok(&format!("{} {}", maildrop.count(), maildrop.octets())),
            Command::List(Some(number)) => listing::list_one(self, &maildrop, number),
            Command::List(None) => listing::list(self, &maildrop).await?,
            Command::Uidl(Some(number)) => listing::uidl_one(self, &maildrop, number),
            Command::Uidl(None) => listing::uidl(self, &maildrop).await?,
            Command::Retr(number) => retr::retr(self, &maildrop, number).await?,
            Command::Top { number, line_count } => {
                retr::top(self, &maildrop, number, line_count).await?;
            }
            Command::Dele(number) => match maildrop.mark(number) {
                Ok(()) => self.ok("Marked"),
                Err(reason) => self.refuse(reason.into()),
            },
            Command::Rset => {
                maildrop.reset();
                self.ok(&format!("{} {}", maildrop.count(), maildrop.octets()));
            }
            _ => self.refuse(Refusal::LOGGED_IN_ALREADY),
        }
        Ok(maildrop)
    }

    /// Whether a command is there by a capability that is hidden from the client.
    async fn is_hidden(&self, command: &Command) -> bool {
        let capability = match command {
            Command::Top { .. } => "TOP",
            Command::Uidl(_) => "UIDL",
            Command::Utf8 => "UTF8",
            Command::Stls => "STLS",
            Command::AuthList | Command::Auth(_) => "SASL",
            _ => return false,
        };
        self.context.directory.masks().await.hide(capability, &self.viewer)
    }

    /// Writes `+OK`; it leaves before the session waits.
    pub(super) fn ok(&mut self, text: &str) {
        ok(text, self.lines.connection().output());
    }

    fn accept(&mut self, text: &str, next: State) -> State {
        self.ok(text);
        next
    }

    /// Writes `-ERR`.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        refusal.write_to(self.lines.connection().output());
    }

    /// Whether a password may come this way.
    pub(super) fn allows_password(&self) -> bool {
        let connection = self.lines.peek();
        self.context.auth.allows_password(connection.is_tls(), connection.peer().ip())
    }
}

/// The command of a line, or the answer to what is none. An LF alone ends a line too: POP3 has
/// nothing that could be smuggled past it.
fn command(line: Line) -> Result<Command, Refusal> {
    match line {
        Line::Text(text) | Line::Bare(text) => {
            parse_command(&text).map_err(|error: CommandError| error.into())
        }
        Line::TooLong => Err(Refusal::LINE_TOO_LONG),
    }
}
