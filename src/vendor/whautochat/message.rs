//! Messages, received (`incoming_…`) and sent by anyone (`outgoing_…`), which have the same shape on all channels.

use serde_json::{Map, Value};

use super::contact::Person;
use super::event_head::{self, EventHead, Way};
use super::{Arrival, drop_repeated, event_data, unwrap_json};
use crate::domain::event::{
    Content, Direction, Draft, EventType, Media, MessageError, MessagePart, Party, Status,
};
use crate::domain::message::State;
use crate::vendor::read::{Fields, channels};

/// Reads the event of a message.
///
/// # Errors
/// When the message or its id is missing; the error is a reason for the quarantine.
pub(super) fn read(
    mut body: Fields,
    head: &EventHead,
    way: Way,
    arrival: &Arrival<'_>,
) -> Result<Draft, String> {
    let mut message = body.object("message").ok_or("`message` is missing")?;
    let id = message.text("id").ok_or("`message.id` is missing")?;
    let person = message.within("contact", |contact| {
        drop_repeated(contact, "channel", |word| channels::channel(word) == way.channel);
        Person::take(contact)
    });
    let name = message.text("from");
    let mut draft = draft(head, way, id, person.unwrap_or_default(), name);
    draft.when = event_head::when(&mut message, "timestamp", arrival).unwrap_or(draft.when);
    if let Some(part) = &mut draft.data.message {
        draft.duplicate_key = head.duplicate_key(&part.id, message.peek("updatedAt").as_deref());
        fill(part, &mut message, way.direction);
        body.within("event", |event| drop_repeated(event, "key", |key| key == part.id));
    }
    drop_repeated(&mut message, "channel", |word| channels::channel(word) == way.channel);
    drop_incoming_flag(&mut message, way.direction);
    if !message.is_empty() {
        body.put("message", Value::Object(message.into_map()));
    }
    draft.data.extra = body.into_extra();
    Ok(draft)
}

/// The event of a message of which only the head, the id and the other side are known. `name` is the writer's, to show.
pub(super) fn draft(
    head: &EventHead,
    way: Way,
    id: String,
    person: Person,
    name: Option<String>,
) -> Draft {
    let (kind, dialect) = match way.direction {
        Direction::Inbound => (EventType::MessageReceived, "message.incoming"),
        Direction::Outbound => (EventType::MessageEchoed, "message.outgoing"),
    };
    let conversation = person.id.clone().or_else(|| person.phone.clone());
    let other = Party { id: person.id, phone: person.phone, name: None };
    let (from, to) = match way.direction {
        Direction::Inbound => (Party { name, ..other }, Party::default()),
        Direction::Outbound => (Party { name, ..Party::default() }, other),
    };
    let mut data = event_data(dialect);
    data.channel = Some(way.channel);
    data.direction = Some(way.direction);
    data.sub_account = person.location;
    data.message = Some(MessagePart {
        id: id.clone(),
        conversation,
        from: from.known(),
        to: to.known(),
        ..MessagePart::default()
    });
    let duplicate_key = head.duplicate_key(&id, None);
    Draft { kind, subject: Some(id), when: head.when, duplicate_key, data }
}

/// Takes content, answer, status and error out of the message.
fn fill(part: &mut MessagePart, message: &mut Fields, direction: Direction) {
    unwrap_json(message, "replyToMessage");
    part.reply_to = message.within("replyToMessage", |replied| replied.text("id")).flatten();
    part.content = Some(content(message));
    part.status = message.text("status").map(|word| Status {
        state: match direction {
            Direction::Inbound => None,
            Direction::Outbound => State::parse(&word.trim().to_ascii_lowercase()),
        },
        vendor_state: Some(word),
        vendor_detail: None,
    });
    part.error = message
        .text("errorMessage")
        .map(|reason| MessageError { reason: Some(reason), ..MessageError::default() });
}

