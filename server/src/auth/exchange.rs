//! A SASL exchange (RFC 4422, 3), the same for all protocols, from the client's base64 lines to an
//! account. The protocol wraps the challenges in its own words (`+ `, `334 `).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::channel::Channel;
use super::oauth::{Claim, TokenForm};
use super::sasl::{IsBound, Mechanism, SaslError, decode, plain, text};
use super::scram::{Binding, ClientFirst, Scram, ScramHash};
use super::{AuthFailure, Authenticator, Identity};
use crate::directory::Address;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this challenge, already base64 and maybe empty; give the answer to
    /// [`Exchange::answer`].
    Challenge(String),
    /// The exchange is over: this is who logged in.
    Done(Identity),
}

/// Why nobody logged in.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// The exchange ended early.
    #[error(transparent)]
    Sasl(#[from] SaslError),
    /// It came to its end.
    #[error(transparent)]
    Failed(#[from] AuthFailure),
}

impl LogInError {
    /// As a protocol tells them apart: a verdict, or what it says of an exchange that ended early.
    pub fn verdict<R: From<SaslError>>(self) -> Result<Result<Identity, AuthFailure>, R> {
        match self {
            Self::Sasl(error) => Err(error.into()),
            Self::Failed(failure) => Ok(Err(failure)),
        }
    }
}

/// An exchange under way.
#[derive(Debug)]
pub struct Exchange<'a> {
    auth: &'a Authenticator,
    channel: Channel,
    expected: Expected,
}

#[derive(Debug)]
enum Expected {
    Plain,
    /// Of an account that the client's certificate opens, or nothing.
    Name,
    LoginName,
    LoginPassword {
        login: String,
    },
    ScramFirst(ScramHash, Bound),
    ScramLast {
        login: String,
        scram: Box<Scram>,
        account: Option<Identity>,
    },
    Token(TokenForm),
    /// The client knows that its token is refused, and answers that with anything
    /// (RFC 7628, 3.2.3).
    Regret,
    /// The client has nothing more to say.
    Nothing(Identity),
    /// It has said something wrong.
    Over,
}

/// How the client may bind to the connection.
#[derive(Clone, Copy, Debug)]
enum Bound {
    Must,
    CouldHave,
    Cannot,
}

impl<'a> Exchange<'a> {
    /// Starts an exchange with a mechanism of those that are `offered`. `initial` is the initial
    /// response as the client sent it: base64, or `=` for an empty one.
    pub async fn start(
        auth: &'a Authenticator,
        channel: Channel,
        (mechanism, offered): (Mechanism, &[Mechanism]),
        initial: Option<&[u8]>,
    ) -> Result<(Self, Step), LogInError> {
        let (expected, challenge) = match (mechanism, mechanism.scram()) {
            (Mechanism::OAuthBearer, _) => (Expected::Token(TokenForm::OAuthBearer), ""),
            (Mechanism::XOAuth2, _) => (Expected::Token(TokenForm::XOAuth2), ""),
            (_, Some((hash, IsBound::Yes))) => (Expected::ScramFirst(hash, Bound::Must), ""),
            (_, Some((hash, IsBound::No))) => {
                let could_have =
                    offered.iter().any(|other| other.scram() == Some((hash, IsBound::Yes)));
                let bound = if could_have { Bound::CouldHave } else { Bound::Cannot };
                (Expected::ScramFirst(hash, bound), "")
            }
            // "Username:"
            (Mechanism::Login, None) => (Expected::LoginName, "VXNlcm5hbWU6"),
            (Mechanism::External, None) => (Expected::Name, ""),
            (_, None) => (Expected::Plain, ""),
        };
        let mut exchange = Self { auth, channel, expected };
        let step = match initial {
            None => Step::Challenge(challenge.to_owned()),
            Some(b"=") => exchange.respond(&[]).await?,
            Some(initial) => {
                let response = decode(initial)?;
                exchange.respond(&response).await?
            }
        };
        Ok((exchange, step))
    }

    /// Takes the client's next line, without its line end.
    pub async fn answer(&mut self, line: &[u8]) -> Result<Step, LogInError> {
        if line == b"*" {
            return Err(SaslError::Cancelled.into());
        }
        let response = decode(line)?;
        self.respond(&response).await
    }

