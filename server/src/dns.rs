//! Questions to name servers, for everybody who has any.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::system_conf::read_system_conf;

use crate::config::{DnsConfig, NameServer};

/// The name servers of the configuration; cheap to clone, and clones share what they remember.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

impl Dns {
    /// Asks nobody yet.
    pub fn new(config: &DnsConfig) -> Result<Self, NetError> {
        let (servers, options) = settings(config);
        let builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        Ok(Self { resolver: builder.with_options(options).build()? })
    }

    /// The same, with every answer checked against the signatures of DNSSEC (RFC 4035): from the root, or
    /// from the keys in this file.
    pub fn validating(config: &DnsConfig, anchor: Option<&Path>) -> Result<Self, NetError> {
        let (servers, mut options) = settings(config);
        options.validate = true;
        let mut builder =
            TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        if let Some(file) = anchor {
            let keys = TrustAnchors::from_file(file)
                .map_err(|error| NetError::from(format!("{}: {error}", file.display())))?;
            builder = builder.with_trust_anchor(Arc::new(keys));
        }
        Ok(Self { resolver: builder.with_options(options).build()? })
    }

    /// What asks them and remembers the answers.
    pub fn resolver(&self) -> &TokioResolver {
        &self.resolver
    }
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Dns").finish_non_exhaustive()
    }
}

/// The configuration as the resolver takes it. Names are always complete: no search list applies.
/// Where the system says nothing, the name server is on this machine, as in resolv.conf(5).
pub(crate) fn settings(config: &DnsConfig) -> (ResolverConfig, ResolverOpts) {
    let here = || vec![NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    let servers = if config.servers.is_empty() {
        let of_system = read_system_conf().map(|(system, _)| system.into_parts().2);
        of_system.ok().filter(|servers| !servers.is_empty()).unwrap_or_else(here)
    } else {
        config.servers.iter().copied().map(name_server).collect()
    };
    let mut options = ResolverOpts::default();
    options.timeout = config.timeout;
    options.attempts = config.attempts;
    options.cache_size = config.cache_entries_max;
    options.use_hosts_file = ResolveHosts::Never;
    options.edns0 = true;
    (ResolverConfig::from_parts(None, Vec::new(), servers), options)
}

fn name_server(NameServer(address): NameServer) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;

    #[test]
    fn the_operators_name_servers_come_before_the_systems() {
        let config = Config::parse("[dns]\nservers = ['127.0.0.1:5353']\ntimeout_ms = 50\n", "f");
        let (servers, options) = settings(&config.expect("parses").dns);
        let [server] = servers.name_servers() else { panic!("one server") };
        assert_eq!(server.ip, IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(server.connections.iter().all(|connection| connection.port == 5353));
        assert_eq!(options.timeout, Duration::from_millis(50));
        assert!(servers.search().is_empty(), "names are complete");
        // Whatever the system says, there is somebody to ask.
        assert!(!settings(&DnsConfig::default()).0.name_servers().is_empty());
    }
}
