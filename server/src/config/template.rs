//! The configuration file that `init` writes: every value at its default, and why one would
//! change it. A test reads it back and compares it with the defaults.

use std::fmt::Write as _;

use super::{Listener, Protocol};

/// The commented file, for a server called `hostname` with these ports.
pub fn commented(hostname: &str, listeners: &[Listener]) -> String {
    let mut text = TEMPLATE.replace("HOSTNAME", hostname);
    for Listener { protocol, address } in listeners {
        let comment = match protocol {
            Protocol::Lmtp => LMTP,
            Protocol::Http => HTTP,
            _ => "",
        };
        let name = protocol.name();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n{comment}[[listener]]\nprotocol = \"{name}\"\naddress = \"{address}\"\n"
        );
    }
    text
}

const LMTP: &str = "# LMTP asks for no password: keep it where only the mail transfer agent in front \
                    can reach it.\n";
const HTTP: &str = "# /healthz, /readyz and /metrics.\n";

const TEMPLATE: &str = r#"# Fumikura: the configuration. Every value stands at its default; delete what you do not change.
# Relative paths count from the directory of this file. A name that does not exist is an error.

# The name this server greets with and writes into trace fields: its public DNS name.
hostname = "HOSTNAME"

[store]
path = "store"
# Where messages above 256 KiB wait while they arrive, in files without a name. Else in the store.
# spool = "spool"
# Logs, each with a writer of its own. Fixed when the store is created.
shards = 1
# auto: io_uring where the kernel allows it; uring: that or do not start; blocking: plain writes.
io = "auto"
# How many days what was expunged or deleted is held before compaction gives its space back;
# `fumikura domain set` gives a domain a window of its own.
retention_days = 7

[directory]
# Domains, users and aliases; change them with `fumikura domain|user|alias`, also while serving.
path = "directory.sqlite"
# user+detail@domain goes to user, into the mailbox "detail" if there is one. Empty: no details.
separator = "+"

[tls]
# PEM: the chain, this server's certificate first; and its key. SIGHUP reads both again.
certificate = "certificate.pem"
key = "key.pem"
# PEM: who signs the certificates of users. They log in with them, without a password (EXTERNAL).
# client_ca = "clients.pem"

[auth]
# Whether a client on this machine may send its password without TLS. Others never may.
plaintext_on_loopback = true
# Offer SCRAM, whose clients prove that they know the password and do not send it. What it needs is
# stored beside the hash, and is cheaper to guess from if the directory is stolen.
scram = true
# For how long a verified password is believed without hashing it again, and for how many users.
cache_seconds = 60
cache_entries_max = 10000
# So many failures of one address, or for one login, within so long; then refused unseen.
failures_max = 20
failure_seconds = 300
# Each failed log-in waits this long for its answer.
failure_delay_ms = 500

# Tokens of an OAuth issuer open accounts too (OAUTHBEARER, XOAUTH2). The claim names the address.
# [auth.oauth]
# issuer = "https://id.example.org"
# audience = "mail"
# claim = "email"
# leeway_seconds = 60
# The keys that it signs JWTs with: a JWKS file, or its URL.
# keys = "https://id.example.org/jwks.json"
# Or ask it about each token (RFC 7662):
# introspection = "https://id.example.org/introspect"
# client_id = "mail"
# client_secret_file = "oauth-secret"

[imap]
# Offer COMPRESS=DEFLATE: fewer bytes on slow lines, for some processor time.
compress = true
# How long a command works before the client is told how far it is, and between two such lines.
progress_ms = 10000
# How many messages one command may work on, and how many COPY and APPEND alone; 0 is no limit. Programs
# that know MESSAGELIMIT and SAVELIMIT go on where they were stopped, others see an error or a part.
message_limit = 0
save_limit = 0
# What clients are told about the server: a URI such as mailto:postmaster@example.org, and any text.
admin = ""
comment = ""

[dns]
# Recursive name servers, asked about other domains: "192.0.2.1" or "[::1]:5353". None: the system's.
servers = []
# How long one may take to answer, how often each is asked, how many answers are remembered.
timeout_ms = 3000
attempts = 2
cache_entries_max = 10000

