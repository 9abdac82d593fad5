//! What is asked of TLS with a host of a domain: what DNS says, signed (DANE), what the domain says (MTA-STS),
//! and what the sender of the message asked for (RFC 8689). The order is that of RFC 8461, 2: who has records
//! for DANE is held to them.

use super::Relay;
use super::guard::Guard;
use super::mail::TlsNeed;
use super::outcome::{Concern, Trouble};
use super::reply::EnhancedStatus;
use super::route;
use super::sts::{Mode, Policy};

/// What is asked of the hosts of a domain.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) need: TlsNeed,
    pub(super) policy: Option<Policy>,
    /// Whether the names of the hosts are signed in DNS.
    pub(super) is_signed: bool,
}

impl Demand {
    /// Whether it matters what domains say of their servers.
    pub(super) fn heeds_policies(&self) -> bool {
        self.need != TlsNeed::Optional
    }

    /// What is asked of one host, or why no mail may go there.
    pub(super) async fn guard(
        &self,
        relay: &Relay,
        host: &str,
        port: u16,
    ) -> Result<Guard, Trouble> {
        // RFC 8689, 5: the sender would rather have it arrive than be safe.
        if !self.heeds_policies() {
            return Ok(Guard::Opportunistic);
        }
        if self.is_signed
            && let Some(dns) = &relay.signed_dns
            && let Some(guard) = dane(dns, host, port).await?
            // Records that say only that there is TLS do not say with whom.
            && (self.need != TlsNeed::Required || guard != Guard::Encrypted)
        {
            return Ok(guard);
        }
        let names_host = self.policy.as_ref().is_some_and(|policy| policy.names(host));
        match (self.need, self.policy.as_ref().map(|policy| policy.mode)) {
            (TlsNeed::Required, Some(Mode::Enforce | Mode::Testing)) if names_host => {
                Ok(Guard::Verified)
            }
            // RFC 8689, 4.2.1: a certificate proves nothing for a name that anybody could have given.
            (TlsNeed::Required, _) => {
                let status = EnhancedStatus::new(5, 7, 30);
                Err(own(status, format!("nothing vouches that {host} is the domain's server")))
            }
            (_, Some(Mode::Enforce)) if names_host => Ok(Guard::Verified),
            (_, Some(Mode::Enforce)) => {
                let status = EnhancedStatus::new(4, 7, 0);
                Err(own(status, format!("{host} is not in the domain's MTA-STS policy")))
            }
            (_, Some(Mode::Testing | Mode::None) | None) => Ok(Guard::Opportunistic),
        }
    }
}

/// What a host's TLSA records ask for (RFC 7672, 2.2). There are none for a host whose address is not
/// signed: who can change that can send us elsewhere.
async fn dane(dns: &crate::dns::Dns, host: &str, port: u16) -> Result<Option<Guard>, Trouble> {
    let addresses = route::addresses(dns, host).await?;
    if !addresses.is_signed {
        return Ok(None);
    }
    let records = route::tlsa(dns, &format!("_{port}._tcp.{host}")).await?;
    Ok(records.map(
        |records| {
            if records.is_empty() { Guard::Encrypted } else { Guard::Dane(records.into()) }
        },
    ))
}

fn own(status: EnhancedStatus, text: String) -> Trouble {
    Trouble::own(status, Concern::Destination, text)
}
