//! One rule: a capability, whether it is hidden, and from whom.

use std::fmt;

use super::Viewer;
use crate::config::Protocol;
use crate::directory::address::normal_domain;
use crate::directory::{Address, AddressError, DirectoryError};

/// What clients need in order to talk at all.
const NEVER_HIDDEN: [&str; 2] = ["CAPABILITY", "IMAP4REV1"];
/// The longest name of a capability, and the longest piece of a client's name.
const NAME_LEN_MAX: usize = 128;

/// Why a rule cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The name is not one.
    #[error("{0:?} is no name of a capability")]
    Name(String),
    /// Nothing would be left.
    #[error("{0} cannot be hidden")]
    NeverHidden(String),
    /// Neither a protocol nor a port.
    #[error("{0:?} is neither a protocol of a listener, such as imaps, nor a port")]
    Listener(String),
    /// Empty or too long.
    #[error("the client's name must have 1 to {NAME_LEN_MAX} octets")]
    Client,
    /// Each costs a little time whenever capabilities are told.
    #[error("there are too many rules; clear some with `fumikura capability clear`")]
    TooMany,
}

/// The name of a capability, in upper case; `THREAD` stands for every `THREAD=…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapabilityName(String);

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Not told of, and not there for who asks.
    Hidden,
    /// There, whatever a rule for more people or the default says.
    Offered,
}

/// A user, or all of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// One user.
    User(Address),
    /// All users of a domain.
    Domain(String),
}

/// Whom a rule is for: those who meet all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    listener: Option<String>,
    client: Option<String>,
    whom: Option<Whom>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskRule {
    /// What is hidden or offered.
    pub capability: CapabilityName,
    /// Which of both.
    pub visibility: Visibility,
    /// From whom or to whom.
    pub audience: Audience,
}

impl CapabilityName {
    /// Any case.
    pub fn parse(name: &str) -> Result<Self, RuleError> {
        let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
        if !(1..=NAME_LEN_MAX).contains(&name.len()) || !name.bytes().all(is_atom) {
            return Err(RuleError::Name(name.to_owned()));
        }
        let name = name.to_ascii_uppercase();
        let is_needed = NEVER_HIDDEN.contains(&name.as_str());
        if is_needed { Err(RuleError::NeverHidden(name)) } else { Ok(Self(name)) }
    }

    /// In upper case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is, or stands for, a capability as it is told.
    pub fn covers(&self, capability: &str) -> bool {
        let rest = capability.get(self.0.len()..).unwrap_or("?");
        (rest.is_empty() || rest.starts_with('='))
            && capability.as_bytes().get(..self.0.len()).is_some_and(|front| {
                // What is told is not always in upper case: IMAP4rev2.
                front.eq_ignore_ascii_case(self.0.as_bytes())
            })
    }
}

impl Audience {
    /// Empty texts and `None` are for everybody.
    pub fn new(listener: &str, client: &str, whom: Option<Whom>) -> Result<Self, RuleError> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let is_listener = Protocol::ALL.iter().any(|protocol| protocol.name() == listener)
            || listener.parse::<u16>().is_ok();
        if !listener.is_empty() && !is_listener {
            return Err(RuleError::Listener(listener.to_owned()));
        }
        if client.len() > NAME_LEN_MAX {
            return Err(RuleError::Client);
        }
        Ok(Self { listener: given(listener), client: given(&client.to_lowercase()), whom })
    }

    /// From what stands in the table.
    pub(super) fn from_stored(stored: [&str; 3]) -> Result<Self, DirectoryError> {
        let [listener, client, user] = stored;
        let whom = match user {
            "" => None,
            user if user.contains('@') => Some(Whom::User(Address::parse(user)?)),
            domain => Some(Whom::domain(domain)?),
        };
        Ok(Self::new(listener, client, whom)?)
    }

    /// As it stands in the table.
    pub(super) fn stored(&self) -> [String; 3] {
        let whom = self.whom.as_ref().map(ToString::to_string);
        [self.listener.clone(), self.client.clone(), whom].map(Option::unwrap_or_default)
    }

    fn fits(&self, viewer: &Viewer) -> bool {
        let at_listener = self.listener.as_deref().is_none_or(|listener| {
            listener == viewer.listener || listener.parse() == Ok(viewer.port)
        });
        let from_client = self.client.as_deref().is_none_or(|part| {
            viewer.client.as_deref().is_some_and(|client| client.contains(part))
        });
        let by_user = self.whom.as_ref().is_none_or(|whom| {
            viewer.user.as_ref().is_some_and(|user| match whom {
                Whom::User(address) => address == user,
                Whom::Domain(domain) => domain == user.domain(),
            })
        });
        at_listener && from_client && by_user
    }
}

impl Whom {
    /// All users of a domain, in any form.
    pub fn domain(domain: &str) -> Result<Self, AddressError> {
        normal_domain(domain).map(Self::Domain)
    }
}

impl MaskRule {
    pub(super) fn fits(&self, capability: &str, viewer: &Viewer) -> bool {
        self.capability.covers(capability) && self.audience.fits(viewer)
    }

    /// The narrower the audience, then the more exactly it names the capability, the heavier. Of two
    /// names of one client the longer one counts, and hiding before offering.
    pub(super) fn weight(&self) -> impl Ord + use<> {
        let Audience { listener, client, whom } = &self.audience;
        let by_user = match whom {
            Some(Whom::User(_)) => 2,
            Some(Whom::Domain(_)) => 1,
            None => 0,
        };
        let by_client = client.as_ref().map_or(0, String::len);
        let by_listener = match listener.as_ref().map(|listener| listener.parse::<u16>()) {
            Some(Ok(_)) => 2,
            Some(Err(_)) => 1,
            None => 0,
        };
        let is_hidden = self.visibility == Visibility::Hidden;
        (by_user, by_client, by_listener, self.capability.0.len(), is_hidden)
    }
}

impl fmt::Display for CapabilityName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(address) => address.fmt(out),
            Self::Domain(domain) => out.write_str(domain),
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = true;
        if let Some(whom) = &self.whom {
            write!(out, "for {whom}")?;
            all = false;
        }
        if let Some(client) = &self.client {
            write!(out, "{}of clients called {client:?}", if all { "" } else { " " })?;
            all = false;
        }
        if let Some(listener) = &self.listener {
            write!(out, "{}at {listener}", if all { "" } else { " " })?;
            all = false;
        }
        if all { out.write_str("for everybody") } else { Ok(()) }
    }
}

impl fmt::Display for MaskRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.visibility {
            Visibility::Hidden => "hidden",
            Visibility::Offered => "offered",
        };
        write!(out, "{} {verb} {}", self.capability, self.audience)
    }
}
