//! getmail: POP3 and IMAP, and nothing twice. It delivers by a command, as it writes no maildir of
//! root's, and tests may run as root.

use super::scene::{ALICE, MESSAGE, PASSWORD, SHORT, Scene, maildir, with_lf};

fn configuration(scene: &Scene, kind: &str, port_of: &str) -> String {
    let mail = scene.path("mail");
    std::fs::create_dir_all(format!("{mail}/new")).expect("home is ours");
    let certificate = scene.certificate();
    let own = match kind {
        "SimplePOP3Retriever" => String::new(),
        "SimpleIMAPRetriever" => "mailboxes = (\"INBOX\",)\n".to_owned(),
        "SimplePOP3SSLRetriever" => format!("ca_certs = {certificate}\n"),
        _ => format!("mailboxes = (\"INBOX\",)\nca_certs = {certificate}\n"),
    };
    let text = format!(
        "[retriever]\ntype = {kind}\nserver = localhost\nport = {port}\nusername = {ALICE}\n\
         password = {PASSWORD}\n{own}\
         [destination]\ntype = MDA_external\npath = /bin/sh\nallow_root_commands = true\n\
         arguments = (\"-c\", \"cat > $(mktemp -p {mail}/new)\")\n\
         [options]\nread_all = false\ndelete = false\ndelivered_to = false\nreceived = false\n",
        port = scene.port(port_of),
    );
    scene.file("getmailrc", &text)
}

#[test]
fn getmail_fetches_each_message_once() {
    for (kind, port_of) in [
        ("SimplePOP3Retriever", "pop3"),
        ("SimplePOP3SSLRetriever", "pop3s"),
        ("SimpleIMAPRetriever", "imap"),
        ("SimpleIMAPSSLRetriever", "imaps"),
    ] {
        let scene = Scene::new();
        scene.append("INBOX", MESSAGE);
        let config = configuration(&scene, kind, port_of);
        let directory = format!("--getmaildir={}", scene.path(""));
        let fetch = || {
            let program = scene.program("getmail");
            program.args([&directory, &format!("--rcfile={config}")]).succeed()
        };
        fetch();
        assert_eq!(fetched(&scene), [with_lf(MESSAGE)], "{kind}");

        scene.append("INBOX", SHORT);
        fetch();
        let mut both = fetched(&scene);
        both.sort_by_key(String::len);
        assert_eq!(both, [with_lf(SHORT), with_lf(MESSAGE)], "{kind}");
        assert_eq!(scene.stored("INBOX"), [MESSAGE, SHORT], "{kind}: it leaves them");
    }
}

/// What it delivered, without the fields that it adds.
fn fetched(scene: &Scene) -> Vec<String> {
    let added = ["Return-Path: <unknown>\n", "X-getmail-retrieved-from-mailbox: INBOX\n"];
    let message = |content: String| -> String {
        content.split_inclusive('\n').filter(|line| !added.contains(line)).collect()
    };
    maildir(&scene.path("mail")).into_iter().map(|(_, content)| message(content)).collect()
}
