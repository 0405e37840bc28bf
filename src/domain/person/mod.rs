//! A person in what is kept: what they are known by, and which events are theirs, so that they can be given or erased as a whole.
//!
//! Phones are compared by their digits alone. Everything else about them, such as names and texts, is found in their own events.

mod find;
mod links;
mod scrub;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::find::ERASED;
pub use self::links::{Found, Links};
use super::event::{Data, Direction, Event, EventType, MessagePart, Part, Party};
use super::message::Message;

/// Digits that a phone number has: E.164's most, and fewer than any whole one has.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Characters of an id that is looked for in bytes of any kind. A shorter one would be found everywhere, so it counts only where an
/// id stands.
const ID_MIN: usize = 6;

/// Whom somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whoever has this number: its digits.
    Phone(String),
    /// Whoever has this id at the vendor or on the channel.
    Contact(String),
    /// All of this conversation.
    Conversation(String),
}

impl Wanted {
    /// A phone number, written in any way that has its country code.
    pub fn phone(text: &str) -> Result<Self, &'static str> {
        let is_number = |letter: char| letter.is_ascii_digit() || "+ -.()/\u{a0}".contains(letter);
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.strip_prefix("00").unwrap_or(&digits);
        if !text.chars().all(is_number)
            || !DIGITS.contains(&digits.len())
            || digits.starts_with('0')
        {
            return Err("a phone number with its country code, such as +12025550143");
        }
        Ok(Self::Phone(digits.to_owned()))
    }

    /// An id at a vendor or on a channel.
    pub fn contact(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() || text.len() > 256 {
            return Err("an id of 1 to 256 bytes");
        }
        Ok(Self::Contact(text.to_owned()))
    }

    /// A conversation's id, as messages show it; where it is a phone number, whoever has it.
    pub fn conversation(text: &str) -> Result<Self, &'static str> {
        let Self::Contact(id) = Self::contact(text)? else { return Err("a conversation's id") };
        if id.starts_with('+')
            && let Ok(phone) = Self::phone(&id)
        {
            return Ok(phone);
        }
        Ok(Self::Conversation(id))
    }

    /// The kind of it, in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Phone(_) => "phone",
            Self::Contact(_) => "contact",
            Self::Conversation(_) => "conversation",
        }
    }
}

/// What a person is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Their numbers, digits alone.
    pub phones: BTreeSet<String>,
    /// Their ids at vendors and on channels, and those of their conversations.
    pub ids: BTreeSet<String>,
}

/// What an event is to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It is about them, from them or to them.
    Theirs,
    /// It is somebody else's, and names them.
    Mentions,
    /// It has nothing to do with them.
    Others,
}

impl Marks {
    /// What is known before anything was looked at.
    #[must_use]
    pub fn of(wanted: &Wanted) -> Self {
        let mut marks = Self::default();
        match wanted {
            Wanted::Phone(digits) => {
                marks.phones.insert(digits.clone());
            }
            Wanted::Contact(id) | Wanted::Conversation(id) => {
                marks.ids.insert(id.clone());
                marks.phones.extend(phone_of_address(id));
            }
        }
        marks
    }

    /// Whether a text is one of their ids, or one of their numbers and no more than an address adds to it.
    #[must_use]
    pub fn names(&self, text: &str) -> bool {
        self.ids.contains(text) || self.is_number(text)
    }

    /// Whether one of a message's sides is them.
    #[must_use]
    pub fn is(&self, party: &Party) -> bool {
        let places = [&party.id, &party.phone];
        places.into_iter().flatten().any(|text| self.names(text))
    }

    /// What an event is to them. `message` is the state of the message that it is about.
    #[must_use]
    pub fn whose(&self, event: &Event, message: Option<&Message>) -> Whose {
        if event.kind.is_alarm() {
            return self.mentioned(event);
        }
        let theirs = if event.kind.is_about_a_message() {
            message.is_some_and(|message| self.has_message(message)) || self.wrote(event)
        } else {
            self.is_about(event)
        };
        if theirs { Whose::Theirs } else { self.mentioned(event) }
    }

    /// Whether a message is of a conversation with them, or written by them.
    #[must_use]
    pub fn has_message(&self, message: &Message) -> bool {
        if message.conversation.as_deref().is_some_and(|id| self.names(id)) {
            return true;
        }
        let sides = other_sides(message.direction, message.from.as_ref(), message.to.as_ref());
        sides.into_iter().flatten().any(|party| self.is(party))
    }

