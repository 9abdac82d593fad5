//! The LMTP scripts of `transcripts/lmtp/`, each a test named for what it shows.

tests::transcripts! { lmtp: }
