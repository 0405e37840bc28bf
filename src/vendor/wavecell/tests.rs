//! The adapter as a whole: what is known, what is not, and that nothing makes it stumble.

use bytes::Bytes;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::clock::Time;
use crate::domain::callback::Head;
use crate::domain::event::EventType;
use crate::domain::id::CallbackId;
use crate::domain::message::State;
use crate::domain::source::Scheme;
use crate::vendor::authenticity;

fn read(content_type: &str, body: impl Into<Bytes>) -> Reading {
    let callback = Callback {
        id: CallbackId::from_bits(1),
        source: "wavecell".parse().unwrap(),
        received_at: Time::from_millis(1_786_532_540_000),
        head: Head {
            method: "POST".to_owned(),
            path: "/in/wavecell".to_owned(),
            query: String::new(),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            token: None,
            remote: None,
        },
        body: body.into(),
    };
    let authentic = authenticity::check(&[Scheme::None], &callback, "").unwrap();
    let settings = ReadSettings { timezone: TimeZone::UTC, decode_escapes: false, mapping: None };
    Wavecell.read(&authentic, &settings)
}

fn kinds(body: &Value) -> Vec<EventType> {
    match read("application/json", body.to_string()) {
        Reading::Events(drafts) => drafts.iter().map(|draft| draft.kind).collect(),
        Reading::Quarantine(reason) => panic!("{reason}"),
    }
}

fn reason(content_type: &str, body: &str) -> String {
    match read(content_type, body.to_owned()) {
        Reading::Events(drafts) => panic!("{drafts:?}"),
        Reading::Quarantine(reason) => reason,
    }
}

fn receipt(umid: &str) -> Value {
    json!({"namespace": "ChatApps", "eventType": "outbound_message_status_changed",
        "payload": {"umid": umid, "status": {"state": "delivered"}}})
}

#[test]
fn what_is_not_known_is_an_event_of_its_own_with_everything_in_extra() {
    for body in [
        json!({"namespace": "Fax", "eventType": "outbound_message_status_changed", "payload": {}}),
        json!({"namespace": "ChatApps", "eventType": "reaction_added", "payload": {"umid": "u"}}),
        json!({"eventType": "new_update", "eventDetails": {"a": 1}}),
        json!({"messageId": "m", "channel": "Sms", "status": "Delivered"}),
    ] {
        let Reading::Events(drafts) = read("application/json", body.to_string()) else {
            panic!("{body}")
        };
        let [draft] = drafts.as_slice() else { panic!("{drafts:?}") };
        assert_eq!(draft.kind, EventType::Unknown);
        assert_eq!(draft.subject, None);
        assert_eq!(draft.duplicate_key, body.to_string());
    }
}

