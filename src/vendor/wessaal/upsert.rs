//! `messages.upsert` and `send.message`: a message that someone wrote to us, or that we wrote.

use serde_json::json;

use super::content;
use super::edits;
use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::jid::MessageKey;
use super::update;
use crate::domain::event::{Content, EventType};
use crate::vendor::read::times;

/// Reads `messages.upsert`: an inbound message, or an echo of one that the owner wrote.
pub(super) fn arrived(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    read(envelope, item, EventType::MessageEchoed)
}

/// Reads `send.message`: the API took a message of ours.
pub(super) fn sent(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    read(envelope, item, EventType::MessageAccepted)
}

fn read(envelope: &Envelope, item: &mut Item, ours: EventType) -> Result<Told, Missing> {
    let fields = &mut item.fields;
    let mut key = MessageKey::within(fields).ok_or(Missing("key.id"))?;
    let is_ours = ours == EventType::MessageAccepted || key.from_me == Some(true);
    key.from_me = Some(is_ours);
    let mut told = Told::new(if is_ours { ours } else { EventType::MessageReceived });
    told.when = fields.get("messageTimestamp").and_then(times::unix);
    if told.when.is_some() {
        fields.take("messageTimestamp");
    }
    told.key = vec![
        Some(key.id.clone()),
        key.chat.clone(),
        key.participant.clone().filter(|_| key.is_shared()),
    ];
    told.direction = key.direction();
    told.subject = Some(key.id.clone());
    let mut part = key.message(envelope.owner.as_deref());
    if !is_ours && let Some(name) = fields.text("pushName") {
        part.from.get_or_insert_default().name = Some(name);
    }
    if let Some(notice) = edits::notice(fields, item.base64.as_deref()) {
        return Ok(edits::told(told, part, notice));
    }
    part.reply_to = content::quoted(fields);
    part.content = content::of_message(fields, item.base64.as_deref());
    if part.content.as_ref().is_some_and(|content| content.kind == "reaction") {
        // The event is about the message that was reacted to; the reaction's own id stays beside it.
        let target = part.content.as_mut().and_then(|content| react(content, &key.id));
        part.id = target.ok_or(Missing("message.reactionMessage.key.id"))?;
        told.kind = EventType::MessageReaction;
        told.subject = Some(part.id.clone());
    } else if is_ours && let Some(word) = fields.text("status") {
        part.status = Some(update::status(&word));
    }
    told.message = Some(part);
    Ok(told)
}

/// Puts the reaction's own id in the place of the one that it is about, which is given back.
fn react(content: &mut Content, id: &str) -> Option<String> {
    let reaction = content.more.get_mut("reaction")?;
    let target = reaction.get("to")?.as_str()?.to_owned();
    *reaction = json!({"id": id, "removed": content.text.is_none()});
    Some(target)
}
