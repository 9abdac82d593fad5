//! Dovecot as Debian ships it, started privately on loopback with a fresh mdbox store.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::process::Process;

/// Where its LMTP listens.
pub const LMTP_PORT: u16 = 24_110;

/// Starts it with everything below `dir`. Needs root: it gives up rights as it always does.
/// `mail_fsync` is the shipped default, `optimized`: mdbox syncs a delivered message.
pub fn start(dir: &Path) -> io::Result<Process> {
    fs::create_dir_all(dir.join("mail"))?;
    let shown = dir.display();
    let config = format!(
        "base_dir = {shown}/run\nstate_dir = {shown}/state\nlog_path = {shown}/log\n\
         protocols = lmtp\nlisten = 127.0.0.1\nssl = no\nmail_location = mdbox:{shown}/mail/%u\n\
         mail_uid = mail\nmail_gid = mail\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
         default_internal_user = dovecot\ndefault_login_user = dovenull\n\
         passdb {{\n  driver = static\n  args = nopassword=y\n}}\n\
         userdb {{\n  driver = static\n  args = uid=mail gid=mail home={shown}/mail/%u allow_all_users=yes\n}}\n\
         service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {LMTP_PORT}\n  }}\n}}\n\
         protocol lmtp {{\n  postmaster_address = postmaster@example.test\n}}\n"
    );
    let file = dir.join("dovecot.conf");
    fs::write(&file, config)?;
    // Its processes run as users of their own and must pass through.
    let opened = Command::new("chmod").arg("-R").arg("a+rwX").arg(dir).status()?;
    let parents = dir.ancestors().skip(1).take(1);
    for parent in parents {
        Command::new("chmod").arg("a+x").arg(parent).status()?;
    }
    if !opened.success() {
        return Err(io::Error::other("the directory cannot be opened to Dovecot's users"));
    }
    let missing = |error: io::Error| {
        io::Error::other(format!("{error}: is dovecot-core with dovecot-lmtpd installed?"))
    };
    Process::start_listening(Command::new("dovecot").args(["-F", "-c"]).arg(file), LMTP_PORT)
        .map_err(missing)
}
