//! The `event` object that every callback has: which event it is, when it was, and by what it is known again.

use super::Arrival;
use crate::domain::event::{Channel, Direction, EventType, When};
use crate::vendor::read::{Fields, times};

/// What the `event` object says of an event that we know.
pub(super) struct EventHead {
    /// The event's own id.
    pub(super) id: Option<String>,
    /// Its type, in small letters.
    pub(super) name: String,
    /// What it is about.
    pub(super) topic: Topic,
    /// When it was written; else when it was received.
    pub(super) when: When,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Topic {
    /// A message was received or sent.
    Message(Way),
    /// Something happened to a contact.
    Contact(EventType),
}

/// Which way a message went, and over which channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Way {
    pub(super) direction: Direction,
    pub(super) channel: Channel,
}

impl Topic {
    /// What the event called `name` is about. Website chat is called live chat by the twin.
    fn parse(name: &str) -> Option<Self> {
        match name {
            "contact_created" => return Some(Self::Contact(EventType::ContactCreated)),
            "contact_updated" => return Some(Self::Contact(EventType::ContactUpdated)),
            "contact_tag_added" => return Some(Self::Contact(EventType::ContactTagAdded)),
            "contact_tag_removed" => return Some(Self::Contact(EventType::ContactTagRemoved)),
            _ => {}
        }
        let (direction, rest) = name.split_once('_')?;
        let direction = match direction {
            "incoming" => Direction::Inbound,
            "outgoing" => Direction::Outbound,
            _ => return None,
        };
        let channel = match rest.strip_suffix("_message")? {
            "whatsapp" => Channel::Whatsapp,
            "instagram" => Channel::Instagram,
            "telegram" => Channel::Telegram,
            "messenger" => Channel::Messenger,
            "website" | "livechat" => Channel::Webchat,
            _ => return None,
        };
        Some(Self::Message(Way { direction, channel }))
    }
}

impl EventHead {
    /// Takes the head out of the `event` object; `None`, and the object untouched, if its type is not one we know.
    pub(super) fn take(event: &mut Fields, arrival: &Arrival<'_>) -> Option<Self> {
        let name = event.peek("type")?.trim().to_ascii_lowercase();
        let topic = Topic::parse(&name)?;
        event.text("type");
        let when = when(event, "timeStamp", arrival);
        Some(Self {
            id: event.text("id"),
            name,
            topic,
            when: when.unwrap_or_else(|| times::received(arrival.callback.received_at)),
        })
    }

    /// By what the event is known again, being about the thing `id` that was last `updated` then.
    pub(super) fn duplicate_key(&self, id: &str, updated: Option<&str>) -> String {
        match &self.id {
            Some(event) => format!("event:{event}"),
            None => format!("{}:{id}:{}", self.name, updated.unwrap_or_default()),
        }
    }
}

/// Takes the time out of the member `name`; what cannot be read as a time stays where it is.
pub(super) fn when(fields: &mut Fields, name: &str, arrival: &Arrival<'_>) -> Option<When> {
    let value = fields.get(name)?;
    let written = value.as_str().and_then(|text| times::written(text, &arrival.settings.timezone));
    let when = written.or_else(|| times::unix(value))?;
    fields.take(name);
    Some(when)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_the_vendors_list_is_known_and_no_other() {
        for direction in ["incoming", "outgoing"] {
            for channel in ["whatsapp", "instagram", "telegram", "messenger", "website", "livechat"]
            {
                let name = format!("{direction}_{channel}_message");
                assert!(matches!(Topic::parse(&name), Some(Topic::Message(_))), "{name}");
            }
        }
        for name in ["contact_created", "contact_tag_added", "contact_tag_removed"] {
            assert!(matches!(Topic::parse(name), Some(Topic::Contact(_))), "{name}");
        }
        for name in ["", "appointment_created", "incoming_pigeon_message", "incoming_whatsapp_call"]
        {
            assert_eq!(Topic::parse(name), None, "{name}");
        }
    }
}
