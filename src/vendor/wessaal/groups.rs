//! Groups and who is in them.

use serde_json::{Value, json};

use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::{jid, people};
use crate::domain::event::{EventType, Part};
use crate::vendor::read::{Fields, fields, times};

/// The most participants that an event lists, the largest group that WhatsApp has; the rest are in the callback.
const PARTICIPANTS_MAX: usize = 1_024;

/// Reads one group of `groups.upsert` and `groups.update`.
pub(super) fn group(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let id = fields.text_of(&["id", "remoteJid"]).ok_or(Missing("id"))?;
    let created = fields.get("creation").and_then(times::unix);
    if created.is_some() {
        fields.take("creation");
    }
    let members = fields.array("participants");
    let said = fields.take("size");
    let size = members.as_ref().map(|members| Value::from(members.len())).or(said);
    let part = json!({
        "id": id,
        "name": fields.text_of(&["subject", "name"]),
        "description": fields.text("desc"),
        "owner": fields.text_of(&["owner", "subjectOwner"]),
        "created_at": created.map(|created| created.at),
        "size": size,
        "participants": listed(members.unwrap_or_default()),
    });
    Ok(people::about(EventType::GroupUpdated, Some(id), repetition, Part::Group, part))
}

/// Reads `group-participants.update`: who was added, removed, promoted or demoted, and by whom.
pub(super) fn participants(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let id = fields.text_of(&["id", "remoteJid"]).ok_or(Missing("id"))?;
    // The second list says more of the same people.
    let plain = fields.array("participants");
    let members = fields.array("participantsData").filter(|members| !members.is_empty()).or(plain);
    let part = json!({
        "id": id,
        "action": fields.text("action"),
        "author": fields.text("author"),
        "participants": listed(members.unwrap_or_default()),
    });
    Ok(people::about(EventType::GroupParticipants, Some(id), repetition, Part::Group, part))
}

fn listed(members: Vec<Value>) -> Value {
    members.into_iter().take(PARTICIPANTS_MAX).map(member).collect()
}

/// A participant: an address alone, or an object with more.
fn member(value: Value) -> Value {
    let Value::Object(members) = value else {
        let id = fields::text(&value);
        return json!({"phone": id.as_deref().and_then(jid::phone), "id": id});
    };
    let mut fields = Fields::new(members);
    let id = fields.text_of(&["jid", "id"]);
    let phone = fields.text("phoneNumber");
    let phone = id.as_deref().and_then(jid::phone).or_else(|| jid::alternate_phone(&phone?));
    json!({
        "id": id,
        "phone": phone,
        "name": fields.text("name"),
        "role": fields.text("admin"),
        "picture_url": fields.text("imgUrl"),
    })
}
