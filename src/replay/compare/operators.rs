//! What an expectation says of a value instead of the value itself: `$regex`, `$in`, `$not` and their like.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Map, Value};

use super::{Difference, compare};
use crate::domain::filter::OPERATORS;

/// The words that may stand in the place of a value: those of a destination's filter, and two more.
fn words() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().copied().chain(["$contains", "$length"])
}

/// Whether an object says something of a value instead of being one.
pub(super) fn are_meant(words: &Map<String, Value>) -> bool {
    words.keys().any(|word| word.starts_with('$'))
}

/// What of `words` does not hold of `actual`. All of them have to.
pub(super) fn walk(
    path: &str,
    words: &Map<String, Value>,
    actual: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    for (word, wanted) in words {
        let expected = Value::from(Map::from_iter([(word.clone(), wanted.clone())]));
        match holds(path, word, wanted, actual) {
            Ok(true) => {}
            Ok(false) => found.push(Difference::new(path, expected, actual.cloned())),
            Err(note) => {
                found.push(Difference::mistake(path, expected, actual.cloned(), note));
            }
        }
    }
}

fn holds(path: &str, word: &str, wanted: &Value, actual: Option<&Value>) -> Result<bool, String> {
    let fits = |wanted: &Value| compare(path, wanted, actual).is_empty();
    match word {
        "$eq" => Ok(actual.unwrap_or(&Value::Null) == wanted),
        "$neq" | "$ne" => Ok(actual.unwrap_or(&Value::Null) != wanted),
        "$in" | "$or" => Ok(list(word, wanted)?.iter().any(fits)),
        "$nin" => Ok(!list(word, wanted)?.iter().any(fits)),
        "$and" => Ok(list(word, wanted)?.iter().all(fits)),
        "$not" => Ok(!fits(wanted)),
        "$exist" | "$exists" => {
            let wanted = wanted.as_bool().ok_or("`$exist` wants true or false")?;
            Ok(actual.is_some() == wanted)
        }
        "$regex" => {
            let Value::String(pattern) = wanted else {
                return Err("`$regex` wants a pattern as text".to_owned());
            };
            let pattern = Regex::new(pattern).map_err(|error| format!("`$regex`: {error}"))?;
            Ok(text(actual).is_some_and(|text| pattern.is_match(&text)))
        }
        "$startsWith" => Ok(starts(wanted, actual, |text, part| text.starts_with(part))),
        "$endsWith" => Ok(starts(wanted, actual, |text, part| text.ends_with(part))),
        "$contains" => Ok(contains(wanted, actual)),
        "$length" => Ok(length(actual)
            .is_some_and(|length| compare(path, wanted, Some(&length.into())).is_empty())),
        "$gt" => order(wanted, actual).map(|order| order == Some(Ordering::Greater)),
        "$gte" => order(wanted, actual)
            .map(|order| matches!(order, Some(Ordering::Greater | Ordering::Equal))),
        "$lt" => order(wanted, actual).map(|order| order == Some(Ordering::Less)),
        "$lte" => order(wanted, actual)
            .map(|order| matches!(order, Some(Ordering::Less | Ordering::Equal))),
        _ => Err(format!(
            "there is no word `{word}`; there are: {}",
            words().collect::<Vec<_>>().join(", ")
        )),
    }
}

fn list<'a>(word: &str, wanted: &'a Value) -> Result<&'a Vec<Value>, String> {
    wanted.as_array().ok_or_else(|| format!("`{word}` wants an array"))
}

/// A text, or a number as it is written.
fn text(actual: Option<&Value>) -> Option<String> {
    match actual? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn starts(wanted: &Value, actual: Option<&Value>, fits: fn(&str, &str) -> bool) -> bool {
    wanted.as_str().zip(text(actual)).is_some_and(|(part, text)| fits(&text, part))
}

fn contains(wanted: &Value, actual: Option<&Value>) -> bool {
    match (wanted, actual) {
        (Value::String(part), Some(Value::String(text))) => text.contains(part),
        (wanted, Some(Value::Array(items))) => {
            items.iter().any(|item| compare("", wanted, Some(item)).is_empty())
        }
        _ => false,
    }
}

/// Characters of a text, items of an array, members of an object.
fn length(actual: Option<&Value>) -> Option<usize> {
    match actual? {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// How `actual` stands to `wanted`: numbers as numbers, texts (times are) letter by letter.
fn order(wanted: &Value, actual: Option<&Value>) -> Result<Option<Ordering>, String> {
    match (wanted, actual) {
        (Value::Number(wanted), Some(Value::Number(actual))) => {
            let (wanted, actual) = (wanted.as_f64(), actual.as_f64());
            Ok(actual.zip(wanted).and_then(|(actual, wanted)| actual.partial_cmp(&wanted)))
        }
        (Value::String(wanted), Some(Value::String(actual))) => Ok(Some(actual.cmp(wanted))),
        (Value::Number(_) | Value::String(_), _) => Ok(None),
        _ => Err("only numbers and texts have an order".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(expected: &Value, actual: Option<&Value>) -> String {
        let found = compare("x", expected, actual);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn each_word_holds_or_is_a_difference() {
        let holds = [
            (json!({ "$eq": "…" }), json!("…")),
            (json!({ "$neq": 1 }), json!(2)),
            (json!({ "$in": [1, { "$gt": 5 }] }), json!(7)),
            (json!({ "$nin": ["a"] }), json!("b")),
            (json!({ "$regex": "^evt_[0-9A-Z]{26}$" }), json!("evt_01M0000000000000000000000A")),
            (json!({ "$exist": true }), json!(0)),
            (json!({ "$startsWith": "a", "$endsWith": "c" }), json!("abc")),
            (json!({ "$contains": "lo" }), json!("hello")),
            (json!({ "$contains": { "a": 1 } }), json!([{ "a": 1, "b": 2 }])),
            (json!({ "$length": 2 }), json!([0, 0])),
            (json!({ "$gte": 2, "$lt": 3 }), json!(2)),
            (json!({ "$gt": "2026-01-01" }), json!("2026-08-12T09:15:57.000Z")),
            (json!({ "$and": [{ "$gt": 1 }, { "$not": 3 }] }), json!(2)),
            (json!({ "$or": ["a", "…"] }), json!("b")),
        ];
        for (expected, actual) in holds {
            assert_eq!(found(&expected, Some(&actual)), "", "{expected}");
            let negated = json!({ "$not": expected });
            let other = json!({});
            assert_ne!(found(&negated, Some(&other)), found(&expected, Some(&other)));
        }
        assert_eq!(found(&json!({ "$exist": false }), None), "");
        assert_eq!(
            found(&json!({ "$lte": 1 }), Some(&json!(2))),
            "x: expected {\"$lte\":1}, got 2"
        );
    }

    #[test]
    fn what_can_not_be_compared_is_a_difference_that_says_why() {
        for (expected, part) in [
            (json!({ "$regx": "a" }), "there is no word `$regx`"),
            (json!({ "$regex": "(" }), "unclosed group"),
            (json!({ "$in": "a" }), "wants an array"),
            (json!({ "$gt": [] }), "have an order"),
        ] {
            let found = found(&expected, Some(&json!("a")));
            assert!(found.contains(part), "{found}");
        }
    }
}
