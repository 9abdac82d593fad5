//! A strict reader of ENVELOPE, BODY and BODYSTRUCTURE as the grammar has them (RFC 3501, 9).
//! It accepts nothing else, so what it reads any client can.

pub(crate) mod check;

/// `body` or `body` with extension data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) kind: String,
    pub(crate) subtype: String,
    /// Of all but a multipart.
    pub(crate) octets: usize,
    /// Of a text and a message/rfc822.
    pub(crate) lines: Option<usize>,
    /// Of a multipart, and the one of a message/rfc822.
    pub(crate) children: Vec<Body>,
    pub(crate) has_extensions: bool,
}

/// Reads all of `text` as an envelope; `Err` says where it stopped.
pub(crate) fn envelope(text: &[u8]) -> Result<(), String> {
    let mut reader = Reader { text, at: 0 };
    reader.envelope().and_then(|()| reader.end()).ok_or_else(|| reader.place())
}

/// Reads all of `text` as a body.
pub(crate) fn body(text: &[u8]) -> Result<Body, String> {
    let mut reader = Reader { text, at: 0 };
    let body = reader.body().and_then(|body| reader.end().map(|()| body));
    body.ok_or_else(|| reader.place())
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn place(&self) -> String {
        let (read, rest) = self.text.split_at(self.at);
        let read = String::from_utf8_lossy(&read[read.len().saturating_sub(200)..]).into_owned();
        let rest = String::from_utf8_lossy(&rest[..rest.len().min(60)]).into_owned();
        format!("stopped at octet {}: …{read} >>> {rest}…", self.at)
    }

    fn end(&self) -> Option<()> {
        (self.at == self.text.len()).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn is_at(&self, expected: &[u8]) -> bool {
        self.text[self.at..].starts_with(expected)
    }

    fn eat(&mut self, expected: &[u8]) -> Option<()> {
        if !self.is_at(expected) {
            return None;
        }
        self.at += expected.len();
        Some(())
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&self.text[self.at..self.at + digits]).ok()?;
        self.at += digits;
        number.parse().ok()
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        if self.eat(b"{").is_some() {
            let len = self.number()?;
            self.eat(b"}\r\n")?;
            let bytes = self.text.get(self.at..self.at + len)?.to_vec();
            self.at += len;
            return (!bytes.contains(&0)).then_some(bytes);
        }
        self.eat(b"\"")?;
        let mut bytes = Vec::new();
        loop {
            let byte = match self.peek()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    self.peek().filter(|byte| matches!(byte, b'"' | b'\\'))?
                }
                byte => byte,
            };
            if !byte.is_ascii() || matches!(byte, 0 | b'\r' | b'\n') {
                return None;
            }
            bytes.push(byte);
            self.at += 1;
        }
        self.at += 1;
        Some(bytes)
    }

    /// `None` is a fault, `Some(None)` is NIL.
    #[allow(clippy::option_option, reason = "one is the grammar's, one the reader's")]
    fn nstring(&mut self) -> Option<Option<Vec<u8>>> {
        if self.eat(b"NIL").is_some() { Some(None) } else { self.string().map(Some) }
    }

    fn envelope(&mut self) -> Option<()> {
        self.eat(b"(")?;
        self.nstring()?;
        self.eat(b" ")?;
        self.nstring()?;
        self.eat(b" ")?;
        for _ in 0..6 {
            self.addresses()?;
            self.eat(b" ")?;
        }
        self.nstring()?;
        self.eat(b" ")?;
        self.nstring()?;
        self.eat(b")")
    }

    /// Also that groups start before they end and do not nest.
    fn addresses(&mut self) -> Option<()> {
        if self.eat(b"NIL").is_some() {
            return Some(());
        }
        self.eat(b"(")?;
        let mut is_in_group = false;
        loop {
            self.eat(b"(")?;
            let name = self.nstring()?;
            self.eat(b" ")?;
            let route = self.nstring()?;
            self.eat(b" ")?;
            let mailbox = self.nstring()?;
            self.eat(b" ")?;
            let host = self.nstring()?;
            self.eat(b")")?;
            if host.is_none() {
                let is_start = mailbox.is_some();
                if name.is_some() || route.is_some() || is_start == is_in_group {
                    return None;
                }
                is_in_group = is_start;
            } else {
                mailbox?;
            }
            if self.eat(b")").is_some() {
                return (!is_in_group).then_some(());
            }
        }
    }

    fn body(&mut self) -> Option<Body> {
        self.eat(b"(")?;
        let mut body = if self.is_at(b"(") { self.multipart()? } else { self.single()? };
        if self.eat(b" ").is_some() {
            if body.kind == "multipart" {
                self.params()?;
            } else {
                self.nstring()?;
            }
            self.eat(b" ")?;
            self.disposition()?;
            self.eat(b" ")?;
            self.languages()?;
            self.eat(b" ")?;
            self.nstring()?;
            body.has_extensions = true;
        }
        self.eat(b")")?;
        Some(body)
    }

    fn multipart(&mut self) -> Option<Body> {
        let mut children = Vec::new();
        while self.is_at(b"(") {
            children.push(self.body()?);
        }
        self.eat(b" ")?;
        let subtype = self.media()?;
        let kind = "multipart".to_owned();
        Some(Body { kind, subtype, octets: 0, lines: None, children, has_extensions: false })
    }

    fn single(&mut self) -> Option<Body> {
        let kind = self.media()?;
        self.eat(b" ")?;
        let subtype = self.media()?;
        self.eat(b" ")?;
        self.params()?;
        self.eat(b" ")?;
        self.nstring()?;
        self.eat(b" ")?;
        self.nstring()?;
        self.eat(b" ")?;
        self.string()?;
        self.eat(b" ")?;
        let octets = self.number()?;
        let is_message = kind == "message" && subtype == "rfc822";
        let mut children = Vec::new();
        if is_message {
            self.eat(b" ")?;
            self.envelope()?;
            self.eat(b" ")?;
            children.push(self.body()?);
        }
        let mut lines = None;
        if is_message || kind == "text" {
            self.eat(b" ")?;
            lines = Some(self.number()?);
        }
        (kind != "multipart").then_some(())?;
        Some(Body { kind, subtype, octets, lines, children, has_extensions: false })
    }

    fn media(&mut self) -> Option<String> {
        let name = self.string()?;
        (!name.is_empty()).then(|| String::from_utf8_lossy(&name).to_ascii_lowercase())
    }

    fn params(&mut self) -> Option<()> {
        if self.eat(b"NIL").is_some() {
            return Some(());
        }
        self.eat(b"(")?;
        loop {
            self.string()?;
            self.eat(b" ")?;
            self.string()?;
            if self.eat(b" ").is_none() {
                return self.eat(b")");
            }
        }
    }

    fn disposition(&mut self) -> Option<()> {
        if self.eat(b"NIL").is_some() {
            return Some(());
        }
        self.eat(b"(")?;
        self.string()?;
        self.eat(b" ")?;
        self.params()?;
        self.eat(b")")
    }

    fn languages(&mut self) -> Option<()> {
        if !self.is_at(b"(") {
            return self.nstring().map(drop);
        }
        self.eat(b"(")?;
        loop {
            self.string()?;
            if self.eat(b" ").is_none() {
                return self.eat(b")");
            }
        }
    }
}
