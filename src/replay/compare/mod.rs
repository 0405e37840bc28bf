//! Partial comparison of JSON: what an expectation names has to be so, what it does not name may be anything.

mod operators;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// In an expectation: anything, but it has to be there.
pub const ANYTHING: &str = "…";

/// One place where something else came than was expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The place, such as `events[0].data.message.status.state`.
    pub path: String,
    /// What was expected there; `null` stands for nothing at all.
    pub expected: Value,
    /// What was there.
    pub actual: Option<Value>,
    /// What is wrong with the expectation itself, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Difference {
    /// That something else is at `path` than was expected.
    #[must_use]
    pub fn new(path: &str, expected: Value, actual: Option<Value>) -> Self {
        Self { path: path.to_owned(), expected, actual, note: None }
    }

    /// That what is expected at `path` can't be compared; why.
    #[must_use]
    pub fn mistake(path: &str, expected: Value, actual: Option<Value>, note: String) -> Self {
        Self { path: path.to_owned(), expected, actual, note: Some(note) }
    }

    /// What was expected, in words or as JSON.
    #[must_use]
    pub fn expected(&self) -> String {
        if self.expected.is_null() {
            "nothing".to_owned()
        } else if self.expected == ANYTHING {
            "anything".to_owned()
        } else {
            self.expected.to_string()
        }
    }

    /// What was there, as JSON.
    #[must_use]
    pub fn actual(&self) -> String {
        self.actual.as_ref().map_or("nothing".to_owned(), Value::to_string)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: expected {}, got {}", self.path, self.expected(), self.actual())?;
        self.note.as_ref().map_or(Ok(()), |note| write!(formatter, " ({note})"))
    }
}

/// Where `actual` is not as `expected`; `path` is what the two are called.
///
/// Of an object only the members are compared that are expected; `null` expects that there is none. Of an array the length and each
/// item are. The text `…` expects anything but nothing. An object with `$` words, `{"$regex": "^evt_"}`, says what must hold.
#[must_use]
pub fn compare(path: &str, expected: &Value, actual: Option<&Value>) -> Vec<Difference> {
    let mut differences = Vec::new();
    walk(path, expected, actual, &mut differences);
    differences
}

fn walk(path: &str, expected: &Value, actual: Option<&Value>, found: &mut Vec<Difference>) {
    let actual = actual.filter(|actual| !actual.is_null());
    match (expected, actual) {
        (Value::Object(words), actual) if operators::are_meant(words) => {
            operators::walk(path, words, actual, found);
        }
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
                found.push(Difference::new(path, expected.clone(), actual.cloned()));
            }
        }
    }
}

fn walk_array(path: &str, expected: &[Value], actual: &[Value], found: &mut Vec<Difference>) {
    if expected.len() != actual.len() {
        let (wanted, length) = (expected.len().into(), actual.len().into());
        found.push(Difference::new(&member(path, "length"), wanted, Some(length)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_named_is_compared() {
        let cases = [
            (json!({}), json!({ "a": 1 }), ""),
            (json!({ "a": 1 }), json!({ "a": 1, "b": 2 }), ""),
            (json!({ "a": 1 }), json!({ "a": 2 }), "x.a: expected 1, got 2"),
            (json!({ "a": 1 }), json!({ "a": "1" }), "x.a: expected 1, got \"1\""),
            (json!({ "a": { "b": 1 } }), json!({}), "x.a: expected {\"b\":1}, got nothing"),
            (json!({ "a": "…" }), json!({ "a": [] }), ""),
            (json!({ "a": "…" }), json!({}), "x.a: expected anything, got nothing"),
            (json!({ "a": null }), json!({}), ""),
            (json!({ "a": null }), json!({ "a": 0 }), "x.a: expected nothing, got 0"),
            (json!([{ "a": 1 }]), json!([{ "a": 1, "b": 2 }]), ""),
            (json!([1, 2]), json!([1, 3]), "x[1]: expected 2, got 3"),
            (json!([1]), json!([1, 2]), "x.length: expected 1, got 2"),
            (json!([1, 2]), json!([]), "x.length: expected 2, got 0"),
            (json!([]), json!({}), "x: expected [], got {}"),
            (json!({ "a": { "$regex": "^1" } }), json!({ "a": "12" }), ""),
        ];
        for (expected, actual, difference) in cases {
            let found = compare("x", &expected, Some(&actual));
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.join("; "), difference, "{expected} of {actual}");
        }
    }
}
