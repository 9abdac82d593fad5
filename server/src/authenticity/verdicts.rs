//! What was found about where a message comes from, and what follows from it.

use crate::config::{AuthenticityConfig, Consequence};

/// The result of one check (RFC 8601, 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is right.
    Pass,
    /// It is wrong.
    Fail,
    /// It is probably wrong.
    SoftFail,
    /// Nothing can be said.
    Neutral,
    /// There is nothing to check.
    None,
    /// Somebody could not be asked; later perhaps.
    TempError,
    /// What is there makes no sense.
    PermError,
}

/// Whether the client may send for a domain (RFC 7208).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfVerdict {
    /// The result.
    pub outcome: Outcome,
    /// The name in EHLO, or the address in MAIL; empty for `<>`.
    pub identity: String,
}

/// One signature (RFC 6376).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimVerdict {
    /// The result.
    pub outcome: Outcome,
    /// Why, where it did not pass.
    pub why: Option<&'static str>,
    /// Who signed, if that can be read.
    pub signer: Option<Signer>,
}

/// Whose signature it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The domain.
    pub domain: String,
    /// Its key.
    pub selector: String,
    /// How it signs.
    pub algorithm: &'static str,
    /// The beginning of the signature, to tell two of them apart (RFC 6008).
    pub beginning: String,
}

/// What servers on the way saw (RFC 8617).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArcVerdict {
    /// Whether all their seals are whole.
    pub outcome: Outcome,
    /// Who sealed last.
    pub sealer: Option<String>,
    /// Whether the author's domain was satisfied when that one had it.
    pub saw_pass: bool,
}

/// Whether the author's domain stands behind the message (RFC 7489, RFC 9989).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmarcVerdict {
    /// The result.
    pub outcome: Outcome,
    /// The domain of the From field; `None` if that has not exactly one.
    pub author: Option<String>,
    /// What the domain wants done with mail that it does not stand behind.
    pub policy: Policy,
}

/// What a domain wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    None,
    /// Treat it with suspicion.
    Quarantine,
    /// Do not take it.
    Reject,
}

/// Everything that was found about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// Of the name in EHLO.
    pub helo: SpfVerdict,
    /// Of the address in MAIL.
    pub mail_from: SpfVerdict,
    /// Of each signature.
    pub dkim: Vec<DkimVerdict>,
    /// Of the seals.
    pub arc: ArcVerdict,
    /// Of the author.
    pub dmarc: DmarcVerdict,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It goes where it shall.
    Deliver,
    /// It goes to the mailbox for junk.
    Junk,
    /// It is not taken, because SPF says so.
    RefuseSpf,
    /// It is not taken, because DMARC says so.
    RefuseDmarc,
}

impl Outcome {
    /// The word in `Authentication-Results`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::None => "none",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl Policy {
    /// The word in a DMARC record.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

impl Verdicts {
    /// What becomes of the message. What could not be asked counts for nobody's harm.
    pub fn disposition(&self, config: &AuthenticityConfig) -> Disposition {
        let is_spf_fail = self.mail_from.outcome == Outcome::Fail && !self.is_vouched_for(config);
        match config.spf {
            Consequence::Reject if is_spf_fail => return Disposition::RefuseSpf,
            Consequence::Junk if is_spf_fail => return Disposition::Junk,
            _ => {}
        }
        // Without one author nobody could say what shall be done, and any program shows what it likes.
        let wanted = match (&self.dmarc.author, self.dmarc.outcome) {
            (None, _) => Policy::Reject,
            (_, Outcome::Fail) => self.dmarc.policy,
            _ => Policy::None,
        };
        if wanted == Policy::None || self.is_vouched_for(config) {
            return Disposition::Deliver;
        }
        match (config.dmarc, wanted) {
            (Consequence::Mark, _) => Disposition::Deliver,
            (Consequence::Reject, Policy::Reject) => Disposition::RefuseDmarc,
            _ => Disposition::Junk,
        }
    }

