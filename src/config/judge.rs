//! What judging a value needs: somewhere to note mistakes, and the environment for the secrets that lie in it.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use jiff::{Span, SpanRelativeTo};
use toml::{Spanned, Value};

use super::environment::Environment;
use super::mistakes::{Mistakes, did_you_mean};
use super::raw::{Anything, Text};

/// Judges values. Each method notes what is wrong and gives `None`, so that judging can go on to the next value.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub(super) environment: &'a Environment,
    pub(super) mistakes: Mistakes,
}

impl Judge<'_> {
    /// Notes that a value is wrong.
    pub(super) fn refuse<T, R>(&mut self, value: &Spanned<T>, message: impl Display) -> Option<R> {
        self.mistakes.refuse(value.span(), message.to_string());
        None
    }

    /// Reads a text as what it should be.
    pub(super) fn read<T: FromStr<Err: Display>>(&mut self, text: &Text) -> Option<T> {
        match text.get_ref().parse() {
            Ok(value) => Some(value),
            Err(error) => self.refuse(text, error),
        }
    }

    /// Reads a list, each item by itself.
    pub(super) fn each<T, R>(
        &mut self,
        items: &[T],
        mut read: impl FnMut(&mut Self, &T) -> Option<R>,
    ) -> Option<Vec<R>> {
        let read: Vec<Option<R>> = items.iter().map(|item| read(self, item)).collect();
        read.into_iter().collect()
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, text: &Text, known: &[(&str, T)]) -> Option<T> {
        let word = text.get_ref();
        if let Some((_, meant)) = known.iter().find(|(known, _)| known == word) {
            return Some(*meant);
        }
        let hint = did_you_mean(word, known.iter().map(|(word, _)| *word));
        self.refuse(text, format!("`{word}` is not known; {hint}"))
    }

    /// A network such as `203.0.113.0/24`; an address alone is a network of one.
    pub(super) fn network(&mut self, text: &Text) -> Option<IpNet> {
        let written = text.get_ref();
        let network = written.parse().ok();
        network.or_else(|| written.parse::<IpAddr>().ok().map(IpNet::from)).or_else(|| {
            let message = "not a network such as \"203.0.113.0/24\", or an address";
            self.refuse(text, message)
        })
    }

    /// A duration such as `30s`, `5m` or `90d`, within bounds.
    pub(super) fn duration(
        &mut self,
        text: &Text,
        least: Duration,
        most: Duration,
    ) -> Option<Duration> {
        let Some(duration) = duration(text.get_ref()) else {
            return self.refuse(text, "not a duration such as \"30s\", \"5m\", \"2h\" or \"90d\"");
        };
        if duration < least || duration > most {
            let (least, most) = (spoken(least), spoken(most));
            return self.refuse(text, format!("has to be between {least} and {most}"));
        }
        Some(duration)
    }

    /// A number of bytes: a whole number, or a text such as `2MiB`; within bounds.
    pub(super) fn bytes(&mut self, value: &Anything, bounds: RangeInclusive<u64>) -> Option<u64> {
        let bytes = match value.get_ref() {
            Value::Integer(bytes) => u64::try_from(*bytes).ok(),
            Value::String(text) => bytes(text),
            Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => None,
        };
        match bytes {
            Some(bytes) if bounds.contains(&bytes) => Some(bytes),
            Some(_) => {
                let (least, most) = bounds.into_inner();
                self.refuse(value, format!("has to be between {least} and {most} bytes"))
            }
            None => self.refuse(value, "expected a number of bytes, or a text such as \"2MiB\""),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    length.try_into().ok()
}

/// A duration in the largest unit that leaves no rest.
fn spoken(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let seconds = duration.as_secs();
    let whole = |(length, _): &&(u64, &str)| seconds >= *length && seconds.is_multiple_of(*length);
    match UNITS.iter().find(whole) {
        Some((length, unit)) if duration.subsec_nanos() == 0 => {
            format!("{}{unit}", seconds / length)
        }
        Some(_) | None if duration.is_zero() => "0s".to_owned(),
        Some(_) | None => format!("{duration:?}"),
    }
}

fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 5] =
        [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("B", 1)];
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .unwrap_or((text, 1));
    number.trim_end().parse::<u64>().ok()?.checked_mul(factor)
}
