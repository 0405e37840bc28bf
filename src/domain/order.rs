//! Deliveries one after the other: what stands in one line, and what an exhausted one does to those behind it; pure.

use sha2::{Digest, Sha256};

use super::message::Message;

/// What a destination wants to get one after the other. Different lines go side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedBy {
    /// The events about one message.
    Message,
    /// The events about the messages of one conversation, whichever way they went.
    Conversation,
}

/// What happens to a line whose first delivery has used up its attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExhausted {
    /// It waits until an operator retries or cancels that delivery.
    #[default]
    Block,
    /// It goes on with the next delivery.
    Skip,
}

/// What tells one line of a destination from another; a hash, so that it is short whatever vendors send.
pub type LineKey = [u8; 16];

impl OrderedBy {
    /// The line that an event about this message stands in, as the message is with that event folded in. `None` if it stands in
    /// none: nobody knows its conversation.
    #[must_use]
    pub fn line(self, message: &Message) -> Option<LineKey> {
        let source = message.source.as_str();
        match self {
            Self::Message => {
                let instance = message.instance.as_deref().unwrap_or_default();
                Some(hash(&["message", source, instance, &message.id]))
            }
            Self::Conversation => {
                message.conversation.as_deref().map(|id| hash(&["conversation", source, id]))
            }
        }
    }
}

/// The first 16 bytes of the SHA-256 over the parts, each with its length before it.
fn hash(parts: &[&str]) -> LineKey {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(short, long)| *short = long);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::domain::event::{Data, Draft, EventType, MessagePart, TimeBasis, When};

    fn message(source: &str, instance: Option<&str>, id: &str, talk: Option<&str>) -> Message {
        let part = MessagePart {
            id: id.to_owned(),
            conversation: talk.map(str::to_owned),
            ..MessagePart::default()
        };
        let when = When { at: Time::from_millis(1), basis: TimeBasis::Received };
        let instance = instance.map(str::to_owned);
        let data = Data { instance, message: Some(part), ..Data::default() };
        let (kind, duplicate_key) = (EventType::MessageSent, String::new());
        let draft = Draft { kind, subject: None, when, duplicate_key, data };
        let mut message = Message::about(&source.parse().unwrap(), &draft).unwrap();
        message.fold(&draft, when.at);
        message
    }

    #[test]
    fn a_line_is_a_message_or_a_conversation_of_one_source() {
        let one = message("shop", None, "a", Some("+1"));
        let same_talk = message("shop", Some("x"), "b", Some("+1"));
        let other_talk = message("shop", None, "a", Some("+2"));
        let other_source = message("mall", None, "a", Some("+1"));
        let by_talk = |message| OrderedBy::Conversation.line(message);
        let by_message = |message| OrderedBy::Message.line(message);
        assert_eq!(by_talk(&one), by_talk(&same_talk));
        assert_ne!(by_talk(&one), by_talk(&other_talk));
        assert_ne!(by_talk(&one), by_talk(&other_source));
        assert_eq!(by_message(&one), by_message(&other_talk));
        assert_ne!(by_message(&one), by_message(&same_talk));
        let other_instance = message("shop", Some("x"), "a", None);
        assert_ne!(by_message(&one), by_message(&other_instance));
        assert_ne!(by_message(&one), by_message(&other_source));
        assert_eq!(by_talk(&message("shop", None, "a", None)), None);
    }
}
