//! Which hosts take mail for a destination, in which order, and where they are (RFC 5321, 5).

use std::net::IpAddr;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use rand::seq::SliceRandom as _;

use super::dane::Association;
use super::destination::Destination;
use super::outcome::{Concern, Trouble};
use super::reply::EnhancedStatus;
use crate::dns::Dns;

/// Hosts of one destination that are looked at.
const HOSTS_MAX: usize = 50;
/// Addresses of one host.
const ADDRESSES_PER_HOST_MAX: usize = 16;

/// The domain does not exist.
const NO_DOMAIN: EnhancedStatus = EnhancedStatus::new(5, 1, 2);
/// It takes no mail (RFC 7505, 4).
const NULL_MX: EnhancedStatus = EnhancedStatus::new(5, 1, 10);
/// Nothing says where mail for it goes.
const NO_ROUTE: EnhancedStatus = EnhancedStatus::new(5, 4, 4);
/// Mail would come back to us.
const LOOP: EnhancedStatus = EnhancedStatus::new(5, 4, 6);
/// Name servers do not answer.
const DIRECTORY_FAILED: EnhancedStatus = EnhancedStatus::new(4, 4, 3);

/// What a look-up found out if it found nothing.
#[derive(Debug)]
enum Absent {
    /// There is no such name.
    Name,
    /// The name has none of these.
    Records,
    /// Nobody knows at the moment.
    Unknown(String),
}

/// What name servers say, and whether it is signed as a whole; only answers of a [`Dns`] that checks are.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub(super) list: Vec<T>,
    pub(super) is_signed: bool,
}

/// The names of the hosts that take mail for a domain, best first; equals in random order.
pub(super) async fn hosts(
    dns: &Dns,
    domain: &str,
    own_name: &str,
) -> Result<Found<String>, Trouble> {
    let exchangers = match lookup(dns, domain, RecordType::MX).await {
        Ok(exchangers) => exchangers,
        // RFC 5321, 5.1: no MX at all means the domain itself, with preference 0. Nobody named it but
        // the sender.
        Err(Absent::Records) => {
            return Ok(Found { list: vec![domain.to_owned()], is_signed: true });
        }
        Err(absent) => return Err(trouble(domain, &absent)),
    };
    let is_signed = exchangers.is_signed;
    let mut listed: Vec<(u16, String)> = exchangers
        .list
        .into_iter()
        .filter_map(|record| match record {
            RData::MX(mx) => Some((mx.preference, host_name(&mx.exchange))),
            _ => None,
        })
        .collect();
    // RFC 7505, 3: alone it says that the domain takes no mail; beside others it says nothing.
    if matches!(&listed[..], [(_, root)] if root.is_empty()) {
        return Err(own(NULL_MX, format!("{domain} takes no mail (null MX)")));
    }
    listed.retain(|(_, name)| !name.is_empty());
    // Shuffled first: sorting keeps the order of equals.
    listed.shuffle(&mut rand::rng());
    listed.sort_by_key(|(preference, _)| *preference);
    without_ourselves(listed, own_name)
        .map(|list| Found { list, is_signed })
        .ok_or_else(|| own(LOOP, format!("mail for {domain} comes back to this server")))
}

/// RFC 5321, 5.1: a host in the list passes mail on only to better ones.
fn without_ourselves(listed: Vec<(u16, String)>, own_name: &str) -> Option<Vec<String>> {
    let ours = listed.iter().find(|(_, name)| name.eq_ignore_ascii_case(own_name));
    let worst = ours.map(|(preference, _)| *preference);
    let is_better = |preference: u16| worst.is_none_or(|worst| preference < worst);
    let mut hosts: Vec<String> = Vec::new();
    for (preference, name) in listed {
        if is_better(preference) && !hosts.contains(&name) && hosts.len() < HOSTS_MAX {
            hosts.push(name);
        }
    }
    (!hosts.is_empty()).then_some(hosts)
}

