//! What must hold of any body at all, and of what may never be told.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::domain::callback::{Callback, Head};
use crate::domain::id::CallbackId;
use crate::domain::source::Scheme;
use crate::vendor::authenticity;

fn read(body: impl Into<Bytes>) -> Reading {
    read_at("/in/wessaal", body)
}

fn read_at(path: &str, body: impl Into<Bytes>) -> Reading {
    let callback = Callback {
        id: CallbackId::from_bits(1),
        source: CODE.parse().unwrap(),
        received_at: "2026-08-20T12:00:00Z".parse().unwrap(),
        head: Head {
            method: "POST".to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: Vec::new(),
            token: None,
            remote: None,
        },
        body: body.into(),
    };
    let authentic = authenticity::check(&[Scheme::None], &callback, "").unwrap();
    let settings = ReadSettings { timezone: TimeZone::UTC, decode_escapes: false, mapping: None };
    Wessaal.read(&authentic, &settings)
}

fn drafts(body: &Value) -> Vec<Draft> {
    match read(body.to_string()) {
        Reading::Events(drafts) => drafts,
        Reading::Quarantine(reason) => panic!("{reason}: {body}"),
    }
}

fn evolution(event: &str, data: &Value) -> Value {
    json!({"event": event, "instance": "kettle-shop", "data": data, "apikey": "THE-KEY",
        "destination": "https://hooks.example.com/in/wessaal/THE-TOKEN", "date_time": "2026-08-12T07:22:20.492Z"})
}

#[test]
fn login_codes_keys_and_media_bytes_are_told_nowhere() {
    let code = json!({"pairingCode": "THE-PAIRING", "code": "2@THE-CODE", "base64": "THE-PICTURE"});
    let bodies = [
        evolution("qrcode.updated", &json!({"qrcode": code})),
        evolution("qrcode.updated", &code),
        evolution(
            "connection.update",
            &json!({"state": "connecting", "qrcode": code, "qr": "2@THE-CODE"}),
        ),
        evolution(
            "instance.create",
            &json!({"instanceName": "a", "hash": "THE-KEY", "qrcode": code}),
        ),
        evolution("something.new", &json!({"apikey": "THE-KEY", "deep": [code]})),
        evolution(
            "messages.upsert",
            &json!({"key": {"id": "1"}, "message": {"base64": "THE-PICTURE"},
            "headers": {"jwt_key": "THE-KEY"}}),
        ),
        json!({"event": "qrcode.updated", "instance": "a", "receivedAt": "2026-08-12T09:15:58Z", "type": "qrcode", "body": code,
            "raw": code.to_string()}),
        json!({"colour": "blue", "apikey": "THE-KEY", "list": [code]}),
    ];
    for body in bodies {
        let told = format!("{:?}", drafts(&body));
        assert!(!told.contains("THE-"), "{body} was told as {told}");
    }
}

#[test]
fn a_repetition_has_the_same_key_and_nothing_else_has() {
    let key = |event: &str, data: &Value| drafts(&evolution(event, data)).remove(0).duplicate_key;
    let update = |participant: &str, status: &str| json!({"keyId": "1", "remoteJid": "1@g.us", "fromMe": true, "participant": participant, "status": status});
    let seen = key("messages.update", &update("a@lid", "READ"));
    assert_eq!(seen, key("MESSAGES_UPDATE", &update("a@lid", "READ")));
    assert_ne!(seen, key("messages.update", &update("b@lid", "READ")));
    assert_ne!(seen, key("messages.update", &update("a@lid", "PLAYED")));
    let contact = |name: &str| json!({"remoteJid": "1@lid", "pushName": name});
    assert_ne!(key("contacts.update", &contact("Ines")), key("contacts.update", &contact("Ravi")));
    let mut other = evolution("contacts.update", &contact("Ines"));
    other["instance"] = json!("tea-shop");
    assert_ne!(key("contacts.update", &contact("Ines")), drafts(&other).remove(0).duplicate_key);
}

#[test]
fn the_path_names_the_event_only_where_the_body_does_not_and_is_an_envelope() {
    let kind = |path: &str, body: Value| match read_at(path, body.to_string()) {
        Reading::Events(drafts) => drafts.first().unwrap().kind,
        Reading::Quarantine(reason) => panic!("{reason}"),
    };
    let data = json!({"state": "open", "instance": "kettle-shop"});
    let below = "/in/wessaal/connection-update";
    assert_eq!(kind(below, json!({"data": data})), EventType::AccountConnected);
    assert_eq!(
        kind("/in/wessaal/logout-instance/", json!({"instance": "a", "data": null})),
        EventType::AccountDisconnected
    );
    assert_eq!(kind(below, json!({"event": "call", "data": {"id": "1"}})), EventType::CallStatus);
    assert_eq!(kind(below, json!({"message_id": 1, "status": "sent"})), EventType::MessageSent);
    assert_eq!(kind("/in/call", json!({"data": data})), EventType::Unknown);
}

