//! What a seed makes of each destination: its manners, and how it answers for a while, from fine to gone.

use std::time::Duration;

use callbox::domain::delivery::Outcome;
use callbox::domain::lane::{Ending, FailFast, Manners};
use callbox::domain::retry::RetrySchedule;
use callbox::random::Random;

const MINUTE: Duration = Duration::from_mins(1);

/// A destination.
pub(super) struct Town {
    pub(super) manners: Manners,
    /// Whether it wants its lines in order.
    pub(super) ordered: bool,
    pub(super) weather: Weather,
}

/// How a destination answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fine,
    /// Every second or so fails.
    Flaky,
    Down,
    /// Never answers: every attempt ends at its deadline.
    Hung,
    /// Asks to stay away.
    Busy,
    /// Does not like what some events say.
    Picky,
    /// Wants nothing any more.
    Gone,
}

/// One of a few, by chance.
pub(super) fn pick<T: Copy>(random: &Random, of: &[T]) -> T {
    of[random.below(of.len())]
}

/// A whole number of milliseconds up to `most`, short ones as likely as long ones by their magnitude.
pub(super) fn some_time(random: &Random, least: Duration, most: Duration) -> Duration {
    let (least, most) = (least.as_millis() as usize, most.as_millis() as usize);
    let span = random.below(most.max(least + 1) - least) >> random.below(8);
    Duration::from_millis((least + span) as u64)
}

impl Town {
    pub(super) fn new(random: &Random) -> Self {
        let waits = (0..random.below(7)).map(|_| {
            let seconds = pick(random, &[0, 1, 5, 30, 120, 600, 3_600, 14_400]);
            Duration::from_secs(seconds)
        });
        let ordered = random.below(2) == 0;
        let refuses = if random.below(2) == 0 { vec![422..=422] } else { Vec::new() };
        let manners = Manners {
            max_concurrency: pick(random, &[1, 2, 4, 8, 32]),
            rate: pick(random, &[None, None, Some(0.5), Some(3.0), Some(100.0)]),
            retry: RetrySchedule(waits.collect()),
            fail_fast: FailFast(refuses),
            blocks: ordered && random.below(2) == 0,
        };
        Self { manners, ordered, weather: Weather::Fine }
    }

    /// Another weather, and how long it lasts.
    pub(super) fn change(&mut self, random: &Random) -> Duration {
        let bad = [
            Weather::Flaky,
            Weather::Down,
            Weather::Down,
            Weather::Hung,
            Weather::Busy,
            Weather::Picky,
            Weather::Gone,
        ];
        if self.weather == Weather::Fine {
            self.weather = pick(random, &bad);
            some_time(random, MINUTE, 360 * MINUTE)
        } else {
            self.weather = Weather::Fine;
            some_time(random, 5 * MINUTE, 480 * MINUTE)
        }
    }

    /// How long an attempt that starts now takes, and how it ends.
    pub(super) fn answer(&self, random: &Random) -> (Duration, Ending) {
        let millis =
            |least: u64, most: usize| Duration::from_millis(least + random.below(most) as u64);
        let rejected = |status, retry_after| Ending {
            outcome: Outcome::Rejected,
            status: Some(status),
            retry_after,
        };
        let failed = |outcome| Ending { outcome, status: None, retry_after: None };
        let good = Ending { outcome: Outcome::Succeeded, status: Some(200), retry_after: None };
        let chance = random.below(100);
        match self.weather {
            Weather::Fine if chance == 0 => (millis(5, 300), rejected(500, None)),
            Weather::Flaky if chance < 50 => (millis(5, 900), rejected(502, None)),
            Weather::Down => (millis(1, 2_000), failed(Outcome::Unreachable)),
            Weather::Hung => (Duration::from_secs(30), failed(Outcome::TimedOut)),
            Weather::Busy => {
                let asked = some_time(random, MINUTE / 6, 120 * MINUTE);
                let status = pick(random, &[429, 503, 500]);
                (millis(5, 100), rejected(status, (chance < 60).then_some(asked)))
            }
            Weather::Picky if chance < 30 => (millis(5, 100), rejected(422, None)),
            Weather::Gone if chance < 5 => (millis(5, 100), rejected(410, None)),
            Weather::Fine | Weather::Flaky | Weather::Picky | Weather::Gone => {
                (millis(5, 300), good)
            }
        }
    }
}
