//! What may never leave the callback's raw bytes: keys, login codes, and bytes that nobody can use.

use serde_json::{Map, Value};

use crate::vendor::read::Fields;

/// Members, in small letters, that are secrets wherever they stand. The URLs that were called, an instance's
/// `destination` and a message's own `webhookUrl`, count: they may hold a token. So does the bridge's `raw`, which repeats a
/// whole frame as text.
const SECRETS: [&str; 14] = [
    "apikey",
    "api_key",
    "x-evolution-api-key",
    "x-webhook-secret",
    "jwt_key",
    "pairingcode",
    "pairing_code",
    "qrcode",
    "qr",
    "webhookurl",
    "destination",
    "authorization",
    "keydata",
    "raw",
];

/// How texts begin that log in whoever has them, under whatever name: a QR code's, and the picture of one.
const LOGINS: [&str; 2] = ["2@", "data:image/"];

/// Members, in small letters, that are bytes: media that stays in the callback, and what only WhatsApp's own programs use.
const BYTES: [&str; 15] = [
    "base64",
    "mediakey",
    "jpegthumbnail",
    "pngthumbnail",
    "filesha256",
    "fileencsha256",
    "thumbnailsha256",
    "thumbnailencsha256",
    "midqualityfilesha256",
    "streamingsidecar",
    "scanssidecar",
    "waveform",
    "messagecontextinfo",
    "messagesecret",
    "encpayload",
];

/// What the adapter did not map, as an event's `extra`: without secrets and bytes, bounded.
pub(super) fn extra(mut members: Map<String, Value>) -> Map<String, Value> {
    strip(&mut members);
    Fields::new(members).into_extra()
}

/// The object as a part of an event: without secrets, bytes, nulls and empty texts.
pub(super) fn part(mut members: Map<String, Value>) -> Map<String, Value> {
    strip(&mut members);
    Fields::new(members).into_part()
}

/// Takes secrets and bytes out, at every depth.
fn strip(members: &mut Map<String, Value>) {
    // A `code` beside a picture or a pairing code is the QR code's text: who has it can log in.
    let offers_login = members.keys().any(|key| is_one_of(key, &["pairingcode", "base64"]));
    members.retain(|key, value| {
        let login = is_login(value) || (offers_login && is_one_of(key, &["code"]));
        let is_kept = !login && !is_one_of(key, &SECRETS) && !is_one_of(key, &BYTES);
        if is_kept {
            strip_value(value);
        }
        is_kept
    });
}

fn strip_value(value: &mut Value) {
    match value {
        Value::Object(members) => strip(members),
        Value::Array(items) => {
            items.retain(|item| !is_login(item));
            items.iter_mut().for_each(strip_value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_login(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| LOGINS.iter().any(|start| text.trim_start().starts_with(start)))
}

fn is_one_of(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| key.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_and_bytes_are_gone_at_every_depth() {
        let Value::Object(members) = json!({
            "ApiKey": "K", "headers": {"jwt_key": "J", "x": 1}, "webhookUrl": "https://hooks.example.com/in/a/T",
            "list": [{"base64": "AAAA", "code": "2@login", "count": 1}, {"code": 401}],
            "qrcode": {"code": "2@login"}, "mediaKey": {"0": 1}, "destination": "https://hooks.example.com/in/a/T",
            "image": "data:image/png;base64,AAAA", "offers": [["2@login"], {"code": "2@login", "count": 2}],
        }) else {
            panic!("an object")
        };
        let kept = json!({"headers": {"x": 1}, "list": [{"count": 1}, {"code": 401}],
            "offers": [{"count": 2}]});
        assert_eq!(Value::Object(extra(members)), kept);
    }
}
