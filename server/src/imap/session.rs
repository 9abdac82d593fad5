//! The protocol's states as types (RFC 3501, 3): each owns what only it may touch.
//!
//! A session spends its life waiting for a command or in IDLE, and what it then costs in memory is
//! the size of its future. So that this is the size of the waiting and not of the largest
//! command, every other command runs in a future of its own, boxed while it runs.

use std::time::{Duration, Instant};

use engine::{Account, EmailId, Mailbox, StoredBody, UidSet};

use super::attend::{Waiting, attend};
use super::command::{Access, Body, Command, Tag};
use super::commands;
use super::commands::Contexts;
use super::dialogue::{Dialogue, Incoming};
use super::masking;
use super::outcome::{Outcome, Stop};
use super::parse::{FaultKind, Limits};
use super::response::Refusal;
use super::sharing::Rights;
use super::uid_only;
use super::view::{SelectedView, Telling};
use super::watch::{Known, Own, Rule, Watch, own_messages};
use crate::spool::Spooled;
use crate::stream::StreamError;

/// What a client that has not logged in may send in one command.
const COMMAND_LEN_MAX_BEFORE_LOGIN: usize = 16 << 10;

/// How long the body of a message that is fetched in slices is held for the next slice.
const BODY_TIME: Duration = Duration::from_secs(2);

/// The state of a session.
pub(crate) enum Session {
    /// Who the client is, is not known.
    NotAuthenticated(NotAuthenticated),
    /// Logged in, no mailbox selected.
    Authenticated(Authenticated),
    /// A mailbox is selected.
    Selected(Box<Selected>),
    /// Nothing more is answered.
    LoggedOut,
}

/// Before log-in.
#[derive(Debug)]
pub(crate) struct NotAuthenticated {
    /// Log-ins that failed.
    pub(crate) failures: u32,
    /// Since when the client may log in.
    since: Instant,
}

/// After log-in.
pub(crate) struct Authenticated {
    /// Their mailboxes.
    pub(crate) account: Account,
    /// Whether a CONDSTORE enabling command was given (RFC 7162, 3.1).
    pub(crate) condstore: bool,
    /// Whether QRESYNC was enabled (RFC 7162, 3.2.3): removals are told by UID from then on.
    pub(crate) qresync: bool,
    /// What is told besides changes of the selected mailbox, if the client asked for anything.
    pub(crate) watch: Option<Box<Watch>>,
}

/// With a mailbox.
pub(crate) struct Selected {
    /// The session without the mailbox.
    pub(crate) authenticated: Authenticated,
    /// The mailbox.
    pub(crate) mailbox: Mailbox,
    /// What the client knows of it.
    pub(crate) view: SelectedView,
    /// SELECT or EXAMINE.
    pub(crate) access: Access,
    /// What the user may do here, as of the moment of SELECT (RFC 4314, 5.1.1).
    pub(crate) rights: Rights,
    /// Searches whose results are kept up to date.
    pub(crate) contexts: Contexts,
    /// The message that is being fetched in slices, for a short time.
    pub(crate) last_body: Option<HeldBody>,
}

/// A body held for the next slice of it, so that it is not read and decompressed for each.
#[derive(Debug)]
pub(crate) struct HeldBody {
    /// Whose.
    pub(crate) message: EmailId,
    /// Open, with the part of it that was read last.
    pub(crate) body: StoredBody,
}

impl Selected {
    /// Refuses what an `EXAMINEd` mailbox must not be asked (RFC 3501, 6.3.2).
    pub(crate) fn writable(&self) -> Result<(), Refusal> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Refusal::no("READ-ONLY", "The mailbox is open read-only")),
        }
    }

    /// Refuses what the user has no right to.
    pub(crate) fn require(&self, wanted: Rights) -> Result<(), Refusal> {
        if self.rights.has(wanted) {
            return Ok(());
        }
        Err(Refusal::no("NOPERM", format!("That takes the rights {wanted}")))
    }

    /// Whether reading a message marks it as read.
    pub(crate) fn marks_seen(&self) -> bool {
        self.access == Access::ReadWrite && self.rights.has(Rights::SEEN)
    }
}

