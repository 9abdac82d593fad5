//! The messages that a demo starts with.

/// One message and who gets it, by the part before the `@`.
pub(super) struct Sample {
    pub(super) recipients: &'static [&'static str],
    text: &'static [u8],
}

/// Plain, threaded, with attachments, and Japanese in both encodings in use.
pub(super) const SAMPLES: [Sample; 6] = [
    Sample { recipients: &["alice", "bob"], text: include_bytes!("samples/welcome.eml") },
    Sample { recipients: &["alice"], text: include_bytes!("samples/lunch.eml") },
    Sample { recipients: &["bob"], text: include_bytes!("samples/lunch-reply.eml") },
    Sample { recipients: &["alice"], text: include_bytes!("samples/plans.eml") },
    Sample { recipients: &["alice"], text: include_bytes!("samples/iso-2022-jp.eml") },
    Sample { recipients: &["alice"], text: include_bytes!("samples/utf-8.eml") },
];

impl Sample {
    /// The message with the line ends that messages have.
    pub(super) fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.text.len() + 64);
        for line in self.text.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => {
                    message.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                    message.extend_from_slice(b"\r\n");
                }
                None => message.extend_from_slice(line),
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_crlf_line_ends_only() {
        for sample in &SAMPLES {
            let message = sample.message();
            let bare = message.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
            assert!(!bare && message.ends_with(b"\r\n"));
        }
    }
}