    /// Whether they are our own side of an event: what is theirs would be everybody's.
    #[must_use]
    pub fn is_own_side(&self, data: &Data) -> bool {
        let Some(MessagePart { from, to, conversation, .. }) = &data.message else { return false };
        let own = match data.direction {
            Some(Direction::Inbound) => to,
            Some(Direction::Outbound) => from,
            None => return false,
        };
        own.as_ref().is_some_and(|party| self.is(party))
            && !conversation.as_deref().is_some_and(|id| self.names(id))
    }

    /// Whether they wrote what an event tells of, or did what it tells of to somebody else's message.
    fn wrote(&self, event: &Event) -> bool {
        let Some(part) = &event.data.message else { return false };
        let by_them = part.from.as_ref().is_some_and(|party| self.is(party));
        let tells = matches!(
            event.kind,
            EventType::MessageReceived
                | EventType::MessageEdited
                | EventType::MessageDeleted
                | EventType::MessageReaction
        );
        by_them && tells && event.data.direction != Some(Direction::Outbound)
    }

    /// Whether an event that is not about a message is about them.
    fn is_about(&self, event: &Event) -> bool {
        if event.kind == EventType::Unknown {
            return self.mentioned(event) == Whose::Mentions;
        }
        let own = [Part::Contact, Part::Call, Part::Presence, Part::Chat, Part::Link, Part::Survey];
        let parts = event.data.parts.iter().filter(|(part, _)| own.contains(part));
        let mut fields = parts.flat_map(|(_, fields)| fields.values());
        let is_subject = event.subject.as_deref().is_some_and(|subject| self.names(subject));
        let has_own = event.data.parts.keys().any(|part| own.contains(part));
        (is_subject && has_own) || fields.any(|value| self.names_value(value))
    }

    fn names_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.names(text),
            Value::Number(number) => self.names(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn mentioned(&self, event: &Event) -> Whose {
        let said = serde_json::to_string(&event.data).unwrap_or_default();
        let extra = serde_json::to_string(&event.data.extra).unwrap_or_default();
        let subject = event.subject.as_deref().unwrap_or_default();
        if [said.as_str(), &extra, subject].into_iter().any(|text| self.is_in(text.as_bytes())) {
            Whose::Mentions
        } else {
            Whose::Others
        }
    }
}

/// What of a message is not our own side.
fn other_sides<'a>(
    direction: Option<Direction>,
    from: Option<&'a Party>,
    to: Option<&'a Party>,
) -> [Option<&'a Party>; 2] {
    match direction {
        Some(Direction::Inbound) => [from, None],
        Some(Direction::Outbound) => [to, None],
        None => [from, to],
    }
}

/// Whether an address is of a group or a channel, in which many write.
fn is_shared(id: &str) -> bool {
    ["@g.us", "@broadcast", "@newsletter"].iter().any(|server| id.ends_with(server))
}

/// The digits of a person's address that begins with their number.
fn phone_of_address(id: &str) -> Option<String> {
    let (user, server) = id.split_once('@')?;
    let digits = user.split(':').next().unwrap_or(user);
    let is_phone = digits.bytes().all(|byte| byte.is_ascii_digit())
        && DIGITS.contains(&digits.len())
        && ["s.whatsapp.net", "c.us"].contains(&server);
    is_phone.then(|| digits.to_owned())
}

/// The texts that an event of theirs brought, for a look whether anything of them is left anywhere: names, texts, captions.
#[must_use]
pub fn texts(data: &Data) -> Vec<String> {
    let mut texts = Vec::new();
    if let Some(message) = &data.message {
        let sides = [&message.from, &message.to].into_iter().flatten();
        texts.extend(sides.filter_map(|party| party.name.clone()));
        if let Some(content) = &message.content {
            texts.extend(content.text.clone());
            texts.extend(content.media.iter().filter_map(|medium| medium.caption.clone()));
        }
    }
    let named =
        |part: &Map<String, Value>| part.get("name").and_then(Value::as_str).map(str::to_owned);
    texts.extend(data.parts.values().filter_map(named));
    texts
}

#[cfg(test)]
mod tests;
