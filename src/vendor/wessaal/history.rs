//! Histories: what a phone hands over when it is paired is told as one event with counts, never message by message.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::item::{Told, member};
use super::redact;
use crate::domain::event::{EventType, Part};

/// Reads `messages.set`.
pub(super) fn messages(envelope: &Envelope, data: &Value) -> Told {
    let items = items(data, "messages");
    let chats: BTreeSet<&str> = items.iter().filter_map(|item| chat(item)).collect();
    synced(envelope, data, json!({"messages": items.len(), "chats": chats.len()}))
}

/// Reads `contacts.set`.
pub(super) fn contacts(envelope: &Envelope, data: &Value) -> Told {
    synced(envelope, data, json!({"contacts": items(data, "contacts").len()}))
}

/// Reads `chats.set`.
pub(super) fn chats(envelope: &Envelope, data: &Value) -> Told {
    synced(envelope, data, json!({"chats": items(data, "chats").len()}))
}

fn synced(envelope: &Envelope, data: &Value, counts: Value) -> Told {
    let mut part = Map::new();
    if let Value::Object(counts) = counts {
        part.extend(counts);
    }
    // Later versions put these beside the data.
    for (theirs, ours) in [("isLatest", "is_latest"), ("progress", "progress")] {
        if let Some((_, value)) =
            member(&envelope.rest, theirs).or_else(|| member(data.as_object()?, theirs))
        {
            part.insert(ours.to_owned(), value.clone());
        }
    }
    let mut told = Told::new(EventType::HistorySynced);
    told.key = envelope.key_of(data);
    told.part = Some((Part::History, redact::part(part)));
    told
}

/// The things themselves: an array, or an array under their name.
fn items<'a>(data: &'a Value, name: &str) -> &'a [Value] {
    let named = data.as_array().or_else(|| member(data.as_object()?, name)?.1.as_array());
    named.map_or(&[], Vec::as_slice)
}

fn chat(item: &Value) -> Option<&str> {
    let key = member(item.as_object()?, "key")?.1.as_object()?;
    member(key, "remoteJid")?.1.as_str()
}
