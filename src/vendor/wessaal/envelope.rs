//! The Evolution API's envelope: `event`, `instance` and `data`, which becomes one event for each thing it tells of.

use serde_json::{Map, Value};

use super::events::{self, Known, Reader};
use super::item::{Item, Missing, Told, digest, joined, member};
use super::{Arrival, redact};
use crate::clock::Time;
use crate::domain::event::{Channel, Data, Draft, EventType};
use crate::vendor::Reading;
use crate::vendor::read::{Fields, fields, times};

/// What stands around the things that are told.
#[derive(Debug)]
pub(super) struct Envelope {
    /// Which form of it came in.
    pub(super) form: Form,
    /// The event's name as the vendor writes it; absent for one that is not in the table.
    pub(super) event: Option<&'static str>,
    /// The instance's name.
    pub(super) instance: Option<String>,
    /// The server, as the vendor's account.
    pub(super) account: Option<String>,
    /// The address of the instance's owner.
    pub(super) owner: Option<String>,
    /// The moment it was sent, by a local clock with a false zone: good for telling repetitions, and for nothing else.
    pub(super) date_time: Option<String>,
    /// When it was received.
    pub(super) received_at: Time,
    /// Where the data stands in the body, as a JSON Pointer.
    pub(super) pointer: String,
    /// What is left of the envelope itself.
    pub(super) rest: Map<String, Value>,
}

/// The forms in which the same data comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The Evolution API's own envelope.
    Evolution,
    /// The data alone, as a per-message `webhookUrl` gets it.
    Bare,
    /// Inside the bridge's envelope; the dialect is given.
    Bridge(&'static str),
}

/// The event of this envelope, if it is one: a known name in `event`, or at the end of the path where there is no `event`.
pub(super) fn recognise(members: &Map<String, Value>, arrival: &Arrival<'_>) -> Option<Known> {
    let named = member(members, "event").and_then(|(_, value)| fields::text(value));
    if let Some(name) = named {
        return events::find(&name);
    }
    let enveloped = member(members, "data").is_some() || member(members, "instance").is_some();
    arrival.suffix.filter(|_| enveloped).and_then(events::find)
}

/// Whether this is the envelope of an event that the table does not have, unless what it wraps is a documented status.
pub(super) fn is_foreign_event(members: &Map<String, Value>) -> bool {
    let named = member(members, "event").is_some_and(|(_, value)| value.is_string());
    let data = member(members, "data").map(|(_, data)| data);
    let is_status =
        data.and_then(Value::as_object).is_some_and(|data| member(data, "message_id").is_some());
    named && member(members, "instance").is_some() && data.is_some() && !is_status
}

/// Reads the envelope of `known`; without one, of an event that the table does not have.
pub(super) fn read(
    members: Map<String, Value>,
    pointer: &str,
    known: Option<Known>,
    arrival: &Arrival<'_>,
) -> Reading {
    let data_name = member(&members, "data").map_or("data", |(name, _)| name).to_owned();
    let mut outer = Fields::new(members);
    if known.is_some() {
        outer.text("event");
    }
    let data = outer.take("data").unwrap_or_default();
    let envelope = Envelope {
        form: Form::Evolution,
        event: known.map(|known| known.name),
        instance: instance(&mut outer),
        account: outer.text("server_url"),
        owner: outer.text("sender"),
        date_time: outer.text("date_time"),
        received_at: arrival.received_at,
        pointer: format!("{pointer}/{data_name}"),
        rest: redact::extra(outer.into_map()),
    };
    envelope.read(known.map_or(Reader::Unread, |known| known.reader), data)
}

/// The instance's name; some versions give the instance as an object.
pub(super) fn instance(fields: &mut Fields) -> Option<String> {
    fields.text("instance").or_else(|| {
        fields.within("instance", |inner| inner.text_of(&["instanceName", "name"])).flatten()
    })
}

