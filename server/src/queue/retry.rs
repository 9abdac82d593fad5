//! When what could not be delivered is tried again (RFC 5321, 4.5.4.1).

use std::time::Duration;

use crate::config::QueueConfig;

/// Times vary by so much of themselves either way, so that what failed together is not tried
/// together again.
const JITTER: f64 = 0.2;

/// How long after the try of this number, counted from 1, the next one is.
pub(super) fn pause(config: &QueueConfig, attempts: u32) -> Duration {
    let doubled = config.retry_first.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    let pause = doubled.min(config.retry_most);
    pause.mul_f64(1.0 + JITTER * (2.0 * rand::random::<f64>() - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_vary() {
        let config = QueueConfig {
            retry_first: Duration::from_secs(100),
            retry_most: Duration::from_secs(1000),
            ..QueueConfig::default()
        };
        for (attempts, around) in
            [(1, 100.0), (2, 200.0), (4, 800.0), (5, 1000.0), (u32::MAX, 1000.0)]
        {
            let pauses: Vec<f64> =
                (0..100).map(|_| pause(&config, attempts).as_secs_f64()).collect();
            assert!(pauses.iter().all(|pause| (pause / around - 1.0).abs() <= JITTER + 0.001));
            assert!(pauses.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.001));
        }
    }
}
