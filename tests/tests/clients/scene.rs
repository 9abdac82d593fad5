//! What all programs meet: a server with alice, a home directory, and messages to transfer.

use std::path::{Path, PathBuf};

use tests::client::ImapClient;
use tests::mail_program::MailProgram;
use tests::server::TestServer;

pub(crate) use tests::server::PASSWORD;

pub(crate) const ALICE: &str = "alice@example.test";

/// Lines that transports and stores are tempted to change: dots, `From `, spaces at the end,
/// letters beyond ASCII, an empty line at the end.
pub(crate) const MESSAGE: &str = "From: Carol <carol@elsewhere.test>\r\n\
    To: alice@example.test\r\n\
    Subject: =?utf-8?q?=C3=84pfel?= and\r\n folded\r\n\
    Date: Thu, 02 Jul 2026 09:30:00 +0200\r\n\
    Message-ID: <dots@elsewhere.test>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: 8bit\r\n\
    \r\n\
    first line\r\n\
    .\r\n\
    ..\r\n\
    .hidden\r\n\
    From here on\r\n\
    spaces at the end  \r\n\
    \u{c4}pfel\r\n\
    \r\n";

/// A second, smaller one.
pub(crate) const SHORT: &str = "From: dave@elsewhere.test\r\n\
    To: alice@example.test\r\n\
    Subject: short\r\n\
    Date: Thu, 02 Jul 2026 10:30:00 +0200\r\n\
    Message-ID: <short@elsewhere.test>\r\n\
    \r\n\
    only this\r\n";

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    StartTls,
    Tls,
}

pub(crate) const TRANSPORTS: [Transport; 3] =
    [Transport::Plain, Transport::StartTls, Transport::Tls];

impl Transport {
    /// `imap` or `imaps`.
    pub(crate) fn protocol(self, plain: &str) -> String {
        if self == Self::Tls { format!("{plain}s") } else { plain.to_owned() }
    }
}

/// A server and one user's home directory.
pub(crate) struct Scene {
    pub(crate) server: TestServer,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { server: TestServer::start() }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.server.dir().join("home")
    }

    /// The certificate to trust.
    pub(crate) fn certificate(&self) -> String {
        text(&self.server.dir().join("certificate.pem"))
    }

    pub(crate) fn port(&self, protocol: &str) -> String {
        self.server.address(protocol).port().to_string()
    }

    pub(crate) fn program(&self, name: &str) -> MailProgram {
        MailProgram::new(name, &self.home())
    }

    /// Writes a file into the home directory, for its owner alone; returns its name.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;

        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().expect("inside home")).expect("home is ours");
        std::fs::write(&path, content).expect("home is ours");
        let own = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, own).expect("the file is ours");
        text(&path)
    }

    /// The place of a file in the home directory.
    pub(crate) fn path(&self, name: &str) -> String {
        text(&self.home().join(name))
    }

    /// A file of the home directory.
    pub(crate) fn read(&self, name: &str) -> String {
        let octets = std::fs::read(self.home().join(name));
        let octets = octets.unwrap_or_else(|error| panic!("{name} was not written: {error}"));
        String::from_utf8(octets).expect("our messages are UTF-8")
    }

    /// Puts a message into alice's mailbox.
    pub(crate) fn append(&self, mailbox: &str, message: &str) {
        let mut imap = self.server.imap(ALICE);
        imap.append(mailbox, "", message.as_bytes()).expect("an answer").ok().expect("stored");
    }

    /// Alice's messages, oldest first.
    pub(crate) fn stored(&self, mailbox: &str) -> Vec<String> {
        let mut imap = self.selected(mailbox);
        let mut messages = Vec::new();
        for uid in uids(&mut imap) {
            let octets = imap.fetch_octets(uid, "BODY.PEEK[]").expect("the message");
            messages.push(String::from_utf8(octets).expect("our messages are UTF-8"));
        }
        messages
    }

    /// The flags of alice's messages, each as FETCH shows them.
    pub(crate) fn flags(&self, mailbox: &str) -> Vec<String> {
        let mut imap = self.selected(mailbox);
        let answer = imap.command("UID FETCH 1:* (FLAGS)").expect("an answer").ok().expect("flags");
        answer.lines().into_iter().filter(|line| line.contains(" FETCH ")).collect()
    }

    /// Flags and removes everything in a mailbox.
    pub(crate) fn empty(&self, mailbox: &str) {
        let mut imap = self.selected(mailbox);
        for command in ["STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE"] {
            imap.command(command).expect("an answer").ok().expect("done");
        }
    }

    fn selected(&self, mailbox: &str) -> ImapClient {
        let mut imap = self.server.imap(ALICE);
        imap.command(&format!("SELECT {mailbox}")).expect("an answer").ok().expect("selected");
        imap
    }
}

fn uids(imap: &mut ImapClient) -> Vec<u32> {
    let answer = imap.command("UID SEARCH ALL").expect("an answer").ok().expect("found");
    let lines = answer.lines();
    let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH")).expect("a result");
    found.split_ascii_whitespace().map(|uid| uid.parse().expect("a UID")).collect()
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary directories have UTF-8 names").to_owned()
}

/// With the line ends of files.
pub(crate) fn with_lf(message: &str) -> String {
    message.replace("\r\n", "\n")
}

/// The files of a maildir as they are, new and seen, by name.
pub(crate) fn maildir(dir: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for part in ["new", "cur"] {
        let Ok(entries) = std::fs::read_dir(Path::new(dir).join(part)) else { continue };
        for entry in entries {
            let path = entry.expect("readable").path();
            let content = std::fs::read(&path).expect("readable");
            files.push((path, String::from_utf8(content).expect("our messages are UTF-8")));
        }
    }
    files.sort();
    files
}
