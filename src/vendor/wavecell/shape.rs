//! Finds out which shape a callback has: enveloped, a business update, a survey, or one of the old flat ones.

use super::arrival::Arrival;
use super::draft::{Fault, word};
use super::{business, contacts, engagement, inbound, legacy, receipts, sms, voice};
use crate::domain::event::Draft;
use crate::vendor::read::Fields;

/// How one shape is read. All but the notifications that are passed on from WhatsApp hold exactly one event.
pub(super) type Reader = fn(Fields, &Arrival<'_>) -> Result<Vec<Draft>, Fault>;

/// The reader of a body's shape; `None` for a shape, a namespace or an event that we don't know.
pub(super) fn reader(body: &Fields) -> Option<Reader> {
    let event_type = word(&body.peek("eventType").unwrap_or_default());
    let enveloped = body.has("namespace") || body.has("payload");
    if body.has("eventDetails") || !enveloped {
        let reader = business::reader(&event_type).or_else(|| contacts::reader(&event_type));
        if reader.is_some() {
            return reader;
        }
    }
    match event_type.as_str() {
        "inboundmessage" => return Some(inbound::read_flat),
        "outboundmessagedelivery" => return Some(legacy::receipt),
        "" if is(body, "type", "inbound") && (body.has("receivedAt") || body.has("source")) => {
            return Some(legacy::sms_inbound);
        }
        "" if body.has("surveyId") => return Some(engagement::survey),
        _ => {}
    }
    match namespace(body, &event_type)? {
        Namespace::ChatApps => match event_type.as_str() {
            "outbound_message_status_changed" => Some(receipts::read),
            "inbound_message_received" => Some(inbound::read),
            "external_app_message" => Some(inbound::echo),
            _ => None,
        },
        Namespace::Sms => match event_type.as_str() {
            "outbound_message_status_changed" => Some(sms::receipt),
            "inbound_message_received" => Some(sms::inbound),
            "short_url_clicked" => Some(engagement::link),
            _ => None,
        },
        Namespace::Voice => voice::reader(&event_type),
    }
}

/// A product of the vendor's.
enum Namespace {
    ChatApps,
    Sms,
    Voice,
}

/// The product a body is from. Its name is spelled in several ways (`ChatApps`, `Chat Apps`, `Messaging Apps`); where it is
/// left out, the event and its fields tell.
fn namespace(body: &Fields, event_type: &str) -> Option<Namespace> {
    let name = word(&body.peek("namespace").unwrap_or_default()).replace('_', "");
    if !name.is_empty() {
        return match name.as_str() {
            "sms" => Some(Namespace::Sms),
            "voice" => Some(Namespace::Voice),
            "chatapps" | "chatapp" | "messagingapps" => Some(Namespace::ChatApps),
            _ => None,
        };
    }
    let payload = body.get("payload")?.as_object()?;
    let has = |name: &str| payload.keys().any(|key| key.eq_ignore_ascii_case(name));
    if voice::reader(event_type).is_some() {
        Some(Namespace::Voice)
    } else if event_type == "short_url_clicked" || has("source") && !has("channel") {
        Some(Namespace::Sms)
    } else {
        Some(Namespace::ChatApps)
    }
}

fn is(body: &Fields, name: &str, expected: &str) -> bool {
    body.peek(name).is_some_and(|value| word(&value) == expected)
}
