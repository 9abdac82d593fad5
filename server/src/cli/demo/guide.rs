//! What a demo prints: its ports, and lines to copy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::Server;
use crate::config::Protocol;
use crate::directory::Address;

/// The guide; every command in it works as it stands, in any shell.
pub(super) fn text(server: &Server, dir: &Path, passwords: &BTreeMap<Address, String>) -> String {
    let mut text = String::from("\nListening on this machine only:\n");
    for (protocol, address) in server.addresses() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "  {:11} {address}", protocol.name());
    }
    if let Some((alice, password)) = passwords.first_key_value() {
        send(&mut text, server, alice, password);
        read(&mut text, server, dir, &format!("{alice}:{password}"));
    }
    if let Some(address) = server.address(Protocol::Http) {
        let _ = write!(text, "\nHealth and metrics:\n  curl http://{address}/metrics\n");
    }
    let _ = write!(
        text,
        "\nEverything is kept in {dir}: `fumikura --config {dir}/fumikura.toml user list`, and so \
         on.\nCtrl-C ends the demo; the next start finds the messages again.\n",
        dir = dir.display()
    );
    text
}

fn send(text: &mut String, server: &Server, to: &Address, password: &str) {
    text.push_str("\nSend a message (SMTP, LMTP, submission):\n");
    let message = format!(
        "printf 'From: friend@example.org\\r\\nTo: {to}\\r\\nSubject: Hello\\r\\n\\r\\nIt works.\\r\\n'"
    );
    if let Some(address) = server.address(Protocol::Smtp) {
        let _ = writeln!(
            text,
            "  {message} | curl smtp://{address} --mail-from friend@example.org --mail-rcpt {to} --upload-file -"
        );
    }
    if let Some(address) = server.address(Protocol::Lmtp) {
        let _ = writeln!(
            text,
            "  swaks --protocol LMTP --server {address} --from friend@example.org --to {to}"
        );
    }
    if let Some(address) = server.address(Protocol::Submission) {
        let _ = writeln!(
            text,
            "  swaks --server {address} --tls --auth PLAIN --auth-user {to} --auth-password {password} --from {to} --to {to}"
        );
    }
}

fn read(text: &mut String, server: &Server, dir: &Path, login: &str) {
    text.push_str("\nRead it back (IMAP, IMAPS, POP3, POP3S):\n");
    let trust = format!("--cacert {}/certificate.pem", dir.display());
    let mut line = |protocol: Protocol, rest: &dyn Fn(SocketAddr) -> String| {
        if let Some(address) = server.address(protocol) {
            let _ = writeln!(text, "  curl --user {login} {}", rest(address));
        }
    };
    line(Protocol::Imap, &|address| {
        format!("imap://{address}/INBOX --request 'FETCH 1:* (FLAGS ENVELOPE)'")
    });
    line(Protocol::Imap, &|address| format!("'imap://{address}/INBOX;MAILINDEX=*'"));
    line(Protocol::Imaps, &|address| format!("{trust} 'imaps://{address}/INBOX;MAILINDEX=*'"));
    line(Protocol::Pop3, &|address| format!("pop3://{address}/"));
    line(Protocol::Pop3, &|address| format!("pop3://{address}/1"));
    line(Protocol::Pop3s, &|address| format!("{trust} pop3s://{address}/1"));
}
