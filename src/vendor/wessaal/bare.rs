//! Data without an envelope, as the business channel posts it to a message's own `webhookUrl`.

use serde_json::{Map, Value};

use super::Arrival;
use super::envelope::{Envelope, Form};
use super::events::{self, Known};
use super::item::member;
use crate::vendor::Reading;

/// The event whose data this looks like, if it looks like any: a message with its key, or a receipt of one.
pub(super) fn recognise(members: &Map<String, Value>) -> Option<Known> {
    let has = |name| member(members, name).is_some_and(|(_, value)| !value.is_null());
    let key = member(members, "key").and_then(|(_, key)| key.as_object());
    if let Some(key) = key {
        if has("message") || has("messageType") || has("messageTimestamp") {
            // Only a send of ours can ask for a `webhookUrl`, so what is ours was taken by the API.
            let ours = member(key, "fromMe").is_some_and(|(_, ours)| ours == &Value::Bool(true));
            return events::find(if ours { "send.message" } else { "messages.upsert" });
        }
        let is_receipt = has("update") || has("status") || has("pollUpdates");
        return events::find("messages.update").filter(|_| is_receipt);
    }
    let names_a_message = has("keyId") || (has("remoteJid") && has("id"));
    let is_receipt = names_a_message && (has("status") || has("pollUpdates"));
    events::find("messages.update").filter(|_| is_receipt)
}

/// Reads the data of `known`.
pub(super) fn read(
    members: Map<String, Value>,
    pointer: &str,
    known: Known,
    arrival: &Arrival<'_>,
) -> Reading {
    let envelope = Envelope {
        form: Form::Bare,
        event: Some(known.name),
        instance: None,
        account: None,
        owner: None,
        date_time: None,
        received_at: arrival.received_at,
        pointer: pointer.to_owned(),
        rest: Map::new(),
    };
    envelope.read(known.reader, Value::Object(members))
}
