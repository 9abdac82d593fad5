//! dkimpy, which verifies what we sign and signs what we verify.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::binary::{repository, run};
use tests::client::SmtpClient;
use tests::mail_program::MailProgram;
use tests::name_server::NameServer;
use tests::server::TestServer;

use super::scene::{ALICE, MESSAGE, PASSWORD, SHORT, Scene};

/// Runs the script in one of its roles.
fn dkimpy(home: &Path, role: &str, message: &str, records: &str) -> MailProgram {
    let program = MailProgram::python(home);
    std::fs::write(home.join("message"), message).expect("writable");
    std::fs::write(home.join("records"), records).expect("writable");
    let script = repository().join("tests/clients/with_dkimpy.py");
    program
        .args([script.to_str().expect("UTF-8"), role])
        .env("MESSAGE", home.join("message"))
        .env("RECORDS", home.join("records"))
}

/// Makes a key; returns its record as name and value.
fn generate(scene: &Scene, algorithm: &str) -> String {
    let config = scene.server.config_file();
    let config = config.to_str().expect("UTF-8");
    let output =
        run(&["--config", config, "dkim", "generate", "example.test", "--algorithm", algorithm]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    let record = said.lines().last().expect("a record").to_owned();
    let (name, strings) = record.split_once(". IN TXT ").expect("a line of a zone");
    format!("{name} {}\n", strings.trim_matches('"').replace("\" \"", ""))
}

#[test]
fn dkimpy_verifies_what_we_sign() {
    let scene = Scene::new();
    let records = generate(&scene, "rsa") + &generate(&scene, "ed25519");
    let from_alice = MESSAGE.replace("carol@elsewhere.test", ALICE);
    let large = format!("{from_alice}{}", "a line of  some length \t\r\n \r\n".repeat(10_000));
    let headless = "hello\r\n\r\nthere  \r\n".to_owned();
    let without_date = SHORT.replace("dave@elsewhere.test", ALICE).replace("Date: ", "X-Date: ");
    for message in [from_alice, large, headless, without_date] {
        let mut smtp = SmtpClient::plain(scene.server.address("submission")).expect("it greets");
        smtp.log_in(ALICE, PASSWORD).expect("the log-in is right");
        smtp.send(ALICE, &[ALICE], message.as_bytes()).expect("it is taken");
        let stored = scene.stored("INBOX").pop().expect("it is there");
        assert!(stored.ends_with(&message));
        let count = if message.starts_with("hello") { "0" } else { "2" };
        dkimpy(&scene.home(), "verify", &stored, &records).env("COUNT", count).succeed();
    }
}

#[test]
fn we_verify_what_dkimpy_signs() {
    let dir = tempfile::tempdir().expect("a directory");
    let (rsa, seed) = (dir.path().join("rsa.pem"), dir.path().join("seed"));
    let openssl = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl").args(arguments).output();
        let output = output.expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let rsa_name = rsa.to_str().expect("UTF-8");
    openssl(&["genrsa", "-traditional", "-out", rsa_name, "2048"]);
    let public = openssl(&["rsa", "-in", rsa_name, "-pubout", "-outform", "DER"]);
    // RFC 8463, appendix A.2.
    let secret = STANDARD.decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").expect("base64");
    std::fs::write(&seed, secret).expect("writable");
    let rsa_record = format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public));
    let name_server = NameServer::start(&[
        ("r._domainkey.elsewhere.test", "TXT", &rsa_record),
        (
            "e._domainkey.elsewhere.test",
            "TXT",
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        ),
        ("_dmarc.elsewhere.test", "TXT", "v=DMARC1; p=reject"),
    ]);
    let server = TestServer::with(&[&name_server.setting(), "authenticity.trusted = []"]);
    let scene = Scene { server };
    let blanks = format!("{MESSAGE}a  b \t\r\n\tc\r\n \r\n\t\r\n\r\n");
    for message in [MESSAGE, SHORT, &blanks] {
        let message = message.replace("dave@", "carol@");
        let program = dkimpy(dir.path(), "sign", &message, "");
        let signed = program.env("RSA_KEY", &rsa).env("ED25519_SEED", &seed).succeed();
        scene.server.smtp().send("x@other.test", &[ALICE], &signed).expect("it is taken");
        let stored = scene.stored("INBOX").pop().expect("its author stands behind it");
        assert_eq!(stored.matches("dkim=pass").count(), 4, "{stored}");
        assert!(stored.contains("dmarc=pass (p=reject) header.from=elsewhere.test"), "{stored}");
    }
}

#[test]
fn dkimpy_follows_our_seals() {
    let name_server = NameServer::start(&[]);
    let server = TestServer::with(&[&name_server.setting(), "authenticity.trusted = []"]);
    let scene = Scene { server };
    let records = generate(&scene, "rsa");
    for target in [ALICE, "out@elsewhere.test"] {
        scene.server.command(&["alias", "add", "list@example.test", target]).expect("an alias");
    }
    let mut smtp = scene.server.smtp();
    smtp.send("x@other.test", &["list@example.test"], MESSAGE.as_bytes()).expect("it is taken");
    let stored = scene.stored("INBOX").pop().expect("it is there");
    std::fs::create_dir_all(scene.home()).expect("the directory is ours");
    dkimpy(&scene.home(), "verify_arc", &stored, &records).env("COUNT", "1").succeed();
}
