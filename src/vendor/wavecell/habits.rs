//! How 8x8 Connect behaves: receipts for every rung, and four further tries within 131 seconds.

use std::time::Duration;

use serde_json::json;

use crate::domain::message::State;
use crate::vendor::habits::{Habits, Push, Scene, uuid};

/// From the vendor's pages on receipts: after a connection error, a time-out, a 4xx or a 5xx.
const RETRIES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(90),
];

pub(super) const HABITS: Habits = Habits {
    retries: &RETRIES,
    gives_up_on: &[],
    reports: &[State::Queued, State::Sent, State::Delivered, State::Read],
    id: uuid,
    received,
    reported,
};

fn received(scene: &Scene) -> Push {
    Push::json(&json!({
        "version": 3,
        "namespace": "ChatApps",
        "eventType": "inbound_message_received",
        "description": "ChatApps inbound message",
        "payload": {
            "umid": scene.id,
            "subAccountId": "kettle_shop_hq",
            "timestamp": scene.at,
            "user": { "msisdn": format!("+{}", scene.phone), "name": scene.name },
            "recipient": { "channel": "whatsapp", "channelId": "f05f9f4d-0a38-44f0-86a0-e41299ed2b1b" },
            "type": "Text",
            "content": { "text": scene.text },
        },
    }))
}

fn reported(scene: &Scene, state: State) -> Push {
    let (word, detail) = match state {
        State::Queued => ("queued", None),
        State::Sent => ("sent", None),
        State::Delivered => ("delivered", Some("delivered_to_recipient")),
        State::Read => ("read", None),
        State::Failed => ("undelivered", Some("rejected_by_operator")),
    };
    let mut status = json!({ "state": word, "timestamp": scene.at });
    if let (Some(status), Some(detail)) = (status.as_object_mut(), detail) {
        status.insert("detail".to_owned(), detail.into());
        if state == State::Failed {
            status.insert("errorCode".to_owned(), 1022.into());
            status.insert("errorMessage".to_owned(), "Message window expired".into());
        }
    }
    Push::json(&json!({
        "version": 9,
        "namespace": "ChatApps",
        "eventType": "outbound_message_status_changed",
        "description": "ChatApps outbound message delivery receipt",
        "payload": {
            "umid": scene.id,
            "subAccountId": "kettle_shop_hq",
            "channel": "whatsapp",
            "user": { "msisdn": format!("+{}", scene.phone) },
            "status": status,
        },
    }))
}
