//! What a callback means: the draft an adapter makes of it, and the event as it is stored, delivered and answered.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

pub use super::event_type::EventType;
use super::id::{CallbackId, EventId};
use super::message::State;
pub use super::message_part::{
    Channel, Content, Direction, Media, MessageError, MessagePart, Party, Price, Status,
};
use super::name::Name;
use crate::clock::Time;

/// An event as an adapter reads it out of a callback, before arrival adds ids, order and the fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What happened.
    pub kind: EventType,
    /// The vendor's id of what the event is about, letter for letter; never empty.
    pub subject: Option<String>,
    /// When it happened.
    pub when: When,
    /// The vendor's recipe for telling a repetition, without source and type: those are added to it.
    pub duplicate_key: String,
    /// Everything else.
    pub data: Data,
}

/// When an event happened, and how well that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// The moment.
    pub at: Time,
    /// Where the moment is from.
    pub basis: TimeBasis,
}

/// Where an event's time is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBasis {
    /// The vendor said it, with a zone.
    Vendor,
    /// The vendor said it without a zone; the source's configured zone was assumed.
    AssumedZone,
    /// The vendor said nothing: the moment the callback was received.
    Received,
}

/// What an event says, without what its arrival adds. Absent means absent: no nulls, no empty texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The vendor's code, such as `wavecell`.
    pub vendor: String,
    /// What the adapter recognised, such as `chatapps.receipt.v9`.
    pub dialect: String,
    /// The channel, where the event is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The direction; absent where neither fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The account at the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The part of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_account: Option<String>,
    /// The instance: where a vendor runs several senders in one account. Part of a message's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The message, for `message.*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessagePart>,
    /// What the other types are about: `contact`, `template`, `connection` …
    #[serde(flatten)]
    pub parts: BTreeMap<Part, Map<String, Value>>,
    /// What the adapter did not map: same nesting and names, redacted, at most 16 KiB. Not part of the digest.
    #[serde(skip)]
    pub extra: Map<String, Value>,
}

/// The names under which events say what they are about, beside `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// For `contact.*`.
    Contact,
    /// For `template.*`.
    Template,
    /// For `account.connected`, `.connecting`, `.disconnected`, `.pairing`.
    Connection,
    /// For `account.quality_changed`.
    Quality,
    /// For `account.updated`; `account` itself is the account's id.
    AccountUpdate,
    /// For `link.clicked`.
    Link,
    /// For `survey.submitted`.
    Survey,
    /// For `call.*`.
    Call,
    /// For `number.updated`.
    Number,
    /// For `group.*`.
    Group,
    /// For `chat.updated`.
    Chat,
    /// For `presence.updated`.
    Presence,
    /// For `label.updated`.
    Label,
    /// For `history.synced`.
    History,
    /// For our own alarms.
    Alarm,
}

/// The message's state when an event was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedNote {
    /// The state.
    pub state: State,
    /// Whether this event moved it.
    pub changed: bool,
}

/// An event as it is stored. Its JSON form is a valid CloudEvents 1.0 event, and the same wherever it is shown or sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Ours; the same on every retry and replay.
    pub id: EventId,
    /// The store's order of commit; rises, is never reused.
    pub sequence: i64,
    /// What happened.
    pub kind: EventType,
    /// The source's name.
    pub source: Name,
    /// The vendor's id of what the event is about.
    pub subject: Option<String>,
    /// When it happened.
    pub when: When,
    /// When its callback was received.
    pub received_at: Time,
    /// Its callback; our own alarms have none.
    pub callback_id: Option<CallbackId>,
    /// Whether an event with the same duplicate key but other content came before it.
    pub revised: bool,
    /// The event that a later reading of the same callback put in its place; it counts no more in its message's state.
    pub replaced_by: Option<EventId>,
    /// The message's state when this event was committed.
    pub folded: Option<FoldedNote>,
    /// Everything else, `extra` included.
    pub data: Data,
}

impl Event {
    /// The event as filters look at it: as it is sent, without what only its commit tells.
    #[must_use]
    pub fn as_filtered(&self) -> Value {
        // An event's parts are texts, numbers and maps with texts as keys: there always is a JSON of it.
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let Some(data) = value.get_mut("data").and_then(Value::as_object_mut) else { return value };
        for late in ["sequence", "revised", "replaced_by"] {
            data.remove(late);
        }
        if let Some(message) = data.get_mut("message").and_then(Value::as_object_mut) {
            message.remove("folded");
        }
        value
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("source", &self.source)?;
        if let Some(subject) = &self.subject {
            map.serialize_entry("subject", subject)?;
        }
        map.serialize_entry("time", &self.when.at)?;
        map.serialize_entry("datacontenttype", "application/json")?;
        map.serialize_entry("data", &Dated(self))?;
        map.end()
    }
}

/// An event's `data` with what arrival added.
struct Dated<'a>(&'a Event);

impl Serialize for Dated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(event) = self;
        let data = &event.data;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("vendor", &data.vendor)?;
        map.serialize_entry("dialect", &data.dialect)?;
        entry(&mut map, "channel", data.channel.as_ref())?;
        entry(&mut map, "direction", data.direction.as_ref())?;
        map.serialize_entry("received_at", &event.received_at)?;
        map.serialize_entry("time_basis", &event.when.basis)?;
        entry(&mut map, "callback_id", event.callback_id.as_ref())?;
        map.serialize_entry("sequence", &event.sequence)?;
        if event.revised {
            map.serialize_entry("revised", &true)?;
        }
        entry(&mut map, "replaced_by", event.replaced_by.as_ref())?;
        entry(&mut map, "account", data.account.as_ref())?;
        entry(&mut map, "sub_account", data.sub_account.as_ref())?;
        entry(&mut map, "instance", data.instance.as_ref())?;
        if let Some(message) = &data.message {
            map.serialize_entry("message", &FoldedPart { message, folded: event.folded })?;
        }
        for (part, fields) in &data.parts {
            map.serialize_entry(part, fields)?;
        }
        if !data.extra.is_empty() {
            map.serialize_entry("extra", &data.extra)?;
        }
        map.end()
    }
}

fn entry<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

/// A message part with the fold's note.
#[derive(Serialize)]
struct FoldedPart<'a> {
    #[serde(flatten)]
    message: &'a MessagePart,
    #[serde(skip_serializing_if = "Option::is_none")]
    folded: Option<FoldedNote>,
}
