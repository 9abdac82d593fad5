//! The command lines of a mail transaction, with what the server understands of what was asked for
//! (RFC 5321, 4.1.1.11). What it does not understand and the message cannot do without is a trouble.

use std::fmt::Write as _;

use super::extensions::Extensions;
use super::mail::{Body, LateAction, Notify, OutgoingMail, OutgoingRecipient, Return, TlsNeed};
use super::outcome::{Concern, Trouble};
use super::reply::EnhancedStatus;
use super::stuffing::has_clean_line_ends;

/// The longest address or parameter that is said to anybody.
const VALUE_LEN_MAX: usize = 1024;

/// What no server can be told, so that there is no point in asking one.
pub(super) fn inspect(mail: &OutgoingMail) -> Result<(), Trouble> {
    if !mail.reverse_path.is_empty() && !is_address(&mail.reverse_path) {
        return Err(never((1, 7), "the sender's address is malformed"));
    }
    let values = [mail.envelope_id.as_deref()];
    if !values.into_iter().flatten().all(is_value) {
        return Err(never((5, 4), "a parameter is malformed"));
    }
    if mail.body != Body::Binary && !has_clean_line_ends(mail.octets()) {
        return Err(never((6, 11), "a CR or LF stands alone in the message"));
    }
    match mail.deliver_by {
        Some(by) if by.late == LateAction::Return && by.seconds <= 0 => {
            Err(never((4, 7), "the time in which it was to be delivered is over"))
        }
        _ => Ok(()),
    }
}

/// Whether a recipient can be named to a server at all.
pub(super) fn inspect_recipient(recipient: &OutgoingRecipient) -> Result<(), Trouble> {
    let is_sound =
        is_address(&recipient.address) && recipient.original.as_deref().is_none_or(is_value);
    let malformed = || {
        let status = EnhancedStatus::new(5, 1, 3);
        Trouble::own(status, Concern::Recipient, "the recipient's address is malformed")
    };
    is_sound.then_some(()).ok_or_else(malformed)
}

/// What ends no command line and no pair of brackets.
fn is_address(address: &str) -> bool {
    let is_quoted = address.starts_with('"');
    let fits = |character: char| {
        !character.is_control() && (is_quoted || !matches!(character, '<' | '>' | ' '))
    };
    !address.is_empty() && address.len() <= VALUE_LEN_MAX && address.chars().all(fits)
}

fn is_value(value: &str) -> bool {
    let fits = |character: char| !character.is_control() && !character.is_whitespace();
    !value.is_empty() && value.len() <= VALUE_LEN_MAX && value.chars().all(fits)
}

fn never(code: (u16, u16), text: &str) -> Trouble {
    Trouble::own(EnhancedStatus::new(5, code.0, code.1), Concern::Message, text)
}

/// MAIL for a server with these extensions.
pub(super) fn mail_line(
    mail: &OutgoingMail,
    extensions: &Extensions,
    is_tls: bool,
) -> Result<String, Trouble> {
    let mut line = format!("MAIL FROM:<{}>", mail.reverse_path);
    size(mail, extensions, &mut line)?;
    body(mail, extensions, &mut line)?;
    if needs_smtputf8(mail) {
        if !extensions.smtputf8 {
            return Err(never((6, 7), "the server takes no addresses or header fields in UTF-8"));
        }
        line.push_str(" SMTPUTF8");
    }
    if mail.tls == TlsNeed::Required {
        if !(extensions.require_tls && is_tls) {
            return Err(never((7, 30), "the server does not offer REQUIRETLS"));
        }
        line.push_str(" REQUIRETLS");
    }
    deliver_by(mail, extensions, &mut line)?;
    if extensions.mt_priority && mail.priority != 0 {
        let _ = write!(line, " MT-PRIORITY={}", mail.priority.clamp(-9, 9));
    }
    if extensions.dsn {
        match mail.ret {
            Some(Return::Full) => line.push_str(" RET=FULL"),
            Some(Return::Headers) => line.push_str(" RET=HDRS"),
            None => {}
        }
        if let Some(id) = &mail.envelope_id {
            let _ = write!(line, " ENVID={id}");
        }
    }
    Ok(line)
}

