//! CATENATE (RFC 4469): messages put together of what the client sends and what the server has.
//!
//! They are written, one behind the other, into the same kind of spool that a long APPEND comes into,
//! a piece at a time: neither their length nor that of what they are made of costs memory. All the
//! messages of an APPEND share one spool.

use std::ops::Range;
use std::sync::Arc;

use engine::io::MessageSource;
use engine::{EmailId, Error, Mailbox, Snapshot, Uid};

use crate::context::Context;
use crate::imap::command::{AppendMessage, AppendText, CatenatePart, CatenateUrl, UrlTarget};
use crate::imap::commands::fetch::{OpenMessage, SectionOctets, failure, section};
use crate::imap::parse::Oversize;
use crate::imap::reading::reading;
use crate::imap::response::{Refusal, Verdict};
use crate::imap::session::{Authenticated, Selected};
use crate::limits::ByteShare;
use crate::spool::{PIECE_LEN, Spool, SpoolFault, Spooled, Stretch};

/// Where URLs lead: the account, and the selected mailbox as the session sees it.
pub(in crate::imap::commands) struct Library<'s> {
    session: &'s Authenticated,
    selected: Option<&'s Selected>,
}

/// The octets of the messages of an APPEND, and what holds their room for as long as it is needed.
pub(in crate::imap::commands) struct Texts {
    /// One for each message.
    pub(in crate::imap::commands) sources: Vec<MessageSource>,
    _shares: [Option<Arc<ByteShare>>; 2],
}

impl Texts {
    /// Octets of all messages together.
    pub(in crate::imap::commands) fn len(&self) -> u64 {
        self.sources.iter().map(|source| (**source).as_ref().len() as u64).sum()
    }
}

impl<'s> Library<'s> {
    /// For a session without a selected mailbox.
    pub(in crate::imap::commands) fn of_account(session: &'s Authenticated) -> Self {
        Self { session, selected: None }
    }

    /// For a session with one.
    pub(in crate::imap::commands) fn of_selected(selected: &'s Selected) -> Self {
        Self { session: &selected.authenticated, selected: Some(selected) }
    }

    /// The session.
    pub(in crate::imap::commands) fn session(&self) -> &'s Authenticated {
        self.session
    }

    /// The octets of messages: where they stand in the command, or put together.
    pub(in crate::imap::commands) async fn texts(
        &self,
        context: &Context,
        messages: &[AppendMessage],
        command: Spooled,
    ) -> Result<Texts, Refusal> {
        let command = Arc::new(command);
        let mut catenated = Catenated {
            spool: context.receiving.spool(),
            len_max: context.config.limits.message_bytes_max as u64,
            open: None,
        };
        let mut ranges = Vec::new();
        for message in messages {
            if let AppendText::Parts(parts) = &message.text {
                ranges.push(catenated.message(self, parts, &command).await?);
            }
        }
        let catenated = Arc::new(catenated.spool.finish(b"").await?);
        let mut ranges = ranges.into_iter();
        let source = |message: &AppendMessage| -> MessageSource {
            match &message.text {
                AppendText::Literal(place) => {
                    Arc::new(Stretch::new(Arc::clone(&command), place.clone()))
                }
                AppendText::Parts(_) => {
                    let range = ranges.next().unwrap_or_default();
                    Arc::new(Stretch::new(Arc::clone(&catenated), range))
                }
            }
        };
        let sources = messages.iter().map(source).collect();
        Ok(Texts { sources, _shares: [command.share(), catenated.share()] })
    }

    /// The mailbox, with the messages that the session knows of where it is the selected one.
    fn mailbox(&self, target: &UrlTarget) -> Result<Option<(Mailbox, Arc<Snapshot>)>, Error> {
        let selected = self.selected.map(|selected| (&selected.mailbox, selected.view.snapshot()));
        let Some(name) = &target.mailbox else {
            return Ok(selected.map(|(mailbox, snapshot)| (mailbox.clone(), Arc::clone(snapshot))));
        };
        let mailbox = match self.session.account.mailbox(name.as_str()) {
            Ok(mailbox) => mailbox,
            Err(Error::NoSuchMailbox) => return Ok(None),
            Err(error) => return Err(error),
        };
        let snapshot = match selected {
            Some((other, snapshot)) if other.id() == mailbox.id() => Arc::clone(snapshot),
            _ => mailbox.snapshot(),
        };
        Ok(Some((mailbox, snapshot)))
    }
}

