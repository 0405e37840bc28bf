//! Messages of messaging apps: what users wrote to us, and what we wrote from a phone (`external_app_message`).

use std::time::Duration;

use serde_json::Value;

use super::arrival::Arrival;
use super::draft::{Fault, dialect, enveloped, event, flat, required};
use super::{content, people};
use crate::domain::event::{Channel, Direction, Draft, EventType, MessagePart, Party, TimeBasis};
use crate::vendor::read::Fields;

/// How long links to inbound media work: they are signed for a day.
const MEDIA_LIFETIME: Duration = Duration::from_hours(24);

/// Reads `inbound_message_received` in the namespace `ChatApps`, versions 2 and 3.
pub(super) fn read(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let mut dialect = dialect(&mut body, "chatapps.inbound");
    if dialect == "chatapps.inbound" {
        dialect.push_str(if has_business_scoped_user(&body) { ".v3" } else { ".v2" });
    }
    enveloped(body, dialect, |payload| received(payload, arrival))
}

/// Reads the flat `inboundMessage` of version 1, which LINE is documented with to this day.
pub(super) fn read_flat(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    dialect(&mut body, "");
    flat(body, "chatapps.inbound.v1".to_owned(), |fields| received(fields, arrival))
}

/// Reads `external_app_message`: typed in the WhatsApp Business app by our side, to `user`.
pub(super) fn echo(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "chatapps.echo");
    enveloped(body, dialect, |payload| {
        let (mut message, channel, own) = message(payload)?;
        message.to = people::user(payload, channel);
        message.from = own;
        message.conversation = people::conversation(message.to.as_ref());
        message.content = content::take(payload, None);
        Ok(finished(
            EventType::MessageEchoed,
            Direction::Outbound,
            message,
            channel,
            payload,
            arrival,
        ))
    })
}

fn received(fields: &mut Fields, arrival: &Arrival<'_>) -> Result<Draft, Fault> {
    let (mut message, channel, own) = message(fields)?;
    message.from = people::user(fields, channel);
    message.to = own;
    message.conversation = people::conversation(message.from.as_ref());
    let mut draft =
        finished(EventType::MessageReceived, Direction::Inbound, message, channel, fields, arrival);
    let expires_at =
        (draft.when.basis != TimeBasis::Received).then(|| draft.when.at.after(MEDIA_LIFETIME));
    let content = content::take(fields, expires_at);
    if let Some(message) = &mut draft.data.message {
        message.content = content;
    }
    Ok(draft)
}

/// Takes the ids of a message, its channel, and our own side of it.
fn message(fields: &mut Fields) -> Result<(MessagePart, Option<Channel>, Option<Party>), Fault> {
    let message = MessagePart {
        id: required(fields, "umid")?,
        reply_to: fields.text("replyToUmid"),
        ..MessagePart::default()
    };
    let recipient = fields.within("recipient", |recipient| {
        let own =
            Party { id: recipient.text_of(&["channelId", "recipientId"]), ..Party::default() };
        (people::channel(recipient, "channel"), own.known())
    });
    let (channel, own) = recipient.unwrap_or_default();
    Ok((message, channel.or_else(|| people::channel(fields, "channel")), own))
}

fn finished(
    kind: EventType,
    direction: Direction,
    message: MessagePart,
    channel: Option<Channel>,
    fields: &mut Fields,
    arrival: &Arrival<'_>,
) -> Draft {
    let when = arrival.time(fields, &["timestamp"]);
    let key = message.id.to_ascii_lowercase();
    let mut draft = event(kind, Some(message.id.clone()), when, key);
    draft.data.channel = channel;
    draft.data.direction = Some(direction);
    draft.data.message = Some(message);
    draft
}

/// Whether the user is known by what only version 3 has: a user name, or an id such as `US.1349…`.
fn has_business_scoped_user(body: &Fields) -> bool {
    let payload = body.get("payload").and_then(Value::as_object);
    let user = payload
        .and_then(|payload| payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("user")))
        .and_then(|(_, user)| user.as_object());
    let Some(user) = user.cloned().map(Fields::new) else { return false };
    let id = user.peek("channelUserId").unwrap_or_default();
    let (country, rest) = id.split_once('.').unwrap_or_default();
    let scoped = country.len() == 2
        && country.bytes().all(|letter| letter.is_ascii_uppercase())
        && !rest.is_empty();
    scoped || user.has("username")
}
