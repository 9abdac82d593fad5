//! FETCH responses read by libraries we did not write: imap-codec, and for what that refuses
//! because it nests bodies eight deep at most, Python's imapclient.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;

use crate::binary::repository;

/// Reads `name TAB base64` lines; says which responses imapclient does not take.
const SCRIPT: &str = r#"
import base64, re, sys
from imapclient.response_parser import parse_fetch_response
for line in sys.stdin:
    name, text = line.rstrip("\n").split("\t")
    rest = re.sub(rb"^\* (\d+) FETCH ", rb"\1 ", base64.b64decode(text).removesuffix(b"\r\n"))
    parts = []
    while match := re.search(rb"\{(\d+)\}\r\n", rest):
        end = match.end() + int(match[1])
        parts.append((rest[:match.end() - 2], rest[match.end():end]))
        rest = rest[end:]
    parts.append(rest)
    try:
        assert len(parse_fetch_response(parts)) == 1
    except Exception as error:
        print(f"{name}: {error!r}")
"#;

/// The Python that `ci/test install` prepares, with imapclient in it.
pub fn python() -> PathBuf {
    let this_test = std::env::current_exe().expect("a running test has a path");
    let target = this_test.ancestors().find(|dir| dir.join("ci/venv/bin/python").exists());
    let target = target.map_or_else(|| repository().join("target"), PathBuf::from);
    let python = target.join("ci/venv/bin/python");
    assert!(python.exists(), "no Python with imapclient: run `ci/test install` first");
    python
}

/// Collects what imap-codec refuses, for the second reader.
#[derive(Debug, Default)]
pub struct Parsed {
    refused: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Parsed {
    /// Reads one whole FETCH response with imap-codec; what it refuses is kept for the other.
    pub fn read(&self, name: &str, response: &[u8]) {
        if !ResponseCodec::default().decode(response).is_ok_and(|(rest, _)| rest.is_empty()) {
            let mut refused = self.refused.lock().expect("no reader panics");
            refused.push((name.to_owned(), response.to_vec()));
        }
    }

    /// Asserts that imapclient takes all of the rest, of which there must not be many.
    pub fn assert_all(self, refused_max: usize) {
        let refused = self.refused.into_inner().expect("no reader panics");
        let names: Vec<&String> = refused.iter().map(|(name, _)| name).collect();
        assert!(refused.len() <= refused_max, "imap-codec refuses {names:?}");
        let mut child = Command::new(python())
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let lines =
            refused.iter().map(|(name, octets)| format!("{name}\t{}\n", STANDARD.encode(octets)));
        let mut input = child.stdin.take().expect("it is piped");
        input.write_all(lines.collect::<String>().as_bytes()).expect("Python reads");
        drop(input);
        let output = child.wait_with_output().expect("Python ends");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.is_empty(), "imapclient refuses:\n{said}");
    }
}
