//! The ways in which vendors write times: with `T` or a blank, 0 to 9 fraction digits, with a zone or without, or as Unix time.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::Time;
use crate::domain::event::{TimeBasis, When};

/// Unix times from here on are milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Reads a written time. One without a zone is taken to be in `zone`, and says so.
#[must_use]
pub fn written(text: &str, zone: &TimeZone) -> Option<When> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(When { at: timestamp.into(), basis: TimeBasis::Vendor });
    }
    if let Some(time) =
        text.strip_suffix([' ', 'z', 'Z']).and_then(|bare| bare.trim_end().parse::<DateTime>().ok())
    {
        let at = time.to_zoned(TimeZone::UTC).ok()?.timestamp().into();
        return Some(When { at, basis: TimeBasis::Vendor });
    }
    let local: DateTime = text.parse().ok()?;
    let at = zone.to_ambiguous_zoned(local).compatible().ok()?.timestamp().into();
    Some(When { at, basis: TimeBasis::AssumedZone })
}

/// Reads a Unix time: seconds or milliseconds, as a number, as text, or as the `{low, high}` pair of 64-bit JavaScript numbers.
#[must_use]
pub fn unix(value: &Value) -> Option<When> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?))?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Object(pair) => {
            let low = pair.get("low")?.as_i64()? & 0xffff_ffff;
            let high = pair.get("high")?.as_i64()?;
            high.checked_mul(1 << 32)?.checked_add(low)?
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => return None,
    };
    if number <= 0 {
        return None;
    }
    let millis = if number >= MILLISECONDS_FROM { number } else { number.checked_mul(1_000)? };
    (millis < 253_402_300_800_000)
        .then(|| When { at: Time::from_millis(millis), basis: TimeBasis::Vendor })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked; a fraction of a second is dropped on purpose"
)]
fn whole(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() < 9.0e15).then_some(number as i64)
}

/// Reads a time by a pattern in the letters of `strptime`. One without a zone is taken to be in `zone`, and says so.
#[must_use]
pub fn patterned(text: &str, pattern: &str, zone: &TimeZone) -> Option<When> {
    let parts = BrokenDownTime::parse(pattern, text.trim()).ok()?;
    if let Ok(timestamp) = parts.to_timestamp() {
        return Some(When { at: timestamp.into(), basis: TimeBasis::Vendor });
    }
    let at = zone.to_ambiguous_zoned(parts.to_datetime().ok()?).compatible().ok()?;
    Some(When { at: at.timestamp().into(), basis: TimeBasis::AssumedZone })
}

/// The moment of arrival, for what the vendor did not date.
#[must_use]
pub fn received(at: Time) -> When {
    When { at, basis: TimeBasis::Received }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_written_form_is_read() {
        let jakarta = TimeZone::get("Asia/Jakarta").unwrap();
        let table = [
            ("2026-08-12T09:15:57Z", "2026-08-12T09:15:57.000Z", TimeBasis::Vendor),
            ("2026-08-12T09:15:57.00Z", "2026-08-12T09:15:57.000Z", TimeBasis::Vendor),
            ("2026-08-12T09:15:57.1234567Z", "2026-08-12T09:15:57.123Z", TimeBasis::Vendor),
            ("2026-08-12 09:15:57.123456Z", "2026-08-12T09:15:57.123Z", TimeBasis::Vendor),
            ("2026-08-12T09:15:57+00:00", "2026-08-12T09:15:57.000Z", TimeBasis::Vendor),
            ("2026-08-12T16:15:57+0700", "2026-08-12T09:15:57.000Z", TimeBasis::Vendor),
            ("2026-08-12 16:15:57", "2026-08-12T09:15:57.000Z", TimeBasis::AssumedZone),
            ("2026-08-12T16:15:57.5", "2026-08-12T09:15:57.500Z", TimeBasis::AssumedZone),
            (" 2026-08-12T16:15:57 ", "2026-08-12T09:15:57.000Z", TimeBasis::AssumedZone),
        ];
        for (text, at, basis) in table {
            let when = written(text, &jakarta).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((when.at.to_string().as_str(), when.basis), (at, basis), "{text}");
        }
        for bad in ["", "yesterday", "2026-13-40 00:00:00", "1786530140"] {
            assert_eq!(written(bad, &jakarta), None, "{bad}");
        }
    }

    #[test]
    fn a_pattern_reads_what_is_written_by_it_and_nothing_else() {
        let jakarta = TimeZone::get("Asia/Jakarta").unwrap();
        let table = [
            ("2608121615", "%y%m%d%H%M", Some("2026-08-12T09:15:00.000Z")),
            ("12/08/2026 16:15:57", "%d/%m/%Y %H:%M:%S", Some("2026-08-12T09:15:57.000Z")),
            ("12 Aug 2026 11:15:57 +0200", "%d %b %Y %T %z", Some("2026-08-12T09:15:57.000Z")),
            ("12/08/2026", "%d/%m/%Y %H:%M", None),
            ("31/02/2026 10:00", "%d/%m/%Y %H:%M", None),
        ];
        for (text, pattern, at) in table {
            let when = patterned(text, pattern, &jakarta);
            assert_eq!(when.map(|when| when.at.to_string()).as_deref(), at, "{text}");
        }
    }

    #[test]
    fn unix_times_are_read_in_every_form() {
        let expected = "2026-08-12T11:02:20.000Z";
        let low = json!({"low": 1_786_532_540, "high": 0, "unsigned": true});
        for value in [
            json!(1_786_532_540),
            json!("1786532540"),
            json!(1_786_532_540_000_i64),
            json!(1_786_532_540.0),
            low,
        ] {
            assert_eq!(unix(&value).unwrap().at.to_string(), expected, "{value}");
        }
        for bad in
            [json!(0), json!(-5), json!("x"), json!(null), json!({"low": "x"}), json!(i64::MAX)]
        {
            assert_eq!(unix(&bad), None, "{bad}");
        }
    }
}
