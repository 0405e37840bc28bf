//! From the values of one event to its draft: its type, whom and what it is about, and by what it is known again.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::message;
use super::places::Item;
use crate::clock::Time;
use crate::domain::event::{Channel, Data, Draft, EventType, Part, When};
use crate::domain::mapping::{Field, KeyPart, Mapping, Meaning, plain_word};
use crate::vendor::read::{Fields, channels, times};

/// Reads one event, received at `received_at`; times without a zone are in `zone`.
///
/// # Errors
/// When a message has no id or a receipt no status; the error is a reason for the quarantine.
pub(super) fn read(
    mut item: Item<'_>,
    received_at: Time,
    zone: &TimeZone,
) -> Result<Draft, String> {
    let mapping = item.mapping();
    let Some((meaning, dialect)) = meaning(&item) else {
        return Ok(unknown(item, received_at, zone));
    };
    let kind = kind(&item, meaning)?;
    let duplicate_key = duplicate_key(&item, kind);
    item.take(Field::Type);
    let when = item.take_if(Field::Time, |text| when(mapping, text, zone));
    let mut data = Data {
        vendor: "generic".to_owned(),
        dialect,
        channel: channel(&mut item),
        account: item.take(Field::Account),
        sub_account: item.take(Field::SubAccount),
        instance: item.take(Field::Instance),
        ..Data::default()
    };
    let subject = if kind.is_about_a_message() {
        let id = item.take(Field::Id).ok_or_else(|| item.missing(Field::Id))?;
        data.direction = message::direction(&mut item, kind);
        data.message = Some(message::read(&mut item, id.clone(), kind, data.direction));
        Some(id)
    } else {
        item.take(Field::Subject).or_else(|| item.take(Field::Id))
    };
    if let (Some(part), Some(id)) = (part(kind), &subject) {
        let mut fields = Fields::default();
        fields.put("id", Value::from(id.as_str()));
        data.parts.insert(part, fields.into_part());
    }
    data.extra = item.into_extra();
    let when = when.unwrap_or_else(|| times::received(received_at));
    Ok(Draft { kind, subject, when, duplicate_key, data })
}

/// What the sender's word for the event means, if it is not unknown, and the word, as the event's dialect. Only configured words
/// become dialects.
fn meaning(item: &Item<'_>) -> Option<(Meaning, String)> {
    let mapping = item.mapping();
    let word = plain_word(&item.peek(Field::Type)?);
    let meaning = match mapping.types.get(&word) {
        Some(meaning) => Some((*meaning, word)),
        None => mapping.other_types.map(|meaning| (meaning, meaning.as_str().to_owned())),
    };
    meaning.filter(|(meaning, _)| *meaning != Meaning::Event(EventType::Unknown))
}

/// The event's type: a receipt's is that of its status.
fn kind(item: &Item<'_>, meaning: Meaning) -> Result<EventType, String> {
    match meaning {
        Meaning::Event(kind) => Ok(kind),
        Meaning::Receipt => {
            let word = item.peek(Field::Status).ok_or_else(|| item.missing(Field::Status))?;
            let state = item.mapping().statuses.get(&plain_word(&word));
            Ok(state.map_or(EventType::MessageStatusUnknown, |state| (*state).into()))
        }
    }
}

/// By what the event is known again. Where the recipe's fields have no value, by all that the event says.
fn duplicate_key(item: &Item<'_>, kind: EventType) -> String {
    let value = |field| item.peek(field).unwrap_or_default();
    match &item.mapping().duplicate_key {
        Some(recipe) if recipe.fields().any(|field| item.peek(field).is_some()) => {
            let parts = recipe.parts().iter().map(|part| match part {
                KeyPart::Text(text) => text.clone(),
                KeyPart::Field(field) => value(*field),
            });
            parts.collect()
        }
        None if kind.is_about_a_message() => {
            [Field::Instance, Field::Id, Field::Status].map(value).join(":")
        }
        Some(_) | None => item.digest(),
    }
}

/// A time in the form that the configuration names; else as ISO 8601 or as Unix time.
fn when(mapping: &Mapping, text: &str, zone: &TimeZone) -> Option<When> {
    match &mapping.time_format {
        Some(pattern) => times::patterned(text, pattern, zone),
        None => times::written(text, zone)
            .or_else(|| times::unix(&Value::Number(text.trim().parse().ok()?))),
    }
}

/// The channel; a word that is none of the usual ones stays what was not mapped.
fn channel(item: &mut Item<'_>) -> Option<Channel> {
    let channel = channels::channel(&item.peek(Field::Channel)?);
    if channel == Channel::Other {
        item.leave(Field::Channel);
    } else {
        item.take(Field::Channel);
    }
    Some(channel)
}

/// The part of the event's data that says what it is about, where that is not a message.
fn part(kind: EventType) -> Option<Part> {
    let (family, what) = kind.as_str().split_once('.')?;
    match (family, what) {
        ("template", _) => Some(Part::Template),
        ("account", "quality_changed") => Some(Part::Quality),
        ("account", "updated") => Some(Part::AccountUpdate),
        ("account", _) => Some(Part::Connection),
        ("contact", _) => Some(Part::Contact),
        ("link", _) => Some(Part::Link),
        ("survey", _) => Some(Part::Survey),
        ("call", _) => Some(Part::Call),
        ("number", _) => Some(Part::Number),
        ("group", _) => Some(Part::Group),
        ("chat", _) => Some(Part::Chat),
        ("presence", _) => Some(Part::Presence),
        ("label", _) => Some(Part::Label),
        ("history", _) => Some(Part::History),
        _ => None,
    }
}

/// What the sender calls by no word that is configured, or by one that is to be unknown, is kept as it is.
fn unknown(mut item: Item<'_>, received_at: Time, zone: &TimeZone) -> Draft {
    item.leave(Field::Type);
    let duplicate_key = item.digest();
    let time = item.peek(Field::Time);
    let when = time.and_then(|text| when(item.mapping(), &text, zone));
    Draft {
        kind: EventType::Unknown,
        subject: None,
        when: when.unwrap_or_else(|| times::received(received_at)),
        duplicate_key,
        data: Data {
            vendor: "generic".to_owned(),
            dialect: "unknown".to_owned(),
            extra: item.into_extra(),
            ..Data::default()
        },
    }
}
