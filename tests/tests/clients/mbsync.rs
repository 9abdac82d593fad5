//! mbsync: a two-way synchronisation with a maildir, in both directions and again.

use std::path::Path;

use super::scene::{
    ALICE, MESSAGE, PASSWORD, SHORT, Scene, TRANSPORTS, Transport, maildir, with_lf,
};

fn configuration(scene: &Scene, transport: Transport) -> String {
    let (tls, mechanism) = match transport {
        // mbsync wants SASL PLAIN protected, and LOGIN named, before it sends a password openly.
        Transport::Plain => ("None", "LOGIN"),
        Transport::StartTls => ("STARTTLS", "PLAIN"),
        Transport::Tls => ("IMAPS", "PLAIN"),
    };
    let port = scene.port(&transport.protocol("imap"));
    let (certificate, mail) = (scene.certificate(), scene.path("mail"));
    std::fs::create_dir_all(&mail).expect("home is ours");
    let text = format!(
        "IMAPAccount alice\nHost 127.0.0.1\nPort {port}\nUser {ALICE}\nPass {PASSWORD}\n\
         SSLType {tls}\nAuthMechs {mechanism}\nCertificateFile {certificate}\n\n\
         IMAPStore far\nAccount alice\n\n\
         MaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\nSubFolders Verbatim\n\n\
         Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n\
         CopyArrivalDate yes\n"
    );
    scene.file("mbsyncrc", &text)
}

#[test]
fn mbsync_carries_messages_flags_and_removals_both_ways() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        scene.append("INBOX", MESSAGE);
        scene.append("Archive", SHORT);
        let config = configuration(&scene, transport);
        let sync = || scene.program("mbsync").args(["-V", "-c", &config, "-a"]).succeed();
        sync();
        let inbox = scene.path("mail/INBOX");
        let files = maildir(&inbox);
        assert_eq!(files.len(), 1, "{transport:?}");
        assert_eq!(untagged(&files[0].1), with_lf(MESSAGE), "{transport:?}");
        let archived = maildir(&scene.path("mail/Archive"));
        assert_eq!(archived.len(), 1, "{transport:?}");
        assert_eq!(untagged(&archived[0].1), with_lf(SHORT), "{transport:?}");

        flag_as_seen_and_flagged(&files[0].0);
        scene.file("mail/INBOX/new/1.own.client", &with_lf(SHORT));
        sync();
        assert_uploaded(&scene, transport);

        scene.empty("INBOX");
        sync();
        assert!(maildir(&inbox).is_empty(), "{transport:?}: {:?}", maildir(&inbox));
    }
}

fn flag_as_seen_and_flagged(file: &Path) {
    let name = file.file_name().and_then(|name| name.to_str()).expect("UTF-8");
    let bare = name.split_once(":2,").map_or(name, |(bare, _)| bare);
    let cur = file.parent().and_then(Path::parent).expect("in a maildir").join("cur");
    std::fs::rename(file, cur.join(format!("{bare}:2,FS"))).expect("home is ours");
}

fn assert_uploaded(scene: &Scene, transport: Transport) {
    let flags = scene.flags("INBOX");
    assert_eq!(flags.len(), 2, "{transport:?}: {flags:?}");
    for flag in ["\\Seen", "\\Flagged"] {
        assert!(flags[0].contains(flag), "{transport:?}: {flags:?}");
        assert!(!flags[1].contains(flag), "{transport:?}: {flags:?}");
    }
    let stored = scene.stored("INBOX");
    assert_eq!(stored[0], MESSAGE, "{transport:?}");
    assert_eq!(untagged(&stored[1]), SHORT, "{transport:?}");
}

/// Without the field that mbsync adds to what it copies.
fn untagged(message: &str) -> String {
    let lines = message.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("X-TUID: ")).collect()
}
