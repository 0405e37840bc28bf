//! One destination's way out as a state machine: paused, held, behind its breaker, within its rate and slots; pure.
//!
//! It also says what an attempt's end makes of the destination and of the delivery. Clock and chance are handed in; the store and the
//! network are others' affair.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::breaker::{Breaker, BreakerState};
use super::delivery::Outcome;
use super::fairness::Demand;
use super::rate::Bucket;
use super::retry::RetrySchedule;
use crate::random::Random;

/// Too busy, and not there for now: statuses whose `Retry-After` speaks for the destination as a whole.
const HOLDING: [u16; 2] = [429, 503];

/// The status that says that a destination wants nothing any more (Standard Webhooks).
pub const GONE: u16 = 410;

/// The statuses of the class 4xx that are not about the event: too early, too many, too slow, and gone.
pub const NOT_ABOUT_THE_EVENT: [u16; 4] = [408, GONE, 425, 429];

/// How a destination wants to be treated.
#[derive(Clone, Debug)]
pub struct Manners {
    /// The most attempts at a time.
    pub max_concurrency: usize,
    /// Deliveries a second; `None`: as many as there are.
    pub rate: Option<f64>,
    /// When failures are tried again.
    pub retry: RetrySchedule,
    /// Statuses that end a delivery at once.
    pub fail_fast: FailFast,
    /// Whether an exhausted delivery holds up those behind it.
    pub blocks: bool,
}

/// Statuses that say that trying again is of no use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailFast(pub Vec<RangeInclusive<u16>>);

impl FailFast {
    /// Whether a delivery that is answered so ends.
    #[must_use]
    pub fn names(&self, status: u16) -> bool {
        status != GONE && self.0.iter().any(|range| range.contains(&status))
    }
}

/// One destination's state. Moments are [`crate::clock::Clock::elapsed`]'s.
#[derive(Clone, Debug)]
pub struct Lane {
    manners: Manners,
    /// Why nothing is sent until somebody resumes it, if so.
    paused: Option<String>,
    breaker: Breaker,
    held_until: Duration,
    bucket: Option<Bucket>,
    in_flight: usize,
}

/// What a lane could take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Attempts may start.
    Some(Demand),
    /// None may before this moment.
    Later(Duration),
    /// None may until something else happens: an attempt ends, or somebody resumes it.
    None,
}

/// How an attempt ended, as far as the schedule cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// In a word.
    pub outcome: Outcome,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// How long the destination asked us to wait.
    pub retry_after: Option<Duration>,
}

/// What an attempt's end means to its destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lesson {
    /// It wants nothing any more: it is to be paused.
    pub gone: bool,
    /// It takes events again, after it did not.
    pub recovered: bool,
    /// It keeps failing: nothing is sent to it for so long.
    pub rests: Option<Duration>,
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The destination took it.
    Succeeded,
    /// It is tried again after this wait.
    RetryIn(Duration),
    /// There are no attempts left.
    Exhausted,
    /// There are no attempts left, and those behind it wait.
    Blocks,
}

impl Lane {
    /// A lane without attempts under way; paused if it was before.
    #[must_use]
    pub fn new(manners: Manners, paused: Option<String>) -> Self {
        let breaker = Breaker::new(manners.max_concurrency);
        let bucket = manners.rate.map(Bucket::new);
        Self { manners, paused, breaker, held_until: Duration::ZERO, bucket, in_flight: 0 }
    }

    /// What may start at `now`.
    #[must_use]
    pub fn room(&self, now: Duration) -> Room {
        if self.paused.is_some() {
            return Room::None;
        }
        if let Some(until) = self.quiet_until(now) {
            return Room::Later(until);
        }
        let in_flight = self.in_flight;
        let slots = self.breaker.allowed(now, in_flight);
        let paid = self.bucket.map_or(slots, |bucket| bucket.allowed(now));
        match (slots.min(paid), slots, self.bucket) {
            (0, 1.., Some(bucket)) => Room::Later(bucket.next(now)),
            (0, ..) => Room::None,
            (slots, ..) => Room::Some(Demand { slots, in_flight }),
        }
    }

    /// An attempt starts.
    pub fn started(&mut self, now: Duration) {
        self.in_flight += 1;
        if let Some(bucket) = &mut self.bucket {
            bucket.pay(now);
        }
    }

