//! One mail transaction with a server: MAIL, RCPT, and the message by DATA or BDAT.

use std::time::Duration;

use super::ledger::Ledger;
use super::mail::OutgoingMail;
use super::outcome::{Acceptance, Concern, Outcome, Trouble};
use super::parameters::{mail_line, rcpt_line};
use super::reply::{EnhancedStatus, Reply};
use super::session::Session;
use super::stuffing::Stuffed;
use super::wire::WireError;
use crate::config::OutgoingConfig;

/// Commands that are sent before the first of their replies is read. So many replies, of usual
/// length, fit into what the system buffers, so that both sides never wait for one another.
const GROUP: usize = 50;
/// What one write of a message has.
const BLOCK_LEN: usize = 64 << 10;
/// How long we look for the reason, when a server stops to take a message.
const LAST_WORD_TIME: Duration = Duration::from_secs(5);

/// A command of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Mail,
    /// For the recipient at this place.
    Rcpt(usize),
    Data,
}

/// How far a transaction came.
#[derive(Debug)]
struct Envelope {
    /// Whom it is for.
    places: Vec<usize>,
    /// Whether MAIL was refused.
    is_refused: bool,
    accepted: Vec<usize>,
    /// Refused because they were too many for one transaction.
    too_many: Vec<usize>,
    /// The answer to DATA.
    data: Option<Reply>,
}

/// A mail on its way through a session.
pub(super) struct Transaction<'a> {
    pub(super) session: &'a mut Session,
    pub(super) mail: &'a OutgoingMail,
    pub(super) config: &'a OutgoingConfig,
}

