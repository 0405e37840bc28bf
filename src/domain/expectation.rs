//! What is expected of a source: a callback at least so often, in its hours, and receipts in time; pure.

use std::time::Duration;

use jiff::civil::{Time as DayTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::clock::Time;

/// How often something comes from a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// At least one callback within so long.
    pub within: Duration,
    /// On which days; all if empty.
    pub days: Vec<Weekday>,
    /// Between which times of the day; the whole day without. If the end comes before the beginning, it is the next day's.
    pub hours: Option<(DayTime, DayTime)>,
    /// Whose days and times.
    pub timezone: TimeZone,
}

/// How long messages may wait for a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// For longer than this is too long.
    pub after: Duration,
    /// So many have to wait before it is an alarm.
    pub at_least: usize,
}

impl Expectation {
    /// For how long it has been silent in its hours, if that is longer than expected. `heard` is when something came last, or since
    /// when anything could have.
    #[must_use]
    pub fn silent_for(&self, heard: Time, now: Time) -> Option<Duration> {
        let opened = self.open_since(now)?;
        let silent = now.since(heard.max(opened));
        (silent >= self.within).then(|| now.since(heard))
    }

    /// Since when its hours have lasted; `None` outside of them.
    fn open_since(&self, now: Time) -> Option<Time> {
        let at = Timestamp::from_millisecond(now.as_millis()).ok()?.to_zoned(self.timezone.clone());
        let is_open = |weekday| self.days.is_empty() || self.days.contains(&weekday);
        let Some((from, to)) = self.hours else {
            if !is_open(at.weekday()) {
                return None;
            }
            // Days that follow one another are one stretch; how long it lasts beyond `within` does not matter.
            let mut first = at.date();
            for _ in 0..7 {
                let before = first.checked_sub(1.day()).ok()?;
                if !is_open(before.weekday()) {
                    break;
                }
                first = before;
            }
            return Some(first.to_zoned(self.timezone.clone()).ok()?.timestamp().into());
        };
        let (today, time) = (at.date(), at.time());
        let yesterday = today.checked_sub(1.day()).ok()?;
        let over_night = to <= from;
        let begun = if over_night && time < to && is_open(yesterday.weekday()) {
            yesterday
        } else if time >= from && (over_night || time < to) && is_open(today.weekday()) {
            today
        } else {
            return None;
        };
        let opened = begun.to_datetime(from).to_zoned(self.timezone.clone()).ok()?;
        Some(opened.timestamp().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(days: &[Weekday], hours: Option<(&str, &str)>) -> Expectation {
        let time = |text: &str| text.parse::<DayTime>().unwrap();
        Expectation {
            within: Duration::from_mins(20),
            days: days.to_vec(),
            hours: hours.map(|(from, to)| (time(from), time(to))),
            timezone: TimeZone::get("Asia/Jakarta").unwrap(),
        }
    }

    #[test]
    fn silence_counts_in_its_hours_alone() {
        const WEEK: [Weekday; 5] = [
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Wednesday,
            Weekday::Thursday,
            Weekday::Friday,
        ];
        let always = expectation(&[], None);
        let office = expectation(&WEEK, Some(("09:00", "18:00")));
        let night = expectation(&WEEK, Some(("22:00", "02:00")));
        let weekdays = expectation(&WEEK, None);
        // 2026-08-12 is a Wednesday; Jakarta is seven hours ahead.
        let table = [
            (&always, "2026-08-12T09:00:00Z", "2026-08-12T09:19:59Z", None),
            (&always, "2026-08-12T09:00:00Z", "2026-08-12T09:20:00Z", Some(20)),
            (&office, "2026-08-11T11:00:00Z", "2026-08-12T01:59:00Z", None), // 08:59
            (&office, "2026-08-11T11:00:00Z", "2026-08-12T02:19:00Z", None), // 09:19
            (&office, "2026-08-11T11:00:00Z", "2026-08-12T02:20:00Z", Some(920)),
            (&office, "2026-08-12T09:00:00Z", "2026-08-12T11:00:00Z", None), // 18:00
            (&office, "2026-08-14T09:00:00Z", "2026-08-15T05:00:00Z", None), // Saturday
            (&night, "2026-08-12T09:00:00Z", "2026-08-12T15:20:00Z", Some(380)), // 22:20
            (&night, "2026-08-14T09:00:00Z", "2026-08-14T18:30:00Z", Some(570)), // Saturday 01:30
            (&night, "2026-08-14T09:00:00Z", "2026-08-14T19:30:00Z", None),  // Saturday 02:30
            (&weekdays, "2026-08-14T09:00:00Z", "2026-08-15T09:00:00Z", None),
            (&weekdays, "2026-08-14T09:00:00Z", "2026-08-16T17:10:00Z", None), // Monday 00:10
            (&weekdays, "2026-08-14T09:00:00Z", "2026-08-16T17:20:00Z", Some(3_380)),
        ];
        for (expected, heard, now, minutes) in table {
            let silent = expected.silent_for(heard.parse().unwrap(), now.parse().unwrap());
            assert_eq!(silent, minutes.map(Duration::from_mins), "{expected:?} {heard} {now}");
        }
    }
}
