//! What an event says of a message: its two sides, its content, its status and why it failed.

use super::places::Item;
use crate::domain::event::{
    Content, Direction, EventType, Media, MessageError, MessagePart, Party, Status,
};
use crate::domain::mapping::{Field, plain_word};
use crate::vendor::read::phones;

/// Takes what is said of the message `id`.
pub(super) fn read(
    item: &mut Item<'_>,
    id: String,
    kind: EventType,
    direction: Option<Direction>,
) -> MessagePart {
    let from = party(item, [Field::FromId, Field::FromPhone, Field::FromName]);
    let to = party(item, [Field::ToId, Field::ToPhone, Field::ToName]);
    let conversation = item.take(Field::Conversation).or_else(|| {
        let other_side = match direction? {
            Direction::Inbound => from.as_ref()?,
            Direction::Outbound => to.as_ref()?,
        };
        other_side.phone.clone().or_else(|| other_side.id.clone())
    });
    MessagePart {
        id,
        client_ref: item.take(Field::ClientRef),
        batch_ref: item.take(Field::BatchRef),
        reply_to: item.take(Field::ReplyTo),
        conversation,
        from,
        to,
        content: content(item),
        status: status(item, kind),
        error: error(item, kind),
        price: None,
    }
}

/// Which way the message went: as the sender says, else as the type says.
pub(super) fn direction(item: &mut Item<'_>, kind: EventType) -> Option<Direction> {
    item.take_if(Field::Direction, direction_of).or_else(|| match kind.state() {
        Some(_) => Some(Direction::Outbound),
        None if kind == EventType::MessageReceived => Some(Direction::Inbound),
        None if kind == EventType::MessageStatusUnknown => Some(Direction::Outbound),
        None => None,
    })
}

fn direction_of(word: &str) -> Option<Direction> {
    match plain_word(word).as_str() {
        "in" | "inbound" | "incoming" | "mo" | "received" => Some(Direction::Inbound),
        "out" | "outbound" | "outgoing" | "mt" | "sent" => Some(Direction::Outbound),
        _ => None,
    }
}

/// One side of the message. A number that can't be one, such as a sender's name, is an id, unless there is another.
fn party(item: &mut Item<'_>, [id, number, name]: [Field; 3]) -> Option<Party> {
    let phone = item.take_if(number, phones::e164);
    let id = item.take(id);
    let id = if phone.is_none() { id.or_else(|| item.take(number)) } else { id };
    Party { id, phone, name: item.take(name) }.known()
}

fn content(item: &mut Item<'_>) -> Option<Content> {
    let kind = item.take(Field::ContentType).map(|word| plain_word(&word));
    let text = item.take(Field::Text);
    let media = Media {
        url: item.take(Field::MediaUrl),
        mime: item.take(Field::MediaMime),
        filename: item.take(Field::MediaFilename),
        ..Media::default()
    };
    let media = (media != Media::default()).then_some(media);
    let implied = || match &media {
        Some(media) => kind_of(media.mime.as_deref().unwrap_or_default()).to_owned(),
        None => "text".to_owned(),
    };
    if kind.is_none() && text.is_none() && media.is_none() {
        return None;
    }
    let kind = kind.unwrap_or_else(implied);
    Some(Content { kind, text, media: media.into_iter().collect(), ..Content::default() })
}

/// The type of content that a medium is.
fn kind_of(mime: &str) -> &'static str {
    match mime.split('/').next().unwrap_or_default() {
        "image" => "image",
        "audio" => "audio",
        "video" => "video",
        _ => "document",
    }
}

/// The status. A receipt's type says its state by itself; what the sender says counts where there is a ladder to climb.
fn status(item: &mut Item<'_>, kind: EventType) -> Option<Status> {
    let word = item.take(Field::Status);
    let said = word.as_deref().and_then(|word| item.mapping().statuses.get(&plain_word(word)));
    let receipt = kind.state().filter(|state| EventType::from(*state) == kind);
    let status = Status {
        state: receipt.or_else(|| kind.state().and(said.copied())),
        vendor_state: word,
        vendor_detail: item.take(Field::StatusDetail),
    };
    (status != Status::default()).then_some(status)
}

/// Why it failed. Gateways give a code such as `000` with good news too; that stays what was not mapped.
fn error(item: &mut Item<'_>, kind: EventType) -> Option<MessageError> {
    if !matches!(kind, EventType::MessageFailed | EventType::MessageStatusUnknown) {
        return None;
    }
    let error = MessageError {
        code: item.take(Field::ErrorCode),
        provider_code: None,
        reason: item.take(Field::ErrorReason),
    };
    (error != MessageError::default()).then_some(error)
}
