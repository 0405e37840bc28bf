//! What a destination may leave lying: from when on it wants events, and how old and large its backlog may grow.

use std::time::Duration;

use crate::clock::Time;

/// Which events a new destination gets first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartFrom {
    /// Those that come from now on.
    #[default]
    Now,
    /// All that are kept, and those that come.
    Beginning,
    /// Those that arrived at or after this moment, and those that come.
    At(Time),
}

impl StartFrom {
    /// Whether it wants what arrives at `time`: a moment that lies ahead is waited for.
    #[must_use]
    pub fn includes(self, time: Time) -> bool {
        match self {
            Self::Now | Self::Beginning => true,
            Self::At(first) => time >= first,
        }
    }

    /// The arrival of the oldest event that is wanted of those that are kept already; `None` if none of them is.
    #[must_use]
    pub fn oldest(self) -> Option<Time> {
        match self {
            Self::Now => None,
            Self::Beginning => Some(Time::from_millis(i64::MIN)),
            Self::At(time) => Some(time),
        }
    }
}

/// How much may wait for a destination. What exceeds it becomes `expired`, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogBounds {
    /// How long a delivery may wait, from when it was made.
    pub max_age: Duration,
    /// How many deliveries may wait.
    pub max_events: u64,
}

impl Default for BacklogBounds {
    fn default() -> Self {
        Self { max_age: Duration::from_hours(7 * 24), max_events: 10_000_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_says_what_of_the_past_and_of_what_comes_is_wanted() {
        let at = |seconds: i64| Time::from_millis(seconds * 1_000);
        assert_eq!((StartFrom::Now.oldest(), StartFrom::Now.includes(at(1))), (None, true));
        assert!(
            StartFrom::Beginning.oldest().unwrap() < at(-1_000_000)
                && StartFrom::Beginning.includes(at(1))
        );
        let later = StartFrom::At(at(9));
        assert_eq!(
            (later.oldest(), later.includes(at(8)), later.includes(at(9))),
            (Some(at(9)), false, true)
        );
    }
}
