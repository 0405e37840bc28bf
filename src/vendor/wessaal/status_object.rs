//! The status object that Wessaal documents, in every wrapping in which its answers come.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::envelope;
use super::item::{self, member};
use super::{Arrival, CODE, THINGS_MAX, jid, redact, too_many, unknown};
use crate::domain::event::{
    Channel, Data, Direction, Draft, EventType, MessageError, MessagePart, Party, Status, When,
};
use crate::domain::message::State;
use crate::vendor::Reading;
use crate::vendor::read::{Fields, fields, phones, times};

/// Whether this is a status object, bare or wrapped, or a list of them.
pub(super) fn recognise(members: &Map<String, Value>) -> bool {
    match member(members, "data") {
        Some((_, Value::Object(inner))) => is_status(inner) || is_page(inner),
        Some((_, Value::Array(items))) => items.iter().any(looks_like_one),
        Some(_) | None => is_status(members),
    }
}

/// Reads a bare or wrapped status object, or a list of them.
pub(super) fn read(members: Map<String, Value>, arrival: &Arrival<'_>) -> Reading {
    let mut outer = Fields::new(members);
    if !outer.get("data").is_some_and(|data| data.is_object() || data.is_array()) {
        return single(outer, Fields::default(), arrival);
    }
    match outer.take("data") {
        Some(Value::Array(items)) => list(items, &outer, arrival),
        Some(Value::Object(inner)) => {
            let mut inner = Fields::new(inner);
            match inner.array("data") {
                Some(items) => list(items, &outer, arrival),
                None => single(inner, outer, arrival),
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
            Reading::Events(Vec::new())
        }
    }
}

/// Reads each status of a list; what is none is kept as an unknown event. Of its wrapping, only the instance counts.
fn list(items: Vec<Value>, outer: &Fields, arrival: &Arrival<'_>) -> Reading {
    if items.len() > THINGS_MAX {
        return too_many();
    }
    let instance = instance(&mut outer.clone());
    let drafts = items.into_iter().map(|item| {
        let Value::Object(members) = item.clone() else { return unknown(item, arrival) };
        if !is_status(&members) {
            return unknown(item, arrival);
        }
        match single(Fields::new(members), Fields::default(), arrival) {
            Reading::Events(drafts) => drafts.into_iter().next().map(|mut draft| {
                draft.data.instance = draft.data.instance.or_else(|| instance.clone());
                draft
            }),
            Reading::Quarantine(_) => None,
        }
        .unwrap_or_else(|| unknown(item, arrival))
    });
    Reading::Events(drafts.collect())
}

/// Reads one status; `outer` is what is left of its wrapping.
fn single(mut fields: Fields, mut outer: Fields, arrival: &Arrival<'_>) -> Reading {
    let Some(id) = fields.text_of(&["message_id", "id"]) else {
        let reason = "a status object without `message_id`, which it needs";
        return Reading::Quarantine(reason.to_owned());
    };
    let status = status(&mut fields, arrival.zone);
    let when = status.state.and_then(|state| dated(&mut fields, state, arrival.zone));
    let kind = status.state.map_or(EventType::MessageStatusUnknown, EventType::from);
    let key = [
        Some(id.clone()),
        Some(kind.to_string()),
        when.map(|when| when.at.as_millis().to_string()),
        status.vendor_state.clone().filter(|_| status.state.is_none()),
    ];
    let to = recipient(&mut fields);
    let conversation = to.as_ref().and_then(|to| to.phone.clone().or(to.id.clone()));
    let client_ref = fields.within("metadata", |metadata| metadata.text("external_id")).flatten();
    let instance = instance(&mut fields).or_else(|| instance(&mut outer));
    let message = MessagePart {
        id: id.clone(),
        client_ref,
        conversation,
        to,
        status: Some(status).filter(|status| *status != Status::default()),
        error: error(&mut fields),
        ..MessagePart::default()
    };
    let mut extra = outer.into_map();
    if extra.is_empty() {
        extra = fields.into_map();
    } else {
        extra.insert("data".to_owned(), Value::Object(fields.into_map()));
    }
    Reading::one(Draft {
        kind,
        subject: Some(id),
        when: when.unwrap_or_else(|| times::received(arrival.received_at)),
        duplicate_key: item::joined(&key),
        data: Data {
            vendor: CODE.to_owned(),
            dialect: "status.object".to_owned(),
            channel: Some(Channel::Whatsapp),
            direction: Some(Direction::Outbound),
            instance,
            message: Some(message),
            extra: redact::extra(extra),
            ..Data::default()
        },
    })
}

/// The word, and what it means. It may lag: a message that says `sent` and when it was delivered has been delivered.
fn status(fields: &mut Fields, zone: &TimeZone) -> Status {
    let word = fields.text("status");
    let said = word.as_deref().and_then(meaning);
    let has_arrived = said == Some(State::Sent) && time(fields, "delivered_at", zone).is_some();
    let state = if has_arrived { Some(State::Delivered) } else { said };
    Status { state, vendor_state: word, vendor_detail: None }
}

/// The rung that a word means.
fn meaning(word: &str) -> Option<State> {
    match word.trim().to_ascii_lowercase().as_str() {
        "pending" | "queued" | "processing" => Some(State::Queued),
        "sent" => Some(State::Sent),
        "delivered" => Some(State::Delivered),
        "read" | "played" => Some(State::Read),
        "failed" | "error" | "cancelled" | "canceled" => Some(State::Failed),
        _ => None,
    }
}

/// When it reached `state`. The other times stay where they are.
fn dated(fields: &mut Fields, state: State, zone: &TimeZone) -> Option<When> {
    let names: &[&str] = match state {
        State::Queued => &["queued_at", "created_at"],
        State::Sent => &["sent_at"],
        State::Delivered => &["delivered_at"],
        State::Read => &["read_at", "played_at"],
        State::Failed => &["failed_at", "cancelled_at"],
    };
    names.iter().find_map(|name| {
        let when = time(fields, name, zone)?;
        fields.take(name);
        Some(when)
    })
}

fn time(fields: &Fields, name: &str, zone: &TimeZone) -> Option<When> {
    let value = fields.get(name)?;
    times::written(value.as_str().unwrap_or_default(), zone).or_else(|| times::unix(value))
}

fn recipient(fields: &mut Fields) -> Option<Party> {
    let text = fields.text_of(&["recipient", "recipient_number"])?;
    let phone = phones::e164(&text).or_else(|| jid::phone(&text));
    let id = (phone.is_none() || text.contains('@')).then_some(text);
    Party { id, phone, name: None }.known()
}

/// An instance is named, or given by its number.
fn instance(fields: &mut Fields) -> Option<String> {
    let named = fields.text("instance_name").or_else(|| envelope::instance(fields));
    named
        .or_else(|| {
            fields.within("instance", |inner| inner.text_of(&["instance_name", "id"])).flatten()
        })
        .or_else(|| fields.text("instance_id"))
}

fn error(fields: &mut Fields) -> Option<MessageError> {
    let error = MessageError {
        code: fields.text("error_code"),
        provider_code: None,
        reason: fields.text_of(&["error_message", "error", "failure_reason"]),
    };
    (error != MessageError::default()).then_some(error)
}

fn is_page(members: &Map<String, Value>) -> bool {
    matches!(member(members, "data"), Some((_, Value::Array(items))) if items.iter().any(looks_like_one))
}

fn looks_like_one(item: &Value) -> bool {
    item.as_object().is_some_and(is_status)
}

/// A status object says a status and whom or when, or a message by its documented name and one of these. Where it says
/// no more than `id` and `status`, the word has to be one of a message's. What names a chat is the Evolution API's.
fn is_status(members: &Map<String, Value>) -> bool {
    let has = |name: &str| member(members, name).is_some();
    if has("remoteJid") {
        return false;
    }
    let says = |name: &str| member(members, name).is_some_and(|(_, value)| !value.is_null());
    let word = member(members, "status").and_then(|(_, value)| fields::text(value));
    let traced = ["recipient", "recipient_number"].into_iter().any(says)
        || ["sent_at", "delivered_at"].into_iter().any(has);
    if says("message_id") {
        return traced || word.is_some();
    }
    let is_known = word.as_deref().and_then(meaning).is_some();
    word.is_some() && (traced || (says("id") && is_known))
}
