//! The IMAP scripts of `transcripts/imap/`, each a test named for what it shows.

tests::transcripts! { imap: capability_before_log_in }
