//! The bounds of everything a client can ask for, and how values are checked while they are
//! read, so that a refusal names the line.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};

/// The bounds of everything a client can ask for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at one time, of all protocols.
    #[serde(deserialize_with = "positive")]
    pub connections_max: usize,
    /// Connections at one time from one address; behind one there can be a whole office, and a
    /// client has up to five.
    #[serde(deserialize_with = "positive")]
    pub connections_per_address_max: usize,
    /// Bytes of an IMAP command without its literals; sets of UIDs can be long.
    #[serde(deserialize_with = "positive")]
    pub imap_command_bytes_max: usize,
    /// Bytes of an IMAP literal other than a message; of all literals of one command together.
    #[serde(deserialize_with = "positive")]
    pub literal_bytes_max: usize,
    /// Bytes of a message, by whatever way it comes.
    #[serde(deserialize_with = "positive")]
    pub message_bytes_max: usize,
    /// Recipients of one message.
    #[serde(deserialize_with = "positive")]
    pub recipients_max: usize,
    /// Recipients to whom one user may write in an hour; 0 for any number.
    pub recipients_per_user_per_hour_max: u32,
    /// Messages that one address may bring to other users' mailboxes in a minute; 0 for any number.
    pub messages_per_address_per_minute_max: u32,
    /// Bytes in memory of all messages that are being received at one time.
    #[serde(deserialize_with = "positive")]
    pub receiving_bytes_max: usize,
    /// Bytes on disk of all messages that are being received at one time.
    #[serde(deserialize_with = "positive")]
    pub spooled_bytes_max: usize,
    /// Refused log-ins on one connection before it is closed.
    #[serde(deserialize_with = "positive")]
    pub log_in_failures_max: u32,
    /// Errors on one SMTP connection before it is closed.
    #[serde(deserialize_with = "positive")]
    pub smtp_errors_max: u32,
    /// Unintelligible commands in a row on one IMAP or POP3 connection before it is closed.
    #[serde(deserialize_with = "positive")]
    pub bad_commands_max: u32,
    /// How long a client may take to log in.
    #[serde(rename = "log_in_seconds", deserialize_with = "seconds")]
    pub log_in_time: Duration,
    /// How long a TLS handshake may take.
    #[serde(rename = "tls_handshake_seconds", deserialize_with = "seconds")]
    pub tls_handshake_time: Duration,
    /// How long an IMAP client may say nothing (RFC 9051, 5.4: at least 30 minutes).
    #[serde(rename = "imap_idle_seconds", deserialize_with = "seconds")]
    pub imap_idle_time: Duration,
    /// How often a client in IDLE is told that the server is there, so that address translators
    /// on the way do not forget the connection.
    #[serde(rename = "imap_keep_alive_seconds", deserialize_with = "seconds")]
    pub imap_keep_alive_time: Duration,
    /// How long a POP3 client may say nothing (RFC 1939, 3: at least 10 minutes).
    #[serde(rename = "pop3_idle_seconds", deserialize_with = "seconds")]
    pub pop3_idle_time: Duration,
    /// How long an SMTP client may say nothing (RFC 5321, 4.5.3.2.7: at least 5 minutes).
    #[serde(rename = "smtp_idle_seconds", deserialize_with = "seconds")]
    pub smtp_idle_time: Duration,
    /// How long one command may take to arrive once it has begun, a message included.
    #[serde(rename = "command_seconds", deserialize_with = "seconds")]
    pub command_time: Duration,
    /// How long a client may take none of what it asked for.
    #[serde(rename = "write_seconds", deserialize_with = "seconds")]
    pub write_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            connections_max: 16_384,
            connections_per_address_max: 1_000,
            imap_command_bytes_max: 2 * MIB,
            literal_bytes_max: MIB,
            message_bytes_max: 64 * MIB,
            recipients_max: 1_000,
            recipients_per_user_per_hour_max: 0,
            messages_per_address_per_minute_max: 0,
            receiving_bytes_max: 512 * MIB,
            spooled_bytes_max: 4096 * MIB,
            log_in_failures_max: 5,
            smtp_errors_max: 20,
            bad_commands_max: 50,
            log_in_time: Duration::from_mins(1),
            tls_handshake_time: Duration::from_secs(15),
            imap_idle_time: Duration::from_mins(30),
            imap_keep_alive_time: Duration::from_mins(4),
            pop3_idle_time: Duration::from_mins(10),
            smtp_idle_time: Duration::from_mins(5),
            command_time: Duration::from_mins(10),
            write_time: Duration::from_mins(1),
        }
    }
}

/// A number that is not 0.
pub(super) fn positive<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    let value = T::deserialize(input)?;
    if value == T::default() {
        return Err(D::Error::custom("must be at least 1"));
    }
    Ok(value)
}

/// Whole seconds, from 1 to a year: far enough for any purpose, and no deadline overflows.
pub(super) fn seconds<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    const YEAR: u64 = 365 * 24 * 3600;
    match u64::deserialize(input)? {
        value @ 1..=YEAR => Ok(Duration::from_secs(value)),
        _ => Err(D::Error::custom("must be a number of seconds from 1 to 31536000")),
    }
}

/// Whole days up to a year; 0 means none.
pub(super) fn days<'de, D: Deserializer<'de>>(input: D) -> Result<u16, D::Error> {
    match u16::deserialize(input)? {
        value @ 0..=366 => Ok(value),
        _ => Err(D::Error::custom("must be a number of days up to 366")),
    }
}

/// Whole milliseconds up to a minute; 0 means none.
pub(super) fn milliseconds<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    match u64::deserialize(input)? {
        value @ 0..=60_000 => Ok(Duration::from_millis(value)),
        _ => Err(D::Error::custom("must be a number of milliseconds up to 60000")),
    }
}

/// One character that can stand in a local part, or none.
pub(super) fn separator<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let value = String::deserialize(input)?;
    let fits = |character: char| character.is_ascii_punctuation() && !"@\"\\<>".contains(character);
    let mut characters = value.chars();
    match (characters.next(), characters.next()) {
        (None, _) => Ok(value),
        (Some(only), None) if fits(only) => Ok(value),
        _ => Err(D::Error::custom("must be one character such as \"+\" or \"-\", or empty")),
    }
}

/// A URI, as far as it begins with a scheme and stands in one line of ASCII; or none.
pub(super) fn uri<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let value = String::deserialize(input)?;
    let has_scheme = value.split_once(':').is_some_and(|(scheme, rest)| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(is_letter)
            && !rest.is_empty()
    });
    if value.is_empty() || has_scheme && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(value)
    } else {
        Err(D::Error::custom("must be a URI such as \"mailto:postmaster@example.org\", or empty"))
    }
}

/// What `tracing` understands.
pub(super) fn log_level<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let value = String::deserialize(input)?;
    match tracing_subscriber::EnvFilter::try_new(&value) {
        Ok(_) => Ok(value),
        Err(error) => Err(D::Error::custom(format!(
            "{error}; use error, warn, info, debug or trace, or directives such as \"info,server::imap=debug\""
        ))),
    }
}
