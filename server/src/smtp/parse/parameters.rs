//! The parameters of MAIL and RCPT (RFC 5321, 4.1.1.11).
//!
//! | parameter   | of   | source                                |
//! |-------------|------|---------------------------------------|
//! | SIZE        | MAIL | RFC 1870                              |
//! | BODY        | MAIL | RFC 6152                              |
//! | AUTH        | MAIL | RFC 4954, 5                           |
//! | SMTPUTF8    | MAIL | RFC 6531, 3.4                         |
//! | RET, ENVID  | MAIL | RFC 3461, 4.3 and 4.4                 |
//! | REQUIRETLS  | MAIL | RFC 8689, 2                           |
//! | MT-PRIORITY | MAIL | RFC 6710, 4                           |
//! | BY          | MAIL | RFC 2852, 4                           |
//! | HOLDFOR     | MAIL | RFC 4865, 5                           |
//! | HOLDUNTIL   | MAIL | RFC 4865, 5                           |
//! | NOTIFY      | RCPT | RFC 3461, 4.1                         |
//! | ORCPT       | RCPT | RFC 3461, 4.2; in UTF-8: RFC 6533, 3  |

use super::super::command::{AddressText, CommandError, Mail, Rcpt, Release};
use crate::calendar::unix_seconds_of;
use crate::relay::{DeliverBy, LateAction, Notify, Return};

/// ENVID and ORCPT (RFC 3461, 5.4).
const ENVELOPE_ID_LEN_MAX: usize = 100;
const ORIGINAL_LEN_MAX: usize = 500;
/// Digits of a time (RFC 2852, 4; RFC 4865, 5).
const DIGITS_MAX: usize = 9;

type Seen = Vec<String>;

/// Takes all parameters of MAIL.
pub(super) fn of_mail<'a>(
    mail: &mut Mail,
    parameters: impl Iterator<Item = &'a str>,
) -> Result<(), CommandError> {
    let mut seen = Seen::new();
    for parameter in parameters {
        let (name, value) = split(parameter, &mut seen)?;
        mail_parameter(mail, &name, value)?;
    }
    Ok(())
}

/// Takes all parameters of RCPT.
pub(super) fn of_rcpt<'a>(
    rcpt: &mut Rcpt,
    parameters: impl Iterator<Item = &'a str>,
) -> Result<(), CommandError> {
    let mut seen = Seen::new();
    for parameter in parameters {
        let (name, value) = split(parameter, &mut seen)?;
        match (name.as_str(), value) {
            ("NOTIFY", Some(value)) => rcpt.notify = Some(wanted(notify(value))?),
            ("ORCPT", Some(value)) => rcpt.original = Some(wanted(original(value))?),
            ("NOTIFY" | "ORCPT", None) => return Err(CommandError::ParameterValue),
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(())
}

/// The name in upper case and the value of a parameter, none of which comes twice.
fn split<'a>(
    parameter: &'a str,
    seen: &mut Seen,
) -> Result<(String, Option<&'a str>), CommandError> {
    let (name, value) = match parameter.split_once('=') {
        Some((_, "")) => return Err(CommandError::ParameterValue),
        Some((name, value)) => (name, Some(value)),
        None => (parameter, None),
    };
    let name = name.to_ascii_uppercase();
    if seen.contains(&name) {
        return Err(CommandError::ParameterValue);
    }
    seen.push(name.clone());
    Ok((name, value))
}

fn wanted<T>(value: Option<T>) -> Result<T, CommandError> {
    value.ok_or(CommandError::ParameterValue)
}

fn mail_parameter(mail: &mut Mail, name: &str, value: Option<&str>) -> Result<(), CommandError> {
    match (name, value) {
        ("SIZE", Some(value)) => mail.size = Some(wanted(size(value))?),
        // BINARYMIME is not announced, since lines must end in CRLF here.
        ("BODY", Some(value)) => {
            let is_known = ["7BIT", "8BITMIME"].iter().any(|body| body.eq_ignore_ascii_case(value));
            wanted(is_known.then_some(()))?;
        }
        // Who submitted the message elsewhere: taken from nobody, as RFC 4954 allows for clients
        // that are not trusted to tell.
        ("AUTH", Some(_)) => {}
        ("SMTPUTF8", None) => mail.text = AddressText::Utf8,
        ("RET", Some(value)) => mail.ret = Some(wanted(ret(value))?),
        ("ENVID", Some(value)) => {
            let fits = value.len() <= ENVELOPE_ID_LEN_MAX && is_xtext(value);
            mail.envelope_id = Some(wanted(fits.then(|| value.to_owned()))?);
        }
        ("REQUIRETLS", None) => mail.require_tls = true,
        ("MT-PRIORITY", Some(value)) => mail.priority = Some(wanted(priority(value))?),
        ("BY", Some(value)) => mail.deliver_by = Some(wanted(deliver_by(value))?),
        ("HOLDFOR", Some(value)) if mail.release.is_none() => {
            let seconds = wanted(digits(value))?;
            mail.release = Some(Release::After(seconds));
        }
        ("HOLDUNTIL", Some(value)) if mail.release.is_none() => {
            mail.release = Some(Release::At(wanted(unix_seconds_of(value))?));
        }
        (
            "SIZE" | "BODY" | "AUTH" | "SMTPUTF8" | "RET" | "ENVID" | "REQUIRETLS" | "MT-PRIORITY"
            | "BY" | "HOLDFOR" | "HOLDUNTIL",
            _,
        ) => return Err(CommandError::ParameterValue),
        _ => return Err(CommandError::Parameter),
    }
    Ok(())
}

/// Up to 20 digits. What does not fit is larger than any limit.
fn size(value: &str) -> Option<u64> {
    let is_number = value.len() <= 20 && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| value.parse().unwrap_or(u64::MAX))
}

