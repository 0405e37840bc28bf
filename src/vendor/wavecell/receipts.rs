//! Delivery receipts of messaging apps: `outbound_message_status_changed` in the namespace `ChatApps`.

use super::arrival::Arrival;
use super::draft::{Fault, dialect, enveloped, required};
use super::status::{self, Report};
use super::{outbound_content, people};
use crate::domain::event::{Draft, MessagePart};
use crate::domain::message::State;
use crate::vendor::read::Fields;

/// Reads a receipt of version 8, 9 or none.
pub(super) fn read(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "chatapps.receipt");
    enveloped(body, dialect, |payload| {
        let mut message = referred(payload)?;
        let channel = people::channel(payload, "channel");
        message.to = people::user(payload, channel);
        message.content = outbound_content::take(payload);
        let report = Report::take(payload, arrival);
        let failed = report.rung() == Some(State::Failed);
        message.error = status::error(payload, channel, failed);
        Ok(status::receipt(report, channel, message))
    })
}

/// Takes the ids by which a receipt refers to its message.
pub(super) fn referred(payload: &mut Fields) -> Result<MessagePart, Fault> {
    Ok(MessagePart {
        id: required(payload, "umid")?,
        client_ref: payload.text("clientMessageId"),
        batch_ref: payload.text_of(&["batchId", "clientBatchId"]),
        ..MessagePart::default()
    })
}
