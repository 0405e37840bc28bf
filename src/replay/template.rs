//! Values that are filled in when a fixture is sent: `{{uuid}}`, `{{now}}`, `{{seq}}`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};
use serde_json::Value;
use uuid::{Builder, Uuid};

use crate::clock::Time;
use crate::random::Random;

/// The values of one filling: the same word gives the same value wherever it stands, in request and expectation.
#[derive(Debug)]
pub struct Values<'a> {
    random: &'a Random,
    now: Time,
    sequence: u64,
    uuids: BTreeMap<String, Uuid>,
}

/// A word between double braces.
#[derive(Debug, PartialEq)]
enum Word {
    /// `uuid`, or `uuid:NAME` for another one.
    Uuid(String),
    /// `seq`, or `seq:6` with leading zeros.
    Sequence(usize),
    /// `now`, with an offset, a zone and a format, each of which may be left out.
    Now { offset: Offset, zone: TimeZone, format: Option<String> },
}

#[derive(Debug, PartialEq)]
struct Offset {
    back: bool,
    length: Duration,
}

impl<'a> Values<'a> {
    /// Values for a filling at `now`, cut to the second, so that every format of it says the same; `sequence` is its number.
    #[must_use]
    pub fn new(random: &'a Random, now: Time, sequence: u64) -> Self {
        let now = Time::from_millis(now.as_millis().div_euclid(1_000) * 1_000);
        Self { random, now, sequence, uuids: BTreeMap::new() }
    }

    /// `text` with every known word filled in. What is not a known word stays as it is.
    #[must_use]
    pub fn fill(&mut self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            filled.push_str(before);
            let word = behind.split_once("}}");
            let word = word.and_then(|(word, after)| Some((Word::parse(word)?, after)));
            if let Some((word, after)) = word {
                filled.push_str(&self.value(word));
                rest = after;
            } else {
                filled.push('{');
                rest = rest.get(before.len() + 1..).unwrap_or_default();
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The same for bytes, which need not be text.
    #[must_use]
    pub fn fill_bytes(&mut self, bytes: &Bytes) -> Bytes {
        if !bytes.windows(2).any(|pair| pair == b"{{") {
            return bytes.clone();
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.fill(text).into();
        }
        // Byte by byte as Latin-1: what is filled in is ASCII, and all else comes back as it was.
        let text: String = bytes.iter().copied().map(char::from).collect();
        let filled = self.fill(&text);
        filled.chars().filter_map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
    }

    /// The same for every text in a JSON value.
    pub fn fill_json(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains("{{") => *text = self.fill(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_json(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.fill_json(member));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn value(&mut self, word: Word) -> String {
        match word {
            Word::Uuid(name) => {
                let random = self.random;
                let new = || Builder::from_random_bytes(random.bytes()).into_uuid();
                self.uuids.entry(name).or_insert_with(new).to_string()
            }
            Word::Sequence(width) => format!("{:0width$}", self.sequence),
            Word::Now { offset, zone, format } => {
                let at = if offset.back {
                    self.now.before(offset.length)
                } else {
                    self.now.after(offset.length)
                };
                written(at, zone, format.as_deref())
            }
        }
    }
}

/// Whether bytes have a word in them that would be filled in.
#[must_use]
pub fn has_words(bytes: &[u8]) -> bool {
    words(&String::from_utf8_lossy(bytes)).any(|word| Word::parse(word).is_some())
}

/// The words between double braces that nobody knows.
#[must_use]
pub fn unknown_words(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    words(&text).filter(|word| Word::parse(word).is_none()).map(str::to_owned).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("{{").skip(1);
    behind.filter_map(|rest| rest.split_once("}}")).map(|(word, _)| word)
}

impl Word {
    fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
        match head {
            "uuid" => {
                let name = tail.unwrap_or_default();
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
                name.bytes().all(fits).then(|| Self::Uuid(name.to_owned()))
            }
            "seq" => {
                let width = tail.map_or(Some(1), |tail| tail.parse().ok());
                width.filter(|width| (1..=20).contains(width)).map(Self::Sequence)
            }
            _ => {
                let rest = head.strip_prefix("now")?;
                let (offset, zone) = rest.split_once('@').unwrap_or((rest, "UTC"));
                let (offset, zone) = (Offset::parse(offset)?, TimeZone::get(zone).ok()?);
                let format = tail.map(str::to_owned);
                Some(Self::Now { offset, zone, format })
            }
        }
    }
}

impl Offset {
    /// `-5m`, `+2h`, or nothing.
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { back: false, length: Duration::ZERO });
        }
        let (back, text) =
            text.strip_prefix('-').map(|text| (true, text)).or(Some((false, text)))?;
        let text = if back { text } else { text.strip_prefix('+')? };
        let span: Span = text.parse().ok()?;
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        Some(Self { back, length: length.try_into().ok()? })
    }
}