#[test]
fn half_a_status_object_is_not_mistaken_for_one() {
    let table = [
        (json!({"id": 1, "status": "sent"}), EventType::MessageSent),
        (json!({"id": 1, "status": "paid"}), EventType::Unknown),
        (json!({"message_id": 1, "status": "paid"}), EventType::MessageStatusUnknown),
        (json!({"message_id": 1, "delivered_at": null}), EventType::MessageStatusUnknown),
        (json!({"message_id": 1}), EventType::Unknown),
        (
            json!({"event": "x", "data": {"message_id": 1, "status": "read"}}),
            EventType::MessageRead,
        ),
        (
            json!({"event": "x", "instance": "a", "data": {"id": 1, "status": "sent"}}),
            EventType::Unknown,
        ),
    ];
    for (body, expected) in table {
        assert_eq!(drafts(&body).first().unwrap().kind, expected, "{body}");
    }
}

#[test]
fn a_body_of_more_things_than_are_worth_reading_is_quarantined() {
    let ones = vec![json!(1); THINGS_MAX + 1];
    for body in [json!(ones), json!({"event": "contacts.update", "data": ones})] {
        assert!(matches!(read(body.to_string()), Reading::Quarantine(_)));
    }
    assert_eq!(drafts(&json!(ones[1..])).len(), THINGS_MAX);
}

/// Names that mean something to the adapter.
const NAMES: &[&str] = &[
    "event",
    "instance",
    "data",
    "key",
    "id",
    "keyId",
    "remoteJid",
    "remoteJidAlt",
    "participant",
    "fromMe",
    "status",
    "update",
    "message",
    "messageType",
    "messageTimestamp",
    "conversation",
    "imageMessage",
    "editedMessage",
    "protocolMessage",
    "reactionMessage",
    "pollUpdates",
    "pollCreationMessage",
    "contactsArrayMessage",
    "contacts",
    "options",
    "contextInfo",
    "type",
    "text",
    "caption",
    "mediaUrl",
    "qrcode",
    "state",
    "statusReason",
    "participants",
    "participantsData",
    "presences",
    "date",
    "errors",
    "body",
    "receivedAt",
    "message_id",
    "recipient",
    "sent_at",
    "delivered_at",
    "success",
    "metadata",
    "owner",
    "sender",
    "date_time",
    "timestampMs",
    "low",
    "high",
    "RAW",
];

/// Words that mean something to the adapter.
const WORDS: &[&str] = &[
    "messages.upsert",
    "SEND_MESSAGE",
    "messages-update",
    "messages.edited",
    "messages.delete",
    "messages.set",
    "call",
    "connection.update",
    "qrcode.updated",
    "contacts.update",
    "chats.delete",
    "groups.upsert",
    "presence.update",
    "group-participants.update",
    "labels.edit",
    "status.instance",
    "generic",
    "READ",
    "sent",
    "open",
    "REVOKE",
    "0",
    "",
    "12025550118@s.whatsapp.net",
    "1@g.us",
    "1@lid",
    "@",
    "2026-08-12T09:15:58.113000Z",
    "true",
    "imageMessage",
    "é",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(WORDS).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let name = proptest::sample::select(NAMES);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6).prop_map(|members| {
                let mut object: Map<String, Value> =
                    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                object.insert("apikey".to_owned(), Value::from("THE-KEY"));
                Value::Object(object)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_read_the_same_twice(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        prop_assert_eq!(read(bytes.clone()), read(bytes));
    }

    #[test]
    fn any_json_of_known_names_is_read_the_same_twice_and_its_key_is_kept(
        event in proptest::sample::select(WORDS),
        data in any_json(),
        bare in any_json(),
    ) {
        let enveloped = json!({"event": event, "instance": "a", "data": data}).to_string();
        for body in [enveloped, bare.to_string()] {
            let reading = read(body.clone());
            prop_assert!(!format!("{reading:?}").contains("THE-KEY"), "{}", body);
            prop_assert_eq!(reading, read(body));
        }
    }
}
