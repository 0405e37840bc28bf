//! The formats from before Wavecell became 8x8 Connect: flat, with nulls written out and statuses in words.

use super::arrival::Arrival;
use super::draft::{Fault, dialect, flat};
use super::status::{self, Report};
use super::{errors, people, receipts, sms};
use crate::domain::event::{Channel, Draft, MessageError, Price};
use crate::domain::message::State;
use crate::vendor::read::Fields;

/// Reads `outboundMessageDelivery`: a receipt of version 4.
pub(super) fn receipt(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "chatapps.receipt");
    flat(body, dialect, |fields| {
        let mut message = receipts::referred(fields)?;
        let channel = people::channel(fields, "channel");
        message.to = people::user(fields, channel);
        message.price = arrival.number(fields, &["price"]).map(|total| Price {
            total: Some(total),
            currency: fields.text("currency"),
            ..Price::default()
        });
        let report = Report::take(fields, arrival);
        message.error = error(fields, channel, report.rung() == Some(State::Failed));
        Ok(status::receipt(report, channel, message))
    })
}

/// Reads an inbound SMS of version 2: `type` is `inbound`, and the time is in `receivedAt`.
pub(super) fn sms_inbound(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "sms.inbound");
    flat(body, dialect, |fields| {
        let draft = sms::text_received(fields, arrival)?;
        fields.text("type");
        Ok(draft)
    })
}

/// Takes `error`, of which nobody says whether it is a code or a sentence: both are understood.
fn error(fields: &mut Fields, channel: Option<Channel>, failed: bool) -> Option<MessageError> {
    let text = fields.text("error")?;
    if text.trim().parse::<u32>().is_err() {
        return Some(MessageError { reason: Some(text), ..MessageError::default() });
    }
    let mut status = Fields::default();
    status.put("errorCode", text.into());
    errors::take(&mut status, None, channel, failed)
}