fn content(message: &mut Fields) -> Content {
    let text = message.text("text");
    let caption = message.text("caption");
    let url = message.text("mediaUrl");
    let by_media = if url.is_some() { "media" } else { "text" };
    Content {
        kind: message.text("type").unwrap_or_else(|| by_media.to_owned()).to_ascii_lowercase(),
        text: text.or_else(|| caption.clone()),
        media: url
            .map(|url| Media { url: Some(url), caption, ..Media::default() })
            .into_iter()
            .collect(),
        more: interactive(message),
    }
}

/// Header, footer and options, which frame the text of an interactive message.
fn interactive(message: &mut Fields) -> Map<String, Value> {
    unwrap_json(message, "options");
    let mut frame = Fields::default();
    for (name, ours) in [("headerText", "header"), ("footerText", "footer"), ("options", "options")]
    {
        if let Some(value) = message.take(name) {
            frame.put(ours, value);
        }
    }
    let frame = frame.into_part();
    if frame.is_empty() {
        return Map::new();
    }
    Map::from_iter([("interactive".to_owned(), Value::Object(frame))])
}

/// Drops the flag, which is sent as a text or as a boolean, unless it contradicts the event's type.
fn drop_incoming_flag(message: &mut Fields, direction: Direction) {
    if let Some(incoming) = message.boolean("isIncoming")
        && incoming != (direction == Direction::Inbound)
    {
        message.put("isIncoming", Value::Bool(incoming));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::event;
    use super::*;

    fn outgoing(message: &Value) -> Draft {
        let head = json!({"id": "eV3nT0Id42", "type": "Outgoing_Website_Message"});
        event(&json!({"event": head, "message": message}).to_string())
    }

    #[test]
    fn what_we_wrote_is_echoed_with_its_state_if_the_word_is_a_rung() {
        let table = [
            (json!("Delivered"), Some(State::Delivered)),
            (json!("FAILED"), Some(State::Failed)),
            (json!("seen"), None),
        ];
        for (word, state) in table {
            let event = outgoing(&json!({"id": "m1", "status": word, "errorMessage": ""}));
            assert_eq!(event.kind, EventType::MessageEchoed);
            let status = event.data.message.unwrap().status.unwrap();
            assert_eq!(status.state, state);
            assert_eq!(status.vendor_state.as_deref(), word.as_str());
        }
    }

    #[test]
    fn numbers_booleans_and_json_may_come_as_text() {
        let event = outgoing(&json!({
            "id": 42, "isIncoming": "FALSE", "channel": "livechat", "type": "LIST", "text": "Which?",
            "replyToMessage": "{\"id\":\"m0\"}", "options": "[\"red\",\"blue\"]", "headerText": "Kettles", "footerText": "",
            "contact": {"id": 7, "phoneNumber": "not a number", "location": {"id": "shop-1", "title": "Kettle Row"}},
        }));
        let message = event.data.message.unwrap();
        assert_eq!((message.id.as_str(), message.reply_to.as_deref()), ("42", Some("m0")));
        let interactive = json!({"header": "Kettles", "options": ["red", "blue"]});
        assert_eq!(message.content.unwrap().more["interactive"], interactive);
        assert_eq!(event.data.sub_account.as_deref(), Some("shop-1"));
        let left = json!({"message": {"contact": {"phoneNumber": "not a number", "location": {"title": "Kettle Row"}}}});
        assert_eq!(Value::Object(event.data.extra), left);
    }

    #[test]
    fn a_flag_that_contradicts_the_type_is_kept_to_be_seen() {
        let event = outgoing(&json!({"id": "m1", "isIncoming": "true", "channel": "telegram"}));
        assert_eq!(event.data.direction, Some(Direction::Outbound));
        let left = json!({"message": {"isIncoming": true, "channel": "telegram"}});
        assert_eq!(Value::Object(event.data.extra), left);
    }

    #[test]
    fn without_an_id_of_its_own_an_event_is_known_again_by_message_and_update() {
        let body = json!({"event": {"type": "incoming_telegram_message"}, "message": {"id": "m1", "updatedAt": "u"}});
        assert_eq!(event(&body.to_string()).duplicate_key, "incoming_telegram_message:m1:u");
        assert_eq!(
            outgoing(&json!({"id": "m1", "updatedAt": "u"})).duplicate_key,
            "event:eV3nT0Id42"
        );
    }
}
