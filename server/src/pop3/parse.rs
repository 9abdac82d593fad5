//! From a command line to a [`Command`]: a total function over arbitrary bytes.
//!
//! Words are matched in any case and blanks at the end of a line are forgiven, except behind
//! PASS, where they belong to the password (RFC 1939, 7).

use super::command::{Auth, Command, CommandError, MessageNumber, Secret};

/// Reads one command line, without its line end.
pub fn parse_command(line: &[u8]) -> Result<Command, CommandError> {
    let text = std::str::from_utf8(line).map_err(|_| CommandError::NotText)?;
    if text.contains(|character: char| character.is_control() && character != '\t') {
        return Err(CommandError::NotText);
    }
    let (word, verbatim) = text.split_once(' ').unwrap_or((text, ""));
    let arguments = verbatim.trim_matches([' ', '\t']);
    let is = |known: &str| word.trim_end_matches('\t').eq_ignore_ascii_case(known);
    match () {
        () if is("CAPA") => alone(Command::Capa, arguments, "CAPA"),
        () if is("USER") => match arguments {
            "" => Err(CommandError::Form("USER name")),
            name => Ok(Command::User(name.to_owned())),
        },
        () if is("PASS") => Ok(Command::Pass(Secret(verbatim.to_owned()))),
        () if is("AUTH") => auth(arguments),
        () if is("STLS") => alone(Command::Stls, arguments, "STLS"),
        () if is("UTF8") => alone(Command::Utf8, arguments, "UTF8"),
        () if is("QUIT") => alone(Command::Quit, arguments, "QUIT"),
        () if is("STAT") => alone(Command::Stat, arguments, "STAT"),
        () if is("NOOP") => alone(Command::Noop, arguments, "NOOP"),
        () if is("RSET") => alone(Command::Rset, arguments, "RSET"),
        () if is("LIST") => Ok(Command::List(optional_number(arguments)?)),
        () if is("UIDL") => Ok(Command::Uidl(optional_number(arguments)?)),
        () if is("RETR") => Ok(Command::Retr(number(arguments, "RETR number")?)),
        () if is("DELE") => Ok(Command::Dele(number(arguments, "DELE number")?)),
        () if is("TOP") => top(arguments),
        () => Err(CommandError::Unrecognized),
    }
}

fn alone(command: Command, arguments: &str, form: &'static str) -> Result<Command, CommandError> {
    if arguments.is_empty() { Ok(command) } else { Err(CommandError::Form(form)) }
}

fn auth(arguments: &str) -> Result<Command, CommandError> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Ok(Command::AuthList),
        (Some(mechanism), initial, None) => Ok(Command::Auth(Auth {
            mechanism: mechanism.to_owned(),
            initial: initial.map(str::to_owned),
        })),
        _ => Err(CommandError::Form("AUTH mechanism [initial-response]")),
    }
}

fn optional_number(arguments: &str) -> Result<Option<MessageNumber>, CommandError> {
    if arguments.is_empty() {
        return Ok(None);
    }
    number(arguments, "one message number, or none").map(Some)
}

fn number(text: &str, form: &'static str) -> Result<MessageNumber, CommandError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(CommandError::Form(form));
    }
    let number = text.parse().ok().and_then(MessageNumber::new);
    number.ok_or(CommandError::NoSuchMessage)
}

fn top(arguments: &str) -> Result<Command, CommandError> {
    const FORM: &str = "TOP number lines";
    let (first, second) = arguments.split_once(' ').ok_or(CommandError::Form(FORM))?;
    let second = second.trim_start_matches(' ');
    let is_number = !second.is_empty() && second.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(CommandError::Form(FORM));
    }
    let number = number(first, FORM)?;
    // More lines than can be counted are all lines.
    Ok(Command::Top { number, line_count: second.parse().unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &str) -> Result<Command, CommandError> {
        parse_command(line.as_bytes())
    }

    fn message(raw: u32) -> MessageNumber {
        MessageNumber::new(raw).expect("tests count from 1")
    }

    #[test]
    fn words_are_known_in_any_case_and_with_blanks_behind_them() {
        for line in ["STAT", "stat", "Stat  ", "STAT\t"] {
            assert_eq!(parsed(line), Ok(Command::Stat), "{line}");
        }
        assert_eq!(parsed("QUIT now"), Err(CommandError::Form("QUIT")));
        for line in ["", " ", "APOP a b", "XTND", "RETRX 1", " STAT"] {
            assert_eq!(parsed(line), Err(CommandError::Unrecognized), "{line}");
        }
    }

    #[test]
    fn log_ins_take_what_programs_send() {
        assert_eq!(parsed("USER a@b.test "), Ok(Command::User("a@b.test".to_owned())));
        assert_eq!(parsed("PASS  two words "), Ok(Command::Pass(Secret(" two words ".to_owned()))));
        assert_eq!(parsed("USER"), Err(CommandError::Form("USER name")));
        // Outlook asks so which mechanisms there are.
        assert_eq!(parsed("AUTH "), Ok(Command::AuthList));
        assert_eq!(parsed("AUTH"), Ok(Command::AuthList));
        let auth = Auth { mechanism: "PLAIN".to_owned(), initial: Some("AA==".to_owned()) };
        assert_eq!(parsed("AUTH PLAIN AA=="), Ok(Command::Auth(auth)));
        let shown = format!("{:?} {:?}", parsed("PASS secret"), parsed("AUTH PLAIN c2VjcmV0"));
        assert!(!shown.contains("secret") && !shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn numbers_name_messages() {
        assert_eq!(parsed("LIST"), Ok(Command::List(None)));
        assert_eq!(parsed("LIST 007"), Ok(Command::List(Some(message(7)))));
        assert_eq!(parsed("UIDL 4294967295"), Ok(Command::Uidl(Some(message(u32::MAX)))));
        for line in ["RETR 0", "DELE 4294967296", "LIST 99999999999999999999"] {
            assert_eq!(parsed(line), Err(CommandError::NoSuchMessage), "{line}");
        }
        for line in ["RETR", "RETR x", "RETR -1", "RETR 1 2", "RETR +1", "DELE ١"] {
            assert!(matches!(parsed(line), Err(CommandError::Form(_))), "{line}");
        }
    }

    #[test]
    fn top_takes_two_numbers() {
        let top = |line_count| Ok(Command::Top { number: message(1), line_count });
        assert_eq!(parsed("TOP 1 0"), top(0));
        assert_eq!(parsed("TOP 1 99999999999999999999999"), top(u64::MAX));
        for line in ["TOP", "TOP 1", "TOP 1 x", "TOP x 1", "TOP 1 -1", "TOP 1 2 3"] {
            assert_eq!(parsed(line), Err(CommandError::Form("TOP number lines")), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_command_or_an_error(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse_command(&line);
        }

        #[test]
        fn any_arguments_are_judged(
            verb in "(LIST|TOP|RETR|AUTH|PASS|USER)",
            rest in "[ 0-9a-z+=é-]{0,24}",
        ) {
            let _ = parse_command(format!("{verb} {rest}").as_bytes());
        }
    }
}
