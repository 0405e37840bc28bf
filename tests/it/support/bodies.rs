//! Callbacks as vendors send them, with what a test cares about filled in.

use serde_json::{Value, json};

/// A receipt of Wavecell's for a message to a customer.
pub(crate) fn receipt(message: &str, state: &str) -> String {
    receipt_over("whatsapp", message, state)
}

/// The same, over another channel.
pub(crate) fn receipt_over(channel: &str, message: &str, state: &str) -> String {
    let body = json!({
        "version": 9,
        "namespace": "ChatApps",
        "eventType": "outbound_message_status_changed",
        "payload": {
            "umid": message,
            "clientMessageId": format!("ref-{message}"),
            "subAccountId": "harbour_bakery_hq",
            "channel": channel,
            "user": { "msisdn": "+12025550188" },
            "status": { "state": state, "timestamp": "2026-08-12T09:15:57.00Z" },
        },
    });
    body.to_string()
}

/// What a customer wrote, pushed by Wavecell.
pub(crate) fn inbound(message: &str, text: &str) -> String {
    let body = json!({
        "version": 2,
        "namespace": "ChatApps",
        "eventType": "inbound_message_received",
        "payload": {
            "umid": message,
            "subAccountId": "harbour_bakery_hq",
            "timestamp": "2026-08-13T08:25:46.00Z",
            "user": { "msisdn": "+12025550143", "name": "Marit Solheim" },
            "recipient": { "channel": "sms", "channelId": "12025550100" },
            "type": "Text",
            "content": { "text": text },
        },
    });
    body.to_string()
}

/// A status of Wessaal's for a message that one of its instances sent.
pub(crate) fn update(instance: &str, message: &str, status: &str) -> String {
    let data: Value = json!({
        "keyId": message,
        "remoteJid": "12025550118@s.whatsapp.net",
        "fromMe": true,
        "status": status,
    });
    json!({ "event": "messages.update", "instance": instance, "data": data }).to_string()
}
