//! Contacts, and who of them is there.

use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::{jid, redact};
use crate::domain::event::{EventType, Part};
use crate::vendor::read::Fields;

/// The most people that one presence event lists; the rest are in the callback.
const PRESENCES_MAX: usize = 1_024;

/// Reads one contact of `contacts.upsert` and `contacts.update`.
pub(super) fn contact(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let id = fields.text_of(&["remoteJid", "id"]).ok_or(Missing("remoteJid"))?;
    let part = json!({
        "id": id,
        "phone": jid::phone(&id),
        "name": fields.text_of(&["pushName", "name", "notify", "verifiedName"]),
        "picture_url": fields.text_of(&["profilePicUrl", "profilePictureUrl", "imgUrl"]),
    });
    Ok(about(EventType::ContactUpdated, Some(id), repetition, Part::Contact, part))
}

/// Reads `presence.update`: what the people of a chat do at the moment.
pub(super) fn presence(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let id = fields.text_of(&["id", "remoteJid"]).ok_or(Missing("id"))?;
    let people = fields.object("presences").unwrap_or_default().into_map();
    let people = people.into_iter().take(PRESENCES_MAX).map(|(person, value)| {
        let mut said =
            if let Value::Object(said) = value { Fields::new(said) } else { Fields::default() };
        json!({
            "id": person,
            "phone": jid::phone(&person),
            "state": said.text("lastKnownPresence"),
            "last_seen": said.integer("lastSeen"),
        })
    });
    let part = json!({"id": id, "people": people.collect::<Value>()});
    Ok(about(EventType::PresenceUpdated, Some(id), repetition, Part::Presence, part))
}

/// What is told of a thing that is no message.
pub(super) fn about(
    kind: EventType,
    subject: Option<String>,
    key: Vec<Option<String>>,
    name: Part,
    part: Value,
) -> Told {
    let part = if let Value::Object(part) = part { redact::part(part) } else { Map::new() };
    Told { subject, key, part: Some((name, part)), ..Told::new(kind) }
}