/// RFC 1870, 6: what is too large is not worth sending.
fn size(mail: &OutgoingMail, extensions: &Extensions, line: &mut String) -> Result<(), Trouble> {
    let Some(most) = extensions.size else { return Ok(()) };
    let len = mail.octets().len() as u64;
    if most > 0 && len > most {
        return Err(never((3, 4), "the message is larger than the server takes"));
    }
    let _ = write!(line, " SIZE={len}");
    Ok(())
}

/// Octets above 127 go out as they are, asked for or not. To convert a message breaks its signatures,
/// to return it helps nobody, and servers that do not say 8BITMIME have passed them on for decades.
/// What is not even lines cannot follow DATA (RFC 3030, 3).
fn body(mail: &OutgoingMail, extensions: &Extensions, line: &mut String) -> Result<(), Trouble> {
    match mail.body {
        Body::EightBit if extensions.eight_bit_mime => line.push_str(" BODY=8BITMIME"),
        Body::SevenBit | Body::EightBit => {}
        Body::Binary if extensions.binary_mime => line.push_str(" BODY=BINARYMIME"),
        Body::Binary => return Err(never((6, 3), "the server takes no binary messages")),
    }
    Ok(())
}

/// RFC 2852, 4: who asked for the message back rather than late would not get it back from a server
/// that does not know of that.
fn deliver_by(
    mail: &OutgoingMail,
    extensions: &Extensions,
    line: &mut String,
) -> Result<(), Trouble> {
    let Some(by) = mail.deliver_by else { return Ok(()) };
    let is_return = by.late == LateAction::Return;
    match extensions.deliver_by {
        None if is_return => Err(never((3, 3), "the server does not offer DELIVERBY")),
        None => Ok(()),
        Some(least) if is_return && by.seconds.unsigned_abs() < least => {
            Err(never((4, 7), "the server takes longer than the message has time for"))
        }
        Some(_) => {
            let late = if is_return { 'R' } else { 'N' };
            let trace = if by.is_traced { "T" } else { "" };
            // RFC 2852, 4: at most nine digits.
            let seconds = by.seconds.clamp(-999_999_999, 999_999_999);
            let _ = write!(line, " BY={seconds};{late}{trace}");
            Ok(())
        }
    }
}

/// Whether anything that a server sees as text holds UTF-8. What came with SMTPUTF8 often does not
/// need it (RFC 6531, 3.1, note).
fn needs_smtputf8(mail: &OutgoingMail) -> bool {
    let addresses = mail.recipients.iter().map(|recipient| &recipient.address);
    let has_utf8_address = addresses.chain([&mail.reverse_path]).any(|address| !address.is_ascii());
    has_utf8_address || mail.smtputf8 && !header(mail.octets()).is_ascii()
}

fn header(message: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(message, b"\r\n\r\n").unwrap_or(message.len());
    message.get(..end).unwrap_or_default()
}

/// RCPT for a server with these extensions.
pub(super) fn rcpt_line(recipient: &OutgoingRecipient, extensions: &Extensions) -> String {
    let mut line = format!("RCPT TO:<{}>", recipient.address);
    if !extensions.dsn {
        return line;
    }
    if let Some(notify) = recipient.notify {
        let _ = write!(line, " NOTIFY={}", words(notify));
    }
    if let Some(original) = &recipient.original {
        let _ = write!(line, " ORCPT={original}");
    }
    line
}

