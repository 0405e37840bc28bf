//! An instance's connection to WhatsApp: pairing, connecting, connected, gone.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::item::{Item, Missing, Told, member};
use super::{jid, redact};
use crate::domain::event::{EventType, Part, When};
use crate::vendor::read::{Fields, times};

/// Reads `connection.update` and `status.instance`.
pub(super) fn moved(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let states = ["state", "status", "connection"];
    let state = states.iter().find_map(|name| fields.peek(name)).ok_or(Missing("state"))?;
    let Some(kind) = kind(&state) else {
        return Ok(Told { key: repetition, ..Told::new(EventType::Unknown) });
    };
    let subject = name(envelope, fields)?;
    fields.text_of(&states);
    let reason =
        fields.integer("statusReason").or_else(|| fields.integer("disconnectionReasonCode"));
    let owner = fields.text("wuid");
    let phone = owner.as_deref().and_then(jid::phone);
    let part = json!({
        "state": state,
        "status_reason": reason,
        "reason": reason.and_then(meaning),
        "id": owner,
        "phone": phone,
        "name": fields.text("profileName"),
        "picture_url": fields.text("profilePictureUrl"),
    });
    let mut told = connection(kind, subject, repetition, part);
    told.when = ended_at(fields);
    Ok(told)
}

/// Reads `qrcode.updated`. The code logs in whoever has it: the event says no more than that there was one.
pub(super) fn pairing(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let subject = name(envelope, fields)?;
    let inside = fields.object("qrcode");
    let offer = inside.map_or_else(|| offered(fields), |mut inside| offered(&mut inside));
    let refusal = json!({
        "reason": fields.text("message"),
        "status_reason": fields.integer("statusCode"),
    });
    let mut part = offer;
    if let Value::Object(refusal) = refusal {
        part.extend(refusal);
    }
    Ok(connection(EventType::AccountPairing, subject, repetition, Value::Object(part)))
}

/// Reads `logout.instance`, `remove.instance` and `instance.delete`.
pub(super) fn ended(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let subject = name(envelope, &mut item.fields)?;
    let state = match envelope.event {
        Some("logout.instance") => "logged_out",
        Some("instance.delete") => "deleted",
        _ => "removed",
    };
    let part = json!({"state": state, "id": item.fields.text("instanceId")});
    Ok(connection(EventType::AccountDisconnected, subject, repetition, part))
}

/// Reads `instance.create`.
pub(super) fn created(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let repetition = envelope.key_of(&item.data());
    let fields = &mut item.fields;
    let subject = name(envelope, fields)?;
    // Some versions put the new instance's API token here.
    fields.take("hash");
    fields.take("token");
    let part = json!({"state": "created", "id": fields.text("instanceId")});
    let mut told = connection(EventType::AccountUpdated, subject, repetition, part);
    told.part = told.part.map(|(_, part)| (Part::AccountUpdate, part));
    Ok(told)
}

fn connection(kind: EventType, subject: String, key: Vec<Option<String>>, part: Value) -> Told {
    let part = if let Value::Object(part) = part { redact::part(part) } else { Map::new() };
    Told { subject: Some(subject), key, part: Some((Part::Connection, part)), ..Told::new(kind) }
}

/// The instance that this is about: the one that the data names, else the envelope's.
fn name(envelope: &Envelope, fields: &mut Fields) -> Result<String, Missing> {
    let named = super::envelope::instance(fields).or_else(|| fields.text("instanceName"));
    let code = fields.get("qrcode").and_then(Value::as_object);
    let inside = code.and_then(|code| member(code, "instance")?.1.as_str());
    let inside = inside.filter(|name| !name.is_empty()).map(str::to_owned);
    named.or(inside).or_else(|| envelope.instance.clone()).ok_or(Missing("instance"))
}

/// The type of event that reports this state; none for a word that is not known.
fn kind(state: &str) -> Option<EventType> {
    match state.to_ascii_lowercase().as_str() {
        "open" | "connected" => Some(EventType::AccountConnected),
        "connecting" => Some(EventType::AccountConnecting),
        "close" | "closed" | "refused" | "disconnected" | "removed" | "logout" => {
            Some(EventType::AccountDisconnected)
        }
        _ => None,
    }
}

/// What the reasons of a lost connection mean.
fn meaning(reason: i64) -> Option<&'static str> {
    match reason {
        401 => Some("logged out"),
        403 => Some("forbidden"),
        408 => Some("connection lost"),
        428 => Some("connection closed"),
        440 => Some("replaced by another connection"),
        500 => Some("bad session"),
        515 => Some("restart required"),
        _ => None,
    }
}

/// What may be said of a code that was offered for pairing. The code itself, in each of its forms, is dropped.
fn offered(fields: &mut Fields) -> Map<String, Value> {
    let secrets = ["code", "base64", "pairingCode"];
    let taken: Vec<Value> = secrets.iter().filter_map(|name| fields.take(name)).collect();
    let expiry = ["expiresAt", "expires_at", "expiration", "expiresIn"];
    let said = [
        ("code_offered", Some(Value::Bool(!taken.is_empty()))),
        ("count", fields.take("count")),
        ("expires", expiry.iter().find_map(|name| fields.take(name))),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn ended_at(fields: &mut Fields) -> Option<When> {
    let when = times::written(&fields.peek("disconnectionAt")?, &TimeZone::UTC)?;
    fields.take("disconnectionAt");
    Some(when)
}