impl Envelope {
    /// Reads the data with `reader`: an array is many things, anything else one.
    pub(super) fn read(&self, reader: Reader, data: Value) -> Reading {
        let each = match reader {
            Reader::Each(each) => each,
            Reader::Whole(whole) => {
                let told = whole(self, &data);
                return Reading::one(self.draft(told, None, Value::Null));
            }
            Reader::Unread => return Reading::one(self.unknown(data)),
        };
        match data {
            Value::Array(items) if items.len() > super::THINGS_MAX => super::too_many(),
            Value::Array(items) => {
                let drafts = items.into_iter().enumerate().map(|(place, value)| {
                    let pointer = format!("{}/{place}", self.pointer);
                    self.one(each, value.clone(), &pointer).unwrap_or_else(|_| self.unknown(value))
                });
                Reading::Events(drafts.collect())
            }
            one @ (Value::Object(_)
            | Value::Null
            | Value::String(_)
            | Value::Number(_)
            | Value::Bool(_)) => match self.one(each, one, &self.pointer) {
                Ok(draft) => Reading::one(draft),
                Err(Missing(name)) => Reading::Quarantine(format!(
                    "{} without `{name}`, which it needs",
                    self.event.unwrap_or("an event")
                )),
            },
        }
    }

    /// Reads one thing.
    fn one(&self, each: events::Each, value: Value, pointer: &str) -> Result<Draft, Missing> {
        let members = match value {
            Value::Object(members) => members,
            Value::Null => Map::new(),
            // Deleted chats come as their ids alone.
            Value::String(id) if self.event == Some("chats.delete") => {
                Map::from_iter([("id".to_owned(), Value::String(id))])
            }
            Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) => {
                return Err(Missing("data"));
            }
        };
        let mut item = Item::new(members, pointer);
        let told = each(self, &mut item)?;
        let left = Value::Object(item.fields.into_map());
        Ok(self.draft(told, item.generation, left))
    }

    /// An event that is kept as it is; of an offered login, only that there was one.
    pub(super) fn unknown(&self, data: Value) -> Draft {
        let mut told = Told::new(EventType::Unknown);
        told.key = self.key_of(&data);
        let is_login = self.event == Some("qrcode.updated");
        self.draft(told, None, if is_login { Value::Null } else { data })
    }

    /// What tells a repetition of something that has no id of its own.
    pub(super) fn key_of(&self, data: &Value) -> Vec<Option<String>> {
        vec![self.event.map(str::to_owned), Some(digest(data)), self.date_time.clone()]
    }

    fn draft(&self, told: Told, generation: Option<&str>, left: Value) -> Draft {
        let mut key = vec![self.instance.clone()];
        key.extend(told.key);
        let is_about_whatsapp = told.kind != EventType::Unknown;
        Draft {
            kind: told.kind,
            subject: told.subject,
            when: told.when.unwrap_or_else(|| times::received(self.received_at)),
            duplicate_key: joined(&key),
            data: Data {
                vendor: super::CODE.to_owned(),
                dialect: self.dialect(generation),
                channel: is_about_whatsapp.then_some(Channel::Whatsapp),
                direction: told.direction,
                account: self.account.clone(),
                instance: self.instance.clone(),
                message: told.message,
                parts: told.part.into_iter().collect(),
                extra: self.extra(left),
                ..Data::default()
            },
        }
    }

    fn dialect(&self, generation: Option<&str>) -> String {
        let event = self.event.unwrap_or("unknown");
        match (self.form, generation) {
            (Form::Evolution, Some(generation)) => format!("evolution.{generation}.{event}"),
            (Form::Evolution, None) => format!("evolution.{event}"),
            (Form::Bare, _) => format!("evolution.bare.{event}"),
            (Form::Bridge(dialect), _) => dialect.to_owned(),
        }
    }

    /// What is left of the data, where it stood, beside what is left of the envelope.
    fn extra(&self, left: Value) -> Map<String, Value> {
        let mut extra = self.rest.clone();
        match (self.form, left) {
            (Form::Evolution, left) => drop(extra.insert("data".to_owned(), left)),
            (Form::Bridge(_), left) => drop(extra.insert("body".to_owned(), left)),
            (Form::Bare, Value::Object(left)) => extra.extend(left),
            (
                Form::Bare,
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_),
            ) => {}
        }
        redact::extra(extra)
    }
}