impl Session {
    /// Has the conversation.
    pub(crate) async fn converse(dialogue: &mut Dialogue) -> Result<(), StreamError> {
        let mut session = Self::NotAuthenticated(NotAuthenticated::new());
        let mut bad_in_a_row = 0;
        while !matches!(session, Self::LoggedOut) {
            let patience = session.patience(dialogue);
            let incoming = match session.attend(patience, dialogue).await? {
                Some(incoming) => incoming,
                None => dialogue.next_command(session.limits(dialogue), patience).await?,
            };
            match incoming {
                Incoming::Command(command, bytes) => {
                    bad_in_a_row = 0;
                    session = session.answer(command, bytes, dialogue).await?;
                }
                Incoming::Fault(fault) => {
                    bad_in_a_row += 1;
                    session.forget_saved(fault.kind);
                    dialogue.refused(fault.tag.as_ref(), &fault.kind.into());
                }
                Incoming::Oversize(tag, oversize) => {
                    bad_in_a_row += 1;
                    dialogue.refused(tag.as_ref(), &oversize.into());
                }
                Incoming::Hopeless => return farewell(dialogue, "The literal is far too large"),
                Incoming::Silence if session.let_go_of_body() => {}
                Incoming::Stalled => return farewell(dialogue, "The command took too long"),
                Incoming::Silence => return farewell(dialogue, "Nothing was said for too long"),
                Incoming::Shutdown => return farewell(dialogue, "The server is shutting down"),
            }
            if bad_in_a_row >= dialogue.context.config.limits.bad_commands_max {
                return farewell(dialogue, "Too many commands that are none");
            }
        }
        Ok(())
    }

    /// How long to wait for a command; less while a message is held in memory.
    fn patience(&self, dialogue: &Dialogue) -> Duration {
        let limits = &dialogue.context.config.limits;
        match self {
            Self::Selected(selected) if selected.last_body.is_some() => BODY_TIME,
            Self::NotAuthenticated(state) => {
                (state.since + limits.log_in_time).duration_since(Instant::now())
            }
            _ => limits.imap_idle_time,
        }
    }

    /// Tells a client that wants it of what happens before its next command (RFC 5465, 3.1); what
    /// happened instead of one, if anything did.
    async fn attend(
        &mut self,
        patience: Duration,
        dialogue: &mut Dialogue,
    ) -> Result<Option<Incoming>, StreamError> {
        let whose = match self {
            Self::Selected(state) => Waiting::Selected(state),
            Self::Authenticated(state) => Waiting::Authenticated(state),
            Self::NotAuthenticated(_) | Self::LoggedOut => return Ok(None),
        };
        if !whose.is_always_told() || !dialogue.connection.buffered().is_empty() {
            return Ok(None);
        }
        // Boxed, so that it costs the others nothing.
        Box::pin(attend(whose, patience, dialogue)).await
    }

    fn has_qresync(&self) -> bool {
        match self {
            Self::Authenticated(state) => state.qresync,
            Self::Selected(state) => state.authenticated.qresync,
            Self::NotAuthenticated(_) | Self::LoggedOut => false,
        }
    }

    /// A search that was to be kept and cannot be done leaves nothing in `$` (RFC 5182, 2.1).
    fn forget_saved(&mut self, kind: FaultKind) {
        if let (Self::Selected(selected), FaultKind::BadCharsetToSave) = (self, kind) {
            selected.view.saved = UidSet::new();
        }
    }

    /// Whether there was a message to let go of.
    fn let_go_of_body(&mut self) -> bool {
        match self {
            Self::Selected(selected) => selected.last_body.take().is_some(),
            _ => false,
        }
    }

    fn limits(&self, dialogue: &Dialogue) -> Limits {
        let limits = &dialogue.context.config.limits;
        match self {
            Self::NotAuthenticated(_) => Limits {
                command_len_max: COMMAND_LEN_MAX_BEFORE_LOGIN,
                literals_len_max: COMMAND_LEN_MAX_BEFORE_LOGIN,
                message_len_max: 0,
            },
            _ => Limits {
                command_len_max: limits.imap_command_bytes_max,
                literals_len_max: limits.literal_bytes_max,
                message_len_max: limits.message_bytes_max as u64,
            },
        }
    }

    /// Runs one command, with its last line, and returns the state it leaves the session in.
    async fn answer(
        self,
        mut command: Box<Command>,
        bytes: Spooled,
        dialogue: &mut Dialogue,
    ) -> Result<Self, StreamError> {
        let (name, started) = (command.body.name(), Instant::now());
        let admitted = Box::pin(masking::admit(&mut command.body, dialogue)).await;
        let admitted = admitted.and_then(|()| uid_only::admit(&command.body, dialogue.dialect));
        let session = if let Err(refusal) = admitted {
            dialogue.refused(Some(&command.tag), &refusal);
            self
        } else if matches!(command.body, Body::Idle) {
            let tag = command.tag.clone();
            drop((command, bytes));
            self.idle(&tag, dialogue).await?
        } else {
            dialogue.under_way = Some(command.tag.clone());
            Box::pin(self.handle(*command, bytes, dialogue)).await?
        };
        dialogue.under_way = None;
        dialogue.context.metrics.command(dialogue.role, name, started.elapsed());
        dialogue.connection.flush_if_full().await?;
        Ok(session)
    }

