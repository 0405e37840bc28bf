//! `expect` and `stuck` of a source: how often something comes from it, in which hours, and how soon receipts do.

use std::time::Duration;

use jiff::civil::{Time as DayTime, Weekday};
use jiff::tz::TimeZone;
use toml::Spanned;

use super::judge::Judge;
use super::raw::{RawExpect, RawStuck, Text};
use crate::domain::expectation::{Expectation, Stuck};

/// The least and the most of `within` and `after`.
const LEAST: Duration = Duration::from_mins(1);
const MOST: Duration = Duration::from_hours(30 * 24);

/// Messages that have to be stuck unless told otherwise, and the most.
const AT_LEAST: usize = 10;
const AT_LEAST_MAX: usize = 200;

/// The days as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// What is expected of a source; `zone` is the source's own.
pub(super) fn expect(
    place: &Spanned<RawExpect>,
    zone: &TimeZone,
    judge: &mut Judge<'_>,
) -> Option<Expectation> {
    let raw = place.get_ref();
    let Some(within) = &raw.within else {
        let message = "lacks `within`, such as \"20m\": at least one callback in so long";
        return judge.refuse(place, message);
    };
    let within = judge.duration(within, LEAST, MOST);
    let days = raw.days.as_ref().map_or(Some(Vec::new()), |text| days(text, judge));
    let hours = match &raw.hours {
        None => Some(None),
        Some(text) => hours(text, judge).map(Some),
    };
    let timezone = match &raw.timezone {
        None => Some(zone.clone()),
        Some(text) => TimeZone::get(text.get_ref()).ok().or_else(|| {
            judge.refuse(
                text,
                format!(
                    "there is no time zone `{text}`; IANA names are meant, such as Asia/Jakarta"
                ),
            )
        }),
    };
    Some(Expectation { within: within?, days: days?, hours: hours?, timezone: timezone? })
}

/// When messages count as stuck.
pub(super) fn stuck(place: &Spanned<RawStuck>, judge: &mut Judge<'_>) -> Option<Stuck> {
    let raw = place.get_ref();
    let Some(after) = &raw.after else {
        let message = "lacks `after`, such as \"1h\": how long a receipt may take";
        return judge.refuse(place, message);
    };
    let after = judge.duration(after, LEAST, MOST);
    let at_least = match &raw.at_least {
        None => Some(AT_LEAST),
        Some(number) if (1..=AT_LEAST_MAX).contains(number.get_ref()) => Some(*number.get_ref()),
        Some(number) => judge.refuse(number, format!("has to be between 1 and {AT_LEAST_MAX}")),
    };
    Some(Stuck { after: after?, at_least: at_least? })
}

/// Days such as `mon-fri` or `mon,wed,sat-sun`.
fn days(text: &Text, judge: &mut Judge<'_>) -> Option<Vec<Weekday>> {
    let place = |word: &str| DAYS.iter().position(|(known, _)| *known == word.trim());
    let mut found = Vec::new();
    for part in text.get_ref().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (place(first), place(last)) else {
            let message = format!(
                "`{part}` is not a day nor a stretch of days; write mon, tue, wed, thu, fri, sat, sun, such as \"mon-fri\" or \"mon,wed\""
            );
            return judge.refuse(text, message);
        };
        let length = (last + DAYS.len() - first) % DAYS.len() + 1;
        let stretch = DAYS.iter().cycle().skip(first).take(length);
        found.extend(stretch.map(|(_, day)| *day));
    }
    Some(found)
}

/// Hours such as `09:00-18:00`.
fn hours(text: &Text, judge: &mut Judge<'_>) -> Option<(DayTime, DayTime)> {
    let time = |text: &str| DayTime::strptime("%H:%M", text.trim()).ok();
    let parts = text.get_ref().split_once('-');
    let read = parts.and_then(|(from, to)| Some((time(from)?, time(to)?)));
    match read {
        Some((from, to)) if from != to => Some((from, to)),
        Some(_) => judge.refuse(text, "begins when it ends; leave the key out for the whole day"),
        None => {
            judge.refuse(text, "not hours such as \"09:00-18:00\", or \"22:00-06:00\" over night")
        }
    }
}
