//! From a command line to a [`Command`]: a total function over arbitrary bytes.
//!
//! Words are matched in any case; blanks at the end of a line and doubled blanks between
//! parameters are forgiven, as is a blank behind `FROM:` and `TO:`, which many programs send.

mod parameters;

use super::command::{
    Auth, Chunk, ChunkPlace, Command, CommandError, Greeting, HelloName, Mail, Rcpt,
};
use super::path::{ForwardPath, ReversePath};

/// Reads one command line, without its line end.
pub fn parse_command(line: &[u8]) -> Result<Command, CommandError> {
    // Before anything else: a chunk whose size is unknown must end the connection, however its
    // command line is broken.
    let is_bdat = line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT"));
    let text = match std::str::from_utf8(line) {
        Ok(text)
            if !text.contains(|character: char| character.is_control() && character != '\t') =>
        {
            text.trim_end_matches([' ', '\t'])
        }
        _ if is_bdat => return Err(CommandError::ChunkSize),
        _ => return Err(CommandError::NotText),
    };
    let (verb, arguments) = match text.split_once(' ') {
        Some((verb, arguments)) => (verb, Some(arguments.trim_start_matches(' '))),
        None => (text, None),
    };
    let mut upper = [0_u8; 8];
    let Some(word) = upper.get_mut(..verb.len()) else { return Err(CommandError::Unrecognized) };
    word.copy_from_slice(verb.as_bytes());
    word.make_ascii_uppercase();
    by_verb(word, arguments)
}

fn by_verb(verb: &[u8], arguments: Option<&str>) -> Result<Command, CommandError> {
    match verb {
        b"EHLO" => hello(Greeting::Ehlo, arguments),
        b"HELO" => hello(Greeting::Helo, arguments),
        b"LHLO" => hello(Greeting::Lhlo, arguments),
        b"MAIL" => mail(arguments.unwrap_or_default()),
        b"RCPT" => rcpt(arguments.unwrap_or_default()),
        b"DATA" => alone(Command::Data, arguments, "DATA"),
        b"BDAT" => bdat(arguments.unwrap_or_default()),
        b"RSET" => alone(Command::Rset, arguments, "RSET"),
        b"QUIT" => alone(Command::Quit, arguments, "QUIT"),
        b"STARTTLS" => alone(Command::StartTls, arguments, "STARTTLS"),
        b"AUTH" => auth(arguments.unwrap_or_default()),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" if arguments.is_some() => Ok(Command::Vrfy),
        b"VRFY" => Err(CommandError::Form("VRFY string")),
        b"EXPN" if arguments.is_some() => Ok(Command::Expn),
        b"EXPN" => Err(CommandError::Form("EXPN string")),
        _ => Err(CommandError::Unrecognized),
    }
}

fn alone(
    command: Command,
    arguments: Option<&str>,
    form: &'static str,
) -> Result<Command, CommandError> {
    if arguments.is_some() { Err(CommandError::Form(form)) } else { Ok(command) }
}

fn hello(greeting: Greeting, arguments: Option<&str>) -> Result<Command, CommandError> {
    let form = match greeting {
        Greeting::Ehlo => "EHLO domain",
        Greeting::Helo => "HELO domain",
        Greeting::Lhlo => "LHLO domain",
    };
    // Exim and old Windows programs append words; the name is the first.
    let name = arguments.and_then(|arguments| arguments.split(' ').next());
    let name = name.and_then(HelloName::new).ok_or(CommandError::Form(form))?;
    Ok(Command::Hello(greeting, name))
}

fn mail(arguments: &str) -> Result<Command, CommandError> {
    let rest = keyword(arguments, "FROM:")
        .ok_or(CommandError::Form("MAIL FROM:<address> [parameters]"))?;
    let (reverse_path, rest) = ReversePath::read(rest).ok_or(CommandError::ReversePath)?;
    let mut mail = Mail::new(reverse_path);
    parameters::of_mail(&mut mail, parameters(rest).ok_or(CommandError::ReversePath)?)?;
    Ok(Command::Mail(mail))
}

fn rcpt(arguments: &str) -> Result<Command, CommandError> {
    let rest =
        keyword(arguments, "TO:").ok_or(CommandError::Form("RCPT TO:<address> [parameters]"))?;
    let (path, rest) = ForwardPath::read(rest).ok_or(CommandError::ForwardPath)?;
    let mut rcpt = Rcpt { path, notify: None, original: None };
    parameters::of_rcpt(&mut rcpt, parameters(rest).ok_or(CommandError::ForwardPath)?)?;
    Ok(Command::Rcpt(rcpt))
}

/// What follows `FROM:` or `TO:`.
fn keyword<'a>(arguments: &'a str, word: &str) -> Option<&'a str> {
    let (front, rest) = arguments.split_at_checked(word.len())?;
    front.eq_ignore_ascii_case(word).then(|| rest.trim_start_matches(' '))
}

/// The parameters behind a path; `None` if something else follows it.
fn parameters(rest: &str) -> Option<impl Iterator<Item = &str>> {
    let is_separate = rest.is_empty() || rest.starts_with(' ');
    is_separate.then(|| rest.split(' ').filter(|parameter| !parameter.is_empty()))
}

fn bdat(arguments: &str) -> Result<Command, CommandError> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let len = words.next().and_then(chunk_len).ok_or(CommandError::ChunkSize)?;
    let place = match (words.next(), words.next()) {
        (None, _) => ChunkPlace::Inner,
        (Some(word), None) if word.eq_ignore_ascii_case("LAST") => ChunkPlace::Last,
        _ => return Err(CommandError::ChunkSize),
    };
    Ok(Command::Bdat(Chunk { len, place }))
}

fn chunk_len(word: &str) -> Option<u64> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok())?
}

fn auth(arguments: &str) -> Result<Command, CommandError> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let (mechanism, initial, more) = (words.next(), words.next(), words.next());
    match (mechanism, more) {
        (Some(mechanism), None) => Ok(Command::Auth(Auth {
            mechanism: mechanism.to_owned(),
            initial: initial.map(str::to_owned),
        })),
        _ => Err(CommandError::Form("AUTH mechanism [initial-response]")),
    }
}

#[cfg(test)]
mod tests;
