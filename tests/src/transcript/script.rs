//! A script's text as steps.

use super::directive::Directive;

/// One step of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The line of the file it starts at, counted from 1.
    pub(super) line: usize,
    /// What happens.
    pub(super) action: Action,
}

/// What happens in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// `C:` sends a line; with `{*}` in it, also the block that follows.
    Send { session: usize, text: String, block: Option<String> },
    /// `R:` sends octets, escapes undone, and no line end.
    SendRaw { session: usize, octets: Vec<u8> },
    /// `S:` expects a line.
    Expect { session: usize, pattern: String },
    /// `S*:` takes lines as long as they match and the next `S:` does not.
    ExpectMany { session: usize, pattern: String },
    /// `S~:` lines that stand together come in any order.
    ExpectUnordered { session: usize, patterns: Vec<String> },
    /// `@…`.
    Direct(Directive),
}

/// Reads a whole script; the error names the line.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((line, text)) = lines.next() {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let mut block = None;
        while let Some((_, more)) = lines.next_if(|(_, next)| next.starts_with('|')) {
            let content = more.strip_prefix("| ").unwrap_or(&more[1..]);
            let block = block.get_or_insert_with(String::new);
            block.push_str(content);
            block.push_str("\r\n");
        }
        let action = parse_action(text, block).map_err(|why| format!("line {line}: {why}"))?;
        match (steps.last_mut().map(|step| &mut step.action), action) {
            (
                Some(Action::ExpectUnordered { session: same, patterns }),
                Action::ExpectUnordered { session, patterns: more },
            ) if *same == session => patterns.extend(more),
            (_, action) => steps.push(Step { line, action }),
        }
    }
    Ok(steps)
}

fn parse_action(text: &str, block: Option<String>) -> Result<Action, String> {
    if let Some(directive) = text.strip_prefix('@') {
        return Directive::parse(directive, block).map(Action::Direct);
    }
    let (who, rest) = text.split_once(':').ok_or("a line is `C: …`, `S: …`, `@…` or `# …`")?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest).to_owned();
    let (kind, session) = speaker(who)?;
    if block.is_some() != (kind == "C" && rest.contains("{*")) {
        return Err("a block of `|` lines belongs to a `{*}` or a directive".to_owned());
    }
    match kind {
        "C" => Ok(Action::Send { session, text: rest, block }),
        "R" => Ok(Action::SendRaw { session, octets: unescape(&rest)? }),
        "S" => Ok(Action::Expect { session, pattern: rest }),
        "S*" => Ok(Action::ExpectMany { session, pattern: rest }),
        "S~" => Ok(Action::ExpectUnordered { session, patterns: vec![rest] }),
        _ => Err(format!("nobody is called {who:?}")),
    }
}

/// `S2~` is who speaks, `S~`, and the session, 2; without a number it is session 1.
fn speaker(who: &str) -> Result<(&'static str, usize), String> {
    let digits: String = who.chars().filter(char::is_ascii_digit).collect();
    let kind: String = who.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    let session = if digits.is_empty() { Ok(1) } else { digits.parse() };
    let kind = ["C", "R", "S", "S*", "S~"].into_iter().find(|known| *known == kind);
    match (kind, session) {
        (Some(kind), Ok(session @ 1..=9)) => Ok((kind, session)),
        _ => Err(format!("nobody is called {who:?}")),
    }
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            octets.push(byte);
            continue;
        }
        octets.push(match bytes.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).map_err(|_| "\\x wants two digits".to_owned())?
            }
            _ => return Err("escapes are \\r \\n \\t \\0 \\\\ \\xHH".to_owned()),
        });
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_steps_with_their_numbers() {
        let text = "# why\n\nC: a NOOP\nS2: …\nR: a\\r\\n\\xff";
        let steps = parse(text).expect("a script");
        let send = Action::Send { session: 1, text: "a NOOP".to_owned(), block: None };
        assert_eq!(steps[0], Step { line: 3, action: send });
        assert_eq!(
            steps[1],
            Step { line: 4, action: Action::Expect { session: 2, pattern: "…".to_owned() } }
        );
        let octets = b"a\r\n\xff".to_vec();
        assert_eq!(steps[2], Step { line: 5, action: Action::SendRaw { session: 1, octets } });
    }

    #[test]
    fn a_block_is_the_literal() {
        let steps = parse("C: a APPEND INBOX {*}\n| S: x\n|\n| hi\nC: \n").expect("a script");
        let block = Some("S: x\r\n\r\nhi\r\n".to_owned());
        let text = "a APPEND INBOX {*}".to_owned();
        assert_eq!(steps[0].action, Action::Send { session: 1, text, block });
    }

    #[test]
    fn what_is_no_step_is_refused_with_its_line() {
        for bad in ["C NOOP", "D: x", "S0: x", "C: {*}", "@nothing", "R: \\q"] {
            let refused = parse(&format!("# first\n{bad}")).expect_err(bad);
            assert!(refused.starts_with("line 2: "), "{refused}");
        }
    }
}
