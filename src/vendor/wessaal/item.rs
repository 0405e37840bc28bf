//! One thing that an envelope tells of, and what a reader makes of it.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::event::{Direction, EventType, MessagePart, Part, When};
use crate::vendor::read::Fields;

/// An essential member that was not there, by its name.
#[derive(Debug)]
pub(super) struct Missing(pub(super) &'static str);

/// One thing that the data tells of.
#[derive(Debug)]
pub(super) struct Item {
    /// Its members; what a reader leaves becomes `extra`.
    pub(super) fields: Fields,
    /// Where its base64 stands in the body, as a JSON Pointer.
    pub(super) base64: Option<String>,
    /// The API's generation, where it shows.
    pub(super) generation: Option<&'static str>,
}

/// What a reader made of an item.
#[derive(Debug)]
pub(super) struct Told {
    /// What happened.
    pub(super) kind: EventType,
    /// The vendor's id of what it is about.
    pub(super) subject: Option<String>,
    /// When; absent where the vendor does not say.
    pub(super) when: Option<When>,
    /// What tells a repetition, besides the instance.
    pub(super) key: Vec<Option<String>>,
    /// Which way the message or call went.
    pub(super) direction: Option<Direction>,
    /// The message, for `message.*`.
    pub(super) message: Option<MessagePart>,
    /// What the other types are about.
    pub(super) part: Option<(Part, Map<String, Value>)>,
}

impl Item {
    /// The thing with these members, which stands at `pointer` in the body.
    pub(super) fn new(members: Map<String, Value>, pointer: &str) -> Self {
        Self {
            base64: base64_pointer(&members, pointer),
            generation: generation(&members),
            fields: Fields::new(members),
        }
    }

    /// The item as data, for telling repetitions; to be asked before anything is taken.
    pub(super) fn data(&self) -> Value {
        Value::Object(self.fields.clone().into_map())
    }
}

impl Told {
    /// Nothing but its type.
    pub(super) fn new(kind: EventType) -> Self {
        Self {
            kind,
            subject: None,
            when: None,
            key: Vec::new(),
            direction: None,
            message: None,
            part: None,
        }
    }
}

/// The parts of a duplicate key as one text in which no part can be mistaken for another.
pub(super) fn joined(key: &[Option<String>]) -> String {
    serde_json::to_string(key).unwrap_or_default()
}

/// A short name for any amount of data.
pub(super) fn digest(data: &Value) -> String {
    hex::encode(Sha256::digest(data.to_string().as_bytes()))
}

/// A member that is there, null or not, whatever its letter case, and how it is spelled.
pub(super) fn member<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Option<(&'a str, &'a Value)> {
    let exact = members.get_key_value(name);
    exact
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
        .map(|(key, value)| (key.as_str(), value))
}

/// The second generation names the instance by an id; the first by its name, as the data's owner, or dates its receipts.
fn generation(members: &Map<String, Value>) -> Option<&'static str> {
    let has = |name| member(members, name).is_some_and(|(_, value)| !value.is_null());
    if has("instanceId") || has("keyId") {
        return Some("v2");
    }
    let owned = member(members, "owner").and_then(|(_, owner)| owner.as_str());
    (has("datetime") || owned.is_some_and(|owner| !owner.contains('@'))).then_some("v1")
}

/// Where a medium's base64 stands, the shallowest first; what is quoted is not looked at.
fn base64_pointer(members: &Map<String, Value>, pointer: &str) -> Option<String> {
    let here = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
    if let Some((key, Value::String(text))) = member(members, "base64")
        && !text.is_empty()
    {
        return Some(here(key));
    }
    members.iter().find_map(|(key, value)| {
        let Value::Object(inner) = value else { return None };
        let quoted = ["contextInfo", "quotedMessage"];
        if quoted.iter().any(|quoted| key.eq_ignore_ascii_case(quoted)) {
            return None;
        }
        base64_pointer(inner, &here(key))
    })
}
