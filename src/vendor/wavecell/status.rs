//! A receipt's word and what it means on the ladder, its time and its error: the same for every product and age.

use serde_json::Value;

use super::arrival::Arrival;
use super::draft::{event, key, word};
use super::{errors, people};
use crate::domain::event::{
    Channel, Direction, Draft, EventType, MessageError, MessagePart, Status, When,
};
use crate::domain::message::State;
use crate::vendor::read::Fields;

/// What a receipt reports.
pub(super) struct Report {
    pub(super) state: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) when: When,
    /// The time as it was written, for the duplicate key.
    pub(super) written_at: String,
    /// Whether the detail, in whatever form it comes, names the operator: then nothing is known of the recipient.
    by_operator: bool,
}

impl Report {
    /// Takes what a receipt reports out of its status, or out of the fields around if the status is a bare word.
    pub(super) fn take(payload: &mut Fields, arrival: &Arrival<'_>) -> Self {
        let report = payload.within("status", |status| Self::of(status, "state", arrival));
        report.unwrap_or_else(|| Self::of(payload, "status", arrival))
    }

    fn of(fields: &mut Fields, state: &str, arrival: &Arrival<'_>) -> Self {
        Self {
            state: fields.text(state),
            by_operator: fields.get("detail").is_some_and(names_operator),
            detail: fields.text("detail"),
            written_at: fields.peek("timestamp").unwrap_or_default(),
            when: arrival.time(fields, &["timestamp"]),
        }
    }

    /// The rung of the ladder that the words mean.
    pub(super) fn rung(&self) -> Option<State> {
        rung(self.state.as_deref()?, self.by_operator)
    }
}

/// The receipt of `message`, which went over `channel`, as an event of the type of its rung.
pub(super) fn receipt(report: Report, channel: Option<Channel>, mut message: MessagePart) -> Draft {
    let rung = report.rung();
    let kind = rung.map_or(EventType::MessageStatusUnknown, EventType::from);
    let key = key(&[
        &message.id.to_ascii_lowercase(),
        channel.map_or("", Channel::as_str),
        report.state.as_deref().unwrap_or_default(),
        report.detail.as_deref().unwrap_or_default(),
        &report.written_at,
    ]);
    message.conversation = people::conversation(message.to.as_ref());
    let status = Status { state: rung, vendor_state: report.state, vendor_detail: report.detail };
    message.status = Some(status).filter(|status| *status != Status::default());
    let mut draft = event(kind, Some(message.id.clone()), report.when, key);
    draft.data.channel = channel;
    draft.data.direction = Some(Direction::Outbound);
    draft.data.message = Some(message);
    draft
}

/// Takes the error out of a receipt's status. `provider_code` is what stands beside it in `whatsapp` or `viber`.
pub(super) fn error(
    payload: &mut Fields,
    channel: Option<Channel>,
    failed: bool,
) -> Option<MessageError> {
    let provider_code = ["whatsapp", "viber"].into_iter().find_map(|channel| {
        payload.within(channel, |channel| channel.text("providerErrorCode")).flatten()
    });
    let error = payload
        .within("status", |status| errors::take(status, provider_code.clone(), channel, failed));
    error.unwrap_or_else(|| errors::take(payload, provider_code, channel, failed))
}

/// Whether a detail such as `delivered_to_operator` names the operator, however it is spelled or wrapped.
fn names_operator(detail: &Value) -> bool {
    detail.to_string().to_ascii_lowercase().contains("operator")
}

/// The rung that a word means, in the current formats and in the old one with blanks. `delivered` to an operator has only
/// been handed over: on our ladder that is sent.
fn rung(state: &str, by_operator: bool) -> Option<State> {
    match word(state).as_str() {
        "queued" | "accepted" | "received_for_processing" => Some(State::Queued),
        "delivered" if by_operator => Some(State::Sent),
        "sent" | "delivered_to_carrier" => Some(State::Sent),
        "delivered" | "delivered_to_device" => Some(State::Delivered),
        "read" => Some(State::Read),
        "rejected"
        | "undelivered"
        | "failed"
        | "error"
        | "rejected_by_carrier"
        | "rejected_by_device"
        | "trashed" => Some(State::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_rung() {
        let table = [
            ("queued", None, Some(State::Queued)),
            ("accepted", None, Some(State::Queued)),
            ("sent", None, Some(State::Sent)),
            ("sent", Some("delivered_to_operator"), Some(State::Sent)),
            ("delivered", Some("delivered_to_operator"), Some(State::Sent)),
            ("Delivered", Some("Delivered_To_Operator"), Some(State::Sent)),
            ("delivered", Some("deliveredToOperator"), Some(State::Sent)),
            ("delivered", Some("delivered_to_recipient"), Some(State::Delivered)),
            ("delivered", None, Some(State::Delivered)),
            ("delivered", Some("something_new"), Some(State::Delivered)),
            ("READ", None, Some(State::Read)),
            ("rejected", None, Some(State::Failed)),
            ("undelivered", Some("rejected_by_operator"), Some(State::Failed)),
            ("failed", None, Some(State::Failed)),
            ("error", None, Some(State::Failed)),
            ("RECEIVED FOR PROCESSING", None, Some(State::Queued)),
            ("DELIVERED TO CARRIER", None, Some(State::Sent)),
            ("DELIVERED TO DEVICE", None, Some(State::Delivered)),
            ("REJECTED BY CARRIER", None, Some(State::Failed)),
            ("REJECTED BY DEVICE", None, Some(State::Failed)),
            ("TRASHED", None, Some(State::Failed)),
            ("unknown", None, None),
            ("ok", None, None),
            ("", None, None),
        ];
        for (state, detail, expected) in table {
            let by_operator = names_operator(&Value::from(detail));
            assert_eq!(rung(state, by_operator), expected, "{state} {detail:?}");
        }
    }
}
