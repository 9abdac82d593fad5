//! Whether all lines of a message end in CR LF (RFC 5321, 2.3.8), judged as pieces arrive.

/// What has been seen so far of a message that comes in chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineEnds {
    ends_in_cr: bool,
    found_bare: bool,
}

impl LineEnds {
    /// Looks at the next piece.
    pub(super) fn look_at(&mut self, piece: &[u8]) {
        for index in memchr::memchr2_iter(b'\r', b'\n', piece) {
            let before = index.checked_sub(1).and_then(|before| piece.get(before));
            let follows_cr = before.map_or(self.ends_in_cr, |before| *before == b'\r');
            let is_lf = piece.get(index) == Some(&b'\n');
            // An LF needs a CR before it; a CR must not have one before it. That a CR is
            // followed by text shows below, at the next byte or the next line end.
            self.found_bare |= is_lf != follows_cr;
            let next = piece.get(index + 1);
            self.found_bare |= !is_lf && next.is_some_and(|next| *next != b'\n');
        }
        if let Some(first) = piece.first() {
            self.found_bare |= self.ends_in_cr && *first != b'\n';
            self.ends_in_cr = piece.last() == Some(&b'\r');
        }
    }

    /// Whether a CR or LF that stands alone was seen.
    pub(super) fn found_bare(self) -> bool {
        self.found_bare
    }

    /// The same once nothing follows any more.
    pub(super) fn found_bare_at_end(self) -> bool {
        self.found_bare || self.ends_in_cr
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Too simple to be wrong: without its CRLFs, the message has neither.
    fn has_bare(message: &[u8]) -> bool {
        String::from_utf8_lossy(message).replace("\r\n", "").contains(['\r', '\n'])
    }

    proptest! {
        #[test]
        fn every_split_is_judged_as_the_whole(
            message in "[a\r\n]{0,12}",
            cut in any::<prop::sample::Index>(),
        ) {
            let (front, back) = message.as_bytes().split_at(cut.index(message.len() + 1));
            let mut ends = LineEnds::default();
            ends.look_at(front);
            ends.look_at(back);
            prop_assert_eq!(ends.found_bare_at_end(), has_bare(message.as_bytes()));
        }
    }
}
