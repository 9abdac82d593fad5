//! SCRAM (RFC 5802, RFC 7677), the server's side: messages in, messages out. Who the user is, and
//! whether there is one, only the caller knows.

mod keys;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::channel::Bindings;
use super::sasl::SaslError;
pub(super) use keys::{SALT_LEN, ScramHash, ScramKeys};

/// Random octets of our part of the nonce.
const NONCE_LEN: usize = 18;

/// The client's first message (RFC 5802, 7: client-first-message).
#[derive(Debug)]
pub(super) struct ClientFirst {
    /// Who logs in.
    pub(super) login: String,
    /// What the last message must repeat: the header and the data of the channel binding.
    binding: Vec<u8>,
    bare: String,
    nonce: String,
}

/// An exchange that waits for the client's last message.
#[derive(Debug)]
pub(super) struct Scram {
    keys: ScramKeys,
    binding: Vec<u8>,
    nonce: String,
    /// The beginning of `AuthMessage` (RFC 5802, 3).
    said: String,
}

/// Which channel bindings may be used.
#[derive(Clone, Copy, Debug)]
pub(super) enum Binding<'a> {
    /// The mechanism is a -PLUS: one of these must be.
    Must(&'a Bindings),
    /// None, though a -PLUS was offered: a client that could have taken it, and was not shown it,
    /// talks to us through somebody (RFC 5802, 6).
    CouldHave,
    /// None, and none was offered.
    Cannot,
}

impl ClientFirst {
    pub(super) fn parse(message: &[u8], allowed: Binding<'_>) -> Result<Self, SaslError> {
        let message = std::str::from_utf8(message).map_err(|_| SaslError::Malformed)?;
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(acting_for), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(SaslError::Malformed);
        };
        let mut binding = format!("{flag},{acting_for},").into_bytes();
        match (flag, flag.strip_prefix("p="), allowed) {
            (_, Some(name), Binding::Must(bindings)) => {
                binding.extend_from_slice(bindings.named(name).ok_or(SaslError::ChannelBinding)?);
            }
            ("y", None, Binding::CouldHave) => return Err(SaslError::ChannelBinding),
            ("n", None, Binding::CouldHave | Binding::Cannot) | ("y", None, Binding::Cannot) => {}
            ("n" | "y", None, Binding::Must(_)) | (_, Some(_), _) => {
                return Err(SaslError::ChannelBinding);
            }
            _ => return Err(SaslError::Malformed),
        }
        let acting_for = match acting_for.strip_prefix("a=") {
            Some(name) => Some(unescape(name)?),
            None if acting_for.is_empty() => None,
            None => return Err(SaslError::Malformed),
        };
        // `m=` would stand here, and must not be passed over (RFC 5802, 5.1).
        let mut fields = bare.split(',');
        let login = fields.next().and_then(|field| field.strip_prefix("n="));
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let (Some(login), Some(nonce)) = (login, nonce) else { return Err(SaslError::Malformed) };
        let is_printable = nonce.bytes().all(|byte| byte.is_ascii_graphic());
        let login = unescape(login)?;
        if nonce.is_empty() || !is_printable || login.is_empty() {
            return Err(SaslError::Malformed);
        }
        if acting_for.is_some_and(|other| other != login) {
            return Err(SaslError::OtherUser);
        }
        Ok(Self { login, binding, bare: bare.to_owned(), nonce: nonce.to_owned() })
    }

    /// Our first message, and the exchange that goes on behind it.
    pub(super) fn answer(self, keys: ScramKeys) -> (Scram, String) {
        let random: [u8; NONCE_LEN] = rand::random();
        self.answer_with(keys, &STANDARD.encode(random))
    }

    fn answer_with(self, keys: ScramKeys, ours: &str) -> (Scram, String) {
        let nonce = format!("{}{ours}", self.nonce);
        let salt = STANDARD.encode(&keys.salt);
        let first = format!("r={nonce},s={salt},i={}", keys.iterations);
        let said = format!("{},{first},", self.bare);
        (Scram { keys, binding: self.binding, nonce, said }, first)
    }
}

impl Scram {
    /// Takes the client's last message: `Some` is ours, if the client knows the password.
    pub(super) fn finish(self, message: &[u8]) -> Result<Option<String>, SaslError> {
        let message = std::str::from_utf8(message).map_err(|_| SaslError::Malformed)?;
        let (unproved, proof) = message.rsplit_once(",p=").ok_or(SaslError::Malformed)?;
        let mut fields = unproved.split(',');
        let binding = fields.next().and_then(|field| field.strip_prefix("c="));
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let (Some(binding), Some(nonce)) = (binding, nonce) else {
            return Err(SaslError::Malformed);
        };
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| SaslError::Malformed);
        let (binding, proof) = (decode(binding)?, decode(proof)?);
        if binding != self.binding {
            return Err(SaslError::ChannelBinding);
        }
        if nonce != self.nonce {
            return Err(SaslError::Malformed);
        }
        let all = format!("{}{unproved}", self.said);
        let is_proved = self.keys.prove(all.as_bytes(), &proof);
        Ok(is_proved.then(|| format!("v={}", self.keys.sign(all.as_bytes()))))
    }
}

/// `=2C` and `=3D` stand for `,` and `=` (RFC 5802, 5.1).
fn unescape(name: &str) -> Result<String, SaslError> {
    let mut pieces = name.split('=');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (letter, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(SaslError::Malformed),
        };
        plain.push(letter);
        plain.push_str(rest);
    }
    if plain.contains('\0') { Err(SaslError::Malformed) } else { Ok(plain) }
}

#[cfg(test)]
mod tests;
