//! What happens to a message after it was sent: edits, deletions and revocations.

use super::content;
use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::jid::MessageKey;
use crate::domain::event::{Content, EventType, MessagePart, When};
use crate::vendor::read::{Fields, times};

/// What a `protocolMessage` says of another message.
#[derive(Debug)]
pub(super) struct Notice {
    kind: EventType,
    key: Option<MessageKey>,
    when: Option<When>,
    content: Option<Content>,
}

/// Reads `messages.edited` and `send.message.update`: the `protocolMessage` itself, whatever it is about.
pub(super) fn edited(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let pointer = item.base64.as_deref();
    let notice = match notice(&mut item.fields, pointer) {
        Some(notice) => notice,
        None => protocol(&mut item.fields, pointer),
    };
    if notice.kind == EventType::Unknown {
        return Ok(Told { key: repetition, ..Told::new(EventType::Unknown) });
    }
    let mut key = notice.key.clone().ok_or(Missing("key.id"))?;
    if key.from_me == Some(true) && key.chat.is_some() && key.chat == envelope.owner {
        // It is the other side's own key, seen from there: they wrote the message, and their chat is the owner.
        key.from_me = Some(false);
        key.chat = None;
    }
    let mut base = Told::new(notice.kind);
    base.key = repetition;
    base.direction = key.direction();
    let part = key.message(envelope.owner.as_deref());
    Ok(told(base, part, notice))
}

/// Reads `messages.delete`: a key, or the whole record with a key in it.
pub(super) fn deleted(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let fields = &mut item.fields;
    // The `id` of a whole record is the database's, not the message's.
    let is_record = fields.has("messageType");
    let id_names: &[&str] = if is_record { &["keyId"] } else { &["keyId", "id"] };
    let key = MessageKey::within(fields)
        .or_else(|| MessageKey::take(fields, id_names))
        .ok_or(Missing("key.id"))?;
    let mut told = Told::new(EventType::MessageDeleted);
    told.subject = Some(key.id.clone());
    told.direction = key.direction();
    told.key = vec![Some(key.id.clone()), key.chat.clone()];
    told.message = Some(key.message(envelope.owner.as_deref()));
    Ok(told)
}

/// The notice in a message that is none itself, but says something of another one. What it says is taken out.
pub(super) fn notice(data: &mut Fields, base64: Option<&str>) -> Option<Notice> {
    data.within("message", |message| {
        content::unwrap(message);
        message.within("protocolMessage", |inner| protocol(inner, base64))
    })
    .flatten()
}

/// What is told of a notice: the event is about the message that the notice names.
pub(super) fn told(mut told: Told, mut part: MessagePart, notice: Notice) -> Told {
    let Some(key) = notice.key.filter(|_| notice.kind != EventType::Unknown) else {
        return Told { key: told.key, when: told.when, ..Told::new(EventType::Unknown) };
    };
    told.kind = notice.kind;
    told.subject = Some(key.id.clone());
    told.when = notice.when.or(told.when);
    part.id = key.id;
    part.content = notice.content;
    told.message = Some(part);
    told
}

/// Reads a `protocolMessage`. Settings and other notices that are about no message are left as they are.
fn protocol(fields: &mut Fields, base64: Option<&str>) -> Notice {
    let word = fields.peek("type").unwrap_or_default().to_ascii_uppercase();
    let is_edit = fields.has("editedMessage") || (word.is_empty() && fields.has("message"));
    let kind = match word.as_str() {
        "0" | "REVOKE" => EventType::MessageDeleted,
        "14" | "MESSAGE_EDIT" => EventType::MessageEdited,
        _ if is_edit => EventType::MessageEdited,
        _ => EventType::Unknown,
    };
    if kind == EventType::Unknown {
        return Notice { kind, key: None, when: None, content: None };
    }
    fields.take("type");
    let when = fields.get("timestampMs").and_then(times::unix);
    if when.is_some() {
        fields.take("timestampMs");
    }
    let name = if fields.has("editedMessage") { "editedMessage" } else { "message" };
    let content = fields.within(name, |edited| {
        content::unwrap(edited);
        content::read(edited, None, None, base64)
    });
    Notice { kind, key: MessageKey::within(fields), when, content: content.flatten() }
}