fn words(notify: Notify) -> String {
    let Notify { success, failure, delay } = notify;
    let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
    let said: Vec<&str> = words.iter().filter(|(is_on, _)| *is_on).map(|(_, word)| *word).collect();
    if said.is_empty() { "NEVER".to_owned() } else { said.join(",") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::mail::DeliverBy;
    use super::*;

    fn mail(message: &str) -> OutgoingMail {
        OutgoingMail::plain("a@x.test", &["b@y.test"], Arc::new(message.as_bytes().to_vec()))
    }

    fn everything() -> Extensions {
        Extensions {
            chunking: true,
            binary_mime: true,
            eight_bit_mime: true,
            smtputf8: true,
            dsn: true,
            require_tls: true,
            mt_priority: true,
            size: Some(1000),
            deliver_by: Some(60),
            ..Extensions::default()
        }
    }

    fn refusal(mail: &OutgoingMail, extensions: &Extensions) -> String {
        mail_line(mail, extensions, true).expect_err("must be refused").status.to_string()
    }

    #[test]
    fn what_the_server_knows_is_passed_on() {
        let mut mail = mail("Subject: é\r\n\r\n");
        (mail.smtputf8, mail.tls, mail.priority) = (true, TlsNeed::Required, 4);
        (mail.ret, mail.envelope_id) = (Some(Return::Headers), Some("id+2B".to_owned()));
        mail.deliver_by =
            Some(DeliverBy { seconds: 120, late: LateAction::Return, is_traced: true });
        assert_eq!(
            mail_line(&mail, &everything(), true).expect("a line"),
            "MAIL FROM:<a@x.test> SIZE=15 BODY=8BITMIME SMTPUTF8 REQUIRETLS BY=120;RT MT-PRIORITY=4 \
             RET=HDRS ENVID=id+2B"
        );
        let recipient = OutgoingRecipient {
            address: "b@y.test".to_owned(),
            notify: Some(Notify { success: true, failure: true, delay: false }),
            original: Some("rfc822;c@z.test".to_owned()),
        };
        assert_eq!(
            rcpt_line(&recipient, &everything()),
            "RCPT TO:<b@y.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c@z.test"
        );
        let never = OutgoingRecipient { notify: Some(Notify::default()), ..recipient };
        assert!(rcpt_line(&never, &everything()).contains(" NOTIFY=NEVER "));
    }

    #[test]
    fn a_server_that_knows_nothing_is_told_nothing() {
        let mut mail = mail("Subject: a\r\n\r\n\u{e9}");
        (mail.smtputf8, mail.priority, mail.ret) = (true, 9, Some(Return::Full));
        mail.recipients[0].notify = Some(Notify::default());
        mail.deliver_by =
            Some(DeliverBy { seconds: -5, late: LateAction::Notify, is_traced: false });
        let nothing = Extensions::default();
        // UTF-8 in the body alone needs no SMTPUTF8.
        let line = mail_line(&mail, &nothing, false);
        assert_eq!(line.as_deref(), Ok("MAIL FROM:<a@x.test>"));
        assert_eq!(rcpt_line(&mail.recipients[0], &nothing), "RCPT TO:<b@y.test>");
    }

    #[test]
    fn what_cannot_be_done_without_is_refused() {
        let nothing = Extensions::default();
        let mut utf8 = mail("Subject: a\r\n\r\n");
        utf8.recipients[0].address = "é@y.test".to_owned();
        assert_eq!(refusal(&utf8, &nothing), "5.6.7");
        let mut binary = mail("a\n");
        binary.body = Body::Binary;
        assert_eq!(refusal(&binary, &nothing), "5.6.3");
        let mut guarded = mail("");
        guarded.tls = TlsNeed::Required;
        assert_eq!(refusal(&guarded, &nothing), "5.7.30");
        assert!(mail_line(&guarded, &everything(), false).is_err(), "offered without TLS");
        let mut hurried = mail("");
        let by = DeliverBy { seconds: 30, late: LateAction::Return, is_traced: false };
        hurried.deliver_by = Some(by);
        assert_eq!(refusal(&hurried, &nothing), "5.3.3");
        assert_eq!(refusal(&hurried, &everything()), "5.4.7");
        assert_eq!(refusal(&mail(&"x".repeat(1001)), &everything()), "5.3.4");
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        let status = |mail: &OutgoingMail| inspect(mail).expect_err("refused").status.to_string();
        let mut sender = mail("");
        sender.reverse_path = "a@x\r\nRCPT TO:<c@z.test".to_owned();
        assert_eq!(status(&sender), "5.1.7");
        let mut id = mail("");
        id.envelope_id = Some("a b".to_owned());
        assert_eq!(status(&id), "5.5.4");
        assert_eq!(status(&mail("a\n.\nMAIL")), "5.6.11");
        for wrong in ["", "a>@x.test", "a@x.test\r", "a b@x.test"] {
            let recipient =
                OutgoingRecipient { address: wrong.to_owned(), ..OutgoingRecipient::default() };
            assert!(inspect_recipient(&recipient).is_err(), "{wrong:?}");
        }
        let quoted = OutgoingRecipient {
            address: "\"a b>\"@x.test".to_owned(),
            ..OutgoingRecipient::default()
        };
        assert!(inspect_recipient(&quoted).is_ok());
    }
}
