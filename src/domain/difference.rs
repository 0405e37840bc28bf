//! How two readings of the same thing differ, place by place.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::event::Event;

/// Differences that are told of one event; the rest is more of the same.
const DIFFERENCES_MAX: usize = 100;

/// What arrival and the transaction add to an event's `data`: it says nothing of how the callback was read.
const NOT_READ: [&str; 5] = ["received_at", "callback_id", "sequence", "revised", "replaced_by"];

/// One place where two readings differ. Absent means absent.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// The place, such as `data.message.status.state`.
    pub path: String,
    /// What stood there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Where the second reading of an event says something else than the first.
///
/// # Errors
/// If one of them can't be written as JSON.
pub fn between(before: &Event, after: &Event) -> Result<Vec<Difference>, serde_json::Error> {
    let (before, after) = (reading(before)?, reading(after)?);
    let mut found = Vec::new();
    walk("", Some(&before), Some(&after), &mut found);
    Ok(found)
}

/// An event without what its arrival added.
fn reading(event: &Event) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(event)?;
    if let Some(members) = value.as_object_mut() {
        members.remove("id");
    }
    if let Some(data) = value.get_mut("data").and_then(Value::as_object_mut) {
        data.retain(|name, _| !NOT_READ.contains(&name.as_str()));
        if let Some(message) = data.get_mut("message").and_then(Value::as_object_mut) {
            message.remove("folded");
        }
    }
    Ok(value)
}

fn walk(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after || found.len() >= DIFFERENCES_MAX {
        return;
    }
    let empty = Map::new();
    let members = match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => Some((before, after)),
        // Of an object that came or went, each member is told: that is what an operator looks for.
        (Some(Value::Object(before)), None) => Some((before, &empty)),
        (None, Some(Value::Object(after))) => Some((&empty, after)),
        (_, _) => None,
    };
    let Some((before_members, after_members)) = members else {
        let (before, after) = (before.cloned(), after.cloned());
        found.push(Difference { path: path.to_owned(), before, after });
        return;
    };
    let gone = before_members.keys().filter(|name| !after_members.contains_key(*name));
    for name in after_members.keys().chain(gone) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        walk(&path, before_members.get(name), after_members.get(name), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_that_differs_is_named() {
        let cases = [
            (json!({"a": 1}), json!({"a": 1}), ""),
            (json!({"a": 1}), json!({"a": 2}), "a 1 2"),
            (json!({"a": {"b": 1}}), json!({"a": {"c": 1}}), "a.c - 1; a.b 1 -"),
            (json!({"a": {"b": 1}}), json!({}), "a.b 1 -"),
            (json!({}), json!({"a": {"b": {"c": 1}}}), "a.b.c - 1"),
            (json!({"a": [1]}), json!({"a": [1, 2]}), "a [1] [1,2]"),
            (json!({"a": 1}), json!({"a": {"b": 1}}), "a 1 {\"b\":1}"),
        ];
        for (before, after, expected) in cases {
            let mut found = Vec::new();
            walk("", Some(&before), Some(&after), &mut found);
            let shown = |value: &Option<Value>| {
                value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string)
            };
            let found: Vec<String> = found
                .iter()
                .map(|one| format!("{} {} {}", one.path, shown(&one.before), shown(&one.after)))
                .collect();
            assert_eq!(found.join("; "), expected, "{before} {after}");
        }
    }
}
