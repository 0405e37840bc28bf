//! What comes of a callback under a mapping: rules that fixtures don't show, and that nothing panics.

use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::callback::Head;
use crate::domain::event::EventType;
use crate::domain::id::CallbackId;
use crate::domain::mapping::{Field, Meaning, Place};
use crate::domain::message::State;
use crate::domain::source::Scheme;
use crate::vendor::authenticity;

/// What a mapping makes of a body.
fn read(mapping: &Mapping, content_type: &str, query: &str, body: &[u8]) -> Reading {
    let callback = Callback {
        id: CallbackId::from_bits(1),
        source: "parcelbot".parse().unwrap(),
        received_at: "2026-08-12T09:16:00Z".parse().unwrap(),
        head: Head {
            method: "POST".to_owned(),
            path: "/in/parcelbot".to_owned(),
            query: query.to_owned(),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            token: None,
            remote: None,
        },
        body: Bytes::copy_from_slice(body),
    };
    let authentic = authenticity::check(&[Scheme::None], &callback, "").unwrap();
    let mapping = Some(Arc::new(mapping.clone()));
    let settings = ReadSettings { timezone: TimeZone::UTC, decode_escapes: false, mapping };
    Generic.read(&authentic, &settings)
}

/// The one event of a JSON body.
fn event(mapping: &Mapping, body: &Value) -> Draft {
    let reading = read(mapping, "application/json", "", body.to_string().as_bytes());
    let Reading::Events(mut events) = reading else { panic!("{body}: {reading:?}") };
    assert_eq!(events.len(), 1, "{body}");
    events.remove(0)
}

/// A mapping in which these fields have these places, all types mean receipts, and `OK` is delivered.
fn receipts(places: &[(Field, &[&str])]) -> Mapping {
    let places = places.iter().map(|(field, places)| {
        (*field, places.iter().map(|place| place.parse().unwrap()).collect())
    });
    Mapping {
        places: places.collect(),
        other_types: Some(Meaning::Receipt),
        statuses: [("ok".to_owned(), State::Delivered)].into(),
        ..Mapping::default()
    }
}

#[test]
fn the_first_place_that_has_a_value_wins_and_the_others_are_left() {
    let mapping = receipts(&[
        (Field::Type, &["text:any"]),
        (Field::Id, &["/a/id", "/ids/1", "/b"]),
        (Field::Status, &["/s"]),
    ]);
    let table = [
        (json!({"a": {"id": 7}, "b": "x", "s": "OK"}), "7", json!({"b": "x"})),
        (
            json!({"a": {"id": ""}, "ids": ["p", "q", "r"], "s": "OK"}),
            "q",
            json!({"ids": ["p", "r"]}),
        ),
        (json!({"a": {"id": {}}, "ids": null, "b": true, "s": "OK"}), "true", json!({})),
    ];
    for (body, id, extra) in table {
        let event = event(&mapping, &body);
        assert_eq!(event.subject.as_deref(), Some(id), "{body}");
        assert_eq!(event.kind, EventType::MessageDelivered, "{body}");
        assert_eq!(Value::Object(event.data.extra), extra, "{body}");
    }
}

#[test]
fn times_are_read_however_they_are_written() {
    let mapping = receipts(&[
        (Field::Type, &["text:any"]),
        (Field::Id, &["/id"]),
        (Field::Status, &["/s"]),
        (Field::Time, &["/at"]),
    ]);
    let table = [
        (json!(1_786_526_157), "2026-08-12T09:15:57.000Z"),
        (json!("1786526157"), "2026-08-12T09:15:57.000Z"),
        (json!("1786526157.25"), "2026-08-12T09:15:57.000Z"),
        (json!(1_786_526_157.5), "2026-08-12T09:15:57.000Z"),
        (json!(1_786_526_157_250_i64), "2026-08-12T09:15:57.250Z"),
        (json!("2026-08-12T11:15:57+02:00"), "2026-08-12T09:15:57.000Z"),
        (json!("2026-08-12 09:15"), "2026-08-12T09:15:00.000Z"),
        (json!("soon"), "2026-08-12T09:16:00.000Z"),
    ];
    for (at, expected) in table {
        let event = event(&mapping, &json!({"id": "m", "s": "OK", "at": at}));
        assert_eq!(event.when.at.to_string(), expected, "{at}");
    }
}

