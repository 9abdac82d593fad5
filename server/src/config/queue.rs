//! How long mail waits for those who do not take it.

use std::time::Duration;

use serde::Deserialize;

use super::limits;

/// What is on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// How long after the first try that failed the next one is; each pause is twice the last.
    #[serde(rename = "retry_first_seconds", deserialize_with = "limits::seconds")]
    pub retry_first: Duration,
    /// The longest pause.
    #[serde(rename = "retry_most_seconds", deserialize_with = "limits::seconds")]
    pub retry_most: Duration,
    /// How old a message gets before its sender is told that it takes long.
    #[serde(rename = "delay_report_seconds", deserialize_with = "limits::seconds")]
    pub delay_report: Duration,
    /// How old a message gets before it is given up.
    #[serde(rename = "expire_seconds", deserialize_with = "limits::seconds")]
    pub expire: Duration,
    /// How long a user may have a message kept back (RFC 4865).
    #[serde(rename = "release_seconds_max", deserialize_with = "limits::seconds")]
    pub release: Duration,
    /// Entries that are tried at one time.
    #[serde(deserialize_with = "limits::positive")]
    pub tries_max: usize,
    /// Of those, to one destination.
    #[serde(deserialize_with = "limits::positive")]
    pub tries_per_destination_max: usize,
    /// Messages a minute to one destination; 0 for any number.
    pub messages_per_minute_max: u32,
    /// Entries that may wait; more are not accepted.
    #[serde(deserialize_with = "limits::positive")]
    pub entries_max: usize,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            retry_first: Duration::from_mins(5),
            retry_most: Duration::from_hours(4),
            delay_report: Duration::from_hours(4),
            expire: Duration::from_hours(5 * 24),
            release: Duration::from_hours(7 * 24),
            tries_max: 200,
            tries_per_destination_max: 10,
            messages_per_minute_max: 0,
            entries_max: 2_000_000,
        }
    }
}
