//! How many deliveries a second a destination gets: a bucket that fills with time and pays for each attempt; pure.

use std::time::Duration;

/// For how long an idle destination saves up, in seconds: what it then gets at once beyond its rate.
const SAVED_SECONDS: f64 = 0.05;

/// One destination's bucket. Moments are [`crate::clock::Clock::elapsed`]'s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    per_second: f64,
    saved: f64,
    filled_at: Duration,
}

impl Bucket {
    /// A full bucket for so many deliveries a second; more than 0.
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        Self { per_second, saved: room(per_second), filled_at: Duration::ZERO }
    }

    /// How many attempts may start at `now`.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a twentieth of the rate, which is bounded"
    )]
    pub fn allowed(&self, now: Duration) -> usize {
        self.saved_at(now).floor() as usize
    }

    /// When the next attempt may start.
    #[must_use]
    pub fn next(&self, now: Duration) -> Duration {
        let lacking = (1.0 - self.saved_at(now)).max(0.0);
        // Rounded up, so that there is one when the time has come.
        now + Duration::from_secs_f64(lacking / self.per_second) + Duration::from_micros(1)
    }

    /// Pays for an attempt that starts at `now`.
    pub fn pay(&mut self, now: Duration) {
        self.saved = self.saved_at(now) - 1.0;
        self.filled_at = now;
    }

    fn saved_at(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        passed.mul_add(self.per_second, self.saved).min(room(self.per_second))
    }
}

/// The most that is saved up: one attempt at least.
fn room(per_second: f64) -> f64 {
    (per_second * SAVED_SECONDS).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many start within `time` if everything that may start does.
    fn started(per_second: f64, time: Duration) -> usize {
        let mut bucket = Bucket::new(per_second);
        let (mut now, mut started) = (Duration::ZERO, 0);
        while now < time {
            let allowed = bucket.allowed(now);
            (0..allowed).for_each(|_| bucket.pay(now));
            started += allowed;
            now = bucket.next(now);
        }
        started
    }

    #[test]
    fn as_many_start_as_the_rate_says_and_a_little_at_the_beginning() {
        let minute = Duration::from_mins(1);
        let table =
            [(0.5, 30..=31), (1.0, 60..=61), (100.0, 5_990..=6_005), (1_000.0, 59_900..=60_050)];
        for (per_second, expected) in table {
            let started = started(per_second, minute);
            assert!(expected.contains(&started), "{per_second}: {started}");
        }
    }

    #[test]
    fn what_is_not_used_is_not_saved_up() {
        let mut bucket = Bucket::new(10.0);
        let later = Duration::from_hours(1);
        assert_eq!(bucket.allowed(later), 1);
        bucket.pay(later);
        assert_eq!(bucket.allowed(later), 0);
        assert!(bucket.next(later) <= later + Duration::from_millis(101));
    }
}
