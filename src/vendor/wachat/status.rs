//! The status of a sent message: its reference and letter alone, or the whole record of the vendor's status answer.

use super::{Push, message_data, party};
use crate::domain::event::{
    Content, Direction, Draft, EventType, Media, MessagePart, Party, Status,
};
use crate::domain::message::State;

/// Fields that only the record form has.
const RECORD: [&str; 7] =
    ["destination", "sender", "is_group", "create_date", "message", "caption", "media_url"];

/// Reads a status; a push that is none is handed back.
pub(super) fn read(mut push: Push<'_>) -> Result<Draft, Push<'_>> {
    if push.fields.peek("msg").is_some() {
        return Err(push);
    }
    let (Some(id), Some(word)) = (push.fields.peek("ref_no"), push.fields.peek("status")) else {
        return Err(push);
    };
    push.fields.text("ref_no");
    push.fields.text("status");
    let (state, dated_by) = letter(&word);
    let status = Status { state, vendor_state: Some(word.clone()), vendor_detail: None };
    let is_record = RECORD.iter().any(|name| push.fields.has(name));
    let dialect = if is_record { "status.record" } else { "status.letters" };
    let mut data = message_data(dialect, Direction::Outbound);
    let mut message =
        MessagePart { id: id.clone(), status: Some(status), ..MessagePart::default() };
    if is_record {
        data.account = push.fields.peek("sender");
        read_record(&mut push, &mut message);
    }
    let when = push.when(dated_by);
    data.message = Some(message);
    data.extra = push.fields.into_extra();
    Ok(Draft {
        kind: state.map_or(EventType::MessageStatusUnknown, EventType::from),
        subject: Some(id.clone()),
        when,
        duplicate_key: format!("{dialect}:{id}:{}", word.to_ascii_lowercase()),
        data,
    })
}

/// What a status letter means, and which field of the record says since when.
fn letter(word: &str) -> (Option<State>, Option<&'static str>) {
    match word.trim().to_ascii_lowercase().as_str() {
        "u" | "q" => (Some(State::Queued), Some("create_date")),
        "s" => (Some(State::Sent), Some("sent_date")),
        "d" => (Some(State::Delivered), Some("delivered_date")),
        "r" => (Some(State::Read), Some("read_date")),
        // The record has no date for a message that was given up.
        "a" => (Some(State::Failed), None),
        _ => (None, None),
    }
}

/// Takes both sides and the content out of the record. The dates that say nothing of this status stay in `extra`.
fn read_record(push: &mut Push<'_>, message: &mut MessagePart) {
    let fields = &mut push.fields;
    let is_group = fields.boolean("is_group").unwrap_or_default();
    message.from = fields.text("sender").map(|number| party(&number));
    message.to = fields.text("destination").map(|destination| {
        if is_group {
            return Party { id: Some(destination), ..Party::default() };
        }
        party(&destination)
    });
    message.conversation = message.to.clone().and_then(|to| to.phone.or(to.id));
    let text = fields.text("message");
    let caption = fields.text("caption");
    let url = fields.text("media_url");
    message.content = Some(Content {
        kind: if url.is_some() { "media" } else { "text" }.to_owned(),
        text: text.or_else(|| caption.clone()),
        media: url
            .map(|url| Media { url: Some(url), caption, ..Media::default() })
            .into_iter()
            .collect(),
        ..Content::default()
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;
    use crate::domain::event::TimeBasis;

    #[test]
    fn every_letter_has_its_rung_in_either_case_and_others_are_unknown() {
        let table = [
            ("U", EventType::MessageQueued),
            ("q", EventType::MessageQueued),
            ("S", EventType::MessageSent),
            ("d", EventType::MessageDelivered),
            ("R", EventType::MessageRead),
            ("a", EventType::MessageFailed),
            ("X", EventType::MessageStatusUnknown),
            ("delivered", EventType::MessageStatusUnknown),
        ];
        for (word, kind) in table {
            let event = event(&format!("ref_no=000000000012345678&status={word}"));
            assert_eq!(event.kind, kind, "{word}");
            assert_eq!(event.subject.as_deref(), Some("000000000012345678"));
            assert_eq!(event.data.dialect, "status.letters");
            let status = event.data.message.unwrap().status.unwrap();
            assert_eq!(status.vendor_state.as_deref(), Some(word));
            assert_eq!(status.state, kind.state());
        }
    }

    #[test]
    fn a_record_tells_what_was_sent_to_whom_and_is_dated_by_its_status() {
        let event = event(
            "ref_no=000000000012345678&status=D&destination=447700900118&sender=12025550100&is_group=0\
             &create_date=2026-08-12+10:00:00&sent_date=2026-08-12+10:00:01&delivered_date=2026-08-12T10:00:02\
             &message=&caption=Blue&media_url=https://files.example.com/k.png",
        );
        assert_eq!(event.when.at.to_string(), "2026-08-12T03:00:02.000Z");
        assert_eq!(event.when.basis, TimeBasis::AssumedZone);
        let message = event.data.message.unwrap();
        assert_eq!(message.conversation.as_deref(), Some("+447700900118"));
        assert_eq!(message.content.unwrap().media[0].caption.as_deref(), Some("Blue"));
        let left: Vec<&String> = event.data.extra.keys().collect();
        assert_eq!(left, ["create_date", "sent_date"]);
    }
}