#[test]
fn what_can_not_be_read_says_which_field_is_missing() {
    let table = [
        (
            r#"{"namespace": "ChatApps", "eventType": "inbound_message_received", "payload": {"umid": ""}}"#,
            "`payload.umid` is missing",
        ),
        (r#"{"namespace": "SMS", "eventType": "short_url_clicked"}"#, "`payload` is missing"),
        (
            r#"{"namespace": "VOICE", "eventType": "CALL_STATUS", "payload": {}}"#,
            "`payload.callId` is missing",
        ),
        (r#"{"eventType": "inboundMessage"}"#, "`umid` is missing"),
        (r#"{"eventType": "inboundMessage", "umid": " "}"#, "`umid` is missing"),
        (
            r#"{"eventType": "template_status_update", "eventDetails": {}}"#,
            "`eventDetails.templateId` is missing",
        ),
        (
            r#"{"eventType": "user_preferences", "eventDetails": {"rawEvent": {"value": {"user_preferences": [{}]}}}}"#,
            "`eventDetails.rawEvent.value.user_preferences.wa_id` is missing",
        ),
        (r#"{"eventType": "template_quality_update"}"#, "`eventDetails.templateId` is missing"),
        ("17", "the body is JSON, but not an object"),
        ("[]", "the body is an empty array"),
        ("", "the body is empty"),
    ];
    for (body, expected) in table {
        assert_eq!(reason("application/json", body), expected, "{body}");
    }
    assert!(reason("text/xml", "not xml").starts_with("the body is not valid XML"));
}

#[test]
fn of_several_objects_one_that_can_not_be_read_stays_among_the_others() {
    let broken = json!({"namespace": "SMS", "eventType": "short_url_clicked", "payload": {}});
    assert_eq!(
        kinds(&json!([receipt("u1"), broken, 7])),
        [EventType::MessageDelivered, EventType::Unknown, EventType::Unknown]
    );
    assert_eq!(
        reason("application/json", &json!([broken]).to_string()),
        "`payload.umid` is missing"
    );
}

#[test]
fn letter_case_of_names_and_words_does_not_matter() {
    let body = r#"{"NameSpace": "CHATAPPS", "EVENTTYPE": "Outbound_Message_Status_Changed",
        "Payload": {"UMID": "Ab", "CHANNEL": "WHATSAPP", "Status": {"STATE": "READ"}}}"#;
    let Reading::Events(drafts) = read("application/json", body) else { panic!() };
    assert_eq!(drafts[0].kind, EventType::MessageRead);
    assert_eq!(drafts[0].subject.as_deref(), Some("Ab"));
    assert!(drafts[0].duplicate_key.starts_with("ab|whatsapp|"));
    let status = drafts[0].data.message.as_ref().and_then(|part| part.status.clone());
    assert_eq!(status.and_then(|status| status.state), Some(State::Read));
    assert!(drafts[0].data.extra.is_empty());
}

/// Every name that a reader asks for, so that arbitrary values stand where they are looked at.
const NAMES: &[&str] = &[
    "namespace",
    "eventType",
    "version",
    "payload",
    "umid",
    "channel",
    "user",
    "msisdn",
    "channelUserId",
    "recipient",
    "channelId",
    "type",
    "content",
    "text",
    "url",
    "location",
    "interactive",
    "nfmReply",
    "responseJson",
    "status",
    "state",
    "detail",
    "timestamp",
    "errorCode",
    "errorMessage",
    "whatsapp",
    "providerErrorCode",
    "outboundContent",
    "header",
    "media",
    "body",
    "price",
    "total",
    "currency",
    "smsCount",
    "source",
    "destination",
    "eventId",
    "eventDetails",
    "templateId",
    "templateName",
    "meta",
    "rawEvent",
    "value",
    "messages",
    "user_preferences",
    "user_id_update",
    "user_id",
    "wa_id",
    "id",
    "from",
    "contacts",
    "surveyId",
    "receivedAt",
    "callId",
    "sessionId",
    "details",
    "callA",
    "UMID",
];

/// Words that lead into the readers.
const WORDS: &[&str] = &[
    "ChatApps",
    "SMS",
    "VOICE",
    "outbound_message_status_changed",
    "inbound_message_received",
    "external_app_message",
    "short_url_clicked",
    "inboundMessage",
    "outboundMessageDelivery",
    "CALL_ACTION",
    "SESSION_SUMMARY",
    "CALL_RECORDING_STATUS",
    "VIRTUAL_NUMBER_UPDATE",
    "template_status_update",
    "account_update",
    "phone_number_quality_update",
    "inbound",
    "user_preferences",
    "contacts",
    "whatsapp_user_id_update",
    "delivered",
    "whatsapp",
    "2026-08-12T09:15:57Z",
    "+12025550188",
    "{\"a\":1}",
    "",
];

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => prop::sample::select(WORDS).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::vec((prop::sample::select(NAMES), inner), 0..8)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_under_the_known_names_gives_the_same_reading_twice(
        namespace in prop::sample::select(WORDS),
        event_type in prop::sample::select(WORDS),
        payload in values(),
        around in values(),
    ) {
        let mut body = json!({"namespace": namespace, "eventType": event_type, "payload": payload});
        if let (Value::Object(members), Value::Object(around)) = (&mut body, around) {
            members.extend(around);
        }
        let text = body.to_string();
        prop_assert_eq!(read("", text.clone()), read("", text));
    }

    #[test]
    fn any_bytes_give_the_same_reading_twice(
        content_type in prop::sample::select(&["application/json", "text/xml", ""][..]),
        start in prop::sample::select(&["", "<root>", "{\"payload\":", "[{", "\u{feff}"][..]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [start.as_bytes(), &rest].concat();
        prop_assert_eq!(read(content_type, bytes.clone()), read(content_type, bytes));
    }
}
