//! Seeded messages: a number gives the same bytes on every machine, and no message needs another one
//! made before it.
//!
//! What they are like was decided before anything was measured with them, and is not tuned.

mod body;
mod date;
mod draw;
mod encode;
mod header;
mod html;
mod people;
mod place;
mod prose;
mod words;

use std::fmt::Write as _;

pub use draw::{Draw, Purpose};
use place::Place;

/// Octets of prose in a message of the `tiny` profile, about.
const TINY_TEXT: usize = 500;

/// What the messages are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Mail as it comes: about 23 KB, most of it attachments, which one message in ten has.
    Realistic,
    /// The same without attachments: about 6 KB.
    Texts,
    /// About 1.4 KB, for mailboxes of a million messages.
    Tiny,
}

/// A sequence of messages.
#[derive(Clone, Copy, Debug)]
pub struct Corpus {
    profile: Profile,
    seed: u64,
}

impl Corpus {
    /// The messages of a profile, from a seed.
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self { profile, seed }
    }

    /// A message, with CRLF line ends.
    pub fn message(&self, number: u64) -> Vec<u8> {
        match self.profile {
            Profile::Realistic => self.realistic(number, &Place::of(self.seed, number)),
            Profile::Texts => {
                let place = Place { attachment: None, ..Place::of(self.seed, number) };
                self.realistic(number, &place)
            }
            Profile::Tiny => self.tiny(number),
        }
        .into_bytes()
    }

    fn realistic(&self, number: u64, place: &Place) -> String {
        let from = header::sender(self.seed, number, place);
        let mut out = String::with_capacity(8 << 10);
        header::write(self.seed, number, place, &from, &mut out);
        body::write(self.seed, number, place, &from, &mut out);
        out
    }

    /// A short note: fewer fields, one part, no signature.
    fn tiny(&self, number: u64) -> String {
        let place = Place { attachment: None, is_japanese: false, ..Place::of(self.seed, number) };
        let from = header::sender(self.seed, number, &place);
        let mut out = String::with_capacity(2 << 10);
        header::write_short(self.seed, number, &place, &from, &mut out);
        out.push_str(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
        );
        let start = out.len();
        let mut draw = Draw::of(self.seed, number, Purpose::Text);
        while out.len() - start < TINY_TEXT {
            for paragraph in prose::paragraphs(&mut draw, false) {
                if out.len() - start < TINY_TEXT {
                    prose::wrapped(&paragraph, false, "", &mut out);
                }
            }
        }
        let _ = write!(out, "-- \r\n{}\r\n", from.address);
        out
    }
}

#[cfg(test)]
mod tests;
