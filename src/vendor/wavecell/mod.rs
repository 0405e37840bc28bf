//! The `wavecell` vendor: 8x8 Connect, formerly Wavecell. Finds out which of its many shapes a callback has, and has it read.

mod arrival;
mod business;
mod contacts;
mod content;
mod draft;
mod engagement;
mod errors;
mod habits;
mod inbound;
mod legacy;
mod outbound_content;
mod people;
mod receipts;
mod shape;
mod sms;
mod status;
#[cfg(test)]
mod tests;
mod voice;
mod xml;

use serde_json::Value;
use serde_json::value::RawValue;

use self::arrival::Arrival;
use self::draft::Fault;
use super::habits::Habits;
use super::read::{Fields, fields};
use super::{Authentic, Reading, Vendor};
use crate::domain::callback::Callback;
use crate::domain::event::Draft;
use crate::domain::source::ReadSettings;

/// 8x8 Connect and the older Wavecell formats; `fixtures/wavecell/README.md` lists the dialects.
#[derive(Debug)]
pub struct Wavecell;

impl Vendor for Wavecell {
    fn code(&self) -> &'static str {
        draft::VENDOR
    }

    fn habits(&self) -> Option<Habits> {
        Some(habits::HABITS)
    }

    fn read(&self, callback: &Authentic<'_>, settings: &ReadSettings) -> Reading {
        match read_body(callback.callback(), settings) {
            Ok(drafts) => Reading::Events(drafts),
            Err(fault) => Reading::Quarantine(fault.to_string()),
        }
    }
}

/// The most events that one callback may hold; a list with more is kept unread.
const EVENTS_MAX: usize = 10_000;

fn read_body(callback: &Callback, settings: &ReadSettings) -> Result<Vec<Draft>, Fault> {
    let arrival =
        Arrival { received_at: callback.received_at, zone: &settings.timezone, json: None };
    if xml::looks_like(callback) {
        return read_value(Value::Object(xml::members(&callback.body)?), &arrival);
    }
    let value = fields::parse(&callback.body).map_err(Fault::Malformed)?;
    let body = callback.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&callback.body);
    if let Value::Array(items) = value {
        let written: Vec<&RawValue> = serde_json::from_slice(body).unwrap_or_default();
        return read_all(items, &written, &arrival);
    }
    read_value(value, &Arrival { json: std::str::from_utf8(body).ok(), ..arrival })
}

/// Reads one callback's object. A shape that is not known becomes an event of its own.
fn read_value(value: Value, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let Value::Object(members) = value else { return Err(Fault::NotAnObject) };
    let body = Fields::new(members);
    match shape::reader(&body) {
        Some(read) => read(body, arrival),
        None => Ok(vec![draft::unknown(body, arrival)]),
    }
}

/// Reads several objects sent at once. One that can't be read stays among the others as an unknown event, unless none can.
fn read_all(
    items: Vec<Value>,
    written: &[&RawValue],
    arrival: &Arrival<'_>,
) -> Result<Vec<Draft>, Fault> {
    let mut drafts = Vec::new();
    let mut understood = false;
    let mut first_fault = Fault::Malformed("the body is an empty array".to_owned());
    for (place, item) in items.into_iter().enumerate() {
        let json = written.get(place).map(|json| json.get());
        match read_value(item.clone(), &Arrival { json, ..*arrival }) {
            Ok(read) => {
                understood = true;
                drafts.extend(read);
            }
            Err(fault) => {
                if drafts.is_empty() {
                    first_fault = fault;
                }
                drafts.push(draft::unknown(draft::wrapped(item), arrival));
            }
        }
        if drafts.len() > EVENTS_MAX {
            return Err(Fault::TooMany);
        }
    }
    if understood { Ok(drafts) } else { Err(first_fault) }
}