[authenticity]
# Whether mail from other servers is checked: SPF, DKIM, ARC and DMARC. What was found is written into
# its header; all questions to name servers about one message take this long at most.
verify = true
check_ms = 10000
# What becomes of mail that its author's domain wants rejected or quarantined (DMARC): reject (what
# it wants rejected; the rest goes to Junk), junk, or mark; and of mail that fails SPF.
dmarc = "junk"
spf = "mark"
# From where nothing is checked: addresses and networks.
trusted = ["127.0.0.0/8", "::1"]
# Domains whose ARC seals are believed: mail that they saw pass is taken, though it fails here.
trusted_sealers = []

[queue]
# What could not be delivered is tried again after so long; each pause is twice the last, up to the longest.
retry_first_seconds = 300
retry_most_seconds = 14400
# How old mail gets before its sender is told that it takes long, and before it is given up.
delay_report_seconds = 14400
expire_seconds = 432000
# How long users may have mail kept back before it is sent (FUTURERELEASE).
release_seconds_max = 604800
# Deliveries that are tried at one time, and to one destination; messages a minute to one (0: any number).
tries_max = 200
tries_per_destination_max = 10
messages_per_minute_max = 0
# Messages, each counted once for every destination, that may wait; more are refused for the time being.
entries_max = 2000000

[outgoing]
# What this server calls itself to others, if not by `hostname`; and the addresses it speaks from.
# hostname = "mail.example.org"
# bind_ipv4 = "192.0.2.1"
# bind_ipv6 = "2001:db8::1"
port = 25
# Addresses that one try connects to, and recipients of one transaction.
addresses_max = 8
recipients_max = 100
# How long others may take: to connect, for the TLS handshake, to greet, to answer a command, to answer
# DATA, for a block of a message, to answer its end; and one try on the whole.
connect_seconds = 30
tls_handshake_seconds = 60
greeting_seconds = 300
command_seconds = 300
data_seconds = 120
block_seconds = 180
end_seconds = 600
try_seconds = 3600
# How long a connection waits for the next message, how many do, and how many messages one carries.
idle_ms = 5000
idle_connections_max = 100
messages_per_connection_max = 100
# PEM: whom to believe besides those whom the system believes.
# ca = "authorities.pem"
# Keep to what domains say of their servers (MTA-STS), fetched from their web servers.
mta_sts = true
mta_sts_port = 443
# Keep to what signed DNS says of servers' certificates (DANE). The name servers must pass on what DNSSEC
# needs: with others no mail would leave. It begins with the root's keys, or those in a file.
dane = false
# dane_anchor = "anchor.key"

# A server that takes mail on: to these domains (".example.org" is what is below it), or to all.
# tls: starttls and implicit verify its certificate; opportunistic takes any, or none; off.
# [[outgoing.smarthost]]
# domains = ["example.org", ".example.org"]
# host = "smtp.example.net"
# port = 587
# tls = "starttls"
# user = "fumikura"
# password_file = "smarthost-password"

[log]
# human or json.
format = "human"
# error, warn, info, debug, trace, or directives such as "info,server::imap=debug".
level = "info"

[limits]
connections_max = 16384
# Behind one address there can be a whole office.
connections_per_address_max = 1000
imap_command_bytes_max = 2097152
literal_bytes_max = 1048576
message_bytes_max = 67108864
recipients_max = 1000
# Against stolen passwords and floods: recipients that a user may write to in an hour, and messages that an
# address may bring by SMTP in a minute, without logging in. 0: any number.
recipients_per_user_per_hour_max = 0
messages_per_address_per_minute_max = 0
# Of all messages that are being received at one time: in memory, and on disk.
receiving_bytes_max = 536870912
spooled_bytes_max = 4294967296
# On one connection, before it is closed.
log_in_failures_max = 5
smtp_errors_max = 20
bad_commands_max = 50
# How long a client may take to log in, for its TLS handshake, between commands, for one command
# (a message included), and how long it may take none of what it asked for.
log_in_seconds = 60
tls_handshake_seconds = 15
imap_idle_seconds = 1800
# How often a client in IDLE is told that the server is still there.
imap_keep_alive_seconds = 240
pop3_idle_seconds = 600
smtp_idle_seconds = 300
command_seconds = 600
write_seconds = 60

# The ports. Protocols: smtp, smtps, submission, submissions, lmtp, pop3, pop3s, imap, imaps, http;
# those in s have TLS from the first byte, the others offer STARTTLS. "[::]:25" takes IPv6 and IPv4.
"#;
