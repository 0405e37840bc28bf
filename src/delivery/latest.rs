//! How a destination's latest attempts went: the share that succeeded, and how long they took.

use std::collections::VecDeque;
use std::time::Duration;

/// Attempts that are remembered for each destination.
const KEPT_MAX: usize = 500;

/// A destination's latest attempts since the start, newest last.
#[derive(Debug, Default)]
pub(super) struct Latest(VecDeque<(bool, Duration)>);

impl Latest {
    /// Remembers an attempt in place of the oldest one.
    pub(super) fn note(&mut self, succeeded: bool, took: Duration) {
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back((succeeded, took));
    }

    /// The share that succeeded, 0 to 1, to the thousandth; `None` before the first attempt.
    #[expect(clippy::cast_precision_loss, reason = "at most a few hundred attempts are counted")]
    pub(super) fn success_rate(&self) -> Option<f64> {
        let succeeded = self.0.iter().filter(|(succeeded, _)| *succeeded).count();
        let share = succeeded as f64 / self.0.len() as f64;
        (!self.0.is_empty()).then_some((share * 1_000.0).round() / 1_000.0)
    }

    /// The median and the 99th percentile of how long they took.
    pub(super) fn percentiles(&self) -> Option<(Duration, Duration)> {
        let mut times: Vec<Duration> = self.0.iter().map(|(_, took)| *took).collect();
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len().saturating_sub(1) * percent / 100).copied();
        Some((at(50)?, at(99)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_attempts_are_summed_up_and_the_oldest_forgotten() {
        let mut latest = Latest::default();
        assert_eq!((latest.success_rate(), latest.percentiles()), (None, None));
        for number in 1..=100 {
            latest.note(number % 4 != 0, Duration::from_millis(number));
        }
        assert_eq!(latest.success_rate(), Some(0.75));
        let expected = (Duration::from_millis(50), Duration::from_millis(99));
        assert_eq!(latest.percentiles(), Some(expected));
        for _ in 0..KEPT_MAX {
            latest.note(true, Duration::from_millis(7));
        }
        assert_eq!(latest.success_rate(), Some(1.0));
    }
}
