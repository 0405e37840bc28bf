//! The envelope of the bridge that stands between the Evolution API and Wessaal: a guess at what a hook of theirs would be.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::Arrival;
use super::envelope::{self, Envelope, Form};
use super::events::{self, Reader};
use super::item::{Item, Missing, Told, member};
use super::{jid, redact};
use crate::domain::event::{Content, Direction, EventType, MessagePart, Party, When};
use crate::vendor::Reading;
use crate::vendor::read::{Fields, fields, phones, times};

/// Whether this is the bridge's envelope. It dates what it passes on; nothing else here does so by this name.
pub(super) fn recognise(members: &Map<String, Value>) -> bool {
    let has = |name| member(members, name).is_some();
    has("receivedAt") && has("event") && (has("body") || has("type"))
}

/// Reads the envelope by its `type`: its own short message, or the Evolution API's data passed on.
pub(super) fn read(members: Map<String, Value>, pointer: &str, arrival: &Arrival<'_>) -> Reading {
    let body_name = member(&members, "body").map_or("body", |(name, _)| name).to_owned();
    let mut outer = Fields::new(members);
    let word = outer.text("type").unwrap_or_default().to_ascii_lowercase();
    let event = outer.text("event").unwrap_or_default();
    let body = outer.take("body").unwrap_or_default();
    let (form, known) = match word.as_str() {
        "message" => {
            let message = events::Known { name: "message", reader: Reader::Each(message) };
            (Form::Bridge("bridge.message"), Some(message))
        }
        "qrcode" => (Form::Bridge("bridge.qrcode"), events::find("qrcode.updated")),
        "connection" => (Form::Bridge("bridge.connection"), events::find("connection.update")),
        _ => (Form::Bridge("bridge.generic"), events::find(&event)),
    };
    let (data, place) = within_frame(body);
    let envelope = Envelope {
        form,
        event: known.map(|known| known.name),
        instance: envelope::instance(&mut outer),
        account: None,
        owner: None,
        date_time: outer.peek("receivedAt"),
        received_at: arrival.received_at,
        pointer: format!("{pointer}/{body_name}{place}"),
        rest: rest(outer, &word, event, known.is_some()),
    };
    let reading = envelope.read(known.map_or(Reader::Unread, |known| known.reader), data.clone());
    let is_short = form == Form::Bridge("bridge.generic");
    if let (true, Reading::Quarantine(_)) = (is_short, &reading) {
        // It passes on no more than a few members of a frame: what is left of it need not be readable.
        return Reading::one(envelope.unknown(data));
    }
    reading
}

/// The bridge passes on a whole frame in places: then its data is meant.
fn within_frame(body: Value) -> (Value, &'static str) {
    if let Value::Object(members) = &body
        && let Some((_, data)) = member(members, "data")
        && (data.is_object() || data.is_array())
    {
        return (data.clone(), "/data");
    }
    (body, "")
}

fn rest(mut outer: Fields, word: &str, event: String, is_known: bool) -> Map<String, Value> {
    if !is_known {
        outer.put("event", Value::String(event));
        outer.put("type", Value::from(word));
    }
    redact::extra(outer.into_map())
}

/// Reads the bridge's own short form of a message.
fn message(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let fields = &mut item.fields;
    let outer = envelope.rest.get("id").and_then(fields::text);
    let id = fields.text("id").or(outer).ok_or(Missing("body.id"))?;
    let mut told = Told::new(EventType::MessageReceived);
    told.subject = Some(id.clone());
    told.key = vec![Some(id.clone())];
    told.direction = Some(Direction::Inbound);
    told.when = dated(fields, "ts")
        .or_else(|| dated(fields, "timestamp"))
        .or_else(|| times::written(envelope.date_time.as_deref()?, &TimeZone::UTC));
    let from = fields.text("from").and_then(author);
    let text = fields.text_of(&["text", "snippet"]);
    let content = text.map(|text| Content {
        kind: "text".to_owned(),
        text: Some(text),
        ..Content::default()
    });
    let conversation = from.as_ref().and_then(|from| from.id.clone().or(from.phone.clone()));
    told.message = Some(MessagePart { id, conversation, from, content, ..MessagePart::default() });
    Ok(told)
}

/// The one who wrote: an address of WhatsApp's, or a number.
fn author(from: String) -> Option<Party> {
    if from.contains('@') {
        return jid::party(Some(&from));
    }
    let phone = phones::e164(&from);
    let id = phone.is_none().then_some(from);
    Party { id, phone, name: None }.known()
}

fn dated(fields: &mut Fields, name: &str) -> Option<When> {
    let value = fields.get(name)?;
    let when = times::unix(value).or_else(|| times::written(value.as_str()?, &TimeZone::UTC))?;
    fields.take(name);
    Some(when)
}
