//! Wessaal: its documented status object, the Evolution API behind it, and the bridge between the two.

mod bare;
mod bridge;
mod calls;
mod chats;
mod connection;
mod content;
mod edits;
mod envelope;
mod events;
mod groups;
mod habits;
mod history;
mod interactive;
mod item;
mod jid;
mod people;
mod redact;
mod status_object;
mod update;
mod upsert;

#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::habits::Habits;
use super::read::{fields, times};
use super::{Authentic, Reading, Vendor};
use crate::clock::Time;
use crate::domain::event::{Data, Draft, EventType};
use crate::domain::source::ReadSettings;

/// The vendor's code.
const CODE: &str = "wessaal";

/// The largest body taken by default, in bytes: media come inside as base64, and histories as one array.
const BODY_MAX: usize = 32 * 1024 * 1024;

/// The most things that one callback tells of. A body of more is not worth the memory that reading it would take.
const THINGS_MAX: usize = 10_000;

/// Wessaal, and the Evolution API on which it is built.
#[derive(Debug)]
pub struct Wessaal;

impl Vendor for Wessaal {
    fn code(&self) -> &'static str {
        CODE
    }

    fn habits(&self) -> Option<Habits> {
        Some(habits::HABITS)
    }

    fn default_max_body(&self) -> usize {
        BODY_MAX
    }

    fn read(&self, callback: &Authentic<'_>, settings: &ReadSettings) -> Reading {
        let callback = callback.callback();
        let arrival = Arrival {
            received_at: callback.received_at,
            suffix: suffix(&callback.head.path),
            zone: &settings.timezone,
        };
        match fields::parse(&callback.body) {
            Ok(Value::Object(members)) => read_object(members, "", &arrival),
            Ok(Value::Array(items)) => read_array(items, &arrival),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                let reason = "the body is JSON, but neither an object nor an array";
                Reading::Quarantine(reason.to_owned())
            }
            Err(reason) => Reading::Quarantine(reason),
        }
    }
}

/// What readers need to know of a callback, besides its body.
#[derive(Clone, Copy, Debug)]
struct Arrival<'a> {
    /// When it was received.
    received_at: Time,
    /// The last segment of the path below the source, where instances append the event's name.
    suffix: Option<&'a str>,
    /// The zone of times that are written without one.
    zone: &'a TimeZone,
}

/// Reads an object in whichever dialect it is; the more certain ones are tried first.
fn read_object(members: Map<String, Value>, pointer: &str, arrival: &Arrival<'_>) -> Reading {
    if bridge::recognise(&members) {
        return bridge::read(members, pointer, arrival);
    }
    if let Some(known) = envelope::recognise(&members, arrival) {
        return envelope::read(members, pointer, Some(known), arrival);
    }
    if let Some(known) = bare::recognise(&members) {
        return bare::read(members, pointer, known, arrival);
    }
    if envelope::is_foreign_event(&members) {
        return envelope::read(members, pointer, None, arrival);
    }
    if status_object::recognise(&members) {
        return status_object::read(members, arrival);
    }
    Reading::one(unknown(Value::Object(members), arrival))
}

/// Reads each item of an array for itself, so that one that is unreadable costs no other.
fn read_array(items: Vec<Value>, arrival: &Arrival<'_>) -> Reading {
    let mut told = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        match item {
            Value::Object(members) => {
                match read_object(members.clone(), &format!("/{place}"), arrival) {
                    Reading::Events(drafts) => told.extend(drafts),
                    Reading::Quarantine(_) => told.push(unknown(Value::Object(members), arrival)),
                }
            }
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)) => told.push(unknown(other, arrival)),
        }
        if told.len() > THINGS_MAX {
            return too_many();
        }
    }
    Reading::Events(told)
}

/// What becomes of a body that tells of more than is read.
fn too_many() -> Reading {
    Reading::Quarantine(format!("it tells of more than {THINGS_MAX} things"))
}

/// An event of something that fits no dialect: all of it is kept as `extra`.
fn unknown(value: Value, arrival: &Arrival<'_>) -> Draft {
    let duplicate_key = item::digest(&value);
    let members = match value {
        Value::Object(members) => members,
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)) => Map::from_iter([("item".to_owned(), other)]),
    };
    Draft {
        kind: EventType::Unknown,
        subject: None,
        when: times::received(arrival.received_at),
        duplicate_key,
        data: Data {
            vendor: CODE.to_owned(),
            dialect: "unknown".to_owned(),
            extra: redact::extra(members),
            ..Data::default()
        },
    }
}

/// The last segment of `/in/SOURCE/…`, if there is one below the source.
fn suffix(path: &str) -> Option<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).skip(2).last()
}
