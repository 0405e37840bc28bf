//! WhautoChat and its twin Whautomate: JSON about messages and contacts, one event per callback.

mod contact;
mod event_head;
mod habits;
mod lenient;
mod message;

use serde_json::Value;
use sha2::{Digest, Sha256};

use self::event_head::{EventHead, Topic};
use super::habits::Habits;
use super::read::{Fields, times};
use super::{Authentic, Reading, Vendor};
use crate::domain::callback::Callback;
use crate::domain::event::{Data, Draft, EventType};
use crate::domain::source::ReadSettings;

/// `WhautoChat`: `{"event": {…}, "message": {…}}` or `{"event": {…}, "contact": {…}}`.
#[derive(Debug)]
pub struct Whautochat;

impl Vendor for Whautochat {
    fn code(&self) -> &'static str {
        "whautochat"
    }

    fn habits(&self) -> Option<Habits> {
        Some(habits::HABITS)
    }

    fn read(&self, callback: &Authentic<'_>, settings: &ReadSettings) -> Reading {
        let callback = callback.callback();
        let arrival = Arrival { callback, settings };
        let mut body = match Fields::parse(&callback.body) {
            Ok(body) => body,
            Err(reason) => {
                let recovered = lenient::read(&arrival);
                return recovered.map_or(Reading::Quarantine(reason), Reading::one);
            }
        };
        let head = body.within("event", |event| EventHead::take(event, &arrival)).flatten();
        let Some(head) = head else { return unknown(body, &arrival) };
        let draft = match head.topic {
            Topic::Message(way) => message::read(body, &head, way, &arrival),
            Topic::Contact(kind) => contact::read(body, &head, kind),
        };
        draft.map_or_else(Reading::Quarantine, Reading::one)
    }
}

/// What an event is read from, besides its JSON.
struct Arrival<'a> {
    callback: &'a Callback,
    settings: &'a ReadSettings,
}

/// What all of this vendor's events have in common.
fn event_data(dialect: &str) -> Data {
    Data { vendor: "whautochat".to_owned(), dialect: dialect.to_owned(), ..Data::default() }
}

/// Takes a member that repeats what is known already, so that only what is new is left for `extra`.
fn drop_repeated(fields: &mut Fields, name: &str, known: impl FnOnce(&str) -> bool) {
    if fields.peek(name).is_some_and(|word| known(&word)) {
        fields.take(name);
    }
}

/// Reads a member that is JSON inside a text as the object or array it holds.
fn unwrap_json(fields: &mut Fields, name: &str) {
    let inner = fields.get(name).and_then(Value::as_str).and_then(|text| {
        let value: Value = serde_json::from_str(text).ok()?;
        (value.is_object() || value.is_array()).then_some(value)
    });
    if let Some(value) = inner {
        fields.take(name);
        fields.put(name, value);
    }
}

