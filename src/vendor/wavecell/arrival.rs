//! What is known of a callback besides its fields: when it came, the zone of its times, and how its numbers were written.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::clock::Time;
use crate::domain::event::When;
use crate::vendor::read::{Fields, times};

/// What is known of a callback besides its fields.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    /// When it came.
    pub(super) received_at: Time,
    /// The zone of times that say none; the documented ones are all in UTC.
    pub(super) zone: &'a TimeZone,
    /// The JSON that its fields were read from; none for XML, where every number is text already.
    pub(super) json: Option<&'a RawValue>,
}

impl Arrival<'_> {
    /// Takes the first of these members that is a time; the moment of arrival if none is.
    pub(super) fn time(&self, fields: &mut Fields, names: &[&str]) -> When {
        for name in names {
            if let Some(when) = fields.get(name).and_then(|value| self.read_time(value)) {
                fields.take(name);
                return when;
            }
        }
        times::received(self.received_at)
    }

    /// Takes a number as it was written, so that `0.0500` stays `0.0500`; what is no number is left where it is.
    pub(super) fn number(&self, fields: &mut Fields, path: &[&str]) -> Option<String> {
        let name = path.last()?;
        fields.peek(name)?.trim().parse().ok().filter(|number: &f64| number.is_finite())?;
        let text = fields.text(name)?;
        Some(self.written_number(path).unwrap_or(text))
    }

    fn read_time(&self, value: &Value) -> Option<When> {
        match value {
            Value::String(text) => times::written(text, self.zone).or_else(|| times::unix(value)),
            Value::Number(_) => times::unix(value),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn written_number(&self, path: &[&str]) -> Option<String> {
        let mut json = self.json?;
        for name in path {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(json.get()).ok()?;
            json = members.get(*name).copied().or_else(|| {
                members.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v)
            })?;
        }
        let number = json.get();
        number
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
            .then(|| number.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_every_digit_it_was_written_with() {
        let body = r#"{"Payload": {"price": {"total": 0.0500, "text": "1.10", "none": null, "no": true}}}"#;
        let arrival = Arrival {
            received_at: Time::from_millis(0),
            zone: &TimeZone::UTC,
            json: serde_json::from_str(body).ok(),
        };
        let number = |name: &str| {
            let mut body = Fields::parse(body.as_bytes()).unwrap();
            let read = body.within("payload", |payload| {
                payload.within("price", |price| arrival.number(price, &["payload", "price", name]))
            });
            read.flatten().flatten()
        };
        assert_eq!(number("total").as_deref(), Some("0.0500"));
        assert_eq!(number("text").as_deref(), Some("1.10"));
        assert_eq!(number("none"), None);
        assert_eq!(number("no"), None);
    }
}
