//! How many files this process may have open: each connection is one. Systems allow few at
//! first, and as many as they really can to whoever asks.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside connections: segments, the directory, standard streams.
const OTHERS: u64 = 1024;

/// Asks for as many as `connections_max` needs, and warns if the system refuses.
pub(super) fn allow(connections_max: usize) {
    let needed = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
    let raised = setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum });
    if raised.is_err() || current < Some(needed) {
        tracing::warn!(
            needed,
            allowed = getrlimit(Resource::Nofile).current,
            "the system allows fewer open files than connections_max needs; raise LimitNOFILE"
        );
    }
}
