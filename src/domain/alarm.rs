//! Alarms: what can be wrong, when that becomes an alarm, and when it is over; pure. One event per change of state, not per failure.

use std::time::Duration;

use serde_json::{Map, Value};

use super::event_type::EventType;
use crate::clock::Time;

/// How long something has to have been quiet before it counts as over, so that what flickers is one alarm.
pub const QUIET: Duration = Duration::from_secs(30);

/// After so long without trouble it is over, though nothing good was heard either.
pub const FORGOTTEN: Duration = Duration::from_hours(1);

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// A destination gets nothing: paused, or behind an open breaker.
    Paused,
    /// Deliveries to a destination have used up their attempts.
    Exhausted,
    /// Deliveries to a destination exceeded its backlog's bounds.
    Expired,
    /// Nothing came from a source for longer than is expected.
    Silent,
    /// What comes as from a source is not authentic.
    Unauthentic,
    /// A source sends what its adapter does not know.
    Drift,
    /// Messages of a source wait for a receipt for too long.
    Stuck,
    /// The disk fills up; no callbacks are taken.
    DiskLow,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Paused,
        Self::Exhausted,
        Self::Expired,
        Self::Silent,
        Self::Unauthentic,
        Self::Drift,
        Self::Stuck,
        Self::DiskLow,
    ];

    /// The type of the event that raises it: also its name.
    #[must_use]
    pub fn raised(self) -> EventType {
        match self {
            Self::Paused => EventType::CallboxDestinationPaused,
            Self::Exhausted => EventType::CallboxDestinationExhausted,
            Self::Expired => EventType::CallboxDestinationExpired,
            Self::Silent => EventType::CallboxSourceSilent,
            Self::Unauthentic => EventType::CallboxSourceUnauthentic,
            Self::Drift => EventType::CallboxSourceDrift,
            Self::Stuck => EventType::CallboxSourceStuck,
            Self::DiskLow => EventType::CallboxDiskLow,
        }
    }

    /// The type of the event that says that it is over.
    #[must_use]
    pub fn recovered(self) -> EventType {
        match self {
            Self::Paused | Self::Exhausted | Self::Expired => {
                EventType::CallboxDestinationRecovered
            }
            Self::Silent | Self::Unauthentic | Self::Drift | Self::Stuck => {
                EventType::CallboxSourceRecovered
            }
            Self::DiskLow => EventType::CallboxDiskRecovered,
        }
    }

    /// What to do about it, for whoever is paged.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Paused => {
                "look at the service; once it is well, `callbox destinations resume NAME` if it is paused, or wait for the next probe"
            }
            Self::Exhausted => {
                "read the attempts' reasons with `callbox deliveries --state exhausted`, mend the cause, then retry or replay them"
            }
            Self::Expired => {
                "mend the service, then replay what it missed: `callbox replay --events --since … --to NAME`"
            }
            Self::Silent => {
                "see whether the vendor still has the right URL, and what /v1/sources says of the source"
            }
            Self::Unauthentic => {
                "compare the secrets with the vendor's; once right, `callbox callbacks reprocess --outcome unauthentic` takes in what was refused"
            }
            Self::Drift => {
                "nothing is lost: /v1/sources/NAME lists what is new; an update of callbox may know it"
            }
            Self::Stuck => {
                "list them with `callbox messages --stuck-for 1h`, and ask the vendor for their receipts"
            }
            Self::DiskLow => "make room on the disk: callbacks are refused with 503 until there is",
        }
    }
}

/// Where an alarm stands; outlives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What can be wrong.
    pub condition: Condition,
    /// With what: the name of a destination or source; `disk`.
    pub subject: String,
    /// Whether it is.
    pub raised: bool,
    /// Since when it stands so.
    pub since: Time,
    /// Why it was raised.
    pub reason: String,
    /// The count that was known when it last changed: what exceeds it is new.
    pub seen: u64,
}

/// How things look now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Something is wrong, and what.
    Ill(Trouble),
    /// All is well.
    Well,
    /// Neither can be said.
    Unclear,
}

/// What is wrong, in words and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// In words.
    pub reason: String,
    /// In numbers, and what else a pager wants to know.
    pub counts: Map<String, Value>,
}

