//! Questions to name servers, with no records for an answer like any other.

use std::net::IpAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::dns::Dns;

/// Nobody answered, or not in a way that can be read.
#[derive(Debug, thiserror::Error)]
#[error("{name} cannot be looked up: {why}")]
pub(super) struct NoAnswer {
    name: String,
    why: String,
}

/// Who is asked.
pub(super) struct Asked<'a>(&'a TokioResolver);

impl<'a> Asked<'a> {
    pub(super) fn new(dns: &'a Dns) -> Self {
        Self(dns.resolver())
    }

    /// TXT records, the strings of each put together.
    pub(super) async fn texts(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let found = self.records(name, RecordType::TXT).await?;
        let texts = found.iter().filter_map(|record| match record {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        });
        Ok(texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect())
    }

    /// The hosts of MX records, the first choice first, without dots at their ends.
    pub(super) async fn exchanges(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let found = self.records(name, RecordType::MX).await?;
        let exchanges = found.iter().filter_map(|record| match record {
            RData::MX(mx) => Some((mx.preference, bare(&mx.exchange))),
            _ => None,
        });
        let mut exchanges: Vec<_> = exchanges.collect();
        exchanges.sort();
        Ok(exchanges.into_iter().map(|(_, host)| host).collect())
    }

    /// All addresses of a host.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        let mut found = self.records(name, RecordType::A).await?;
        found.extend(self.records(name, RecordType::AAAA).await?);
        Ok(found.iter().filter_map(RData::ip_addr).collect())
    }

    /// The names of an address.
    pub(super) async fn names(&self, address: IpAddr) -> Result<Vec<String>, NoAnswer> {
        let name = Name::from(address).to_ascii();
        let found = self.records(&name, RecordType::PTR).await?;
        let names = found.iter().filter_map(|record| match record {
            RData::PTR(name) => Some(bare(name)),
            _ => None,
        });
        Ok(names.collect())
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, NoAnswer> {
        let failed = |why: String| NoAnswer { name: name.trim_end_matches('.').to_owned(), why };
        let whole = format!("{}.", name.trim_end_matches('.'));
        let parsed = Name::from_ascii(&whole).map_err(|error| failed(error.to_string()))?;
        match self.0.lookup(parsed, kind).await {
            Ok(found) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// A name without the dot at its end.
fn bare(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}
