//! `NeoMutt`: reads, copies and flags a message by IMAP in a terminal of its own, and submits one.

use super::scene::{ALICE, MESSAGE, PASSWORD, Scene, TRANSPORTS, Transport, with_lf};

/// What both ways of running it need.
fn settings(scene: &Scene, transport: Transport) -> String {
    let is_open = transport != Transport::StartTls;
    let submission = if transport == Transport::Tls { "submissions" } else { "submission" };
    format!(
        "set folder=\"{imap}://localhost:{imap_port}/\"\nset spoolfile=\"+INBOX\"\n\
         set copy=no\n\
         set imap_user=\"{ALICE}\"\nset imap_pass=\"{PASSWORD}\"\nset imap_authenticators=\"login\"\n\
         set smtp_url=\"{smtp}://alice%40example.test@localhost:{smtp_port}/\"\n\
         set smtp_pass=\"{PASSWORD}\"\nset smtp_authenticators=\"plain\"\n\
         set from=\"{ALICE}\"\nset use_from=yes\nset hostname=\"client.test\"\n\
         set ssl_starttls={starttls}\nset ssl_force_tls={force}\nset certificate_file=\"{cert}\"\n\
         set quit=yes\nset delete=no\nset confirmappend=no\nset confirmcreate=no\nset wait_key=no\n\
         set mbox_type=Maildir\nset sort=mailbox-order\nset timeout=5\n",
        imap = transport.protocol("imap"),
        imap_port = scene.port(&transport.protocol("imap")),
        smtp = transport.protocol("smtp"),
        smtp_port = scene.port(submission),
        starttls = if is_open { "no" } else { "yes" },
        force = if transport == Transport::Plain { "no" } else { "yes" },
        cert = scene.certificate(),
    )
}

#[test]
fn neomutt_reads_copies_and_flags() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        scene.append("INBOX", MESSAGE);
        let copy = scene.path("copy");
        let keys = format!(
            "push '<first-entry><flag-message><copy-message><kill-line>{copy}<enter>\
             <copy-message><kill-line>+Archive<enter><sync-mailbox><quit>'\n"
        );
        let config = scene.file("neomuttrc", &(settings(&scene, transport) + &keys));
        scene.program("neomutt"); // `script` would say less clearly that it is missing.
        let command = format!("neomutt -n -F {config}");
        scene.program("script").args(["-qec", &command, "/dev/null"]).succeed();
        let files = super::scene::maildir(&copy);
        assert_eq!(files.len(), 1, "{transport:?}");
        let message = with_lf(MESSAGE);
        let body = message.split_once("\n\n").expect("a header").1;
        assert!(files[0].1.ends_with(body), "{transport:?}: {}", files[0].1);
        let flags = scene.flags("INBOX");
        assert!(flags[0].contains("\\Flagged"), "{transport:?}: {flags:?}");
        assert_eq!(scene.stored("Archive"), [MESSAGE], "{transport:?}");
    }
}

#[test]
fn neomutt_submits() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        let config = scene.file("neomuttrc", &settings(&scene, transport));
        let program = scene.program("neomutt").args(["-n", "-F", &config, "-s", "sent so", ALICE]);
        program.input(b"dear alice\n.\nbye\n").succeed();
        let stored = scene.stored("INBOX");
        assert_eq!(stored.len(), 1, "{transport:?}");
        assert!(stored[0].contains("\r\nSubject: sent so\r\n"), "{transport:?}: {}", stored[0]);
        let body = stored[0].split_once("\r\n\r\n").expect("a header").1;
        assert_eq!(body, "dear alice\r\n.\r\nbye\r\n", "{transport:?}");
    }
}
