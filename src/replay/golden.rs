//! What an adapter makes of a request, as expectations write it: without what arrival adds.

use serde_json::{Map, Value, json};

use super::request::Request;
use crate::clock::Time;
use crate::domain::callback::{Callback, Head};
use crate::domain::event::{Draft, Event};
use crate::domain::id::{CallbackId, EventId};
use crate::domain::name::Name;
use crate::domain::source::{ReadSettings, Scheme};
use crate::vendor::{self, Reading, authenticity};

/// What arrival adds to an event's data, and so no fixture can foresee.
const ARRIVAL: [&str; 5] = ["received_at", "callback_id", "sequence", "revised", "replaced_by"];

/// The names of an event's members whose values are words of ours or of the vendor's protocol, and so part of its meaning.
const WORDS: [&str; 14] = [
    "vendor",
    "dialect",
    "channel",
    "direction",
    "time_basis",
    "state",
    "vendor_state",
    "vendor_detail",
    "code",
    "provider_code",
    "mime",
    "currency",
    "type",
    "action",
];

/// Reads requests as one source does.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The source's name.
    pub source: Name,
    /// The vendor's code.
    pub vendor: &'static str,
    /// How its callbacks are read.
    pub settings: ReadSettings,
    /// When they are taken to have been received.
    pub received_at: Time,
}

impl Reader {
    /// What the vendor's adapter makes of the request. Of a panicking adapter nothing, as the server does.
    #[must_use]
    pub fn read(&self, request: &Request) -> Option<Reading> {
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let callback = Callback {
            id: CallbackId::from_bits(0),
            source: self.source.clone(),
            received_at: self.received_at,
            head: Head {
                method: request.method.clone(),
                path: request.path().to_owned(),
                query: request.query().to_owned(),
                headers,
                token: None,
                remote: None,
            },
            body: request.body.clone(),
        };
        let authentic = authenticity::check(&[Scheme::None], &callback, "").ok()?;
        Some(vendor::find(self.vendor)?.read(&authentic, &self.settings))
    }

    /// The events of a reading, as expectations write them.
    #[must_use]
    pub fn golden(&self, drafts: &[Draft]) -> Vec<Value> {
        drafts.iter().map(|draft| self.golden_event(draft)).collect()
    }

    fn golden_event(&self, draft: &Draft) -> Value {
        let event = Event {
            id: EventId::from_bits(0),
            sequence: 0,
            kind: draft.kind,
            source: self.source.clone(),
            subject: draft.subject.clone(),
            when: draft.when,
            received_at: self.received_at,
            callback_id: None,
            revised: false,
            replaced_by: None,
            folded: None,
            data: draft.data.clone(),
        };
        let event = serde_json::to_value(event).unwrap_or_default();
        without_arrival(&event)
    }

    /// What a request means, without what it says of anybody: the kinds of its events, their times, which members they have, and
    /// the words of the protocol.
    #[must_use]
    pub fn meaning(&self, request: &Request) -> Value {
        match self.read(request) {
            Some(Reading::Events(drafts)) => {
                let mut events = Value::Array(self.golden(&drafts));
                mask(&mut events, "");
                events
            }
            Some(Reading::Quarantine(reason)) => {
                // What stands in quotes may be of the body.
                let plain = reason.split(['`', '"']).step_by(2).collect::<String>();
                let plain: String = plain.chars().filter(|c| !c.is_ascii_digit()).collect();
                json!({ "quarantined": plain })
            }
            None => Value::Null,
        }
    }
}

/// An event as the API shows it, without what its arrival added.
#[must_use]
pub fn without_arrival(event: &Value) -> Value {
    let mut kept = Map::new();
    let data = event.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
    let received = data.get("time_basis").and_then(Value::as_str) == Some(BASIS_RECEIVED);
    for name in ["type", "subject", "time"] {
        if let Some(value) = event.get(name).filter(|_| name != "time" || !received) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    let mut data: Map<String, Value> =
        data.into_iter().filter(|(name, _)| !ARRIVAL.contains(&name.as_str())).collect();
    if let Some(message) = data.get_mut("message").and_then(Value::as_object_mut) {
        message.remove("folded");
    }
    kept.insert("data".to_owned(), data.into());
    Value::Object(kept)
}

/// How events say that their time is that of their arrival.
const BASIS_RECEIVED: &str = "received";

/// Puts a mark in the place of every text and number that is not a word of the protocol.
fn mask(value: &mut Value, name: &str) {
    match value {
        Value::String(_) | Value::Number(_) if !WORDS.contains(&name) && name != "time" => {
            *value = "…".into();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, name)),
        Value::Object(members) if name == "extra" => {
            // What nobody mapped has no meaning; its names may be anybody's addresses.
            *members = Map::new();
        }
        Value::Object(members) => {
            let masked = std::mem::take(members).into_iter().map(|(name, mut member)| {
                mask(&mut member, &name);
                // A name that is an address itself.
                let named = name.bytes().any(|byte| byte.is_ascii_digit());
                (if named { "…".to_owned() } else { name }, member)
            });
            *members = masked.collect();
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) => {}
    }
}
