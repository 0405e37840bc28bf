//! Taking a person out of what is somebody else's: their numbers and ids, and what stands beside these.

use serde_json::{Map, Value};

use super::Marks;
use super::find::ERASED;
use crate::domain::event::Data;

/// Members that say nothing of anybody, and that have forms of their own.
const KEPT: [&str; 6] = ["type", "role", "state", "expires_at", "direction", "channel"];

/// How deep an object has to stand for it to be one of them. Above are the event's own parts.
const OWN_DEPTH: usize = 2;

impl Marks {
    /// The data without them, as it is kept, and its `extra`; `None` if that would be no event any more.
    #[must_use]
    pub fn scrubbed(&self, data: &Data) -> Option<(String, Option<String>)> {
        let mut said = serde_json::to_value(data).ok()?;
        self.scrub(&mut said, 0);
        let clean: Data = serde_json::from_value(said).ok()?;
        let mut extra = Value::Object(data.extra.clone());
        self.scrub(&mut extra, OWN_DEPTH - 1);
        let extra = (!data.extra.is_empty()).then(|| extra.to_string());
        Some((serde_json::to_string(&clean).ok()?, extra))
    }

    /// Takes them out of any JSON; whether they were in it.
    pub fn scrub(&self, value: &mut Value, depth: usize) -> bool {
        match value {
            Value::String(text) => {
                let Some(left) = self.without(text) else { return false };
                *text = left;
                true
            }
            Value::Number(number) => {
                let is_theirs = self.names(&number.to_string());
                if is_theirs {
                    *value = Value::from(ERASED);
                }
                is_theirs
            }
            Value::Array(items) => {
                // Every one of them, whatever was found before.
                items
                    .iter_mut()
                    .filter_map(|item| self.scrub(item, depth + 1).then_some(()))
                    .count()
                    > 0
            }
            Value::Object(fields) => self.scrub_object(fields, depth),
            Value::Null | Value::Bool(_) => false,
        }
    }

    fn scrub_object(&self, fields: &mut Map<String, Value>, depth: usize) -> bool {
        if depth >= OWN_DEPTH && fields.values().any(|value| self.names_value(value)) {
            fields.retain(|name, _| name != "phone");
            fields.iter_mut().for_each(|(name, value)| blank(name, value));
            self.scrub_names(fields);
            return true;
        }
        let within = fields
            .values_mut()
            .filter_map(|value| self.scrub(value, depth + 1).then_some(()))
            .count()
            > 0;
        self.scrub_names(fields) || within
    }

    /// Takes them out of the names of members, with what stands under these.
    fn scrub_names(&self, fields: &mut Map<String, Value>) -> bool {
        let named: Vec<String> =
            fields.keys().filter(|name| self.is_in(name.as_bytes())).cloned().collect();
        for name in &named {
            fields.remove(name);
            fields.insert(ERASED.to_owned(), Value::from(ERASED));
        }
        !named.is_empty()
    }
}

/// Leaves the shape, and nothing of what was said.
fn blank(name: &str, value: &mut Value) {
    if KEPT.contains(&name) {
        return;
    }
    match value {
        Value::String(text) => ERASED.clone_into(text),
        Value::Number(_) => *value = Value::from(0),
        Value::Array(items) => items.iter_mut().for_each(|item| blank("", item)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| blank(name, value)),
        Value::Null | Value::Bool(_) => {}
    }
}
