//! How many callboxes an event has come through, so that two that deliver to each other do not do so for ever.

use serde_json::{Map, Value};

use super::event::Event;

/// The header that counts: what we send has one more than what we got.
pub const HEADER: &str = "webhook-hops";

/// The most that is sent. An event that came with so many is not sent on.
pub const HOPS_MAX: u64 = 3;

/// Keeps the count of a callback with what its event says beside it. Nearly every callback has none, and costs nothing. A field of
/// the body that has this name counts for nothing.
pub fn keep(headers: &[(String, String)], extra: &mut Map<String, Value>) {
    extra.remove(HEADER);
    let counts = headers.iter().filter(|(name, _)| name == HEADER);
    let counts = counts.filter_map(|(_, value)| value.trim().parse::<u64>().ok());
    if let Some(count) = counts.max().filter(|count| *count > 0) {
        extra.insert(HEADER.to_owned(), Value::from(count));
    }
}

/// How many callboxes the event came through before this one.
#[must_use]
pub fn of(event: &Event) -> u64 {
    event.data.extra.get(HEADER).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_header_counts_and_of_several_the_highest() {
        let table = [
            (vec![], None),
            (vec![("webhook-hops", " 2 ")], Some(2)),
            (vec![("webhook-hops", "1"), ("webhook-hops", "3")], Some(3)),
            (vec![("webhook-hops", "-1"), ("webhook-hops", "many")], None),
            (vec![("webhook-hops", "0"), ("webhook-hop", "3")], None),
        ];
        for (headers, expected) in table {
            let headers: Vec<(String, String)> =
                headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let mut extra = json!({"webhook-hops": 9, "other": 1}).as_object().cloned().unwrap();
            keep(&headers, &mut extra);
            assert_eq!(extra.get(HEADER).and_then(Value::as_u64), expected, "{headers:?}");
            assert!(extra.contains_key("other"));
        }
    }
}