fn digits(value: &str) -> Option<i64> {
    let is_number = value.len() <= DIGITS_MAX && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { value.parse().ok() } else { None }
}

fn ret(value: &str) -> Option<Return> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Some(Return::Full),
        "HDRS" => Some(Return::Headers),
        _ => None,
    }
}

/// -9 to 9; `+` is not allowed.
fn priority(value: &str) -> Option<i8> {
    let digit = value.strip_prefix('-').unwrap_or(value);
    let is_digit = matches!(digit.as_bytes(), [b'0'..=b'9']) && value != "-0";
    if is_digit { value.parse().ok() } else { None }
}

/// `by-time;by-mode[by-trace]`. A time that is over cannot be kept with R.
fn deliver_by(value: &str) -> Option<DeliverBy> {
    let (time, mode) = value.split_once(';')?;
    let seconds = match time.strip_prefix('-') {
        Some(time) => -digits(time)?,
        None => digits(time)?,
    };
    let (late, is_traced) = match mode.to_ascii_uppercase().as_str() {
        "R" => (LateAction::Return, false),
        "RT" => (LateAction::Return, true),
        "N" => (LateAction::Notify, false),
        "NT" => (LateAction::Notify, true),
        _ => return None,
    };
    (late == LateAction::Notify || seconds > 0).then_some(DeliverBy { seconds, late, is_traced })
}

/// NEVER alone, or some of the others.
fn notify(value: &str) -> Option<Notify> {
    let mut notify = Notify::default();
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in value.split(',') {
        let flag = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut notify.success,
            "FAILURE" => &mut notify.failure,
            "DELAY" => &mut notify.delay,
            _ => return None,
        };
        *flag = true;
    }
    Some(notify)
}

/// `addr-type;xtext`. RFC 6533 also has addresses in UTF-8, with braces for what they may not hold.
fn original(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';')?;
    let is_kind = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_address = if kind.eq_ignore_ascii_case("utf-8") {
        !address.is_empty() && !address.contains(char::is_control)
    } else {
        is_xtext(address)
    };
    let fits = !kind.is_empty() && kind.bytes().all(is_kind) && value.len() <= ORIGINAL_LEN_MAX;
    (fits && is_address).then(|| value.to_owned())
}

/// RFC 3461, 4: printable ASCII without `+` and `=`, which are written `+2B` and `+3D`.
fn is_xtext(value: &str) -> bool {
    let mut bytes = value.bytes();
    let is_upper_hex = |byte: Option<u8>| matches!(byte, Some(b'0'..=b'9' | b'A'..=b'F'));
    while let Some(byte) = bytes.next() {
        let is_right = match byte {
            b'+' => is_upper_hex(bytes.next()) && is_upper_hex(bytes.next()),
            other => other.is_ascii_graphic() && other != b'=',
        };
        if !is_right {
            return false;
        }
    }
    !value.is_empty()
}