    fn is_vouched_for(&self, config: &AuthenticityConfig) -> bool {
        let is_trusted = |sealer: &String| {
            config.trusted_sealers.iter().any(|trusted| trusted.eq_ignore_ascii_case(sealer))
        };
        self.arc.outcome == Outcome::Pass
            && self.arc.saw_pass
            && self.arc.sealer.as_ref().is_some_and(is_trusted)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn verdicts() -> Verdicts {
        let spf =
            |identity: &str| SpfVerdict { outcome: Outcome::None, identity: identity.to_owned() };
        Verdicts {
            helo: spf("mx.a.test"),
            mail_from: spf("x@a.test"),
            dkim: Vec::new(),
            arc: ArcVerdict { outcome: Outcome::None, sealer: None, saw_pass: false },
            dmarc: DmarcVerdict {
                outcome: Outcome::None,
                author: Some("a.test".to_owned()),
                policy: Policy::None,
            },
        }
    }

    #[test]
    fn what_becomes_of_mail_is_the_operators_word_on_the_domains_wish() {
        use Consequence::{Junk, Mark, Reject};
        use Outcome::{Fail, Pass, TempError};
        let disposition = |consequence, outcome, policy| {
            let config = AuthenticityConfig { dmarc: consequence, ..AuthenticityConfig::default() };
            let mut verdicts = verdicts();
            (verdicts.dmarc.outcome, verdicts.dmarc.policy) = (outcome, policy);
            verdicts.disposition(&config)
        };
        for (consequence, outcome, policy, expected) in [
            (Reject, Fail, Policy::Reject, Disposition::RefuseDmarc),
            (Reject, Fail, Policy::Quarantine, Disposition::Junk),
            (Reject, Fail, Policy::None, Disposition::Deliver),
            (Reject, Pass, Policy::Reject, Disposition::Deliver),
            (Reject, TempError, Policy::Reject, Disposition::Deliver),
            (Junk, Fail, Policy::Reject, Disposition::Junk),
            (Mark, Fail, Policy::Reject, Disposition::Deliver),
        ] {
            assert_eq!(disposition(consequence, outcome, policy), expected, "{consequence:?}");
        }
        let mut unclear = verdicts();
        unclear.dmarc.author = None;
        assert_eq!(unclear.disposition(&AuthenticityConfig::default()), Disposition::Junk);
    }

    #[test]
    fn spf_alone_refuses_only_where_the_operator_says_so() {
        let mut verdicts = verdicts();
        verdicts.mail_from.outcome = Outcome::Fail;
        let with = |spf| AuthenticityConfig { spf, ..AuthenticityConfig::default() };
        assert_eq!(verdicts.disposition(&with(Consequence::Mark)), Disposition::Deliver);
        assert_eq!(verdicts.disposition(&with(Consequence::Junk)), Disposition::Junk);
        assert_eq!(verdicts.disposition(&with(Consequence::Reject)), Disposition::RefuseSpf);
        verdicts.mail_from.outcome = Outcome::SoftFail;
        assert_eq!(verdicts.disposition(&with(Consequence::Reject)), Disposition::Deliver);
    }

    #[test]
    fn a_trusted_seal_vouches_for_what_it_saw_pass() {
        let mut verdicts = verdicts();
        verdicts.dmarc.outcome = Outcome::Fail;
        verdicts.dmarc.policy = Policy::Reject;
        let sealer = Some("lists.test".to_owned());
        verdicts.arc = ArcVerdict { outcome: Outcome::Pass, sealer, saw_pass: true };
        let trusted_sealers = vec!["Lists.test".to_owned()];
        let config = AuthenticityConfig { trusted_sealers, ..AuthenticityConfig::default() };
        assert_eq!(verdicts.disposition(&config), Disposition::Deliver);
        assert_eq!(verdicts.disposition(&AuthenticityConfig::default()), Disposition::Junk);
        verdicts.arc.saw_pass = false;
        assert_eq!(verdicts.disposition(&config), Disposition::Junk);
    }
}
