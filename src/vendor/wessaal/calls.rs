//! Calls over WhatsApp, each step of one call as an event.

use jiff::tz::TimeZone;
use serde_json::json;

use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::{jid, people};
use crate::domain::event::{Direction, EventType, Part};
use crate::vendor::read::times;

/// Reads one step of a call.
pub(super) fn call(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let fields = &mut item.fields;
    let id = fields.text("id").ok_or(Missing("id"))?;
    let when = fields.get("date").and_then(|date| {
        times::unix(date).or_else(|| times::written(date.as_str()?, &TimeZone::UTC))
    });
    if when.is_some() {
        fields.take("date");
    }
    let from = fields.text("from");
    let status = fields.text("status");
    let ours = from.is_some() && from == envelope.owner;
    let part = json!({
        "id": id,
        "chat": fields.text("chatId"),
        "from": jid::party(from.as_deref()),
        "status": status,
        "video": fields.boolean("isVideo"),
        "group": fields.boolean("isGroup"),
        "offline": fields.boolean("offline"),
    });
    let key = vec![Some(id.clone()), status];
    let mut told = people::about(EventType::CallStatus, Some(id), key, Part::Call, part);
    told.when = when;
    told.direction = from.map(|_| if ours { Direction::Outbound } else { Direction::Inbound });
    Ok(told)
}