    async fn respond(&mut self, response: &[u8]) -> Result<Step, LogInError> {
        match std::mem::replace(&mut self.expected, Expected::Over) {
            Expected::Plain => {
                let claimed = plain(response)?;
                self.verify(&claimed.login, &claimed.password).await
            }
            Expected::Name => self.external(response).await,
            Expected::LoginName => {
                self.expected = Expected::LoginPassword { login: text(response)? };
                // "Password:"
                Ok(Step::Challenge("UGFzc3dvcmQ6".to_owned()))
            }
            Expected::LoginPassword { login } => self.verify(&login, &text(response)?).await,
            Expected::ScramFirst(hash, bound) => self.scram_first(hash, bound, response).await,
            Expected::ScramLast { login, scram, account } => {
                self.scram_last(&login, *scram, account, response).await
            }
            Expected::Token(form) => self.token(form, response).await,
            Expected::Regret => Err(AuthFailure::Wrong.into()),
            Expected::Nothing(identity) if response.is_empty() => Ok(Step::Done(identity)),
            Expected::Nothing(_) | Expected::Over => Err(SaslError::Malformed.into()),
        }
    }

    async fn verify(&self, login: &str, password: &str) -> Result<Step, LogInError> {
        let verified = self.auth.verify(login, password, self.channel.peer).await;
        Ok(Step::Done(verified?))
    }

    /// The first address of the certificate, or the one of them that the client names.
    async fn external(&self, response: &[u8]) -> Result<Step, LogInError> {
        let certified = &self.channel.certified;
        let wanted = text(response)?;
        let named = Address::parse(&wanted);
        let address = match &named {
            _ if wanted.is_empty() => certified.first(),
            Ok(named) => certified.iter().find(|known| *known == named),
            Err(_) => None,
        };
        let address = address.ok_or(SaslError::OtherUser)?;
        Ok(Step::Done(self.auth.enter(address, self.channel.peer).await?))
    }

    async fn token(&mut self, form: TokenForm, response: &[u8]) -> Result<Step, LogInError> {
        let claim = Claim::parse(response, form)?;
        match self.auth.open(&claim, self.channel.peer).await {
            Ok(identity) => Ok(Step::Done(identity)),
            Err(AuthFailure::Wrong) => {
                self.expected = Expected::Regret;
                let tokens = self.auth.shared.tokens.as_ref().ok_or(AuthFailure::Wrong)?;
                Ok(Step::Challenge(STANDARD.encode(tokens.refusal(form))))
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn scram_first(
        &mut self,
        hash: ScramHash,
        bound: Bound,
        response: &[u8],
    ) -> Result<Step, LogInError> {
        let allowed = match bound {
            Bound::Must => Binding::Must(&self.channel.bindings),
            Bound::CouldHave => Binding::CouldHave,
            Bound::Cannot => Binding::Cannot,
        };
        let first = ClientFirst::parse(response, allowed)?;
        let login = first.login.clone();
        self.auth.admit(&login, self.channel.peer).await?;
        let (keys, account) = self.auth.scram_keys(&login, hash).await?;
        let (scram, message) = first.answer(keys);
        self.expected = Expected::ScramLast { login, scram: Box::new(scram), account };
        Ok(Step::Challenge(STANDARD.encode(message)))
    }

    /// Our signature is one more challenge, that a client answers with nothing: none of the three
    /// protocols takes data along with its last line (RFC 5802, 5; RFC 4954, 4).
    async fn scram_last(
        &mut self,
        login: &str,
        scram: Scram,
        account: Option<Identity>,
        response: &[u8],
    ) -> Result<Step, LogInError> {
        let (account, signature) = match (account, scram.finish(response)?) {
            (Some(account), Some(signature)) => (Ok(account), signature),
            _ => (Err(AuthFailure::Wrong), String::new()),
        };
        let identity = self.auth.conclude(login, self.channel.peer, account).await?;
        self.expected = Expected::Nothing(identity);
        Ok(Step::Challenge(STANDARD.encode(signature)))
    }
}

#[cfg(test)]
mod tests;
