//! Notifications about people that 8x8 passes on as they come from WhatsApp: new ids, preferences, shared contact cards.

use serde_json::{Map, Value};

use super::arrival::Arrival;
use super::business::Envelope;
use super::draft::{Fault, carry, key, unknown, wrapped};
use super::shape::Reader;
use super::{content, people};
use crate::domain::event::{Content, Direction, Draft, EventType, MessagePart, Part, Party, When};
use crate::vendor::read::Fields;

/// The most entries that are read of one notification: WhatsApp batches up to as many.
const ENTRIES_MAX: usize = 1_000;

/// The list of a notification about messages.
const MESSAGES: &str = "messages";

/// The reader of a notification; the vendor's own page spells the three types in two ways.
pub(super) fn reader(event_type: &str) -> Option<Reader> {
    match event_type {
        "whatsapp_user_id_update" | "user_id_update" => Some(identities),
        "whatsapp_preference" | "user_preferences" => Some(preferences),
        "whatsapp_contact" | "contacts" => Some(cards),
        _ => None,
    }
}

fn identities(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    each(body, arrival, "cabm.user_id", "user_id_update", |entry, seen| {
        let (current, previous) = ids(entry, "user_id");
        let (parent, previous_parent) = ids(entry, "parent_user_id");
        let texts = [
            ("previous_id", previous),
            ("parent_id", parent),
            ("previous_parent_id", previous_parent),
        ];
        let detail = carry(entry, &[("detail", "detail")]);
        contact(entry, seen, EventType::ContactIdentityChanged, current, &texts, detail)
    })
}

fn preferences(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    each(body, arrival, "cabm.preference", "user_preferences", |entry, seen| {
        let id = entry.text("user_id");
        let texts = [("parent_id", entry.text("parent_user_id"))];
        let names = [("detail", "detail"), ("category", "category"), ("value", "preference")];
        let said = carry(entry, &names);
        contact(entry, seen, EventType::ContactPreferenceChanged, id, &texts, said)
    })
}

fn cards(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    each(body, arrival, "cabm.contact", MESSAGES, |entry, seen| {
        let id = entry.text("id").ok_or_else(|| Fault::missing("id"))?;
        let phone = people::phone(entry, "from");
        let user = entry.text_of(&["from_user_id", "from"]);
        let name = seen.name_of(user.as_deref(), phone.as_deref());
        let from = Party { id: user, phone, name }.known();
        let kind = entry.text("type").and_then(|word| content::kind(&word));
        let message = MessagePart {
            id: id.clone(),
            reply_to: entry.within("context", |context| context.text("id")).flatten(),
            conversation: people::conversation(from.as_ref()),
            from,
            to: seen.own.clone(),
            content: Some(Content {
                kind: kind.unwrap_or_else(|| "contacts".to_owned()),
                more: carry(entry, &[("contacts", "contacts")]),
                ..Content::default()
            }),
            ..MessagePart::default()
        };
        let when = seen.time(entry);
        let mut draft = seen.envelope.event(EventType::MessageReceived, id, when, seen.key());
        draft.data.direction = Some(Direction::Inbound);
        draft.data.message = Some(message);
        Ok(draft)
    })
}

/// What is known around an entry.
struct Seen<'a> {
    envelope: &'a Envelope,
    arrival: &'a Arrival<'a>,
    /// Our own side of it.
    own: Option<Party>,
    /// The people it is about: their names, by id and by phone.
    people: &'a [Value],
    /// The entry's place in its list: part of its duplicate key.
    place: usize,
}

impl Seen<'_> {
    fn key(&self) -> String {
        key(&[&self.envelope.key, &self.place.to_string()])
    }

    /// Takes an entry's own time; the envelope's if it has none.
    fn time(&self, entry: &mut Fields) -> When {
        if entry.has("timestamp") {
            self.arrival.time(entry, &["timestamp"])
        } else {
            self.envelope.when
        }
    }

    fn name_of(&self, id: Option<&str>, phone: Option<&str>) -> Option<String> {
        let digits = phone.map(|phone| phone.trim_start_matches('+'));
        let is = |person: &Fields, member: &str, value: Option<&str>| {
            value.is_some() && person.peek(member).as_deref() == value
        };
        let mut people = self.people.iter().cloned().map(wrapped);
        let mut found =
            people.find(|person| is(person, "user_id", id) || is(person, "wa_id", digits))?;
        found.within("profile", |profile| profile.text("name")).flatten()
    }
}