    /// An attempt is over, and what came of it is written down, or it was cut off.
    pub fn over(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Learns from how an attempt ended at `now`. What failed on our side says nothing about the destination; a status of the class
    /// 4xx that it is to fail fast on says that it is there, and that the event alone is not to its taste.
    pub fn learn(&mut self, ending: Ending, now: Duration, random: &Random) -> Lesson {
        let before = self.breaker.state(now);
        let mut lesson = Lesson { gone: ending.status == Some(GONE), ..Lesson::default() };
        match ending.outcome {
            Outcome::Succeeded => {
                lesson.recovered = before != BreakerState::Closed;
                self.breaker.succeeded(now);
            }
            Outcome::Rejected if self.is_about_the_event(ending) => self.breaker.succeeded(now),
            Outcome::Rejected | Outcome::TimedOut | Outcome::Unreachable | Outcome::Refused => {
                self.breaker.failed(now, random);
                if let BreakerState::Open { until } = self.breaker.state(now)
                    && before != (BreakerState::Open { until })
                {
                    lesson.rests = Some(until.saturating_sub(now));
                }
            }
            Outcome::Failed | Outcome::Unknown => {}
        }
        if let Some(wait) = ending.retry_after
            && ending.status.is_some_and(|status| HOLDING.contains(&status))
        {
            self.held_until = self.held_until.max(now.saturating_add(wait));
        }
        lesson
    }

    /// What becomes of a delivery of which `counted` attempts were counted before this one.
    #[must_use]
    pub fn fate(&self, ending: Ending, counted: u32, random: &Random) -> Fate {
        if ending.outcome == Outcome::Succeeded {
            return Fate::Succeeded;
        }
        let wait = if self.fails_fast(ending) {
            None
        } else {
            self.manners.retry.next(counted, ending.outcome, ending.retry_after, random)
        };
        match wait {
            Some(wait) => Fate::RetryIn(wait),
            None if self.manners.blocks => Fate::Blocks,
            None => Fate::Exhausted,
        }
    }

    /// Whether an attempt's end ends the delivery whatever its schedule says.
    #[must_use]
    pub fn fails_fast(&self, ending: Ending) -> bool {
        let named = ending.status.is_some_and(|status| self.manners.fail_fast.names(status));
        named && ending.outcome == Outcome::Rejected
    }

    fn is_about_the_event(&self, ending: Ending) -> bool {
        let of_the_event =
            |status: u16| (400..500).contains(&status) && !NOT_ABOUT_THE_EVENT.contains(&status);
        self.fails_fast(ending) && ending.status.is_some_and(of_the_event)
    }

    /// Goes by other manners from now on. Another number of attempts at a time begins with a closed breaker, another rate with a
    /// full bucket.
    pub fn rearrange(&mut self, manners: Manners) {
        if manners.max_concurrency != self.manners.max_concurrency {
            self.forget();
            self.breaker = Breaker::new(manners.max_concurrency);
        }
        if manners.rate != self.manners.rate {
            self.bucket = manners.rate.map(Bucket::new);
        }
        self.manners = manners;
    }

    /// Knows no more how the destination answered: for one that is another now.
    pub fn forget(&mut self) {
        self.held_until = Duration::ZERO;
        self.breaker = Breaker::new(self.manners.max_concurrency);
    }

    /// Nothing is sent from now on.
    pub fn pause(&mut self, reason: &str) {
        self.paused = Some(reason.to_owned());
    }

    /// Goes on at once, whatever the destination asked for earlier.
    pub fn resume(&mut self) {
        self.paused = None;
        self.forget();
    }

    /// Why it is paused, if it is.
    #[must_use]
    pub fn paused(&self) -> Option<&str> {
        self.paused.as_deref()
    }

    /// The breaker's state at `now`.
    #[must_use]
    pub fn breaker(&self, now: Duration) -> BreakerState {
        self.breaker.state(now)
    }

    /// Until when nothing is sent because the destination asked for it or its breaker is open, if that is after `now`.
    #[must_use]
    pub fn quiet_until(&self, now: Duration) -> Option<Duration> {
        let probe = match self.breaker.state(now) {
            BreakerState::Open { until } => until,
            BreakerState::Closed | BreakerState::HalfOpen => Duration::ZERO,
        };
        Some(self.held_until.max(probe)).filter(|until| now < *until)
    }

    /// How many attempts are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lane(rate: Option<f64>, fail_fast: Vec<RangeInclusive<u16>>) -> Lane {
        let retry = RetrySchedule(vec![10 * SECOND]);
        let fail_fast = FailFast(fail_fast);
        Lane::new(Manners { max_concurrency: 4, rate, retry, fail_fast, blocks: false }, None)
    }

