//! Whether DNS says of a domain of ours what others want to hear, in words, with the record to add
//! where something is missing.

mod asked;

use std::fmt;
use std::net::IpAddr;

use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::dmarc::{Dmarc, Policy};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{MessageAuthenticator, SpfResult};

use self::asked::{Asked, NoAnswer};
use super::key::{KeyError, SigningKey, record_name, zone_line};
use crate::directory::DkimRow;
use crate::dns::Dns;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub grade: Grade,
    /// What it is, in a sentence.
    pub words: String,
    /// The record that would mend it, as a line of a zone.
    pub record: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As it should be.
    Fine,
    /// Could be better.
    Advice,
    /// Others will mind.
    Wrong,
}

impl Finding {
    fn fine(words: impl Into<String>) -> Self {
        Self { grade: Grade::Fine, words: words.into(), record: None }
    }

    fn advice(words: impl Into<String>, record: Option<String>) -> Self {
        Self { grade: Grade::Advice, words: words.into(), record }
    }

    fn wrong(words: impl Into<String>, record: Option<String>) -> Self {
        Self { grade: Grade::Wrong, words: words.into(), record }
    }
}

impl From<NoAnswer> for Finding {
    fn from(error: NoAnswer) -> Self {
        Self::wrong(error.to_string(), None)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Fine => "fine  ",
            Grade::Advice => "advice",
            Grade::Wrong => "WRONG ",
        };
        write!(out, "{grade}  {}", self.words)?;
        match &self.record {
            Some(record) => write!(out, "\n        add: {record}"),
            None => Ok(()),
        }
    }
}

/// What there is to check: a domain, the name of this server, and the keys of the domain.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The domain, as an A-label.
    pub domain: &'a str,
    /// This server's name.
    pub hostname: &'a str,
    /// The domain's keys.
    pub keys: &'a [DkimRow],
}

/// Asks about everything, one after the other.
pub async fn check(dns: &Dns, subject: Subject<'_>) -> Vec<Finding> {
    let asked = Asked::new(dns);
    let check = Check { asked, verifier: MessageAuthenticator(dns.resolver().clone()), subject };
    let mut findings = vec![check.exchanges().await.unwrap_or_else(Finding::from)];
    let addresses = match check.asked.addresses(subject.hostname).await {
        Ok(addresses) => addresses,
        Err(error) => {
            findings.push(error.into());
            Vec::new()
        }
    };
    findings.push(check.host(&addresses));
    for address in &addresses {
        findings.push(check.name_of(*address).await.unwrap_or_else(Finding::from));
    }
    findings.extend(check.spf(&addresses).await.unwrap_or_else(|error| vec![error.into()]));
    findings.extend(check.keys().await);
    findings.push(check.dmarc().await.unwrap_or_else(Finding::from));
    findings.push(check.mta_sts().await.unwrap_or_else(Finding::from));
    findings.push(check.tls_reports().await.unwrap_or_else(Finding::from));
    findings
}

struct Check<'a> {
    asked: Asked<'a>,
    verifier: MessageAuthenticator,
    subject: Subject<'a>,
}

