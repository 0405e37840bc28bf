//! Patterns over event types, as destinations and questions use them: `*` stands for any run of characters, dots too.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most characters a pattern has.
const LENGTH_MAX: usize = 128;

/// A pattern such as `message.*`. Nothing but `*` is special, and letter case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Box<str>);

impl Glob {
    /// Whether `text` as a whole fits the pattern. Linear in the text for each `*`, so a hostile pattern costs nothing.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some((_, behind)) = rest.split_once(part) else { return false };
            rest = behind;
        }
        true
    }

    /// Whether the pattern speaks of our own alarms in so many words: it begins with `callbox.`.
    #[must_use]
    pub fn names_alarms(&self) -> bool {
        self.0.starts_with("callbox.")
    }
}

/// The text was not a pattern.
#[derive(Debug, thiserror::Error)]
#[error("not a pattern over event types: 1 to 128 of a-z, `_`, `.` and `*`, such as `message.*`")]
pub struct NotAGlob;

impl FromStr for Glob {
    type Err = NotAGlob;

    fn from_str(text: &str) -> Result<Self, NotAGlob> {
        let fits = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'.' | b'*'));
        if fits && !text.is_empty() && text.len() <= LENGTH_MAX {
            Ok(Self(text.into()))
        } else {
            Err(NotAGlob)
        }
    }
}

impl Serialize for Glob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_run_and_the_rest_is_literal() {
        let table = [
            ("*", "message.failed", true),
            ("message.*", "message.failed", true),
            ("message.*", "message.", true),
            ("message.*", "messages.failed", false),
            ("*.failed", "message.failed", true),
            ("*.failed", "message.failed.x", false),
            ("message.failed", "message.failed", true),
            ("message.failed", "message.failedx", false),
            ("m*s*e.*d", "message.failed", true),
            ("m*x*d", "message.failed", false),
            ("call*.*", "callbox.disk.low", true),
            ("a*a", "a", false),
            ("**", "", true),
        ];
        for (pattern, text, fits) in table {
            assert_eq!(pattern.parse::<Glob>().unwrap().matches(text), fits, "{pattern} {text}");
        }
    }
}
