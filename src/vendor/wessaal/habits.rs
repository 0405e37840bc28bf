//! How the Evolution API behaves, on which Wessaal stands: no receipt has a time, ten tries, and never again after some statuses.

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::message::State;
use crate::vendor::habits::{Habits, Push, Scene};

/// From its source code (2.3): 5 s, doubling, at most 300 s.
const RETRIES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_secs(80),
    Duration::from_secs(160),
    Duration::from_mins(5),
    Duration::from_mins(5),
    Duration::from_mins(5),
];

pub(super) const HABITS: Habits = Habits {
    retries: &RETRIES,
    gives_up_on: &[400, 401, 403, 404, 422],
    reports: &[State::Queued, State::Sent, State::Delivered, State::Read],
    id,
    received,
    reported,
};

/// Twenty hexadecimal digits, as WhatsApp has them.
fn id(run: u32, number: u32) -> String {
    format!("3EB0{run:08X}{number:08X}")
}

fn enveloped(event: &str, scene: &Scene, data: &Value) -> Push {
    Push::json(&json!({
        "event": event,
        "instance": "kettle-shop",
        "data": data,
        "destination": "https://hooks.example.com/in/evolution",
        "date_time": scene.at,
        "sender": "447700900555@s.whatsapp.net",
        "server_url": "https://evo.example.net",
        "apikey": null,
    }))
}

fn written(scene: &Scene, from_me: bool, status: &str) -> Value {
    json!({
        "key": { "remoteJid": format!("{}@s.whatsapp.net", scene.phone), "fromMe": from_me, "id": scene.id },
        "pushName": scene.name,
        "status": status,
        "message": { "conversation": scene.text },
        "messageType": "conversation",
        "messageTimestamp": scene.at.as_millis().div_euclid(1_000),
        "instanceId": "0b9a8c7d-6e5f-4a3b-9c2d-1e0f2a3b4c5d",
        "source": "android",
    })
}

fn received(scene: &Scene) -> Push {
    enveloped("messages.upsert", scene, &written(scene, false, "DELIVERY_ACK"))
}

fn reported(scene: &Scene, state: State) -> Push {
    let word = match state {
        State::Queued => return enveloped("send.message", scene, &written(scene, true, "PENDING")),
        State::Sent => "SERVER_ACK",
        State::Delivered => "DELIVERY_ACK",
        State::Read => "READ",
        State::Failed => "ERROR",
    };
    let data = json!({
        "keyId": scene.id,
        "remoteJid": format!("{}@s.whatsapp.net", scene.phone),
        "fromMe": true,
        "status": word,
        "instanceId": "0b9a8c7d-6e5f-4a3b-9c2d-1e0f2a3b4c5d",
    });
    enveloped("messages.update", scene, &data)
}
