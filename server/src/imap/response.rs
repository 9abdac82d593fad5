//! How a command can end, as values: [`Done`] is the tagged `OK`, [`Refusal`] the `NO` or `BAD`.

use std::borrow::Cow;

use engine::UidSet;

/// A command did what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// The response code, without its brackets.
    pub(crate) code: Option<String>,
    /// The sets that end the code: as long as they like, so they are written straight to the client.
    pub(crate) sets: Vec<UidSet>,
    /// For people.
    pub(crate) text: &'static str,
}

impl Done {
    /// Without a response code.
    pub(crate) fn ok(text: &'static str) -> Self {
        Self { code: None, sets: Vec::new(), text }
    }

    /// With a response code.
    pub(crate) fn with(code: String, text: &'static str) -> Self {
        Self { code: Some(code), sets: Vec::new(), text }
    }

    /// With a response code and the sets that belong to it.
    pub(crate) fn with_sets(code: String, sets: Vec<UidSet>, text: &'static str) -> Self {
        Self { code: Some(code), sets, text }
    }
}

/// A command was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Whose fault it is.
    pub(crate) verdict: Verdict,
    /// The response code, without its brackets.
    pub(crate) code: Option<Cow<'static, str>>,
    /// For people.
    pub(crate) text: Cow<'static, str>,
}

/// The two ways to say no (RFC 3501, 7.1.2 and 7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The command is right, and cannot be done.
    No,
    /// The command is wrong.
    Bad,
}

impl Refusal {
    /// `NO` with a response code.
    pub(crate) fn no(
        code: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { verdict: Verdict::No, code: Some(code.into()), text: text.into() }
    }

    /// `BAD`.
    pub(crate) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Bad, code: None, text: text.into() }
    }
}