impl Check<'_> {
    /// RFC 5321, 5.1.
    async fn exchanges(&self) -> Result<Finding, NoAnswer> {
        let Subject { domain, hostname, .. } = self.subject;
        let record = Some(format!("{domain}. IN MX 10 {hostname}."));
        let exchanges = self.asked.exchanges(domain).await?;
        let is_here = |host: &String| host.eq_ignore_ascii_case(hostname);
        Ok(if exchanges.is_empty() {
            Finding::wrong(
                format!("{domain} has no MX record: nobody knows where its mail goes"),
                record,
            )
        } else if exchanges.iter().any(String::is_empty) {
            Finding::wrong(format!("the MX record of {domain} says that it takes no mail"), record)
        } else if exchanges.iter().any(is_here) {
            Finding::fine(format!("MX: mail for {domain} comes to {hostname}"))
        } else {
            let others = exchanges.join(", ");
            Finding::wrong(format!("mail for {domain} goes to {others}, not to {hostname}"), record)
        })
    }

    fn host(&self, addresses: &[IpAddr]) -> Finding {
        let hostname = self.subject.hostname;
        if !hostname.contains('.') {
            let words = format!(
                "`hostname` in the configuration is {hostname}, which is not this server's name in DNS"
            );
            return Finding::wrong(words, None);
        }
        if addresses.is_empty() {
            let record = format!("{hostname}. IN A (the address of this server)");
            return Finding::wrong(format!("{hostname} has no address"), Some(record));
        }
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        Finding::fine(format!("{hostname} has the address {}", addresses.join(" and ")))
    }

    /// Many servers refuse mail from addresses whose name does not lead back to them.
    async fn name_of(&self, address: IpAddr) -> Result<Finding, NoAnswer> {
        let hostname = self.subject.hostname;
        let names = self.asked.names(address).await?;
        let ask = "whoever gave you the address must set its PTR record";
        Ok(if names.iter().any(|name| name.eq_ignore_ascii_case(hostname)) {
            Finding::fine(format!("PTR: {address} is called {hostname}"))
        } else if names.is_empty() {
            Finding::wrong(format!("{address} has no name; it must be {hostname}: {ask}"), None)
        } else {
            let names = names.join(", ");
            Finding::wrong(format!("{address} is called {names}, not {hostname}: {ask}"), None)
        })
    }

    /// RFC 7208.
    async fn spf(&self, addresses: &[IpAddr]) -> Result<Vec<Finding>, NoAnswer> {
        let Subject { domain, hostname, .. } = self.subject;
        let record = || Some(zone_line(domain, "v=spf1 mx -all"));
        let is_spf = |text: &String| text == "v=spf1" || text.starts_with("v=spf1 ");
        let found: Vec<_> = self.asked.texts(domain).await?.into_iter().filter(is_spf).collect();
        let [text] = found.as_slice() else {
            let count = if found.is_empty() { "no" } else { "more than one" };
            let record = record().filter(|_| found.is_empty());
            return Ok(vec![Finding::wrong(format!("{domain} has {count} SPF record"), record)]);
        };
        if text.split(' ').any(|term| term == "all" || term == "+all") {
            let words = format!("the SPF record of {domain} lets everybody send for it: {text}");
            return Ok(vec![Finding::wrong(words, record())]);
        }
        let mut findings = Vec::new();
        let sender = format!("postmaster@{domain}");
        for address in addresses {
            let asked = SpfParameters::verify_mail_from(*address, hostname, hostname, &sender);
            let result = self.verifier.verify_spf(asked).await.result();
            findings.push(if result == SpfResult::Pass {
                Finding::fine(format!("SPF: {address} may send for {domain}"))
            } else {
                let result = result.to_string().to_lowercase();
                let words = format!("SPF: {address} may not send for {domain} ({result}): {text}");
                Finding::wrong(words, record())
            });
        }
        Ok(findings)
    }

    /// RFC 6376, 3.6.
    async fn keys(&self) -> Vec<Finding> {
        let Subject { domain, keys, .. } = self.subject;
        if keys.is_empty() {
            let words = format!(
                "{domain} has no key: its mail is not signed; `fumikura dkim generate {domain}`"
            );
            return vec![Finding::wrong(words, None)];
        }
        let mut findings = Vec::new();
        for row in keys {
            findings.push(self.key(row).await.unwrap_or_else(Finding::from));
        }
        findings
    }

    async fn key(&self, row: &DkimRow) -> Result<Finding, NoAnswer> {
        let DkimRow { domain, selector, .. } = row;
        let name = record_name(selector, domain);
        let key: Result<SigningKey, KeyError> = SigningKey::from_pkcs8(&row.private_key);
        let key = match key {
            Ok(key) => key,
            Err(error) => return Ok(Finding::wrong(format!("key {selector}: {error}"), None)),
        };
        let record = || Some(zone_line(&name, &key.record()));
        let texts = self.asked.texts(&name).await?;
        Ok(match texts.as_slice() {
            [] => Finding::wrong(format!("the key {selector} of {domain} is not in DNS"), record()),
            [text] if tag(text, "p").as_deref() == Some(key.public_text().as_str()) => {
                Finding::fine(format!("DKIM: the key {selector} of {domain} is in DNS"))
            }
            [_] => Finding::wrong(
                format!("in DNS the key {selector} of {domain} is another than here"),
                record(),
            ),
            _ => Finding::wrong(format!("there is more than one record at {name}"), record()),
        })
    }

    /// RFC 7489, 6.3; RFC 9989.
    async fn dmarc(&self) -> Result<Finding, NoAnswer> {
        let domain = self.subject.domain;
        let name = format!("_dmarc.{domain}");
        let record =
            || Some(zone_line(&name, &format!("v=DMARC1; p=none; rua=mailto:postmaster@{domain}")));
        let texts = self.asked.texts(&name).await?;
        let found: Vec<_> = texts.iter().filter(|text| text.starts_with("v=DMARC1")).collect();
        let [text] = found.as_slice() else {
            let count = if found.is_empty() { "no" } else { "more than one" };
            let record = record().filter(|_| found.is_empty());
            return Ok(Finding::wrong(format!("{domain} has {count} DMARC record"), record));
        };
        Ok(match Dmarc::parse(text.as_bytes()) {
            Err(_) => Finding::wrong(format!("the DMARC record cannot be read: {text}"), record()),
            Ok(found) if matches!(found.p, Policy::Reject | Policy::Quarantine) => {
                Finding::fine(format!("DMARC: {text}"))
            }
            Ok(_) => Finding::advice(
                format!(
                    "DMARC: {text}; once SPF and DKIM are fine, ask others to put forged mail aside"
                ),
                Some(zone_line(&name, &text.replace("p=none", "p=quarantine"))),
            ),
        })
    }

    /// RFC 8461, 3.
    async fn mta_sts(&self) -> Result<Finding, NoAnswer> {
        let domain = self.subject.domain;
        let texts = self.asked.texts(&format!("_mta-sts.{domain}")).await?;
        if !texts.iter().any(|text| text.starts_with("v=STSv1")) {
            let words = format!(
                "MTA-STS: {domain} does not say that mail for it must come by TLS; that takes a web \
                 server at mta-sts.{domain} (RFC 8461)"
            );
            return Ok(Finding::advice(words, None));
        }
        let host = format!("mta-sts.{domain}");
        Ok(if self.asked.addresses(&host).await?.is_empty() {
            let words = format!("MTA-STS is announced, but {host} has no address to get it from");
            Finding::wrong(words, Some(format!("{host}. IN A (the address of a web server)")))
        } else {
            Finding::fine(format!(
                "MTA-STS: the policy is at https://{host}/.well-known/mta-sts.txt"
            ))
        })
    }

    /// RFC 8460, 3.
    async fn tls_reports(&self) -> Result<Finding, NoAnswer> {
        let domain = self.subject.domain;
        let name = format!("_smtp._tls.{domain}");
        let texts = self.asked.texts(&name).await?;
        Ok(if texts.iter().any(|text| text.starts_with("v=TLSRPTv1")) {
            Finding::fine(format!("TLS-RPT: others report failures of TLS for {domain}"))
        } else {
            let record = format!("v=TLSRPTv1; rua=mailto:postmaster@{domain}");
            let words = format!("TLS-RPT: nobody is told where TLS for {domain} fails");
            Finding::advice(words, Some(zone_line(&name, &record)))
        })
    }
}

/// The value of a tag, without the blanks that may stand in it (RFC 6376, 3.2).
fn tag(text: &str, name: &str) -> Option<String> {
    let tags = text.split(';').filter_map(|tag| tag.split_once('='));
    let value = tags.into_iter().find(|(found, _)| found.trim() == name)?.1;
    Some(value.chars().filter(|character| !character.is_whitespace()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_whatever_blanks_stand_in_them() {
        assert_eq!(tag("v=DKIM1; k=rsa; p = AB C\tD== ", "p").as_deref(), Some("ABCD=="));
        assert_eq!(tag("v=DKIM1", "p"), None);
    }

    #[test]
    fn findings_are_read_by_people() {
        let finding = Finding::wrong("x has no MX record", Some("x. IN MX 10 y.".to_owned()));
        assert_eq!(finding.to_string(), "WRONG   x has no MX record\n        add: x. IN MX 10 y.");
        assert_eq!(Finding::fine("x").to_string(), "fine    x");
    }
}
