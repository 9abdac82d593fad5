//! Dovecot as Debian ships it, started privately on loopback with a fresh mdbox store.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::process::Process;
use crate::subject::Ports;

/// Writes a configuration with everything below `dir`. `mail_fsync` is the shipped default,
/// `optimized`: mdbox syncs a delivered message. What limits the shipped configuration to small
/// mailboxes is raised.
pub(crate) fn configure(dir: &Path, ports: Ports) -> io::Result<()> {
    fs::create_dir_all(dir.join("mail"))?;
    let (shown, imap, lmtp) = (dir.display(), ports.imap, ports.lmtp);
    let config = format!(
        "base_dir = {shown}/run\nstate_dir = {shown}/state\nlog_path = {shown}/log\n\
         protocols = imap lmtp\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\n\
         mail_location = mdbox:{shown}/mail/%u\n\
         mail_uid = mail\nmail_gid = mail\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
         default_internal_user = dovecot\ndefault_login_user = dovenull\ndefault_vsz_limit = 8G\n\
         mail_max_userip_connections = 200\nimap_max_line_length = 4M\n\
         passdb {{\n  driver = static\n  args = nopassword=y\n}}\n\
         userdb {{\n  driver = static\n  args = uid=mail gid=mail home={shown}/mail/%u allow_all_users=yes\n}}\n\
         service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {lmtp}\n  }}\n}}\n\
         service imap-login {{\n  inet_listener imap {{\n    address = 127.0.0.1\n    port = {imap}\n  }}\n  \
         inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
         protocol lmtp {{\n  postmaster_address = postmaster@example.test\n}}\n"
    );
    fs::write(dir.join("dovecot.conf"), config)?;
    // Its processes run as users of their own and must pass through.
    let opened = Command::new("chmod").arg("-R").arg("a+rwX").arg(dir).status()?;
    for parent in dir.ancestors().skip(1).take(1) {
        Command::new("chmod").arg("a+x").arg(parent).status()?;
    }
    if !opened.success() {
        return Err(io::Error::other("the directory cannot be opened to Dovecot's users"));
    }
    Ok(())
}

/// Starts it. Needs root: it gives up rights as it always does.
pub(crate) fn start(dir: &Path, ports: Ports) -> io::Result<Process> {
    let missing = |error: io::Error| {
        io::Error::other(format!(
            "{error}: are dovecot-core, dovecot-imapd and dovecot-lmtpd installed?"
        ))
    };
    let mut command = Command::new("dovecot");
    command.args(["-F", "-c"]).arg(dir.join("dovecot.conf"));
    Process::start_listening(&mut command, &[ports.imap, ports.lmtp]).map_err(missing)
}
