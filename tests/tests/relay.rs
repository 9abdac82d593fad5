//! Mail to servers we did not write: a Postfix that takes it, found through a Knot DNS that signs its zone. Their
//! packages stand in `ci/test`; Postfix wants to be started by root.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::binary::run;
use tests::client::{Completion, PATIENCE, SmtpClient};
use tests::server::{PASSWORD, TestServer};

const ALICE: &str = "alice@example.test";

/// A program that ends with its owner, and by itself if that cannot end it.
struct Program(Child);

/// Postfix, which leaves the group of its parents, so that signals to them do not reach it.
struct Postfix {
    config: PathBuf,
    _program: Program,
}

impl Program {
    fn check(name: &str) {
        let is_there = Command::new("sh").args(["-c", "command -v $0 >/dev/null", name]).status();
        assert!(is_there.is_ok_and(|it| it.success()), "{name} is missing: run ci/test install");
    }

    fn start(name: &str, arguments: &[&str]) -> Self {
        Self::check(name);
        let mut command = Command::new("timeout");
        let command = command.args(["--kill-after=5", "180", name]).args(arguments);
        let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().expect("timeout runs"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // To `timeout`, which passes it on.
        let pid = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.0.wait();
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let stop = Command::new("postfix").arg("-c").arg(&self.config).arg("stop").output();
        assert!(thread::panicking() || stop.is_ok_and(|stop| stop.status.success()));
    }
}

/// A name server and a mail server for `x.test`, `y.test` and `z.test`.
struct World {
    _mail: Postfix,
    _names: Program,
    mail_port: u16,
    name_port: u16,
    // The last to go: the others have their files there.
    home: TempDir,
}

impl World {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        // Postfix reads and writes there as users of its own.
        open(home.path());
        let (mail_port, name_port) = (free_port(), free_port());
        let certificate = certificate(home.path());
        let names = knot(home.path(), name_port, &zone(mail_port, &certificate));
        let mail = postfix(home.path(), mail_port);
        for port in [mail_port, name_port] {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            until("a program listens", || TcpStream::connect(address).is_ok());
        }
        let anchor = || {
            let config = home.path().join("knot.conf");
            let keys =
                Command::new("keymgr").arg("-c").arg(config).args(["test", "dnskey"]).output();
            keys.map(|keys| keys.stdout).unwrap_or_default()
        };
        until("the zone has a key", || !anchor().is_empty());
        let text = String::from_utf8(anchor()).expect("text");
        std::fs::write(home.path().join("anchor"), text.replace(" DNSKEY ", " IN DNSKEY "))
            .expect("written");
        Self { _mail: mail, _names: names, mail_port, name_port, home }
    }

    /// A server of ours that asks this name server.
    fn server(&self, settings: &[&str]) -> TestServer {
        let servers = format!("dns.servers = [\"127.0.0.1:{}\"]", self.name_port);
        let port = format!("outgoing.port = {}", self.mail_port);
        TestServer::with(&[&[servers.as_str(), &port], settings].concat())
    }

