//! Chats, and the labels that are stuck on them.

use serde_json::json;

use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::{jid, people};
use crate::domain::event::{EventType, Part};

/// Reads one chat of `chats.upsert`, `chats.update` and `chats.delete`.
pub(super) fn chat(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let id = fields.text_of(&["remoteJid", "id"]).ok_or(Missing("remoteJid"))?;
    let deleted = (envelope.event == Some("chats.delete")).then_some(true);
    let part = json!({
        "id": id,
        "phone": jid::phone(&id),
        "name": fields.text_of(&["name", "pushName"]),
        "unread": fields.integer("unreadMessages").or_else(|| fields.integer("unreadCount")),
        "deleted": deleted,
    });
    Ok(people::about(EventType::ChatUpdated, Some(id), repetition, Part::Chat, part))
}

/// Reads `labels.edit`, which is about a label, and `labels.association`, which sticks one on or takes it off.
pub(super) fn label(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let id = fields.text_of(&["labelId", "id"]).ok_or(Missing("id"))?;
    // The instance stands in the envelope already.
    fields.take("instance");
    let part = json!({
        "id": id,
        "name": fields.text("name"),
        "color": fields.text("color"),
        "deleted": fields.boolean("deleted"),
        "action": fields.text("type"),
        "chat": fields.text("chatId"),
        "message_id": fields.text("messageId"),
    });
    Ok(people::about(EventType::LabelUpdated, Some(id), repetition, Part::Label, part))
}
