//! The circuit breaker before each destination: it stops sending to one that keeps failing, probes it, and comes back gently; pure.

use std::time::Duration;

use serde::Serialize;

use crate::random::Random;

/// This many failures in a row open the breaker.
const FAILURES_MAX: u32 = 10;

/// How long it stays open the first time; every failed probe doubles it.
const OPEN_FIRST: Duration = Duration::from_secs(30);

/// The longest that it stays open between two probes, before jitter.
const OPEN_MAX: Duration = Duration::from_mins(15);

/// How far a wait is spread in either direction, so that two callboxes do not probe in step.
const JITTER: f64 = 0.2;

/// One destination's breaker. Moments are [`crate::clock::Clock::elapsed`]'s, so that a jump of the wall clock changes nothing.
///
/// Waiting behind it uses up no attempts: what is not sent is not claimed.
#[derive(Clone, Debug)]
pub struct Breaker {
    condition: Condition,
    slots_max: usize,
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    /// Sends flow, `window` at a time; `failures` of them failed in a row.
    Closed { failures: u32, window: usize },
    /// Nothing is sent before `until`, then one probe; `wait` is what led to `until`, without jitter.
    Open { until: Duration, wait: Duration },
}

/// A breaker's state as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Deliveries flow.
    Closed,
    /// Nothing is sent for a while.
    Open {
        /// When the next probe may go.
        #[serde(skip)]
        until: Duration,
    },
    /// One probe at a time is let through.
    HalfOpen,
}

impl BreakerState {
    /// The state's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl Breaker {
    /// A closed breaker before a destination that takes `slots_max` attempts at a time.
    #[must_use]
    pub fn new(slots_max: usize) -> Self {
        Self { condition: Condition::Closed { failures: 0, window: slots_max }, slots_max }
    }

    /// How many more attempts may start at `now`, while `in_flight` are under way.
    #[must_use]
    pub fn allowed(&self, now: Duration, in_flight: usize) -> usize {
        let slots = match self.condition {
            Condition::Closed { window, .. } => window,
            Condition::Open { until, .. } if now < until => 0,
            Condition::Open { .. } => self.slots_max.min(1),
        };
        slots.saturating_sub(in_flight)
    }

    /// The state at `now`.
    #[must_use]
    pub fn state(&self, now: Duration) -> BreakerState {
        match self.condition {
            Condition::Closed { .. } => BreakerState::Closed,
            Condition::Open { until, .. } if now < until => BreakerState::Open { until },
            Condition::Open { .. } => BreakerState::HalfOpen,
        }
    }

    /// The destination took something. Closes the breaker; every success then lets one more through, so that the window doubles
    /// from round to round: 1 (the probe), 2, 4 … up to the destination's own bound.
    pub fn succeeded(&mut self) {
        let window = match self.condition {
            Condition::Closed { window, .. } => window,
            Condition::Open { .. } => 1,
        };
        let window = window.saturating_add(1).min(self.slots_max);
        self.condition = Condition::Closed { failures: 0, window };
    }

    /// The destination failed at `now`. Stragglers that fail while the breaker is open change nothing.
    pub fn failed(&mut self, now: Duration, random: &Random) {
        match self.condition {
            Condition::Closed { failures, window } if failures + 1 < FAILURES_MAX => {
                self.condition = Condition::Closed { failures: failures + 1, window };
            }
            Condition::Closed { .. } => self.open(now, OPEN_FIRST, random),
            Condition::Open { until, .. } if now < until => {}
            Condition::Open { wait, .. } => {
                self.open(now, wait.saturating_mul(2).min(OPEN_MAX), random);
            }
        }
    }

    fn open(&mut self, now: Duration, wait: Duration, random: &Random) {
        let until = now.saturating_add(random.jitter(wait, JITTER));
        self.condition = Condition::Open { until, wait };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_hours(1);

    fn opened(random: &Random) -> Breaker {
        let mut breaker = Breaker::new(8);
        for _ in 0..FAILURES_MAX {
            breaker.failed(Duration::ZERO, random);
        }
        breaker
    }

    #[test]
    fn ten_failures_in_a_row_open_it_and_nine_do_not() {
        let random = Random::from_seed(1);
        let mut breaker = Breaker::new(8);
        for _ in 0..3 {
            for _ in 0..9 {
                breaker.failed(Duration::ZERO, &random);
                assert_eq!(breaker.allowed(Duration::ZERO, 0), 8);
            }
            breaker.succeeded();
        }
        for _ in 0..10 {
            breaker.failed(Duration::ZERO, &random);
        }
        assert_eq!(breaker.allowed(Duration::ZERO, 0), 0);
        assert_eq!(breaker.allowed(23 * SECOND, 0), 0);
        assert_eq!(breaker.state(SECOND).as_str(), "open");
    }

    #[test]
    fn a_closed_breaker_leaves_the_slots_that_are_not_taken() {
        let breaker = Breaker::new(8);
        for (in_flight, slots) in [(0, 8), (3, 5), (8, 0), (9, 0)] {
            assert_eq!(breaker.allowed(SECOND, in_flight), slots);
        }
    }

    #[test]
    fn half_open_lets_one_probe_through_at_a_time() {
        let breaker = opened(&Random::from_seed(1));
        let later = 37 * SECOND;
        assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        for (in_flight, slots) in [(0, 1), (1, 0), (7, 0)] {
            assert_eq!(breaker.allowed(later, in_flight), slots);
        }
    }

    #[test]
    fn every_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        let random = Random::from_seed(1);
        let mut breaker = opened(&random);
        let mut now = HOUR;
        for seconds in [60, 120, 240, 480, 900, 900, 900] {
            breaker.failed(now, &random);
            let BreakerState::Open { until } = breaker.state(now) else { panic!("not open") };
            let wait = until.saturating_sub(now);
            assert!(
                wait >= SECOND * seconds * 4 / 5 && wait <= SECOND * seconds * 6 / 5,
                "{wait:?}"
            );
            now = until;
        }
    }

    #[test]
    fn stragglers_that_fail_behind_an_open_breaker_change_nothing() {
        let random = Random::from_seed(1);
        let mut breaker = opened(&random);
        let before = breaker.state(SECOND);
        breaker.failed(SECOND, &random);
        assert_eq!(breaker.state(SECOND), before);
    }

    #[test]
    fn after_a_good_probe_the_window_doubles_from_round_to_round() {
        let mut breaker = opened(&Random::from_seed(1));
        let mut rounds = vec![breaker.allowed(HOUR, 0)];
        for _ in 0..4 {
            for _ in 0..rounds.last().copied().unwrap() {
                breaker.succeeded();
            }
            rounds.push(breaker.allowed(HOUR, 0));
        }
        assert_eq!(rounds, [1, 2, 4, 8, 8]);
    }
}
