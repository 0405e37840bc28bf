//! Looking things up in a callback, by the places that the configuration names, and telling what was left.

use std::borrow::Cow;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::callback::{Callback, Head};
use crate::domain::mapping::{Field, Mapping, Place, Pointer};
use crate::vendor::read::{Fields, fields, forms};

/// What all events of a callback have in common.
pub(super) struct Parts<'a> {
    head: &'a Head,
    body: Body,
    /// The query's parameters.
    query: Map<String, Value>,
    /// The body's JSON without its items, where several events are in it.
    around: Value,
}

/// What the values of the items are.
#[derive(Clone, Copy, PartialEq)]
enum Body {
    Json,
    Form,
    /// There is no body: the query says it all.
    Query,
}

impl<'a> Parts<'a> {
    /// Takes a callback apart into what is common and the values of its events.
    ///
    /// # Errors
    /// When the body is neither JSON nor a form, or has no array where there should be one; the error is a reason for the quarantine.
    pub(super) fn take_apart(
        callback: &'a Callback,
        mapping: &Mapping,
    ) -> Result<(Self, Vec<Value>), String> {
        let head = &callback.head;
        let mut query = firsts(forms::urlencoded(head.query.as_bytes())?);
        let bytes = callback.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&callback.body);
        let bytes = bytes.trim_ascii_start();
        let (body, around, values) = if bytes.is_empty() && !query.is_empty() {
            (Body::Query, Value::Null, vec![Value::Object(std::mem::take(&mut query))])
        } else if bytes.starts_with(b"{")
            || bytes.starts_with(b"[")
            || head.media_type().ends_with("json")
        {
            let (around, values) = items(fields::parse(bytes)?, mapping.each.as_ref())?;
            (Body::Json, around, values)
        } else {
            let form = forms::fields(callback)?.into_map();
            (Body::Form, Value::Null, vec![Value::Object(form)])
        };
        Ok((Self { head, body, query, around }, values))
    }
}

/// Of several pairs with one name the first.
fn firsts(pairs: Vec<(String, Value)>) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in pairs {
        members.entry(name).or_insert(value);
    }
    members
}

/// The items of the array at `each`, or the whole as the only one, and what is around them.
fn items(mut whole: Value, each: Option<&Pointer>) -> Result<(Value, Vec<Value>), String> {
    let Some(each) = each else { return Ok((Value::Null, vec![whole])) };
    let place = each.find_mut(&mut whole).map(Value::take);
    match place {
        Some(Value::Array(items)) => Ok((whole, items)),
        // Some senders leave the brackets out where there is only one.
        Some(item @ Value::Object(_)) => Ok((whole, vec![item])),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => Err(
            format!("there is no array at `{}`, where `each` looks for the events", each.as_str()),
        ),
    }
}

/// One event's values, and which of them were taken.
pub(super) struct Item<'a> {
    parts: &'a Parts<'a>,
    mapping: &'a Mapping,
    value: Value,
    taken: Vec<&'a Place>,
}

impl<'a> Item<'a> {
    /// The event that `value` is.
    ///
    /// # Errors
    /// When it is no object, or an empty one; the error is a reason for the quarantine.
    pub(super) fn new(
        parts: &'a Parts<'a>,
        mapping: &'a Mapping,
        value: Value,
    ) -> Result<Self, String> {
        match &value {
            Value::Object(members) if members.is_empty() => {
                Err("there is no field with a value".to_owned())
            }
            Value::Object(_) => Ok(Self { parts, mapping, value, taken: Vec::new() }),
            Value::Array(_) if mapping.each.is_none() => {
                Err("the body is an array: `each = \"\"` makes each of its items an event"
                    .to_owned())
            }
            Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => Err("JSON, but not an object".to_owned()),
        }
    }