#[test]
fn what_is_to_be_unknown_is_kept_whole() {
    let mapping = Mapping {
        other_types: Meaning::parse("unknown"),
        ..receipts(&[(Field::Type, &["text:unknown"]), (Field::Id, &["/id"])])
    };
    let body = json!({"id": "m", "new": {"to": "us"}});
    let event = event(&mapping, &body);
    assert_eq!(event.kind, EventType::Unknown);
    assert_eq!(Value::Object(event.data.extra), body);
}

#[test]
fn one_place_may_serve_two_fields() {
    let mapping =
        receipts(&[(Field::Type, &["/s"]), (Field::Status, &["/s"]), (Field::Id, &["/id"])]);
    let event = event(&mapping, &json!({"s": "Ok", "id": "m"}));
    let status = event.data.message.unwrap().status.unwrap();
    assert_eq!(status.state, Some(State::Delivered));
    assert_eq!(status.vendor_state.as_deref(), Some("Ok"));
    assert!(event.data.extra.is_empty());
}

#[test]
fn repetitions_are_told_by_the_recipe_or_by_id_and_status_or_by_everything() {
    let mut mapping =
        receipts(&[(Field::Type, &["/t"]), (Field::Id, &["/id"]), (Field::Status, &["/s"])]);
    mapping.types.insert("tag".to_owned(), Meaning::Event(EventType::ContactTagAdded));
    let key = |mapping: &Mapping, body: &Value| event(mapping, body).duplicate_key;
    let receipt = json!({"t": "x", "id": "m", "s": "OK", "try": 1});
    assert_eq!(key(&mapping, &receipt), ":m:OK");
    let tag = |id: &str| json!({"t": "tag", "id": id});
    assert_eq!(key(&mapping, &tag("c")), key(&mapping, &tag("c")));
    assert_ne!(key(&mapping, &tag("c")), key(&mapping, &tag("d")));
    mapping.duplicate_key = Some("{status}-{id}".parse().unwrap());
    assert_eq!(key(&mapping, &receipt), "OK-m");
    assert_eq!(key(&mapping, &json!({"t": "tag", "x": 1})).len(), 64);
}

#[test]
fn words_outside_of_the_event_are_told_where_they_mean_nothing_to_us() {
    let mut mapping = receipts(&[
        (Field::Type, &["query:event"]),
        (Field::Id, &["/id"]),
        (Field::Status, &["/s"]),
        (Field::Channel, &["header:content-type"]),
    ]);
    let body = json!({"id": "m", "s": "OK"}).to_string();
    let extra = |mapping: &Mapping| {
        let reading = read(mapping, "text/json", "event=news", body.as_bytes());
        let Reading::Events(events) = reading else { panic!("{reading:?}") };
        Value::Object(events[0].data.extra.clone())
    };
    assert_eq!(extra(&mapping), json!({"header:content-type": "text/json"}));
    mapping.other_types = None;
    assert_eq!(extra(&mapping), json!({"id": "m", "s": "OK", "query:event": "news"}));
}

