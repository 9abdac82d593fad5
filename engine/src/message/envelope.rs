//! ENVELOPE: what clients show in a list of messages (RFC 9051, 7.5.2), as ready IMAP text.
//!
//! Strings are as received apart from unfolding: encoded words stay encoded. The text is valid
//! for any header, and it is a bounded multiple of it.

use super::address::{Address, Addresses};
use super::header::{header_fields, unfold};
use super::imap_string::{is_long, push_nstring, push_string};
use crate::limits::ADDRESSES_MAX;

/// The raw values of the fields in an envelope.
#[derive(Default)]
struct Fields<'a> {
    date: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    in_reply_to: Option<&'a [u8]>,
    message_id: Option<&'a [u8]>,
    from: Vec<&'a [u8]>,
    sender: Vec<&'a [u8]>,
    reply_to: Vec<&'a [u8]>,
    to: Vec<&'a [u8]>,
    cc: Vec<&'a [u8]>,
    bcc: Vec<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// Text counts once, addresses of repeated fields are put together.
    fn of(header: &'a [u8]) -> Self {
        let mut fields = Self::default();
        for field in header_fields(header) {
            if field.name.len() > b"in-reply-to".len() {
                continue;
            }
            let text = match field.name.to_ascii_lowercase().as_slice() {
                b"date" => &mut fields.date,
                b"subject" => &mut fields.subject,
                b"in-reply-to" => &mut fields.in_reply_to,
                b"message-id" => &mut fields.message_id,
                name => {
                    let addresses = match name {
                        b"from" => &mut fields.from,
                        b"sender" => &mut fields.sender,
                        b"reply-to" => &mut fields.reply_to,
                        b"to" => &mut fields.to,
                        b"cc" => &mut fields.cc,
                        b"bcc" => &mut fields.bcc,
                        _ => continue,
                    };
                    addresses.push(field.value);
                    continue;
                }
            };
            text.get_or_insert(field.value);
        }
        fields
    }
}

/// Adds the envelope of a header to `out`.
pub(super) fn push_envelope(out: &mut Vec<u8>, header: &[u8]) {
    let fields = Fields::of(header);
    out.push(b'(');
    push_text(out, fields.date);
    out.push(b' ');
    push_text(out, fields.subject);
    out.push(b' ');
    let from_start = out.len();
    push_addresses(out, &fields.from);
    let from = from_start..out.len();
    for values in [&fields.sender, &fields.reply_to] {
        out.push(b' ');
        let start = out.len();
        push_addresses(out, values);
        // Absent or empty, they are the From field (RFC 9051, 7.5.2).
        if out.ends_with(b"NIL") && out.len() - start == b"NIL".len() {
            out.truncate(start);
            if is_long(out) {
                out.extend_from_slice(b"NIL");
            } else {
                out.extend_from_within(from.clone());
            }
        }
    }
    for values in [&fields.to, &fields.cc, &fields.bcc] {
        out.push(b' ');
        push_addresses(out, values);
    }
    out.push(b' ');
    push_text(out, fields.in_reply_to);
    out.push(b' ');
    push_text(out, fields.message_id);
    out.push(b')');
}

/// An absent field is NIL, an empty one the empty string.
fn push_text(out: &mut Vec<u8>, value: Option<&[u8]>) {
    push_nstring(out, value.map(unfold).as_deref());
}

fn push_addresses(out: &mut Vec<u8>, values: &[&[u8]]) {
    let start = out.len();
    out.push(b'(');
    let mut addresses = values.iter().flat_map(|value| Addresses::of(value));
    let mut is_in_group = false;
    for address in addresses.by_ref().take(ADDRESSES_MAX) {
        if is_long(out) {
            break;
        }
        is_in_group = match &address {
            Address::GroupStart(_) => true,
            Address::GroupEnd => false,
            Address::Mailbox { .. } => is_in_group,
        };
        push_address(out, &address);
    }
    if is_in_group {
        push_address(out, &Address::GroupEnd);
    }
    if out.len() == start + 1 {
        out.truncate(start);
        out.extend_from_slice(b"NIL");
    } else {
        out.push(b')');
    }
}

/// NIL as the host means a group (RFC 9051, 7.5.2), so a missing host is an empty string.
fn push_address(out: &mut Vec<u8>, address: &Address) {
    match address {
        Address::Mailbox { name, route, local, host } => {
            out.push(b'(');
            push_nstring(out, name.as_deref());
            out.push(b' ');
            push_nstring(out, route.as_deref());
            out.push(b' ');
            push_string(out, local);
            out.push(b' ');
            push_string(out, host);
            out.push(b')');
        }
        Address::GroupStart(name) => {
            out.extend_from_slice(b"(NIL NIL ");
            push_string(out, name);
            out.extend_from_slice(b" NIL)");
        }
        Address::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(header: &[u8]) -> String {
        let mut out = Vec::new();
        push_envelope(&mut out, header);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_example_of_the_rfc() {
        let header = b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n\
            From: Terry Gray <gray@cac.washington.edu>\r\n\
            Subject: IMAP4rev2 WG mtg summary and minutes\r\n\
            To: imap@cac.washington.edu\r\n\
            cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n\
            Message-Id: <B27397-0100000@cac.washington.ed>\r\n\r\n";
        let terry = r#"(("Terry Gray" NIL "gray" "cac.washington.edu"))"#;
        assert_eq!(
            envelope(header),
            format!(
                "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \
                 \"IMAP4rev2 WG mtg summary and minutes\" {terry} {terry} {terry} \
                 ((NIL NIL \"imap\" \"cac.washington.edu\")) \
                 ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")\
                 (\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
                 \"<B27397-0100000@cac.washington.ed>\")"
            )
        );
    }

    #[test]
    fn absent_fields_are_nil_and_empty_text_is_an_empty_string() {
        assert_eq!(envelope(b""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
        assert_eq!(
            envelope(b"Subject:\r\nTo: \r\nSender: s\r\n"),
            "(NIL \"\" NIL ((NIL NIL \"s\" \"\")) NIL NIL NIL NIL NIL NIL)"
        );
    }

    #[test]
    fn groups_are_bracketed_and_raw_8_bit_is_a_literal() {
        assert_eq!(
            envelope("To: friends: a@b;\r\nSubject: \u{e9}\r\n x\r\n".as_bytes()),
            "(NIL {4}\r\n\u{e9} x NIL NIL NIL \
             ((NIL NIL \"friends\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) NIL NIL NIL NIL)"
        );
    }
}
