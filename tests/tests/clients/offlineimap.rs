//! `OfflineIMAP`: a two-way synchronisation with maildirs.

use super::scene::{
    ALICE, MESSAGE, PASSWORD, SHORT, Scene, TRANSPORTS, Transport, maildir, with_lf,
};

fn configuration(scene: &Scene, transport: Transport) -> String {
    let port = scene.port(&transport.protocol("imap"));
    let yes = |is: bool| if is { "yes" } else { "no" };
    let text = format!(
        "[general]\naccounts = alice\nmetadata = {metadata}\nsocktimeout = 30\n\
         [Account alice]\nlocalrepository = near\nremoterepository = far\n\
         [Repository near]\ntype = Maildir\nlocalfolders = {mail}\n\
         [Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {port}\n\
         remoteuser = {ALICE}\nremotepass = {PASSWORD}\nssl = {ssl}\nstarttls = {starttls}\n\
         sslcacertfile = {certificate}\n",
        metadata = scene.path("metadata"),
        mail = scene.path("mail"),
        ssl = yes(transport == Transport::Tls),
        starttls = yes(transport == Transport::StartTls),
        certificate = scene.certificate(),
    );
    scene.file("offlineimaprc", &text)
}

#[test]
fn offlineimap_downloads_then_uploads() {
    for transport in TRANSPORTS {
        let scene = Scene::new();
        scene.append("INBOX", MESSAGE);
        scene.append("Archive", SHORT);
        let config = configuration(&scene, transport);
        let sync = || {
            let program = scene.program("offlineimap");
            program.args(["-o", "-1", "-u", "basic", "-c", &config]).succeed()
        };
        sync();
        let inbox = maildir(&scene.path("mail/INBOX"));
        assert_eq!(inbox.len(), 1, "{transport:?}");
        assert_eq!(inbox[0].1, with_lf(MESSAGE), "{transport:?}");
        let archived = maildir(&scene.path("mail/Archive"));
        assert_eq!(archived.len(), 1, "{transport:?}");
        assert_eq!(archived[0].1, with_lf(SHORT), "{transport:?}");

        scene.file("mail/INBOX/cur/1.own.client:2,S", &with_lf(SHORT));
        sync();
        let stored = scene.stored("INBOX");
        assert_eq!(stored.len(), 2, "{transport:?}");
        assert_eq!(stored[0], MESSAGE, "{transport:?}");
        assert!(stored[1].ends_with("\r\n\r\nonly this\r\n"), "{transport:?}: {}", stored[1]);
        let flags = scene.flags("INBOX");
        assert!(flags[1].contains("\\Seen"), "{transport:?}: {flags:?}");
    }
}
