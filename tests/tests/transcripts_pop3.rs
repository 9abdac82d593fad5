//! The POP3 scripts of `transcripts/pop3/`, each a test named for what it shows.

tests::transcripts! { pop3: }
