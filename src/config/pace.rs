//! How fast and how often a destination is tried: `rate`, `retry`, `retry_for` and `fail_fast`.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Value;

use super::judge::Judge;
use super::raw::{Anything, RawDestination, Text};
use crate::domain::lane::{FailFast, GONE, NOT_ABOUT_THE_EVENT};
use crate::domain::retry::RetrySchedule;

/// The most waits in `retry`, and the longest.
const WAITS_MAX: usize = 64;
const WAIT_MAX: Duration = Duration::from_hours(7 * 24);

/// The most that waits can add up to.
const WITHIN_MAX: Duration = Duration::from_hours(90 * 24);

/// Deliveries a second: one in a thousand seconds, and more than one process sends.
const RATE_MIN: f64 = 0.001;
const RATE_MAX: f64 = 100_000.0;

/// The waits, without those that would come to more than `retry_for` in all.
pub(super) fn retry(
    name: &Text,
    raw: &RawDestination,
    judge: &mut Judge<'_>,
) -> Option<RetrySchedule> {
    let within = raw.retry_for.as_ref();
    let within = within.map(|text| judge.duration(text, Duration::ZERO, WITHIN_MAX));
    let schedule = match raw.retry.as_deref() {
        None => RetrySchedule::default(),
        Some(waits) if waits.len() > WAITS_MAX => {
            return judge.refuse(name, format!("`retry` has more than {WAITS_MAX} waits"));
        }
        Some(waits) => RetrySchedule(
            judge.each(waits, |judge, text| judge.duration(text, Duration::ZERO, WAIT_MAX))?,
        ),
    };
    Some(match within {
        None => schedule,
        Some(within) => schedule.within(within?),
    })
}

/// Deliveries a second.
pub(super) fn rate(value: &Anything, judge: &mut Judge<'_>) -> Option<f64> {
    let rate = match value.get_ref() {
        Value::Integer(number) => u32::try_from(*number).ok().map(f64::from),
        Value::Float(number) => Some(*number),
        Value::String(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_) => None,
    };
    match rate {
        Some(rate) if (RATE_MIN..=RATE_MAX).contains(&rate) => Some(rate),
        Some(_) | None => judge.refuse(
            value,
            format!("expected deliveries a second, a number between {RATE_MIN} and {RATE_MAX}"),
        ),
    }
}

/// Statuses, and classes of them such as "4xx".
pub(super) fn fail_fast(values: &[Anything], judge: &mut Judge<'_>) -> Option<FailFast> {
    let ranges = judge.each(values, |judge, value| {
        let ranges = match value.get_ref() {
            Value::Integer(status) => u16::try_from(*status).ok().and_then(single),
            Value::String(text) => {
                class_of(text).or_else(|| text.parse().ok().and_then(single))
            }
            Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => None,
        };
        ranges.or_else(|| {
            judge.refuse(
                value,
                "expected a status from 300 to 599 or a class of them: \"3xx\", \"4xx\" or \"5xx\"; 410 pauses the destination",
            )
        })
    });
    Some(FailFast(ranges?.into_iter().flatten().collect()))
}

fn single(status: u16) -> Option<Vec<RangeInclusive<u16>>> {
    ((300..=599).contains(&status) && status != GONE).then(|| vec![status..=status])
}

/// All statuses of a class but those that say when to come again.
fn class_of(class: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let first = match class {
        "3xx" => 300,
        "4xx" => 400,
        "5xx" => 500,
        _ => return None,
    };
    let mut ranges = Vec::new();
    let mut from = first;
    for status in
        NOT_ABOUT_THE_EVENT.into_iter().filter(|status| (first..first + 100).contains(status))
    {
        ranges.push(from..=status - 1);
        from = status + 1;
    }
    ranges.push(from..=first + 99);
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_all_its_statuses_but_those_that_say_to_come_again() {
        let fails = FailFast(class_of("4xx").unwrap());
        for (status, named) in [
            (399, false),
            (400, true),
            (407, true),
            (408, false),
            (409, true),
            (410, false),
            (424, true),
        ] {
            assert_eq!(fails.names(status), named, "{status}");
        }
        assert!(!fails.names(425) && !fails.names(429) && fails.names(499) && !fails.names(500));
        assert_eq!(class_of("5xx"), Some(vec![500..=599]));
        assert_eq!((class_of("2xx"), single(200), single(410)), (None, None, None));
    }
}
