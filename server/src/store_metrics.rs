//! The counters of the store's logs in the text format of Prometheus, read when asked for.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use engine::LogStats;

const END: &str = "# EOF\n";

/// A number of one log.
type Read = fn(&LogStats) -> u64;

/// Name, kind, meaning, and where the number comes from.
const NUMBERS: [(&str, &str, &str, Read); 4] = [
    ("commits", "counter", "Batches written and synced", LogStats::commits),
    ("log_bytes", "counter", "Bytes written to the log", LogStats::bytes),
    ("segments", "gauge", "Segments of the log", LogStats::segments),
    ("segment_bytes", "gauge", "Bytes of all segments", LogStats::segment_bytes),
];

/// Adds the counters of each shard in front of the end mark.
pub(crate) fn insert(text: &mut String, stats: &[Arc<LogStats>]) {
    if text.ends_with(END) {
        text.truncate(text.len() - END.len());
    }
    // Writing to a `String` does not fail.
    let _ = write(text, stats);
    text.push_str(END);
}

fn write(text: &mut String, stats: &[Arc<LogStats>]) -> std::fmt::Result {
    for (name, kind, meaning, read) in NUMBERS {
        writeln!(text, "# HELP fumikura_{name} {meaning}.\n# TYPE fumikura_{name} {kind}")?;
        let total = if kind == "counter" { "_total" } else { "" };
        for (shard, stats) in stats.iter().enumerate() {
            writeln!(text, "fumikura_{name}{total}{{shard=\"{shard}\"}} {}", read(stats))?;
        }
    }
    writeln!(text, "# HELP fumikura_sync_duration_seconds Write and sync of one batch.")?;
    writeln!(text, "# TYPE fumikura_sync_duration_seconds histogram")?;
    writeln!(text, "# UNIT fumikura_sync_duration_seconds seconds")?;
    for (shard, stats) in stats.iter().enumerate() {
        write_syncs(text, shard, stats)?;
    }
    Ok(())
}

fn write_syncs(text: &mut String, shard: usize, stats: &LogStats) -> std::fmt::Result {
    let name = "fumikura_sync_duration_seconds";
    let nanos = stats.sync_nanos();
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let mut count = 0;
    let seconds_of = |micros: &u64| Duration::from_micros(*micros).as_secs_f64().to_string();
    let bounds = LogStats::SYNC_MICROS_BOUNDS.iter().map(seconds_of);
    for (bound, in_bucket) in bounds.chain(["+Inf".to_owned()]).zip(stats.sync_counts()) {
        count += in_bucket;
        writeln!(text, "{name}_bucket{{shard=\"{shard}\",le=\"{bound}\"}} {count}")?;
    }
    writeln!(text, "{name}_sum{{shard=\"{shard}\"}} {seconds}.{rest:09}")?;
    writeln!(text, "{name}_count{{shard=\"{shard}\"}} {count}")
}