/// In lower case and without the dot at the end; the root is empty.
fn host_name(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

/// The addresses of a host, IPv6 and IPv4 in turn, so that neither is all that is tried.
pub(super) async fn addresses(dns: &Dns, host: &str) -> Result<Found<IpAddr>, Trouble> {
    if let Some(Destination::Address(address)) = Destination::parse(host) {
        return Ok(Found { list: vec![address], is_signed: false });
    }
    if let Ok(address) = host.parse() {
        return Ok(Found { list: vec![address], is_signed: false });
    }
    let (v6, v4) =
        tokio::join!(lookup(dns, host, RecordType::AAAA), lookup(dns, host, RecordType::A));
    let mut families = [Vec::new(), Vec::new()];
    let (mut absent, mut is_signed) = (Vec::new(), true);
    for (family, found) in families.iter_mut().zip([v6, v4]) {
        match found {
            Ok(records) => {
                is_signed &= records.is_signed;
                family.extend(records.list.iter().filter_map(address));
            }
            Err(reason) => absent.push(reason),
        }
    }
    for family in &mut families {
        family.shuffle(&mut rand::rng());
    }
    let [v6, v4] = families;
    let found = in_turn(v6, v4);
    if !found.is_empty() {
        return Ok(Found { list: found, is_signed });
    }
    // A family that cannot be looked up could have had an address.
    let unknown = absent.iter().find(|reason| matches!(reason, Absent::Unknown(_)));
    Err(match unknown {
        Some(reason) => trouble(host, reason),
        None => own(NO_ROUTE, format!("{host} has no address")),
    })
}

/// The TXT records of a name; none if they cannot be looked up.
pub(super) async fn texts(dns: &Dns, name: &str) -> Vec<String> {
    let found = lookup(dns, name, RecordType::TXT).await.map_or_else(|_| Vec::new(), |it| it.list);
    let text = |record: RData| match record {
        RData::TXT(text) => String::from_utf8(text.txt_data.concat()).ok(),
        _ => None,
    };
    found.into_iter().filter_map(text).collect()
}

/// What signed TLSA records of a name ask for, as far as it is usable; `None` if there are none.
pub(super) async fn tlsa(dns: &Dns, name: &str) -> Result<Option<Vec<Association>>, Trouble> {
    let found = match lookup(dns, name, RecordType::TLSA).await {
        Ok(found) if found.is_signed => found.list,
        Ok(_) | Err(Absent::Name | Absent::Records) => return Ok(None),
        Err(absent) => return Err(trouble(name, &absent)),
    };
    let records = found.iter().filter_map(|record| match record {
        RData::TLSA(record) => Some(record),
        _ => None,
    });
    Ok(Some(Association::usable(records)))
}

fn address(record: &RData) -> Option<IpAddr> {
    match record {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}

fn in_turn(first: Vec<IpAddr>, second: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] || all.len() >= ADDRESSES_PER_HOST_MAX {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

async fn lookup(dns: &Dns, name: &str, kind: RecordType) -> Result<Found<RData>, Absent> {
    // Complete names: nothing is looked for below the system's own domain.
    let Ok(full) = Name::from_ascii(format!("{}.", name.trim_end_matches('.'))) else {
        return Err(Absent::Name);
    };
    let found = dns.resolver().lookup(full, kind).await.map_err(|error| absent(&error))?;
    let of_kind = found.answers().iter().filter(|record| record.record_type() == kind);
    let list: Vec<RData> = of_kind.map(|record| record.data.clone()).collect();
    // The aliases on the way count as well.
    let is_signed = found.answers().iter().all(|record| record.proof.is_secure());
    if list.is_empty() { Err(Absent::Records) } else { Ok(Found { list, is_signed }) }
}

fn absent(error: &NetError) -> Absent {
    match error {
        _ if error.is_nx_domain() => Absent::Name,
        NetError::Dns(DnsError::NoRecordsFound(_)) => Absent::Records,
        // Proved not to be there, or not to be signed; what is wrong is another error.
        NetError::Dns(DnsError::Nsec { response, proof, .. }) if *proof != Proof::Bogus => {
            let is_name = response.response_code == ResponseCode::NXDomain;
            if is_name { Absent::Name } else { Absent::Records }
        }
        other => Absent::Unknown(other.to_string()),
    }
}

fn trouble(name: &str, absent: &Absent) -> Trouble {
    match absent {
        Absent::Name => own(NO_DOMAIN, format!("the domain {name} does not exist")),
        Absent::Records => own(NO_ROUTE, format!("{name} has neither MX nor address")),
        Absent::Unknown(reason) => {
            own(DIRECTORY_FAILED, format!("{name} cannot be looked up: {reason}"))
        }
    }
}

fn own(status: EnhancedStatus, text: String) -> Trouble {
    Trouble::own(status, Concern::Destination, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(hosts: &[(u16, &str)]) -> Vec<(u16, String)> {
        hosts.iter().map(|(preference, name)| (*preference, (*name).to_owned())).collect()
    }

    #[test]
    fn a_host_in_the_list_passes_mail_on_only_to_better_ones() {
        let list = listed(&[(5, "a"), (10, "b"), (10, "Us"), (20, "c")]);
        assert_eq!(without_ourselves(list.clone(), "us"), Some(vec!["a".to_owned()]));
        assert_eq!(without_ourselves(list, "other").map(|hosts| hosts.len()), Some(4));
        assert_eq!(without_ourselves(listed(&[(10, "us"), (20, "c")]), "us"), None);
    }

    #[test]
    fn neither_family_crowds_out_the_other() {
        let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let v4 = |last: u8| IpAddr::from([192, 0, 2, last]);
        let turn = in_turn(vec![v6(1), v6(2), v6(3)], vec![v4(1)]);
        assert_eq!(turn, [v6(1), v4(1), v6(2), v6(3)]);
        assert!(in_turn((0..100).map(v6).collect(), Vec::new()).len() <= ADDRESSES_PER_HOST_MAX);
    }
}