/// Messages that are being put together.
struct Catenated {
    spool: Spool,
    len_max: u64,
    /// The message that the last URL named: the next one often names another part of it.
    open: Option<(EmailId, OpenMessage)>,
}

impl Catenated {
    /// Puts a message behind the ones before it, and says where it is.
    async fn message(
        &mut self,
        library: &Library<'_>,
        parts: &[CatenatePart],
        command: &Spooled,
    ) -> Result<Range<usize>, Refusal> {
        let start = self.spool.len();
        for part in parts {
            match part {
                CatenatePart::Text(place) => {
                    let text = command.get(place.clone()).unwrap_or_default();
                    self.admit(start, text.len() as u64)?;
                    for piece in text.chunks(PIECE_LEN) {
                        self.push(piece).await?;
                    }
                }
                CatenatePart::Url(url) => self.url(library, url, start).await?,
            }
        }
        let place = |at: u64| usize::try_from(at).map_err(|_| Refusal::from(Oversize::Message));
        Ok(place(start)?..place(self.spool.len())?)
    }

    async fn url(
        &mut self,
        library: &Library<'_>,
        url: &CatenateUrl,
        start: u64,
    ) -> Result<(), Refusal> {
        let target = url.target.as_ref().ok_or_else(|| bad(url))?;
        let uid = Uid::new(target.uid.get()).ok_or_else(|| bad(url))?;
        let mut octets = reading(|| self.find(library, target, uid))?.ok_or_else(|| bad(url))?;
        self.admit(start, octets.len())?;
        while let Some((_, message)) = &mut self.open {
            let piece = reading(|| message.next_octets(&mut octets));
            let piece = piece.map_err(|error| failure(uid, &error))?;
            if piece.is_empty() {
                break;
            }
            self.push(&piece).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Opens what a URL names; `None` if there is no such thing.
    fn find(
        &mut self,
        library: &Library<'_>,
        target: &UrlTarget,
        uid: Uid,
    ) -> Result<Option<SectionOctets>, Refusal> {
        let Some((mailbox, snapshot)) = library.mailbox(target)? else { return Ok(None) };
        let validity = target.uid_validity.map(std::num::NonZeroU32::get);
        if validity.is_some_and(|validity| validity != snapshot.uid_validity().get()) {
            return Ok(None);
        }
        let Some(row) = snapshot.row(uid)? else { return Ok(None) };
        let mut message = match self.open.take() {
            Some((id, message)) if id == row.email_id => message,
            _ => OpenMessage::new(mailbox.message(&row), row.email_id, None),
        };
        let found = message.find(&section(&target.section));
        self.open = Some((row.email_id, message));
        let found = found.map_err(|error| failure(uid, &error))?;
        Ok(found.map(|octets| match target.partial {
            None => octets,
            Some((origin, len)) => {
                let start = u64::from(origin);
                let end = len.map_or(u64::MAX, |len| start + u64::from(len.get()));
                octets.slice(&(start..end))
            }
        }))
    }

    /// Refuses a message that would be longer than allowed (RFC 4469, 4.2).
    fn admit(&self, start: u64, more: u64) -> Result<(), Refusal> {
        let len = (self.spool.len() - start).saturating_add(more);
        if len <= self.len_max { Ok(()) } else { Err(Oversize::Message.into()) }
    }

    async fn push(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        self.spool.push(piece)?;
        Ok(self.spool.write_out().await?)
    }
}

impl From<SpoolFault> for Refusal {
    fn from(fault: SpoolFault) -> Self {
        Oversize::from(fault).into()
    }
}

/// `BADURL` (RFC 4469, 4.1).
fn bad(url: &CatenateUrl) -> Refusal {
    Refusal {
        verdict: Verdict::No,
        code: Some(format!("BADURL {}", url.text).into()),
        text: "That URL names no message here".into(),
    }
}
