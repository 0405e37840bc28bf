//! When a failed delivery is tried again: waits, jitter, `Retry-After`; pure.

use std::time::Duration;

/// The waits between attempts: n waits make n + 1 attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule(pub Vec<Duration>);

impl Default for RetrySchedule {
    /// Over 75 hours, the horizon that Standard Webhooks advises.
    fn default() -> Self {
        const SECONDS: [u64; 11] =
            [5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        Self(SECONDS.into_iter().map(Duration::from_secs).collect())
    }
}
