//! Transcripts: dialogues in text files that are played against a server, line by line.
//!
//! The format is described in `tests/transcripts/README.md`.

mod directive;
mod pattern;
mod player;
mod script;

pub use player::play;

/// Plays each script as a test of its own: `transcripts! { imap: some_script, another }` plays
/// `transcripts/imap/some_script.txt` as the test `imap::some_script`.
#[macro_export]
macro_rules! transcripts {
    ($protocol:ident: $($name:ident),* $(,)?) => {
        #[cfg(test)]
        mod $protocol {
            $(
                #[test]
                fn $name() {
                    $crate::transcript::play(stringify!($protocol), stringify!($name));
                }
            )*
        }
    };
}
