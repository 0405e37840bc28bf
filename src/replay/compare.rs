//! Partial comparison of JSON: what an expectation names has to be so, what it does not name may be anything.

use std::fmt;

use serde_json::Value;

/// In an expectation: anything, but it has to be there.
pub const ANYTHING: &str = "…";

/// One place where something else came than was expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The place, such as `events[0].data.message.status.state`.
    pub path: String,
    /// What was expected there; `null` stands for nothing at all.
    pub expected: Value,
    /// What was there.
    pub actual: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, expected, actual } = self;
        match expected {
            Value::Null => write!(formatter, "{path}: expected nothing")?,
            Value::String(text) if text == ANYTHING => {
                write!(formatter, "{path}: expected anything")?;
            }
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => write!(formatter, "{path}: expected {expected}")?,
        }
        match actual {
            Some(actual) => write!(formatter, ", got {actual}"),
            None => write!(formatter, ", got nothing"),
        }
    }
}

/// Where `actual` is not as `expected`; `path` is what the two are called.
///
/// Of an object only the members are compared that are expected; `null` expects that there is none. Of an array the length and each
/// item are. The text `…` expects anything but nothing.
#[must_use]
pub fn compare(path: &str, expected: &Value, actual: Option<&Value>) -> Vec<Difference> {
    let mut differences = Vec::new();
    walk(path, expected, actual, &mut differences);
    differences
}

fn walk(path: &str, expected: &Value, actual: Option<&Value>, found: &mut Vec<Difference>) {
    let actual = actual.filter(|actual| !actual.is_null());
    match (expected, actual) {
        (Value::Object(expected), Some(Value::Object(actual))) => {
            for (name, expected) in expected {
                walk(&member(path, name), expected, actual.get(name), found);
            }
        }
        (Value::Array(expected), Some(Value::Array(actual))) => {
            walk_array(path, expected, actual, found);
        }
        (expected, actual) => {
            let same = match actual {
                Some(actual) => expected == ANYTHING || expected == actual,
                None => expected.is_null(),
            };
            if !same {
                let (expected, actual) = (expected.clone(), actual.cloned());
                found.push(Difference { path: path.to_owned(), expected, actual });
            }
        }
    }
}

fn walk_array(path: &str, expected: &[Value], actual: &[Value], found: &mut Vec<Difference>) {
    if expected.len() != actual.len() {
        found.push(Difference {
            path: member(path, "length"),
            expected: expected.len().into(),
            actual: Some(actual.len().into()),
        });
    }
    for (index, expected) in expected.iter().enumerate() {
        if let Some(actual) = actual.get(index) {
            walk(&format!("{path}[{index}]"), expected, Some(actual), found);
        }
    }
}

fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
