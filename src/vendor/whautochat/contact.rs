//! Contacts: who they are, and what happened to them.

use serde_json::Value;

use super::event_head::EventHead;
use super::{drop_repeated, event_data, unwrap_json};
use crate::domain::event::{Channel, Draft, EventType, Part};
use crate::vendor::read::{Fields, channels, phones};

/// The texts of a contact: the vendor's name for each, and ours.
const TEXTS: [(&str, &str); 7] = [
    ("name", "name"),
    ("username", "username"),
    ("messengerId", "messenger_id"),
    ("telegramChatId", "telegram_chat_id"),
    ("instagramId", "instagram_id"),
    ("stage", "stage"),
    ("notes", "notes"),
];

/// The lists of a contact, which may be JSON inside a text: the vendor's name for each, and ours.
const LISTS: [(&str, &str); 4] = [
    ("tags", "tags"),
    ("customFields", "custom_fields"),
    ("addedTags", "added_tags"),
    ("removedTags", "removed_tags"),
];

/// The other side of a message, or the contact that an event is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Person {
    /// The vendor's id of the contact; the chat has the same.
    pub(super) id: Option<String>,
    /// Its number as E.164.
    pub(super) phone: Option<String>,
    /// The id of the business location it belongs to.
    pub(super) location: Option<String>,
}

impl Person {
    /// Takes the person out of a `contact` object. A number that is no phone number stays where it is.
    pub(super) fn take(contact: &mut Fields) -> Self {
        let phone = contact.peek("phoneNumber").and_then(|number| phones::e164(&number));
        if phone.is_some() {
            contact.take("phoneNumber");
        }
        let location = contact.within("location", |location| location.text("id")).flatten();
        Self { id: contact.text("id"), phone, location }
    }
}

/// Reads the event of a contact.
///
/// # Errors
/// When the contact or its id is missing; the error is a reason for the quarantine.
pub(super) fn read(mut body: Fields, head: &EventHead, kind: EventType) -> Result<Draft, String> {
    let mut contact = body.object("contact").ok_or("`contact` is missing")?;
    let person = Person::take(&mut contact);
    let id = person.id.clone().ok_or("`contact.id` is missing")?;
    let mut part = Fields::default();
    for (name, ours) in TEXTS {
        if let Some(text) = contact.text(name) {
            part.put(ours, Value::String(text));
        }
    }
    for (name, ours) in LISTS {
        // Tags that came or went are told beside the contact or in it.
        let place = if contact.has(name) { &mut contact } else { &mut body };
        unwrap_json(place, name);
        if let Some(list) = place.take(name) {
            part.put(ours, list);
        }
    }
    let channel = contact.peek("channel").map(|word| channels::channel(&word));
    drop_repeated(&mut contact, "channel", |_| channel != Some(Channel::Other));
    body.within("event", |event| drop_repeated(event, "key", |key| key == id));
    let updated = contact.peek("updatedAt");
    if !contact.is_empty() {
        body.put("contact", Value::Object(contact.into_map()));
    }
    let mut draft = draft(head, kind, id, channel, person, part);
    if let Some(id) = &draft.subject {
        draft.duplicate_key = head.duplicate_key(id, updated.as_deref());
    }
    draft.data.extra = body.into_extra();
    Ok(draft)
}

/// The event of a contact of which only the head, the id and perhaps `part` are known.
pub(super) fn draft(
    head: &EventHead,
    kind: EventType,
    id: String,
    channel: Option<Channel>,
    person: Person,
    mut part: Fields,
) -> Draft {
    part.put("id", Value::String(id.clone()));
    if let Some(phone) = person.phone {
        part.put("phone", Value::String(phone));
    }
    // The types of events about contacts are called as their dialects are.
    let mut data = event_data(kind.as_str());
    data.channel = channel;
    data.sub_account = person.location;
    data.parts.insert(Part::Contact, part.into_part());
    let duplicate_key = head.duplicate_key(&id, None);
    Draft { kind, subject: Some(id), when: head.when, duplicate_key, data }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::event;
    use super::*;

    #[test]
    fn tags_and_custom_fields_are_read_as_lists_or_as_json_inside_a_text() {
        let lists = [
            (json!(["vip"]), json!({"city": "Leeds"})),
            (json!("[\"vip\"]"), json!("{\"city\":\"Leeds\"}")),
        ];
        for (tags, custom) in lists {
            let body = json!({
                "event": {"id": "e1", "type": "contact_tag_added", "key": "c1"},
                "contact": {"id": "c1", "name": "Ines", "channel": "Whatsapp", "phoneNumber": "+12025550118", "tags": tags,
                    "customFields": custom, "telegramChatId": null, "lastActivity": "yesterday"},
                "addedTags": tags,
            });
            let event = event(&body.to_string());
            assert_eq!(event.kind, EventType::ContactTagAdded);
            assert_eq!(event.data.channel, Some(Channel::Whatsapp));
            let part = json!({"id": "c1", "name": "Ines", "phone": "+12025550118", "tags": ["vip"],
                "custom_fields": {"city": "Leeds"}, "added_tags": ["vip"]});
            assert_eq!(Value::Object(event.data.parts[&Part::Contact].clone()), part);
            let left = json!({"contact": {"lastActivity": "yesterday"}});
            assert_eq!(Value::Object(event.data.extra), left);
        }
    }
}
