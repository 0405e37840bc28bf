//! SMS: receipts, in JSON or XML, and inbound texts.

use super::arrival::Arrival;
use super::draft::{Fault, dialect, enveloped, event, required};
use super::status::{self, Report};
use super::{outbound_content, people, receipts};
use crate::domain::event::{Channel, Content, Direction, Draft, EventType, MessagePart, Price};
use crate::domain::message::State;
use crate::vendor::read::Fields;

/// Reads `outbound_message_status_changed` in the namespace `SMS`.
pub(super) fn receipt(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "sms.receipt");
    enveloped(body, dialect, |payload| {
        let mut message = receipts::referred(payload)?;
        message.from = people::address(payload, "source");
        message.to = people::address(payload, "destination");
        message.content = outbound_content::take(payload);
        message.price = price(payload, arrival);
        let report = Report::take(payload, arrival);
        let failed = report.rung() == Some(State::Failed);
        message.error = status::error(payload, Some(Channel::Sms), failed);
        Ok(status::receipt(report, Some(Channel::Sms), message))
    })
}

/// Reads `inbound_message_received` in the namespace `SMS`.
pub(super) fn inbound(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "sms.inbound");
    enveloped(body, dialect, |payload| {
        let mut draft = text_received(payload, arrival)?;
        if let Some(message) = &mut draft.data.message {
            message.price = price(payload, arrival);
        }
        Ok(draft)
    })
}

/// Reads an inbound text; the old format has the same fields, but for the name of the time.
pub(super) fn text_received(fields: &mut Fields, arrival: &Arrival<'_>) -> Result<Draft, Fault> {
    let id = required(fields, "umid")?;
    let from = people::address(fields, "source");
    let message = MessagePart {
        id: id.clone(),
        conversation: people::conversation(from.as_ref()),
        from,
        to: people::address(fields, "destination"),
        content: Some(Content {
            kind: "text".to_owned(),
            text: fields.text("body"),
            ..Content::default()
        }),
        ..MessagePart::default()
    };
    let when = arrival.time(fields, &["timestamp", "receivedAt"]);
    let key = id.to_ascii_lowercase();
    let mut draft = event(EventType::MessageReceived, Some(id), when, key);
    draft.data.channel = Some(Channel::Sms);
    draft.data.direction = Some(Direction::Inbound);
    draft.data.message = Some(message);
    Ok(draft)
}

/// Takes the price and the number of parts it is for. Failed and free messages mostly have none; their number of parts stays
/// where it is.
fn price(payload: &mut Fields, arrival: &Arrival<'_>) -> Option<Price> {
    let price = payload.within("price", |price| {
        let total = arrival.number(price, &["payload", "price", "total"])?;
        Some(Price {
            total: Some(total),
            per_unit: arrival.number(price, &["payload", "price", "perSms"]),
            currency: price.text("currency"),
            units: None,
        })
    });
    let price = price.flatten()?;
    let units = payload.integer("smsCount").and_then(|count| u64::try_from(count).ok());
    Some(Price { units, ..price })
}
