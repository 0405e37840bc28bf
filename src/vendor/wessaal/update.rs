//! `messages.update`: receipts, in every shape and with the words of every version.

use serde_json::Value;

use super::content;
use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::jid::MessageKey;
use crate::domain::event::{Content, EventType, MessageError, Status};
use crate::domain::message::State;
use crate::vendor::read::{Fields, times};

/// Reads one receipt.
pub(super) fn read(envelope: &Envelope, item: &mut Item) -> Result<Told, Missing> {
    let fields = &mut item.fields;
    let mut key = MessageKey::within(fields)
        .or_else(|| MessageKey::take(fields, &["keyId", "id"]))
        .ok_or(Missing("keyId"))?;
    // The business channel may put the owner's own number id, which has no server, where the chat should stand.
    if let Some(number) = key.chat.take_if(|chat| !chat.contains('@')) {
        fields.put("remoteJid", Value::String(number));
    }
    let word = said(fields, |fields| fields.text("status"));
    let has_message = said(fields, |fields| fields.has("message").then_some(())).is_some();
    let status = word.as_deref().map(status).map(|status| doubted(status, has_message));
    let state = status.as_ref().and_then(|status| status.state);
    let mut told = Told::new(state.map_or(EventType::MessageStatusUnknown, EventType::from));
    told.when = fields.get("datetime").and_then(times::unix);
    if told.when.is_some() {
        fields.take("datetime");
    }
    told.key = vec![
        Some(key.id.clone()),
        key.from_me.map(|ours| ours.to_string()),
        word,
        // Each member of a group has a receipt of their own.
        key.participant.clone().filter(|_| key.is_shared()),
    ];
    told.direction = key.direction();
    told.subject = Some(key.id.clone());
    let mut part = key.message(envelope.owner.as_deref());
    part.status = status;
    part.error = said(fields, error);
    if let Some(votes) = said(fields, |fields| fields.take("pollUpdates")) {
        told.key.push(Some(super::item::digest(&votes)));
        let mut content = Content { kind: "poll".to_owned(), ..Content::default() };
        content::add_votes(&mut content, votes);
        part.content = Some(content);
    }
    told.message = Some(part);
    Ok(told)
}

/// What a word of the vendor's, or its number, means for the message.
pub(super) fn status(word: &str) -> Status {
    let (state, detail) = match word.trim().to_ascii_uppercase().as_str() {
        "0" | "ERROR" | "FAILED" => (Some(State::Failed), None),
        "1" | "PENDING" => (Some(State::Queued), None),
        "2" | "SERVER_ACK" | "SENT" => (Some(State::Sent), None),
        "3" | "DELIVERY_ACK" | "DELIVERED" => (Some(State::Delivered), None),
        "4" | "READ" => (Some(State::Read), None),
        "5" | "PLAYED" => (Some(State::Read), Some("played".to_owned())),
        // `DELETED` is among them: up to 2.3.6 an edit is reported so.
        _ => (None, None),
    };
    Status { state, vendor_state: Some(word.to_owned()), vendor_detail: detail }
}

/// Version 2.3.7 reports edits as `SERVER_ACK` with the new message beside it: that says nothing of the way.
fn doubted(status: Status, has_message: bool) -> Status {
    let state = status.state.filter(|state| !(has_message && *state == State::Sent));
    Status { state, ..status }
}

/// Reads beside the key, or else inside `update`, where some versions keep what moved.
fn said<T>(fields: &mut Fields, read: impl Fn(&mut Fields) -> Option<T>) -> Option<T> {
    read(fields).or_else(|| fields.within("update", |update| read(update)).flatten())
}

/// Why it failed, where the business channel's operator says so.
fn error(fields: &mut Fields) -> Option<MessageError> {
    let first = fields.array("errors")?.into_iter().next()?;
    let Value::Object(first) = first else { return None };
    let mut first = Fields::new(first);
    let error = MessageError {
        code: first.text("code"),
        provider_code: None,
        reason: first.text_of(&["message", "title"]),
    };
    (error != MessageError::default()).then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_number_has_its_rung() {
        let table = [
            (["0", "ERROR", "failed"], Some(State::Failed)),
            (["1", "PENDING", "pending"], Some(State::Queued)),
            (["2", "SERVER_ACK", "SENT"], Some(State::Sent)),
            (["3", "DELIVERY_ACK", "DELIVERED"], Some(State::Delivered)),
            (["4", "READ", "Read"], Some(State::Read)),
            (["5", "PLAYED", "played"], Some(State::Read)),
            (["6", "DELETED", "WARNING"], None),
        ];
        for (words, state) in table {
            for word in words {
                assert_eq!(status(word).state, state, "{word}");
                assert_eq!(status(word).vendor_state.as_deref(), Some(word));
            }
        }
    }
}