#[test]
fn a_parameter_of_the_query_is_not_taken_for_a_member_of_the_body() {
    let mapping = receipts(&[
        (Field::Type, &["text:any"]),
        (Field::Id, &["query:id"]),
        (Field::Status, &["/s"]),
    ]);
    let reading = read(&mapping, "", "id=q", br#"{"id": "b", "s": "OK"}"#);
    let Reading::Events(events) = reading else { panic!("{reading:?}") };
    assert_eq!(events[0].subject.as_deref(), Some("q"));
    assert_eq!(Value::Object(events[0].data.extra.clone()), json!({"id": "b"}));
}

#[test]
fn what_cannot_be_read_says_why() {
    let whole = receipts(&[(Field::Type, &["text:any"]), (Field::Id, &["/id", "form:id"])]);
    let each = Mapping { each: Some("/list".parse().unwrap()), ..whole.clone() };
    let table = [
        (&whole, "[{\"id\": 1}]", "`each = \"\"`"),
        (&whole, "{}", "no field with a value"),
        (&whole, "", "empty"),
        (&whole, "<id/>", "not a form"),
        (&whole, "{\"id\"", "not valid JSON"),
        (&each, "{\"list\": 5}", "no array at `/list`"),
        (&each, "{\"list\": [{\"id\": 1}, 2]}", "`/list/0`"),
        (&each, "{\"list\": [2]}", "not an object"),
    ];
    for (mapping, body, expected) in table {
        let reading = read(mapping, "", "", body.as_bytes());
        let Reading::Quarantine(reason) = reading else { panic!("{body}: {reading:?}") };
        assert!(reason.contains(expected), "{body}: {reason}");
    }
    let many = format!("[{}]", vec!["{\"id\":1}"; EVENTS_MAX + 1].join(","));
    let each = Mapping { each: Some("".parse().unwrap()), ..whole };
    let reading = read(&each, "", "", many.as_bytes());
    assert!(matches!(reading, Reading::Quarantine(reason) if reason.starts_with("10001 events")));
}

/// What places and bodies are made of, so that they meet.
const PLACES: [&str; 12] = [
    "/a",
    "/b/c",
    "/b/0",
    "/~01",
    "body:/a",
    "body:/b/0/c",
    "form:a",
    "form:b",
    "query:a",
    "header:content-type",
    "text:sms",
    "text:in",
];
const PIECES: [&str; 14] = [
    "{", "}", "[", "]", ",", "\"a\":", "\"b\":", "\"c\":", "1", "\"in\"", "null", "a=in", "&",
    "\u{fffd}",
];

fn any_mapping() -> impl Strategy<Value = Mapping> {
    let place = prop::sample::select(PLACES.to_vec());
    let places = prop::collection::vec(place.prop_map(|text| text.parse::<Place>().unwrap()), 1..3);
    let field = prop::sample::select(Field::ALL.to_vec());
    let each = prop::option::of(prop::sample::select(vec!["", "/a", "/b"]));
    let meant = prop::sample::select(Meaning::words().collect::<Vec<_>>());
    let key = prop::option::of(prop::sample::select(vec!["{id}", "{type}:{status}"]));
    let format = prop::option::of(Just("%Y%m%d%H%M".to_owned()));
    let maps = prop::collection::btree_map(field, places, 0..28);
    (each, maps, meant, key, format).prop_map(|(each, places, meant, key, time_format)| Mapping {
        each: each.map(|each| each.parse().unwrap()),
        places,
        types: [("in".to_owned(), Meaning::parse(meant).unwrap())].into(),
        other_types: Meaning::parse(meant),
        statuses: [("1".to_owned(), State::Read)].into(),
        time_format,
        duplicate_key: key.map(|key| key.parse().unwrap()),
        takes_get: false,
    })
}

proptest! {
    #[test]
    fn any_bytes_under_any_mapping_give_a_reading_and_the_same_one_twice(
        mapping in any_mapping(),
        content_type in "(application/(json|x-www-form-urlencoded)|\\PC{0,9})",
        query in "(a=[a-z%+]{0,4}|\\PC{0,9})",
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..16),
        junk in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        let likely = format!("{{\"a\":[{{\"a\":\"in\",\"b\":{{\"c\":1}}}}],\"b\":[{{\"c\":{}", pieces.concat());
        for body in [pieces.concat().as_bytes(), &junk, likely.as_bytes(), &[likely.as_bytes(), b"0}]}"].concat()] {
            let once = read(&mapping, &content_type, &query, body);
            prop_assert_eq!(once, read(&mapping, &content_type, &query, body));
        }
    }
}
