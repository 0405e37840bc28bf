//! The only place that asks for the time, and the one shape a moment has everywhere: milliseconds since 1970, UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, to the millisecond, UTC. Printed as RFC 3339 with exactly three fraction digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// The moment `milliseconds` after 1970-01-01T00:00:00Z; kept within the years that RFC 3339 can say.
    #[must_use]
    pub fn from_millis(milliseconds: i64) -> Self {
        const MIN: i64 = -62_135_596_800_000; // 0001-01-01T00:00:00.000Z
        const MAX: i64 = 253_402_207_200_000; // the last that jiff takes, in the year 9999
        Self(milliseconds.clamp(MIN, MAX))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment, `duration` later; whole milliseconds.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(duration)))
    }

    /// This moment, `duration` earlier; whole milliseconds.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self::from_millis(timestamp.as_millisecond())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(formatter, "{timestamp:.3}")
    }
}

/// The text was not an RFC 3339 time with a zone.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-08-12T09:15:57.000Z")]
pub struct NotATime;

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<Timestamp>().map(Self::from).map_err(|_| NotATime)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What tells the time and waits for it: the system's clock, or a test's hand.
#[async_trait]
pub trait Clock: Send + Sync + fmt::Debug {
    /// The moment it is, by the wall clock.
    fn now(&self) -> Time;

    /// Time passed since some fixed moment; never goes backwards, whatever the wall clock does.
    fn elapsed(&self) -> Duration;

    /// Returns once `duration` has passed on [`Clock::elapsed`]'s scale.
    async fn sleep(&self, duration: Duration);
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A clock whose [`Clock::elapsed`] counts from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks for the time")]
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        Timestamp::now().into()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_with_three_fraction_digits_and_read_back() {
        let time: Time = "2026-08-12T09:15:57Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-08-12T09:15:57.000Z");
        let with_zone: Time = "2026-08-12T11:15:57.25+02:00".parse().unwrap();
        assert_eq!(with_zone.to_string(), "2026-08-12T09:15:57.250Z");
        assert!("yesterday".parse::<Time>().is_err());
    }

    #[test]
    fn the_extremes_still_print() {
        assert_eq!(Time::from_millis(i64::MIN).to_string(), "0001-01-01T00:00:00.000Z");
        assert!(Time::from_millis(i64::MAX).to_string().starts_with("9999-12-3"));
    }
}
