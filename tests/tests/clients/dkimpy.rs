//! dkimpy, which verifies what we sign and signs what we verify.

use std::path::Path;

use tests::binary::{repository, run};
use tests::client::SmtpClient;
use tests::mail_program::MailProgram;

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