    /// How the sender's callbacks are read.
    pub(super) fn mapping(&self) -> &'a Mapping {
        self.mapping
    }

    /// Looks at the text, number or boolean of a field; as text, never empty.
    pub(super) fn peek(&self, field: Field) -> Option<String> {
        self.find(field).map(|(_, text)| text)
    }

    /// Takes a field's text, number or boolean; as text, never empty.
    pub(super) fn take(&mut self, field: Field) -> Option<String> {
        self.take_if(field, |text| Some(text.to_owned()))
    }

    /// Takes a field's text if `read` can make something of it; else it stays what was not mapped.
    pub(super) fn take_if<T>(
        &mut self,
        field: Field,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (place, text) = self.find(field)?;
        let read = read(&text)?;
        self.taken.push(place);
        Some(read)
    }

    /// Puts a field's value, if it stands outside of the event, beside what was not mapped, so that it is told: under its place.
    pub(super) fn leave(&mut self, field: Field) {
        let Some((place, text)) = self.find(field) else { return };
        let is_outside = self.own_mut(place).is_none() && !matches!(place, Place::Text(_));
        if let (true, Value::Object(members)) = (is_outside, &mut self.value) {
            members.insert(place.to_string(), Value::from(text));
        }
    }

    /// The sentence that a field has no value.
    pub(super) fn missing(&self, field: Field) -> String {
        let places: Vec<String> =
            self.mapping.places(field).iter().map(|place| format!("`{place}`")).collect();
        let places = places.join(" and ");
        format!("there is no value at {places}, where `{}` is looked for", field.as_str())
    }

    /// A hash over all of the event's values.
    pub(super) fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.value.to_string()))
    }

    /// What was not taken, as an event's `extra`.
    pub(super) fn into_extra(mut self) -> Map<String, Value> {
        for place in std::mem::take(&mut self.taken) {
            if let Some(value) = self.own_mut(place) {
                // Taken members become null, not absent, so that no other index in an array moves.
                value.take();
            }
        }
        if let Value::Object(members) = self.value {
            Fields::new(members).into_extra()
        } else {
            Map::new()
        }
    }

    /// The first of a field's places that has a value, and that value.
    fn find(&self, field: Field) -> Option<(&'a Place, String)> {
        let mapping = self.mapping;
        mapping
            .places(field)
            .iter()
            .find_map(|place| Some((place, fields::text(self.at(place)?.as_ref())?)))
    }

    fn at(&self, place: &Place) -> Option<Cow<'_, Value>> {
        let text = |text: &str| Cow::Owned(Value::from(text));
        match place {
            Place::Event(pointer) => self.json(&self.value, pointer),
            Place::Body(pointer) if self.mapping.each.is_none() => self.json(&self.value, pointer),
            Place::Body(pointer) => self.json(&self.parts.around, pointer),
            Place::Form(name) => {
                let form =
                    if self.parts.body == Body::Form { self.value.as_object() } else { None };
                member(form?, name).map(Cow::Borrowed)
            }
            Place::Query(name) => {
                let alone = self.value.as_object().filter(|_| self.parts.body == Body::Query);
                member(alone.unwrap_or(&self.parts.query), name).map(Cow::Borrowed)
            }
            Place::Header(name) => self.parts.head.header(name).map(text),
            Place::Text(constant) => Some(text(constant)),
        }
    }

    fn json<'v>(&self, value: &'v Value, pointer: &Pointer) -> Option<Cow<'v, Value>> {
        if self.parts.body != Body::Json {
            return None;
        }
        pointer.find(value).map(Cow::Borrowed)
    }

    /// The event's own value at a place; none if the place is not in the event.
    fn own_mut(&mut self, place: &Place) -> Option<&mut Value> {
        match place {
            Place::Event(pointer) => pointer.find_mut(&mut self.value),
            Place::Body(pointer) if self.mapping.each.is_none() => {
                pointer.find_mut(&mut self.value)
            }
            Place::Form(name) if self.parts.body == Body::Form => {
                member_mut(self.value.as_object_mut()?, name)
            }
            Place::Query(name) if self.parts.body == Body::Query => {
                member_mut(self.value.as_object_mut()?, name)
            }
            Place::Body(_)
            | Place::Form(_)
            | Place::Query(_)
            | Place::Header(_)
            | Place::Text(_) => None,
        }
    }
}

fn member<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    members.get(key(members, name)?)
}

fn member_mut<'v>(members: &'v mut Map<String, Value>, name: &str) -> Option<&'v mut Value> {
    let key = key(members, name)?.to_owned();
    members.get_mut(&key)
}

/// A name as it is written in a form or query: the exact one, else one that differs in letter case alone.
fn key<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    let keys = || members.keys().map(String::as_str);
    keys().find(|key| *key == name).or_else(|| keys().find(|key| key.eq_ignore_ascii_case(name)))
}
