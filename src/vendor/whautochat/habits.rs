//! How WhautoChat behaves: a status is a field of a message that is told once more, and nobody documents a second try.

use serde_json::json;

use crate::domain::message::State;
use crate::vendor::habits::{Habits, Push, Scene};

pub(super) const HABITS: Habits = Habits {
    retries: &[],
    gives_up_on: &[],
    reports: &[State::Sent, State::Delivered, State::Read],
    id,
    received,
    reported,
};

fn id(run: u32, number: u32) -> String {
    format!("m{run:08x}{number:08x}")
}

fn received(scene: &Scene) -> Push {
    told(scene, "incoming_whatsapp_message", "received", "true", scene.name)
}

fn reported(scene: &Scene, state: State) -> Push {
    told(scene, "outgoing_whatsapp_message", state.as_str(), "false", "Kettle Shop")
}

fn told(scene: &Scene, event: &str, status: &str, incoming: &str, from: &str) -> Push {
    let mut message = json!({
        "id": scene.id,
        "contact": { "id": format!("c{}", scene.phone), "channel": "whatsapp", "phoneNumber": scene.phone },
        "channel": "whatsApp",
        "isIncoming": incoming,
        "type": "text",
        "replyToMessage": {},
        "from": from,
        "timestamp": scene.at,
        "text": scene.text,
        "createdAt": scene.at,
        "updatedAt": scene.at,
    });
    if incoming == "false"
        && let Some(message) = message.as_object_mut()
    {
        message.insert("status".to_owned(), status.into());
    }
    Push::json(&json!({
        "event": { "id": format!("{}-{status}", scene.id), "type": event, "timeStamp": scene.at, "key": scene.id },
        "message": message,
    }))
}