    /// The messages that a user of the other server has.
    fn received(&self, user: &str) -> Vec<String> {
        let new = self.home.path().join("mail").join(user).join("new");
        let files = std::fs::read_dir(new).into_iter().flatten().flatten();
        files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn open(directory: &Path) {
    std::fs::create_dir_all(directory).expect("a directory");
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).expect("ours");
}

fn owned(directory: PathBuf, user: &str) {
    open(&directory);
    let done = Command::new("chown").arg(user).arg(directory).status().expect("chown runs");
    assert!(done.success(), "Postfix wants to be started by root");
}

/// The DER of what the mail server shows.
fn certificate(home: &Path) -> Vec<u8> {
    let names = vec!["mx.elsewhere.test".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    std::fs::write(home.join("cert.pem"), made.cert.pem()).expect("written");
    std::fs::write(home.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    made.cert.der().to_vec()
}

/// `x.test` has a right record for DANE, `y.test` a wrong one, `z.test` none, `n.test` takes no mail.
fn zone(port: u16, certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let hex = digest.as_ref().iter().fold(String::new(), |mut hex, octet| {
        write!(hex, "{octet:02x}").expect("a string takes text");
        hex
    });
    let mut zone = "$ORIGIN test.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\n\
                    ns A 127.0.0.1\nn MX 0 .\n"
        .to_owned();
    for domain in ["x", "y", "z"] {
        writeln!(zone, "{domain} MX 10 mx.{domain}\nmx.{domain} A 127.0.0.1").expect("text");
    }
    let wrong = "00".repeat(32);
    writeln!(zone, "_{port}._tcp.mx.x TLSA 3 0 1 {hex}\n_{port}._tcp.mx.y TLSA 3 0 1 {wrong}")
        .expect("text");
    zone
}

fn knot(home: &Path, port: u16, zone: &str) -> Program {
    let path = home.display();
    let config = format!(
        "server:\n    rundir: \"{path}/run\"\n    listen: 127.0.0.1@{port}\n\
         database:\n    storage: \"{path}/keys\"\n\
         policy:\n  - id: tests\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n\
         template:\n  - id: default\n    storage: \"{path}\"\n    zonefile-sync: -1\n\
         zone:\n  - domain: test\n    file: \"test.zone\"\n    dnssec-signing: on\n    dnssec-policy: tests\n"
    );
    for directory in ["run", "keys"] {
        open(&home.join(directory));
    }
    std::fs::write(home.join("test.zone"), zone).expect("written");
    std::fs::write(home.join("knot.conf"), config).expect("written");
    let config = home.join("knot.conf");
    Program::start("knotd", &["-c", config.to_str().expect("UTF-8")])
}

fn postfix(home: &Path, port: u16) -> Postfix {
    let path = home.display();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {path}/queue\ndata_directory = {path}/data\n\
         maillog_file_prefixes = /\nmaillog_file = {path}/log\ninet_interfaces = 127.0.0.1\n\
         myhostname = mx.elsewhere.test\nmydestination =\nalias_maps =\nmynetworks =\n\
         smtpd_relay_restrictions = reject_unauth_destination\n\
         virtual_mailbox_domains = x.test, y.test, z.test\n\
         virtual_mailbox_maps = inline:{{ b@x.test=x/, b@y.test=y/, b@z.test=z/ }}\n\
         virtual_mailbox_base = {path}/mail\nvirtual_uid_maps = static:65534\n\
         virtual_gid_maps = static:65534\nsmtpd_tls_cert_file = {path}/cert.pem\n\
         smtpd_tls_key_file = {path}/key.pem\nsmtpd_tls_security_level = may\n\
         smtpd_tls_received_header = yes\n"
    );
    let mut services = format!("127.0.0.1:{port} inet n - n - - smtpd\n");
    for (name, kind, processes, program) in [
        ("cleanup", "unix", "0", "cleanup"),
        ("qmgr", "unix", "1", "qmgr"),
        ("tlsmgr", "unix", "1", "tlsmgr"),
        ("rewrite", "unix", "-", "trivial-rewrite"),
        ("bounce", "unix", "0", "bounce"),
        ("defer", "unix", "0", "bounce"),
        ("trace", "unix", "0", "bounce"),
        ("proxymap", "unix", "-", "proxymap"),
        ("error", "unix", "-", "error"),
        ("retry", "unix", "-", "error"),
        ("anvil", "unix", "1", "anvil"),
        ("postlog", "unix-dgram", "1", "postlogd"),
    ] {
        // These three are asked from outside, too.
        let private = if ["cleanup", "qmgr", "postlog"].contains(&name) { "n" } else { "-" };
        writeln!(services, "{name} {kind} {private} - n - {processes} {program}").expect("text");
    }
    // As root, since it becomes whom the message is for.
    services.push_str("virtual unix - n n - - virtual\n");
    for directory in ["conf", "queue"] {
        open(&home.join(directory));
    }
    owned(home.join("data"), "postfix");
    owned(home.join("mail"), "nobody");
    let config = home.join("conf");
    std::fs::write(config.join("main.cf"), main).expect("written");
    std::fs::write(config.join("master.cf"), services).expect("written");
    let path = config.to_str().expect("UTF-8");
    // A guard for when the test process is killed, or its time is over: the shell sees the end of its
    // input, or the signal.
    let script = "trap : TERM; postfix -c \"$0\" start-fg & read -r _; postfix -c \"$0\" stop";
    Program::check("postfix");
    let program = Program::start("sh", &["-c", script, path]);
    Postfix { config, _program: program }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn submit(server: &TestServer, to: &[&str]) {
    let mut client = SmtpClient::plain(server.address("submission")).expect("it greets");
    client.log_in(ALICE, PASSWORD).expect("the log-in is right");
    let message = format!("From: {ALICE}\r\nSubject: é\r\n\r\n.\r\n..\r\nlast\r\n");
    let sent = client.send(ALICE, to, message.as_bytes());
    sent.and_then(|reply| reply.expect(250)).expect("accepted");
}

fn queue(server: &TestServer, arguments: &[&str]) -> String {
    let config = server.config_file();
    let arguments = [&["--config", config.to_str().expect("UTF-8"), "queue"], arguments].concat();
    String::from_utf8_lossy(&run(&arguments).stdout).into_owned()
}

#[test]
fn postfix_takes_mail_in_tls_as_signed_names_say() {
    let world = World::start();
    let anchor =
        format!("outgoing.dane_anchor = \"{}\"", world.home.path().join("anchor").display());
    let server = world.server(&["outgoing.dane = true", &anchor]);
    submit(&server, &["b@x.test", "b@y.test", "b@z.test"]);
    for user in ["x", "z"] {
        until(&format!("{user}.test has the message"), || !world.received(user).is_empty());
        let message = world.received(user).remove(0);
        // The certificate has another name; only x.test says that it is right all the same.
        assert!(message.contains("(using TLSv1.3 with cipher "), "{message}");
        assert!(message.contains("\nReceived: from mail.fumikura.test"), "{message}");
        assert!(message.ends_with("\n\n.\n..\nlast\n"), "{message}");
    }
    until("y.test waits for a certificate", || {
        queue(&server, &["list", "--json"]).contains("4.7.5")
    });
    assert!(world.received("y").is_empty());
}

#[test]
fn what_postfix_and_names_refuse_comes_back() {
    let world = World::start();
    let server = world.server(&[]);
    submit(&server, &["nobody@x.test", "b@n.test", "b@missing.test", "b@y.test"]);
    let mut imap = server.imap(ALICE);
    imap.command("SELECT INBOX").and_then(Completion::ok).expect("selects");
    let mut reports = String::new();
    for said in ["550 5.1.1 <nobody@x.test>", "Status: 5.1.10", "Status: 5.1.2"] {
        until(said, || {
            imap.command("NOOP").expect("answers");
            let fetched = imap.command("UID FETCH 1:* BODY.PEEK[]").expect("answers");
            reports = fetched.lines().join("\n");
            reports.contains(said)
        });
    }
    // Without DANE the record of y.test says nothing.
    until("y.test has the message", || !world.received("y").is_empty());
    until("the queue is empty", || queue(&server, &["list"]).is_empty());
}
