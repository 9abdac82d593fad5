//! The lines of a script that begin with `@`: what happens around the dialogue.

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    /// `@config table.key = value`: a server of its own, with this setting.
    Config(String),
    /// `@port submission [SESSION]`: where sessions connect, or this one.
    Port { protocol: String, session: Option<usize> },
    /// `@user carol`: one more user.
    User(String),
    /// `@alias team alice`: one more alias.
    Alias { alias: String, target: String },
    /// `@shared team alice`: an account that nobody logs in to, and who owns it.
    Shared { account: String, owner: String },
    /// `@quota alice 2 10`: a user's limits, in KiB and messages; `-` for none.
    Quota { user: String, kib: Option<u64>, messages: Option<u64> },
    /// `@quota-admin alice`: a user that may set limits.
    QuotaAdmin(String),
    /// `@capability hide MOVE --user alice@example.test`: as the command line has it.
    Capability(String),
    /// `@hold alice 2`: how long mail waits that a user submits.
    Hold { user: String, seconds: String },
    /// `@queue release --id <<id>>`: as the command line has it.
    Queue(String),
    /// `@deliver alice FILE` or a block: a message arrives by LMTP.
    Deliver { user: String, message: Message },
    /// `@append alice MAILBOX FILE [(\Seen) "date"]` or a block: a message is put in by IMAP.
    Append { user: String, mailbox: String, before: String, message: Message },
    /// `@login [SESSION] alice [MAILBOX]`: logs a session in, and selects, without showing it.
    LogIn { session: usize, user: String, mailbox: Option<String> },
    /// `@tls [SESSION]`: the TLS handshake.
    Tls(usize),
    /// `@deflate [SESSION]`: both sides compress from here on.
    Deflate(usize),
    /// `@plain [SESSION]`: both sides no longer compress.
    Plain(usize),
    /// `@close [SESSION]`: the client goes without a word.
    Close(usize),
    /// `@eof [SESSION]`: the server must close the connection now.
    Eof(usize),
}

/// Where a message comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// `fixtures/messages/FILE`.
    File(String),
    /// The `|` lines under the directive.
    Block(String),
}

impl Directive {
    /// Reads what stands after the `@`.
    pub(super) fn parse(text: &str, block: Option<String>) -> Result<Self, String> {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        if block.is_some() && !["deliver", "append"].contains(&name) {
            return Err(format!("@{name} takes no block"));
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (name, words.as_slice()) {
            ("config", [_, ..]) => Ok(Self::Config(rest.to_owned())),
            ("port", [protocol]) => Ok(Self::port(protocol, None)),
            ("port", [protocol, number]) => Ok(Self::port(protocol, Some(session(number)?))),
            ("user", [user]) => Ok(Self::User((*user).to_owned())),
            ("alias", [alias, target]) => {
                Ok(Self::Alias { alias: (*alias).to_owned(), target: (*target).to_owned() })
            }
            ("shared", [account, owner]) => {
                Ok(Self::Shared { account: (*account).to_owned(), owner: (*owner).to_owned() })
            }
            ("quota", [user, kib, messages]) => {
                let (kib, messages) = (limit(kib)?, limit(messages)?);
                Ok(Self::Quota { user: (*user).to_owned(), kib, messages })
            }
            ("quota-admin", [user]) => Ok(Self::QuotaAdmin((*user).to_owned())),
            ("capability", [_, ..]) => Ok(Self::Capability(rest.to_owned())),
            ("hold", [user, seconds]) => {
                Ok(Self::Hold { user: (*user).to_owned(), seconds: (*seconds).to_owned() })
            }
            ("queue", [_, ..]) => Ok(Self::Queue(rest.to_owned())),
            ("deliver", [user, file @ ..]) => {
                let message = Message::parse(file.first().copied(), block)?;
                Ok(Self::Deliver { user: (*user).to_owned(), message })
            }
            ("append", [user, mailbox, others @ ..]) => Self::append(user, mailbox, others, block),
            ("login", words) => Self::log_in(words),
            ("tls", []) => Ok(Self::Tls(1)),
            ("tls", [number]) => session(number).map(Self::Tls),
            ("deflate", []) => Ok(Self::Deflate(1)),
            ("deflate", [number]) => session(number).map(Self::Deflate),
            ("plain", []) => Ok(Self::Plain(1)),
            ("plain", [number]) => session(number).map(Self::Plain),
            ("close", []) => Ok(Self::Close(1)),
            ("close", [number]) => session(number).map(Self::Close),
            ("eof", []) => Ok(Self::Eof(1)),
            ("eof", [number]) => session(number).map(Self::Eof),
            _ => Err(format!("no directive is written like `@{text}`")),
        }
    }

    fn port(protocol: &str, session: Option<usize>) -> Self {
        Self::Port { protocol: protocol.to_owned(), session }
    }

    fn append(
        user: &str,
        mailbox: &str,
        others: &[&str],
        block: Option<String>,
    ) -> Result<Self, String> {
        let (file, before) = match (&block, others.split_first()) {
            (None, Some((file, before))) => (Some(*file), before),
            _ => (None, others),
        };
        Ok(Self::Append {
            user: user.to_owned(),
            mailbox: mailbox.to_owned(),
            before: before.join(" "),
            message: Message::parse(file, block)?,
        })
    }

    fn log_in(words: &[&str]) -> Result<Self, String> {
        let (number, words) = match words.split_first() {
            Some((first, rest)) if first.parse::<usize>().is_ok() => (session(first)?, rest),
            _ => (1, words),
        };
        let (user, mailbox) = match words {
            [user] => (*user, None),
            [user, mailbox @ ..] => (*user, Some(mailbox.join(" "))),
            [] => return Err("@login wants a user".to_owned()),
        };
        Ok(Self::LogIn { session: number, user: user.to_owned(), mailbox })
    }
}

impl Message {
    fn parse(file: Option<&str>, block: Option<String>) -> Result<Self, String> {
        match (file, block) {
            (None, Some(block)) => Ok(Self::Block(block)),
            (Some(file), None) => Ok(Self::File(file.to_owned())),
            _ => Err("a message is a file of fixtures/messages or a block of `|` lines".to_owned()),
        }
    }
}

fn limit(text: &str) -> Result<Option<u64>, String> {
    match text {
        "-" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("`{text}` is no limit")),
    }
}

fn session(number: &str) -> Result<usize, String> {
    match number.parse() {
        Ok(number @ 1..=9) => Ok(number),
        _ => Err(format!("sessions are numbered from 1 to 9, not {number}")),
    }
}