    fn rejected(status: u16) -> Ending {
        Ending { outcome: Outcome::Rejected, status: Some(status), retry_after: None }
    }

    #[test]
    fn a_lane_has_room_within_its_slots_and_its_rate() {
        let mut unlimited = lane(None, Vec::new());
        assert_eq!(unlimited.room(SECOND), Room::Some(Demand { slots: 4, in_flight: 0 }));
        (0..4).for_each(|_| unlimited.started(SECOND));
        assert_eq!(unlimited.room(SECOND), Room::None);
        unlimited.over();
        assert_eq!(unlimited.room(SECOND), Room::Some(Demand { slots: 1, in_flight: 3 }));

        let mut slow = lane(Some(0.5), Vec::new());
        assert_eq!(slow.room(SECOND), Room::Some(Demand { slots: 1, in_flight: 0 }));
        slow.started(SECOND);
        slow.over();
        let Room::Later(moment) = slow.room(SECOND) else { panic!("it should wait") };
        assert!(moment > 2 * SECOND && moment < 4 * SECOND, "{moment:?}");
        assert_eq!(slow.room(moment), Room::Some(Demand { slots: 1, in_flight: 0 }));
    }

    #[test]
    fn a_status_to_fail_fast_on_ends_the_delivery_and_is_about_the_event_if_it_is_4xx() {
        let random = Random::from_seed(1);
        let mut strict = lane(None, vec![400..=400, 500..=599]);
        for (status, fate) in [(400, true), (422, false), (503, true), (410, false)] {
            let ended = strict.fate(rejected(status), 0, &random) == Fate::Exhausted;
            assert_eq!(ended, fate, "{status}");
        }
        let timed_out = Ending { outcome: Outcome::TimedOut, ..rejected(400) };
        assert!(matches!(strict.fate(timed_out, 0, &random), Fate::RetryIn(_)));
        for _ in 0..50 {
            strict.learn(rejected(400), SECOND, &random);
        }
        assert_eq!(strict.breaker(SECOND), BreakerState::Closed);
        for _ in 0..10 {
            strict.learn(rejected(503), SECOND, &random);
        }
        assert!(matches!(strict.breaker(SECOND), BreakerState::Open { .. }));
    }

    #[test]
    fn only_too_busy_and_not_there_hold_a_destination_and_gone_pauses_it() {
        let random = Random::from_seed(1);
        for (status, held) in [(429, true), (503, true), (500, false), (404, false)] {
            let mut lane = lane(None, Vec::new());
            let asked = Ending { retry_after: Some(60 * SECOND), ..rejected(status) };
            lane.learn(asked, SECOND, &random);
            assert_eq!(lane.quiet_until(SECOND).is_some(), held, "{status}");
            let expected = if held { Room::Later(61 * SECOND) } else { lane.room(62 * SECOND) };
            assert_eq!(lane.room(2 * SECOND), expected, "{status}");
        }
        let mut lane = lane(None, Vec::new());
        assert!(lane.learn(rejected(410), SECOND, &random).gone);
        lane.pause("gone");
        assert_eq!(lane.room(100 * SECOND), Room::None);
        lane.resume();
        assert!(matches!(lane.room(100 * SECOND), Room::Some(_)));
    }

    #[test]
    fn other_manners_are_taken_over_and_what_is_under_way_counts() {
        let mut lane = lane(None, Vec::new());
        lane.started(SECOND);
        let retry = RetrySchedule(Vec::new());
        let fail_fast = FailFast::default();
        lane.rearrange(Manners {
            max_concurrency: 3,
            rate: Some(100.0),
            retry,
            fail_fast,
            blocks: true,
        });
        assert_eq!(lane.room(SECOND), Room::Some(Demand { slots: 2, in_flight: 1 }));
        (0..2).for_each(|_| lane.started(SECOND));
        assert_eq!(lane.room(SECOND), Room::None);
        assert_eq!(lane.fate(rejected(500), 0, &Random::from_seed(1)), Fate::Blocks);
    }
}
