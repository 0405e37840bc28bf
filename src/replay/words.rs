//! The words that an expectation may have where callbox's own answers have no others: a mistyped one would never fail.

use serde_json::{Map, Value};

use super::compare::Difference;
use super::fixture::Expectation;
use super::sink;

/// The members of an event (CloudEvents 1.0, as callbox writes it).
const EVENT: [&str; 8] =
    ["specversion", "id", "type", "source", "subject", "time", "datacontenttype", "data"];

/// The members of a message, as `GET /v1/messages/{source}/{id}` shows it.
const MESSAGE: [&str; 19] = [
    "source",
    "vendor",
    "instance",
    "id",
    "state",
    "contradictory",
    "legs",
    "channel",
    "direction",
    "from",
    "to",
    "conversation",
    "client_ref",
    "batch_ref",
    "times",
    "error",
    "updated_at",
    "timeline",
    "also",
];

/// A difference for each word that nothing could ever be compared with.
pub(super) fn unknown(expected: &Expectation) -> Vec<Difference> {
    let Expectation { events, message, received, .. } = expected;
    let mut found = Vec::new();
    for (index, event) in events.iter().flatten().enumerate() {
        among(&format!("events[{index}]"), event, &EVENT, &mut found);
    }
    for (index, request) in received.iter().flatten().enumerate() {
        among(&format!("received[{index}]"), request, &sink::WORDS, &mut found);
    }
    if let Some(message) = message {
        among("message", message, &MESSAGE, &mut found);
    }
    found
}

fn among(path: &str, expected: &Value, known: &[&str], found: &mut Vec<Difference>) {
    let empty = Map::new();
    let members = expected.as_object().unwrap_or(&empty);
    for (word, wanted) in members {
        // What expects a value is told by the comparison itself.
        let could_pass = wanted.is_null() || wanted.is_object();
        if could_pass && !word.starts_with('$') && !known.contains(&word.as_str()) {
            let note = format!("there is no word `{word}` here; there are: {}", known.join(", "));
            let path = format!("{path}.{word}");
            found.push(Difference::mistake(&path, wanted.clone(), None, note));
        }
    }
}
