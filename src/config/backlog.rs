//! `from`, `backlog_max_age` and `backlog_max_events` of a destination: where it begins, and how much may wait for it.

use std::time::Duration;

use toml::Value;

use super::api::time;
use super::judge::Judge;
use super::mistakes::did_you_mean;
use super::raw::{Anything, RawDestination};
use crate::domain::backlog::{BacklogBounds, StartFrom};

/// The least and the most of `backlog_max_age`.
const AGE_MIN: Duration = Duration::from_mins(1);
const AGE_MAX: Duration = Duration::from_hours(10 * 365 * 24);

/// The words of `from` that are not a time.
const WORDS: [(&str, StartFrom); 2] =
    [("now", StartFrom::Now), ("beginning", StartFrom::Beginning)];

/// Which events a new destination gets first.
pub(super) fn from(value: Option<&Anything>, judge: &mut Judge<'_>) -> Option<StartFrom> {
    let Some(value) = value else { return Some(StartFrom::default()) };
    match value.get_ref() {
        Value::String(text) => {
            if let Some((_, from)) = WORDS.iter().find(|(word, _)| word == text) {
                return Some(*from);
            }
            if text.starts_with(|first: char| first.is_ascii_digit()) {
                return time(value, judge).map(StartFrom::At);
            }
            let hint = did_you_mean(text, WORDS.iter().map(|(word, _)| *word));
            judge.refuse(
                value,
                format!("`{text}` is neither \"now\", \"beginning\" nor a time; {hint}"),
            )
        }
        Value::Datetime(_) => time(value, judge).map(StartFrom::At),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Array(_)
        | Value::Table(_) => judge.refuse(
            value,
            "expected \"now\", \"beginning\", or a time such as \"2026-08-12T00:00:00Z\"",
        ),
    }
}

/// How much may wait for a destination.
pub(super) fn bounds(raw: &RawDestination, judge: &mut Judge<'_>) -> Option<BacklogBounds> {
    let usual = BacklogBounds::default();
    let age = raw.backlog_max_age.as_ref();
    let max_age = age.map_or(Some(usual.max_age), |text| judge.duration(text, AGE_MIN, AGE_MAX));
    let max_events = match &raw.backlog_max_events {
        None => Some(usual.max_events),
        Some(number) if *number.get_ref() == 0 => {
            judge.refuse(number, "has to be at least 1; to get nothing at all, say enabled = false")
        }
        Some(number) => Some(*number.get_ref()),
    };
    Some(BacklogBounds { max_age: max_age?, max_events: max_events? })
}