impl Transaction<'_> {
    /// Offers the message for the recipients at these places, in as many transactions as the server's
    /// limits make of it. Those that are left were not named to it: the session had to end.
    pub(super) async fn run(&mut self, mut waiting: Vec<usize>, ledger: &mut Ledger) -> Vec<usize> {
        let session = &*self.session;
        let line = match mail_line(self.mail, &session.extensions, session.wire.is_tls()) {
            Ok(line) => line,
            Err(trouble) => {
                ledger.skip_host(trouble.at(&session.host));
                return Vec::new();
            }
        };
        let most = session.extensions.recipients_max.unwrap_or(usize::MAX);
        let most = most.min(self.config.recipients_max);
        while !waiting.is_empty() && self.session.is_open {
            let rest = waiting.split_off(waiting.len().min(most));
            let outcome = self.one(&line, &waiting, ledger).await;
            let too_many = match outcome {
                Ok(envelope) if envelope.accepted.is_empty() => Vec::new(),
                Ok(envelope) => envelope.too_many,
                Err(error) => {
                    self.session.is_open = false;
                    ledger.lost(&error.to_string());
                    let text = format!("{error} in the middle of a transaction");
                    let status = EnhancedStatus::new(4, 4, 2);
                    let trouble = Trouble::own(status, Concern::Destination, text);
                    ledger.skip_host(trouble.at(&self.session.host));
                    return Vec::new();
                }
            };
            waiting = [too_many, rest].concat();
        }
        if !waiting.is_empty() && !self.session.is_spent {
            let status = EnhancedStatus::new(4, 4, 2);
            let text = "ended the session before all recipients were named";
            let trouble = Trouble::own(status, Concern::Destination, text);
            ledger.skip_host(trouble.at(&self.session.host));
            waiting.clear();
        }
        waiting
    }

    /// One transaction.
    async fn one(
        &mut self,
        line: &str,
        places: &[usize],
        ledger: &mut Ledger,
    ) -> Result<Envelope, WireError> {
        self.session.transactions += 1;
        let envelope = self.envelope(line, places, ledger).await?;
        if !self.session.is_open {
            return Ok(envelope);
        }
        let uses_data = !self.session.extensions.chunking;
        let is_invited = envelope.data.as_ref().is_some_and(|reply| reply.code == 354);
        if envelope.accepted.is_empty() {
            // A server that wants a message for nobody gets none: without the dot it has to forget
            // what it has, and the connection can carry nothing else.
            self.session.is_open = !is_invited && self.reset().await?;
            return Ok(envelope);
        }
        if uses_data && !is_invited {
            if let Some(reply) = &envelope.data {
                let text = "does not take the message";
                self.answered(&envelope.accepted, reply, text, ledger);
            }
            self.session.is_open &= self.reset().await?;
            return Ok(envelope);
        }
        let reply = self.message(&envelope.accepted, ledger).await?;
        ledger.answered();
        self.conclude(&envelope.accepted, reply, ledger);
        self.session.is_spent = self.session.transactions >= self.transactions_max();
        self.session.is_open &= !self.session.is_spent;
        Ok(envelope)
    }

    /// MAIL, RCPT and, where the message does not follow in chunks, DATA.
    async fn envelope(
        &mut self,
        line: &str,
        places: &[usize],
        ledger: &mut Ledger,
    ) -> Result<Envelope, WireError> {
        let extensions = &self.session.extensions;
        let data = (!extensions.chunking).then_some(Step::Data);
        let steps: Vec<Step> = [Step::Mail]
            .into_iter()
            .chain(places.iter().map(|place| Step::Rcpt(*place)))
            .chain(data)
            .collect();
        let group = if extensions.pipelining { GROUP } else { 1 };
        let mut envelope = Envelope {
            places: places.to_vec(),
            is_refused: false,
            accepted: Vec::new(),
            too_many: Vec::new(),
            data: None,
        };
        for group in steps.chunks(group) {
            let is_vain = group == [Step::Data] && envelope.accepted.is_empty();
            if envelope.is_refused || is_vain || !self.session.is_open {
                break;
            }
            for step in group {
                self.push(*step, line);
            }
            self.session.wire.flush(self.config.command_time).await?;
            for step in group {
                let time = self.reply_time(*step);
                let reply = self.session.wire.reply(time).await?;
                self.take(*step, reply, &mut envelope, ledger);
                if !self.session.is_open {
                    break;
                }
            }
        }
        Ok(envelope)
    }

    fn push(&mut self, step: Step, mail_line: &str) {
        let Session { wire, extensions, .. } = &mut *self.session;
        match step {
            Step::Mail => wire.push_line(mail_line),
            Step::Rcpt(place) => {
                if let Some(recipient) = self.mail.recipients.get(place) {
                    wire.push_line(rcpt_line(recipient, extensions));
                }
            }
            Step::Data => wire.push_line("DATA"),
        }
    }

    fn reply_time(&self, step: Step) -> Duration {
        if step == Step::Data { self.config.data_time } else { self.config.command_time }
    }

    fn take(&mut self, step: Step, reply: Reply, envelope: &mut Envelope, ledger: &mut Ledger) {
        // RFC 5321, 3.8: after this the server closes the connection.
        self.session.is_open &= reply.code != 421;
        match step {
            Step::Mail if !reply.is_success() => {
                envelope.is_refused = true;
                let text = "does not take mail from this sender";
                self.answered(&envelope.places, &reply, text, ledger);
            }
            // What follows a MAIL that was refused says nothing of its own.
            Step::Mail => {}
            Step::Rcpt(_) if envelope.is_refused => {}
            Step::Rcpt(place) if reply.is_success() => envelope.accepted.push(place),
            Step::Rcpt(place) => self.refused(place, reply, envelope, ledger),
            Step::Data => envelope.data = Some(reply),
        }
    }

    fn refused(&self, place: usize, reply: Reply, envelope: &mut Envelope, ledger: &mut Ledger) {
        let is_too_many = is_too_many(&reply);
        let mut trouble = Trouble::answered(
            &self.session.host,
            reply,
            Concern::Recipient,
            "refuses the recipient",
        );
        if is_too_many {
            envelope.too_many.push(place);
            // RFC 5321, 4.5.3.1.10: 552 for this means 452.
            trouble.status.class = 4;
        }
        ledger.refuse(&[place], &trouble);
    }

    /// All of these were answered the same.
    fn answered(&self, places: &[usize], reply: &Reply, text: &str, ledger: &mut Ledger) {
        let host = &self.session.host;
        let concern = if reply.code == 421 { Concern::Destination } else { Concern::Message };
        ledger.refuse(places, &Trouble::answered(host, reply.clone(), concern, text));
    }

    /// Sends the message and reads what comes of it.
    async fn message(&mut self, places: &[usize], ledger: &mut Ledger) -> Result<Reply, WireError> {
        // A reply too many must not be taken for the one that says who has the message.
        if !self.session.wire.is_quiet().await {
            return self.last_word(WireError::Unasked).await;
        }
        let sent = if self.session.extensions.chunking {
            self.chunk(places, ledger).await
        } else {
            self.lines(places, ledger).await
        };
        match sent {
            Ok(()) => self.session.wire.reply(self.config.end_time).await,
            Err(error) => self.last_word(error).await,
        }
    }

    /// Whoever stops to take a message often says why. That it took one that was not sent whole it
    /// cannot mean.
    async fn last_word(&mut self, error: WireError) -> Result<Reply, WireError> {
        self.session.is_open = false;
        let reply = self.session.wire.reply(LAST_WORD_TIME).await;
        reply.ok().filter(|reply| !reply.is_success()).ok_or(error)
    }

    /// All of it as one chunk (RFC 3030, 2).
    async fn chunk(&mut self, places: &[usize], ledger: &mut Ledger) -> Result<(), WireError> {
        let Session { wire, host, .. } = &mut *self.session;
        let octets = self.mail.octets();
        wire.push_line(format_args!("BDAT {} LAST", octets.len()));
        let mut blocks = octets.chunks(BLOCK_LEN).peekable();
        if blocks.peek().is_none() {
            ledger.sending(host, places);
        }
        wire.flush(self.config.block_time).await?;
        while let Some(block) = blocks.next() {
            if blocks.peek().is_none() {
                ledger.sending(host, places);
            }
            wire.send(block, self.config.block_time).await?;
        }
        Ok(())
    }

    /// In lines, up to the one with the dot (RFC 5321, 4.5.2).
    async fn lines(&mut self, places: &[usize], ledger: &mut Ledger) -> Result<(), WireError> {
        let Session { wire, host, .. } = &mut *self.session;
        let (mut stuffed, mut piece) = (Stuffed::new(self.mail.octets()), Vec::new());
        while stuffed.next_into(&mut piece) {
            if stuffed.is_done() {
                ledger.sending(host, places);
            }
            wire.send(&piece, self.config.block_time).await?;
        }
        Ok(())
    }

    /// What the answer to the end of the message means.
    fn conclude(&mut self, places: &[usize], reply: Reply, ledger: &mut Ledger) {
        self.session.is_open &= reply.code != 421;
        if !reply.is_success() {
            return self.answered(places, &reply, "does not take the message", ledger);
        }
        let acceptance = Acceptance {
            host: self.session.host.clone(),
            reply,
            reports: self.session.extensions.dsn,
            minds_time: self.session.extensions.deliver_by.is_some(),
            is_tls: self.session.wire.is_tls(),
        };
        for place in places {
            ledger.settle(*place, Outcome::Accepted(acceptance.clone()));
        }
    }

    /// Ends a transaction without a message; false if the session cannot go on.
    async fn reset(&mut self) -> Result<bool, WireError> {
        let reply = self.session.wire.ask("RSET", self.config.command_time).await?;
        Ok(reply.is_success())
    }

    fn transactions_max(&self) -> u32 {
        let theirs = self.session.extensions.transactions_max.unwrap_or(u32::MAX);
        theirs.min(self.config.messages_per_connection_max)
    }
}

/// Whether a recipient would be taken in another transaction (RFC 5321, 4.5.3.1.10).
fn is_too_many(reply: &Reply) -> bool {
    let means = |status: EnhancedStatus| (status.subject, status.detail) == (5, 3);
    matches!(reply.code, 452 | 552) && reply.status.is_none_or(means)
}