/// What changes about an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is raised.
    Raised,
    /// It is over.
    Recovered,
}

/// What follows from a sign; nothing, as long as things stand as they did.
#[must_use]
pub fn change(is_raised: bool, sign: &Sign) -> Option<Change> {
    match (is_raised, sign) {
        (false, Sign::Ill(_)) => Some(Change::Raised),
        (true, Sign::Well) => Some(Change::Recovered),
        (true, Sign::Ill(_) | Sign::Unclear) | (false, Sign::Well | Sign::Unclear) => None,
    }
}

/// Follows a count of bad things beside a count of good ones. Moments are [`crate::clock::Clock::elapsed`]'s.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    bad: u64,
    good_then: u64,
    rose_at: Duration,
}

impl Tally {
    /// What is counted when the watch begins.
    #[must_use]
    pub fn beginning(bad: u64, good: u64, now: Duration) -> Self {
        Self { bad, good_then: good, rose_at: now }
    }

    /// Looks at the counts again: ill while there are more bad ones than the alarm has `seen`, unless something good came since the
    /// last of them and it was quiet for a while, or it was quiet for long.
    pub fn look(
        &mut self,
        (bad, good): (u64, u64),
        (seen, is_raised): (u64, bool),
        now: Duration,
    ) -> Counted {
        if bad != self.bad {
            *self = Self::beginning(bad, good, now);
        }
        let quiet = now.saturating_sub(self.rose_at);
        let is_over = (quiet >= QUIET && good > self.good_then) || quiet >= FORGOTTEN;
        if bad > seen && (!is_raised || quiet < QUIET) {
            Counted::More(bad - seen)
        } else if is_over {
            Counted::Over
        } else {
            Counted::Unclear
        }
    }
}

/// What a tally says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// So many bad ones are new.
    More(u64),
    /// There are no more of them.
    Over,
    /// Neither can be said.
    Unclear,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_changes_once_however_often_it_is_looked_at() {
        let ill = Sign::Ill(Trouble::default());
        let table = [
            (false, ill.clone(), Some(Change::Raised)),
            (true, ill, None),
            (true, Sign::Unclear, None),
            (true, Sign::Well, Some(Change::Recovered)),
            (false, Sign::Well, None),
            (false, Sign::Unclear, None),
        ];
        for (is_raised, sign, expected) in table {
            assert_eq!(change(is_raised, &sign), expected, "{is_raised} {sign:?}");
        }
    }

    #[test]
    fn a_tally_is_over_once_it_is_quiet_and_something_good_came_or_after_an_hour() {
        let at = Duration::from_secs;
        let mut tally = Tally::beginning(3, 10, at(0));
        assert_eq!(tally.look((3, 11), (3, true), at(5)), Counted::Unclear);
        assert_eq!(tally.look((5, 11), (3, true), at(10)), Counted::More(2));
        assert_eq!(tally.look((5, 11), (3, true), at(39)), Counted::More(2));
        assert_eq!(
            tally.look((5, 11), (3, true), at(41)),
            Counted::Unclear,
            "nothing good came since"
        );
        assert_eq!(tally.look((5, 12), (3, true), at(42)), Counted::Over);
        assert_eq!(tally.look((6, 12), (3, true), at(43)), Counted::More(3), "bad again");
        assert_eq!(
            tally.look((6, 13), (3, true), at(50)),
            Counted::More(3),
            "good, but not quiet yet"
        );
        assert_eq!(tally.look((6, 12), (6, true), at(44) + FORGOTTEN), Counted::Over);
        let mut tally = Tally::beginning(3, 10, at(0));
        assert_eq!(tally.look((3, 11), (2, false), at(99)), Counted::More(1), "not told yet");
    }

    #[test]
    fn every_condition_has_its_own_type_and_a_recovery() {
        let raised: std::collections::BTreeSet<&str> =
            Condition::ALL.iter().map(|condition| condition.raised().as_str()).collect();
        assert_eq!(raised.len(), Condition::ALL.len());
        for condition in Condition::ALL {
            let family = |kind: EventType| kind.as_str().rsplit_once('.').unwrap().0.to_owned();
            assert_eq!(family(condition.raised()), family(condition.recovered()));
            assert!(condition.raised().is_alarm() && condition.recovered().is_alarm());
        }
    }
}