    /// IDLE, with what it changed told before its last line.
    async fn idle(self, tag: &Tag, dialogue: &mut Dialogue) -> Result<Self, StreamError> {
        match self {
            Self::Selected(mut state) => {
                state.last_body = None;
                let outcome = commands::idle(Waiting::Selected(&mut state), dialogue).await;
                Box::pin(state.end(Telling::EVERYTHING, tag, outcome, dialogue)).await
            }
            Self::Authenticated(mut state) => {
                let outcome = commands::idle(Waiting::Authenticated(&mut state), dialogue).await;
                Box::pin(finish(tag, outcome, dialogue)).await?;
                Ok(Self::Authenticated(state))
            }
            state => {
                dialogue.refused(Some(tag), &Refusal::bad("Log in first"));
                Ok(state)
            }
        }
    }

    async fn handle(
        self,
        Command { tag, body }: Command,
        bytes: Spooled,
        dialogue: &mut Dialogue,
    ) -> Result<Self, StreamError> {
        let tag = &tag;
        match (self, body) {
            (_, Body::Logout) => {
                commands::logout(tag, dialogue);
                Ok(Self::LoggedOut)
            }
            (session, Body::Capability) => {
                let capabilities = commands::capabilities(&session, dialogue).await;
                dialogue.untagged(capabilities);
                dialogue.done(tag, &commands::completed("CAPABILITY completed"));
                Ok(session)
            }
            (session, Body::Id(fields)) => {
                commands::id(&session, tag, &fields, dialogue).await;
                Ok(session)
            }
            (Self::NotAuthenticated(state), body) => state.handle(tag, body, dialogue).await,
            (_, Body::Unauthenticate) => {
                commands::unauthenticate(tag, dialogue).await?;
                Ok(Self::NotAuthenticated(NotAuthenticated::new()))
            }
            (session, Body::Compress(mechanism)) => {
                commands::compress(tag, &mechanism, dialogue).await?;
                Ok(session)
            }
            (session, Body::Select { resync: Some(_), .. }) if !session.has_qresync() => {
                dialogue.refused(Some(tag), &Refusal::bad("QRESYNC was not enabled"));
                Ok(session)
            }
            (Self::Authenticated(state), Body::Select { mailbox, access, condstore, resync }) => {
                let how = (access, condstore, resync);
                commands::select(state, tag, (&mailbox, how), dialogue).await
            }
            // SELECT closes the old mailbox first, even if it then fails (RFC 3501, 6.3.1).
            (Self::Selected(state), Body::Select { mailbox, access, condstore, resync }) => {
                dialogue.untagged("OK [CLOSED] The mailbox before is closed");
                let how = (access, condstore, resync);
                commands::select(state.authenticated, tag, (&mailbox, how), dialogue).await
            }
            (Self::Selected(state), Body::Close) => commands::close(*state, tag, dialogue).await,
            (Self::Selected(state), Body::Unselect) => {
                dialogue.done(tag, &commands::completed("UNSELECT completed"));
                Ok(Self::Authenticated(state.authenticated))
            }
            (Self::Authenticated(state), body) => state.handle(tag, body, bytes, dialogue).await,
            (Self::Selected(state), body) => state.handle(tag, body, bytes, dialogue).await,
            (Self::LoggedOut, _) => Ok(Self::LoggedOut),
        }
    }
}

impl NotAuthenticated {
    fn new() -> Self {
        Self { failures: 0, since: Instant::now() }
    }

    async fn handle(
        self,
        tag: &Tag,
        body: Body,
        dialogue: &mut Dialogue,
    ) -> Result<Session, StreamError> {
        match body {
            Body::Noop => {
                dialogue.done(tag, &commands::completed("NOOP completed"));
                Ok(Session::NotAuthenticated(self))
            }
            Body::StartTls => commands::start_tls(self, tag, dialogue).await,
            Body::Login { user, password } => {
                commands::login(self, tag, (&user, &password.0), dialogue).await
            }
            Body::Authenticate { mechanism, initial } => {
                commands::authenticate(self, tag, (&mechanism, initial), dialogue).await
            }
            _ => {
                dialogue.refused(Some(tag), &Refusal::bad("Log in first"));
                Ok(Session::NotAuthenticated(self))
            }
        }
    }
}