/// An event that we do not know is kept as it is, if there is anything in it.
fn unknown(mut body: Fields, arrival: &Arrival<'_>) -> Reading {
    if body.is_empty() {
        return Reading::Quarantine("the body is an empty object".to_owned());
    }
    let (id, when) = body
        .within("event", |event| {
            (event.peek("id"), event_head::when(&mut event.clone(), "timeStamp", arrival))
        })
        .unwrap_or_default();
    let mut data = event_data("unknown");
    data.extra = body.into_extra();
    Reading::one(Draft {
        kind: EventType::Unknown,
        subject: None,
        when: when.unwrap_or_else(|| times::received(arrival.callback.received_at)),
        duplicate_key: id.map_or_else(
            || format!("unknown:{}", hex::encode(Sha256::digest(&arrival.callback.body))),
            |id| format!("event:{id}"),
        ),
        data,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::callback::Head;
    use crate::domain::id::CallbackId;
    use crate::domain::source::Scheme;
    use crate::vendor::authenticity;

    /// What the adapter makes of a body.
    pub(super) fn read(body: &[u8]) -> Reading {
        let callback = Callback {
            id: CallbackId::from_bits(1),
            source: "whautochat".parse().unwrap(),
            received_at: "2026-08-12T03:31:30Z".parse().unwrap(),
            head: Head {
                method: "POST".to_owned(),
                path: "/in/whautochat".to_owned(),
                query: String::new(),
                headers: Vec::new(),
                token: None,
                remote: None,
            },
            body: Bytes::copy_from_slice(body),
        };
        let authentic = authenticity::check(&[Scheme::None], &callback, "").unwrap();
        let settings =
            ReadSettings { timezone: TimeZone::UTC, decode_escapes: false, mapping: None };
        Whautochat.read(&authentic, &settings)
    }

    /// The one event of a body.
    pub(super) fn event(body: &str) -> Draft {
        let reading = read(body.as_bytes());
        let Reading::Events(mut events) = reading else { panic!("{body}: {reading:?}") };
        assert_eq!(events.len(), 1, "{body}");
        events.remove(0)
    }

    /// Why a body is quarantined.
    pub(super) fn reason(body: &str) -> String {
        let reading = read(body.as_bytes());
        let Reading::Quarantine(reason) = reading else { panic!("{body}: {reading:?}") };
        reason
    }

    #[test]
    fn an_unknown_event_keeps_everything_and_an_empty_body_nothing() {
        let body = r#"{"event":{"id":"kQ4v9Zt1Lm","type":"appointment_created","timeStamp":"2026-08-12T03:31:24Z"},"appointment":{"id":"a1"}}"#;
        let event = event(body);
        assert_eq!(event.kind, EventType::Unknown);
        assert_eq!(event.duplicate_key, "event:kQ4v9Zt1Lm");
        assert_eq!(event.when.at.to_string(), "2026-08-12T03:31:24.000Z");
        assert_eq!(Value::Object(event.data.extra), serde_json::from_str::<Value>(body).unwrap());
        assert!(reason("{}").contains("empty object"));
        assert!(reason("[]").contains("an array"));
        assert!(reason("").contains("empty"));
    }

    #[test]
    fn a_known_event_without_its_thing_is_quarantined_by_the_name_of_what_is_missing() {
        let table = [
            ("incoming_telegram_message", r#""message":{"text":"hi"}"#, "`message.id` is missing"),
            ("incoming_telegram_message", r#""message":null"#, "`message` is missing"),
            ("contact_created", r#""contact":{"id":""}"#, "`contact.id` is missing"),
            ("contact_tag_added", r#""message":{"id":"x"}"#, "`contact` is missing"),
        ];
        for (kind, thing, expected) in table {
            let body = format!(r#"{{"event":{{"id":"e","type":"{kind}"}},{thing}}}"#);
            assert_eq!(reason(&body), expected);
        }
    }

    /// What bodies are made of, so that random ones come close to true ones.
    const PIECES: [&str; 16] = [
        r#"{"event":{"id":"kQ4v9Zt1Lm","type":"incoming_whatsapp_message","key":"p7"},"#,
        r#"{"event":{"id":"kQ4v9Zt1Lm","type":"contact_created"},"#,
        r#""message":{"id":"p7","#,
        r#""contact":{"id":"tB8","phoneNumber":"12025550118"},"#,
        r#""contact":{"id":"tB8","tags":""#,
        r#""text":""#,
        r#""replyToMessage":"#,
        r#""customFields":"#,
        "\"",
        "}",
        "}}",
        "{",
        "[",
        "]",
        ",",
        "\n\u{fffd}é",
    ];

    proptest! {
        #[test]
        fn any_bytes_give_a_reading_and_the_same_one_twice(
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12),
            junk in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let body = [pieces.concat().as_bytes(), &junk, b"}}"].concat();
            prop_assert_eq!(read(&body), read(&body));
            prop_assert_eq!(read(&junk), read(&junk));
        }
    }
}