/// `unix`, `unix_ms`, `rfc3339` (as callbox writes times, the default), or a pattern of `strftime`.
fn written(at: Time, zone: TimeZone, format: Option<&str>) -> String {
    match format {
        None | Some("rfc3339") => at.to_string(),
        Some("unix") => at.as_millis().div_euclid(1_000).to_string(),
        Some("unix_ms") => at.as_millis().to_string(),
        Some(pattern) => {
            let zoned = Timestamp::from_millisecond(at.as_millis()).map(|at| at.to_zoned(zone));
            let text = zoned.and_then(|at| jiff::fmt::strtime::format(pattern, &at));
            text.unwrap_or_else(|_| at.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(text: &str) -> String {
        let random = Random::from_seed(1);
        let now = "2026-08-12T09:15:57.431Z".parse().unwrap();
        Values::new(&random, now, 7).fill(text)
    }

    #[test]
    fn known_words_are_filled_in_and_all_else_stays() {
        let table = [
            ("{{seq}}", "7"),
            ("a{{seq:4}}b", "a0007b"),
            ("{{now}}", "2026-08-12T09:15:57.000Z"),
            ("{{now:unix}}", "1786526157"),
            ("{{now-1m:unix_ms}}", "1786526097000"),
            ("{{now+1d@Asia/Jakarta:%Y-%m-%d %H:%M:%S}}", "2026-08-13 16:15:57"),
            ("{{text}} {{now", "{{text}} {{now"),
            ("{{now5}}{{seq:0}}{{uuid:!}}", "{{now5}}{{seq:0}}{{uuid:!}}"),
            ("{{{seq}}}", "{7}"),
            (r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#),
        ];
        for (text, filled) in table {
            assert_eq!(fill(text), filled, "{text}");
        }
    }

    #[test]
    fn a_uuid_is_the_same_under_its_name_and_another_under_another() {
        let filled = fill("{{uuid}} {{uuid}} {{uuid:reply}}");
        let uuids: Vec<&str> = filled.split(' ').collect();
        let [one, again, other] = uuids[..] else { unreachable!("{filled}") };
        assert!(one == again && one != other);
        assert_eq!(Uuid::parse_str(one).unwrap().get_version_num(), 4);
    }

    #[test]
    fn bytes_that_are_no_text_come_back_as_they_were() {
        let random = Random::from_seed(1);
        let mut values = Values::new(&random, Time::from_millis(0), 3);
        let filled = values.fill_bytes(&Bytes::from_static(b"\xff{{seq}}\xfe\xc3\xa9"));
        assert_eq!(filled.as_ref(), b"\xff3\xfe\xc3\xa9");
        let mut expected = json!({ "a": ["{{seq}}", 1] });
        values.fill_json(&mut expected);
        assert_eq!(expected, json!({ "a": ["3", 1] }));
        assert!(has_words(b"{{seq}}") && !has_words(b"{{name}}"));
        assert_eq!(unknown_words(b"{{seq}} {{name}}"), ["name"]);
    }
}