impl Authenticated {
    async fn handle(
        mut self,
        tag: &Tag,
        body: Body,
        bytes: Spooled,
        dialogue: &mut Dialogue,
    ) -> Result<Session, StreamError> {
        let own = self.own(&body);
        let outcome = commands::with_account(&mut self, (tag, body), bytes, dialogue).await;
        self.note_own(own, &outcome);
        let outcome = match (outcome, self.tell(None, dialogue).await) {
            (Ok(_), Err(stop)) => Err(stop),
            (outcome, _) => outcome,
        };
        finish(tag, outcome, dialogue).await?;
        Ok(Session::Authenticated(self))
    }

    /// What a command changes that the client is told of.
    fn own(&self, body: &Body) -> Option<Own> {
        self.watch.as_ref().and_then(|_| Own::of(body))
    }

    fn note_own(&mut self, own: Option<Own>, outcome: &Outcome) {
        if let Some(watch) = &mut self.watch {
            watch.note_own(own.filter(|_| outcome.is_ok()));
        }
    }

    /// What is told of the selected mailbox.
    pub(crate) fn rule(&self) -> Rule {
        self.watch.as_ref().map_or(Rule::Usual, |watch| watch.rule())
    }

    /// Resolves once there may be something to tell.
    pub(crate) async fn changed(&self) {
        match &self.watch {
            Some(watch) => watch.changed(&self.account).await,
            None => std::future::pending().await,
        }
    }

    /// Tells what the client asked to be told of, the selected mailbox aside.
    pub(crate) async fn tell(
        &mut self,
        known: Option<Known<'_>>,
        dialogue: &mut Dialogue,
    ) -> Result<(), Stop> {
        match &mut self.watch {
            Some(watch) => {
                Box::pin(watch.tell(&self.account, (known, self.condstore), dialogue)).await
            }
            None => Ok(()),
        }
    }
}

impl Selected {
    /// After every command the client is told what changed meanwhile, as far as the command
    /// allows it (RFC 3501, 7.4.1), and only then that the command is done.
    async fn handle(
        mut self: Box<Self>,
        tag: &Tag,
        body: Body,
        bytes: Spooled,
        dialogue: &mut Dialogue,
    ) -> Result<Session, StreamError> {
        let telling = Telling::after(&body);
        if !matches!(body, Body::Fetch(_)) {
            self.last_body = None;
        }
        let own = self.authenticated.own(&body);
        let puts_here = self.describes_new() && self.is_target_of(&body);
        let outcome = match body {
            Body::Notify(notify) => commands::notify_selected(&mut self, notify, dialogue).await,
            Body::Append(append) => commands::append_beside(&self, append, bytes, dialogue).await,
            Body::Replace(replace) => commands::replace(&self, replace, bytes, dialogue).await,
            body if commands::needs_mailbox(&body) => {
                commands::with_mailbox(&mut self, tag, body, dialogue).await
            }
            body => {
                commands::with_account(&mut self.authenticated, (tag, body), bytes, dialogue).await
            }
        };
        self.authenticated.note_own(own, &outcome);
        self.view.own = if puts_here { own_messages(&outcome) } else { UidSet::new() };
        self.end(telling, tag, outcome, dialogue).await
    }

    async fn end(
        mut self: Box<Self>,
        telling: Telling,
        tag: &Tag,
        outcome: Outcome,
        dialogue: &mut Dialogue,
    ) -> Result<Session, StreamError> {
        let told = self.tell_all(telling, dialogue).await;
        let outcome = match (outcome, told) {
            (Ok(_), Err(stop)) => Err(stop),
            (outcome, _) => outcome,
        };
        finish(tag, outcome, dialogue).await?;
        Ok(Session::Selected(self))
    }
}

/// The last line of an answer.
async fn finish(tag: &Tag, outcome: Outcome, dialogue: &mut Dialogue) -> Result<(), StreamError> {
    match outcome {
        Ok(done) => dialogue.ok(tag.as_str(), &done).await,
        Err(Stop::Refused(refusal)) => {
            dialogue.refused(Some(tag), &refusal);
            Ok(())
        }
        Err(Stop::Broken(error)) => Err(error),
    }
}

/// `* BYE` (RFC 3501, 7.1.5).
#[expect(clippy::unnecessary_wraps, reason = "callers return what this returns")]
fn farewell(dialogue: &mut Dialogue, why: &str) -> Result<(), StreamError> {
    dialogue.untagged(format_args!("BYE {why}"));
    Ok(())
}
