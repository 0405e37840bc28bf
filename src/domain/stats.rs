//! Counts over time: of what, by what, in buckets of which length, and how far back each length goes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::name::Name;
use crate::clock::Time;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Callbacks, by their outcome.
    Callbacks,
    /// Events, by their type.
    Events,
    /// Attempts, by their outcome.
    Attempts,
    /// Deliveries that have ended, by their state.
    Deliveries,
}

impl Counted {
    /// Our word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callbacks => "callback",
            Self::Events => "event",
            Self::Attempts => "attempt",
            Self::Deliveries => "delivery",
        }
    }

    /// Whether it is counted of destinations, and not of sources.
    #[must_use]
    pub fn is_of_destinations(self) -> bool {
        matches!(self, Self::Attempts | Self::Deliveries)
    }
}

/// The length of time that is counted together; it begins at a round minute, hour or day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Bucket {
    /// Every length, shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The length's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The length in milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// The beginning of the bucket that a moment is in.
    #[must_use]
    pub fn start(self, at: Time) -> Time {
        let millis = at.as_millis();
        Time::from_millis(millis - millis.rem_euclid(self.millis()))
    }

    /// The beginning of the first bucket that does not begin before a moment.
    #[must_use]
    pub fn end(self, at: Time) -> Time {
        let start = self.start(at).as_millis();
        Time::from_millis(if start < at.as_millis() { start + self.millis() } else { start })
    }

    /// How far back counts of this length go.
    #[must_use]
    pub fn kept(self) -> Duration {
        match self {
            Self::Minute => Duration::from_hours(2 * 24),
            Self::Hour => Duration::from_hours(62 * 24),
            Self::Day => Duration::from_hours(732 * 24),
        }
    }

    /// The longest time that can be asked for at once.
    #[must_use]
    pub fn range_max(self) -> Duration {
        match self {
            Self::Minute => Duration::from_hours(24),
            Self::Hour => Duration::from_hours(31 * 24),
            Self::Day => Duration::from_hours(366 * 24),
        }
    }

    /// The time that is told unless another one is asked for.
    #[must_use]
    pub fn range_usual(self) -> Duration {
        match self {
            Self::Minute => Duration::from_hours(1),
            Self::Hour => Duration::from_hours(24),
            Self::Day => Duration::from_hours(30 * 24),
        }
    }
}

/// Which counts are wanted.
#[derive(Clone, Debug)]
pub struct StatsFilter {
    /// What is counted.
    pub what: Counted,
    /// Whether it is told by source or destination, and not by type, outcome or state.
    pub by_name: bool,
    /// The length of a bucket.
    pub per: Bucket,
    /// The beginning of the first bucket.
    pub since: Time,
    /// The end of the last bucket.
    pub until: Time,
    /// The sources or destinations; all if absent.
    pub names: Option<Vec<Name>>,
    /// The types; all if absent.
    pub words: Option<Vec<&'static str>>,
}

/// Counts by bucket, and in each by what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<Time, BTreeMap<String, u64>>);

impl Counts {
    /// Adds a number to a bucket, if it is wanted.
    pub fn add(&mut self, filter: &StatsFilter, start: Time, name: &str, word: &str, number: u64) {
        let is_named = |names: &Vec<Name>| names.iter().any(|wanted| wanted.as_str() == name);
        if !filter.names.as_ref().is_none_or(is_named) {
            return;
        }
        if !filter.words.as_ref().is_none_or(|words| words.contains(&word)) {
            return;
        }
        let label = if filter.by_name { name } else { word };
        *self.0.entry(start).or_default().entry(label.to_owned()).or_default() += number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_at_round_times() {
        let at: Time = "2026-08-12T09:15:57.113Z".parse().unwrap();
        let table = [
            (Bucket::Minute, "2026-08-12T09:15:00.000Z", "2026-08-12T09:16:00.000Z"),
            (Bucket::Hour, "2026-08-12T09:00:00.000Z", "2026-08-12T10:00:00.000Z"),
            (Bucket::Day, "2026-08-12T00:00:00.000Z", "2026-08-13T00:00:00.000Z"),
        ];
        for (bucket, start, end) in table {
            let (start, end): (Time, Time) = (start.parse().unwrap(), end.parse().unwrap());
            assert_eq!((bucket.start(at), bucket.end(at)), (start, end));
            assert_eq!((bucket.start(start), bucket.end(start)), (start, start));
            assert!(
                bucket.range_max() < bucket.kept() && bucket.range_usual() <= bucket.range_max()
            );
        }
    }
}