/// Reads every entry of the list `name` as one event. One that can't be read stays as an unknown event, unless none can.
fn each(
    mut body: Fields,
    arrival: &Arrival<'_>,
    family: &str,
    name: &str,
    read: impl Fn(&mut Fields, &Seen<'_>) -> Result<Draft, Fault>,
) -> Result<Vec<Draft>, Fault> {
    let path = ["eventDetails", "rawEvent", "value", name];
    let envelope = Envelope::take(&mut body, family, arrival);
    let found = value_of(&mut body, |value| {
        // Only a message has a side of ours; of other notifications the metadata stays in `extra`.
        let own = (name == MESSAGES).then(|| own_side(value)).flatten();
        (value.array(name), own, value.get("contacts").cloned())
    });
    let (entries, own, people) = found.unwrap_or_default();
    let entries = entries.filter(|entries| !entries.is_empty());
    let entries = entries.ok_or_else(|| Fault::missing(&path.join(".")))?;
    if entries.len() > ENTRIES_MAX {
        return Err(Fault::TooMany);
    }
    let people = people.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let around = body.into_extra();
    let mut drafts = Vec::new();
    let mut understood = false;
    let mut first_fault = None;
    for (place, entry) in entries.into_iter().enumerate() {
        let seen = Seen { envelope: &envelope, arrival, own: own.clone(), people, place };
        let mut fields = wrapped(entry.clone());
        let mut extra = around.clone();
        match read(&mut fields, &seen) {
            Ok(mut draft) => {
                understood = true;
                let left = Value::Object(fields.into_map());
                put_at(&mut extra, &path, left);
                draft.data.extra = Fields::new(extra).into_extra();
                drafts.push(draft);
            }
            Err(fault) => {
                first_fault.get_or_insert(fault);
                put_at(&mut extra, &path, entry);
                drafts.push(unknown(Fields::new(extra), arrival));
            }
        }
    }
    match first_fault {
        Some(fault) if !understood => Err(fault.inside(&path.join("."))),
        Some(_) | None => Ok(drafts),
    }
}

/// Takes our own side: the business phone number that the message came to.
fn own_side(value: &mut Fields) -> Option<Party> {
    let own = value.within("metadata", |metadata| Party {
        phone: people::phone(metadata, "display_phone_number"),
        id: metadata.text("phone_number_id"),
        name: None,
    });
    own.and_then(Party::known)
}

fn value_of<T>(body: &mut Fields, read: impl FnOnce(&mut Fields) -> T) -> Option<T> {
    body.within("eventDetails", |details| {
        details.within("rawEvent", |raw| {
            raw.text("field");
            raw.within("value", |value| {
                value.text("messaging_product");
                read(value)
            })
        })
    })??
}

/// An event about a contact, by its id or else its phone's digits.
fn contact(
    entry: &mut Fields,
    seen: &Seen<'_>,
    kind: EventType,
    id: Option<String>,
    texts: &[(&str, Option<String>)],
    said: Map<String, Value>,
) -> Result<Draft, Fault> {
    let digits = entry.peek("wa_id");
    let phone = people::phone(entry, "wa_id");
    let id = id.or(digits).ok_or_else(|| Fault::missing("wa_id"))?;
    let mut contact = said;
    contact.insert("id".to_owned(), Value::from(id.as_str()));
    if let Some(phone) = phone {
        contact.insert("phone".to_owned(), phone.into());
    }
    for (name, text) in texts {
        if let Some(text) = text {
            contact.insert((*name).to_owned(), Value::from(text.as_str()));
        }
    }
    let when = seen.time(entry);
    let mut draft = seen.envelope.event(kind, id, when, seen.key());
    draft.data.parts.insert(Part::Contact, contact);
    Ok(draft)
}

/// Takes an id that changed: what it is now, and what it was.
fn ids(entry: &mut Fields, name: &str) -> (Option<String>, Option<String>) {
    let pair = entry.within(name, |ids| (ids.text("current"), ids.text("previous")));
    pair.unwrap_or_else(|| (entry.text(name), None))
}

/// Puts what is left of an entry where its list stood, as a list of one.
fn put_at(members: &mut Map<String, Value>, path: &[&str], left: Value) {
    let [name, deeper @ ..] = path else { return };
    let written = members.keys().find(|key| key.eq_ignore_ascii_case(name));
    let name = written.map_or_else(|| (*name).to_owned(), Clone::clone);
    if deeper.is_empty() {
        members.insert(name, Value::Array(vec![left]));
        return;
    }
    let inner = members.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put_at(inner, deeper, left);
    }
}
