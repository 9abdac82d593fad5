//! The SMTP scripts of `transcripts/smtp/`, each a test named for what it shows.

tests::transcripts! { smtp: }
