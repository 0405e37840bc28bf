//! The inbox push: somebody wrote to one of the account's numbers.

use sha2::{Digest, Sha256};

use super::{Push, escapes, message_data, party};
use crate::domain::event::{Content, Direction, Draft, EventType, MessagePart};

/// Characters of an id that we had to make up: 128 bits, as hexadecimal.
const DERIVED_ID_LENGTH: usize = 32;

/// Reads an inbox push; one that is none is handed back.
///
/// A push without `id` gets one derived from `originator`, `receive_date` and `msg`, so that it is the same when it comes again.
pub(super) fn read(mut push: Push<'_>) -> Result<Draft, Push<'_>> {
    let sent = |name| push.fields.peek(name).unwrap_or_default();
    let (originator, received, msg) = (sent("originator"), sent("receive_date"), sent("msg"));
    let from_somebody = !originator.is_empty() && (!received.is_empty() || push.fields.has("msg"));
    let is_a_message = from_somebody || (push.fields.peek("id").is_some() && !msg.is_empty());
    if !is_a_message {
        return Err(push);
    }
    let fields = &mut push.fields;
    let given = fields.text("id");
    let gateway = fields.text("gateway_number");
    let id = given.clone().unwrap_or_else(|| derived_id(&originator, &received, &msg));
    let duplicate_key = match given {
        Some(id) => format!("inbox:{}:{id}", gateway.as_deref().unwrap_or_default()),
        None => format!("inbox:derived:{id}"),
    };
    fields.text("msg");
    let from = fields.text("originator").map(|number| party(&number));
    let text = if push.settings.decode_escapes { escapes::decode(&msg) } else { msg };
    let message = MessagePart {
        id: id.clone(),
        conversation: from.clone().and_then(|from| from.phone.or(from.id)),
        from,
        to: gateway.as_deref().map(party),
        content: Some(Content {
            kind: "text".to_owned(),
            text: (!text.is_empty()).then_some(text),
            ..Content::default()
        }),
        ..MessagePart::default()
    };
    let when = push.when(Some("receive_date"));
    let mut data = message_data("inbox.push", Direction::Inbound);
    data.account = gateway;
    data.message = Some(message);
    data.extra = push.fields.into_extra();
    Ok(Draft { kind: EventType::MessageReceived, subject: Some(id), when, duplicate_key, data })
}

/// An id of our own. The zero bytes keep the parts apart, so that no two messages share one by running together.
fn derived_id(originator: &str, receive_date: &str, msg: &str) -> String {
    let mut id = hex::encode(Sha256::digest([originator, receive_date, msg].join("\0")));
    id.truncate(DERIVED_ID_LENGTH);
    id
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, read};
    use crate::domain::event::{Draft, TimeBasis};
    use crate::vendor::Reading;

    const PUSH: &str = "id=190441702&gateway_number=12025550100&originator=12025550143";

    fn text(event: &Draft) -> Option<&str> {
        event.data.message.as_ref()?.content.as_ref()?.text.as_deref()
    }

    #[test]
    fn the_time_is_read_in_the_zone_of_the_source_unless_it_names_one() {
        use TimeBasis::{AssumedZone, Received, Vendor};
        let table = [
            ("2026-08-12+10%3A15%3A30", "2026-08-12T03:15:30.000Z", AssumedZone),
            ("2026-08-12T10:15:30.250", "2026-08-12T03:15:30.250Z", AssumedZone),
            ("2026-08-12T10:15:30Z", "2026-08-12T10:15:30.000Z", Vendor),
            ("2026-08-12T10:15:30%2B08:00", "2026-08-12T02:15:30.000Z", Vendor),
            ("2026-08-12T10:15:30+08:00", "2026-08-12T02:15:30.000Z", Vendor),
            ("2026-08-12 10:15:30 +0800", "2026-08-12T02:15:30.000Z", Vendor),
            ("soon", "2026-08-12T03:16:00.000Z", Received),
            ("", "2026-08-12T03:16:00.000Z", Received),
        ];
        for (date, at, basis) in table {
            let event = event(&format!("{PUSH}&msg=x&receive_date={date}"));
            assert_eq!(
                (event.when.at.to_string().as_str(), event.when.basis),
                (at, basis),
                "{date}"
            );
            assert_eq!(event.data.extra.contains_key("receive_date"), date == "soon", "{date}");
        }
    }

    #[test]
    fn a_push_without_an_id_gets_the_same_one_each_time_and_another_for_another_text() {
        let push = |msg: &str| event(&format!("originator=12025550143&receive_date=now&msg={msg}"));
        let id = push("a").subject.unwrap();
        assert_eq!(id.len(), 32);
        assert_eq!(push("a").duplicate_key, format!("inbox:derived:{id}"));
        assert_ne!(push("b").subject, Some(id));
    }

    #[test]
    fn an_empty_text_is_a_message_and_a_number_that_is_none_stays_an_id() {
        let event = event("id=1&originator=KettleShop&msg=&receive_date=");
        let message = event.data.message.as_ref().unwrap();
        assert_eq!(text(&event), None);
        assert_eq!(message.from.as_ref().unwrap().id.as_deref(), Some("KettleShop"));
        assert_eq!(message.conversation.as_deref(), Some("KettleShop"));
    }

    #[test]
    fn escapes_are_kept_unless_the_source_asks_for_characters() {
        let body = format!(r"{PUSH}&msg=hi+\U0001F600");
        let decoded = read("", body.as_bytes(), true);
        let Reading::Events(decoded) = decoded else { panic!("{decoded:?}") };
        assert_eq!(text(&event(&body)), Some(r"hi \U0001F600"));
        assert_eq!(text(&decoded[0]), Some("hi \u{1f600}"));
    }
}
