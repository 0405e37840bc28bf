//! The circuit breaker before each destination: it stops sending to one that keeps failing, probes it, and comes back gently; pure.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use crate::random::Random;

/// This many failures in a row open the breaker.
const FAILURES_MAX: u32 = 10;

/// As many attempts as this within [`RECENT`], of which half failed, open the breaker too.
const SAMPLE_MIN: u32 = 20;

/// The seconds that the share of failures is told from.
const RECENT: u64 = 60;

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
    recent: Recent,
    slots_max: usize,
}

/// How many attempts succeeded and failed in each of the last seconds; at most [`RECENT`] of them.
#[derive(Clone, Debug, Default)]
struct Recent(VecDeque<(u64, u32, u32)>);

impl Recent {
    fn note(&mut self, now: Duration, failed: bool) {
        let second = now.as_secs();
        while self.0.front().is_some_and(|(oldest, ..)| oldest.saturating_add(RECENT) <= second) {
            self.0.pop_front();
        }
        if self.0.back().is_none_or(|(latest, ..)| *latest != second) {
            self.0.push_back((second, 0, 0));
        }
        if let Some((_, good, bad)) = self.0.back_mut() {
            let count = if failed { bad } else { good };
            *count = count.saturating_add(1);
        }
    }

    /// Whether enough attempts were made, and half of them failed.
    fn is_bad(&self) -> bool {
        let all = self.0.iter().fold((0_u32, 0_u32), |(good, bad), (_, more_good, more_bad)| {
            (good.saturating_add(*more_good), bad.saturating_add(*more_bad))
        });
        all.0.saturating_add(all.1) >= SAMPLE_MIN && all.1 >= all.0
    }
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
        let condition = Condition::Closed { failures: 0, window: slots_max };
        Self { condition, recent: Recent::default(), slots_max }
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

    /// The destination took something at `now`. Closes the breaker; every success then lets one more through, so that the window doubles
    /// from round to round: 1 (the probe), 2, 4 … up to the destination's own bound.
    pub fn succeeded(&mut self, now: Duration) {
        self.recent.note(now, false);
        let window = match self.condition {
            Condition::Closed { window, .. } => window,
            Condition::Open { .. } => 1,
        };
        let window = window.saturating_add(1).min(self.slots_max);
        self.condition = Condition::Closed { failures: 0, window };
    }

    /// The destination failed at `now`. Stragglers that fail while the breaker is open change nothing. While it comes back a
    /// failure lets half as many through as before.
    pub fn failed(&mut self, now: Duration, random: &Random) {
        match self.condition {
            Condition::Closed { failures, window } if failures + 1 < FAILURES_MAX => {
                self.recent.note(now, true);
                if self.recent.is_bad() {
                    self.open(now, OPEN_FIRST, random);
                    return;
                }
                let ramping = window < self.slots_max;
                let window = if ramping { (window / 2).max(1) } else { window };
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
        self.recent = Recent::default(); // what was before says nothing of what comes back
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
        for turn in 0..3 {
            for _ in 0..9 {
                breaker.failed(61 * SECOND * turn, &random);
                assert_eq!(breaker.allowed(Duration::ZERO, 0), 8);
            }
            breaker.succeeded(61 * SECOND * turn);
        }
        for _ in 0..10 {
            breaker.failed(Duration::ZERO, &random);
        }
        assert_eq!(breaker.allowed(Duration::ZERO, 0), 0);
        assert_eq!(breaker.allowed(23 * SECOND, 0), 0);
        assert_eq!(breaker.state(SECOND).as_str(), "open");
    }

    #[test]
    fn half_of_twenty_failures_within_a_minute_open_it_and_less_do_not() {
        let random = Random::from_seed(1);
        let opens = |fails_every: u32, apart: Duration, times: u32| {
            let mut breaker = Breaker::new(8);
            for number in 1..=times {
                let now = apart * number;
                if number.is_multiple_of(fails_every) {
                    breaker.failed(now, &random);
                } else {
                    breaker.succeeded(now);
                }
            }
            breaker.state(apart * times) != BreakerState::Closed
        };
        assert!(opens(2, SECOND, 20));
        assert!(!opens(2, SECOND, 19));
        assert!(!opens(3, SECOND, 600));
        // Twenty attempts never fall into one minute.
        assert!(!opens(2, 4 * SECOND, 600));
    }

    #[test]
    fn a_failure_on_the_way_back_halves_the_window() {
        let random = Random::from_seed(1);
        let mut breaker = opened(&random);
        (0..5).for_each(|_| breaker.succeeded(HOUR));
        assert_eq!(breaker.allowed(HOUR, 0), 6);
        breaker.failed(HOUR, &random);
        assert_eq!(breaker.allowed(HOUR, 0), 3);
        (0..9).for_each(|_| breaker.succeeded(HOUR));
        breaker.failed(HOUR, &random);
        assert_eq!(breaker.allowed(HOUR, 0), 8, "all the way back, one failure is but one");
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
                breaker.succeeded(HOUR);
            }
            rounds.push(breaker.allowed(HOUR, 0));
        }
        assert_eq!(rounds, [1, 2, 4, 8, 8]);
    }
}
