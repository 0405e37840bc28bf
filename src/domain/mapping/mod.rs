//! How the callbacks of a sender without an adapter are read: where each thing is found in them, and what its words mean.

mod duplicate_key;
mod place;

use std::collections::BTreeMap;

use super::event_type::EventType;
use super::message::State;
pub use duplicate_key::{DuplicateKey, KeyPart, NotAKey};
pub use place::{NotAPlace, Place, Pointer};

/// Where everything is found in a sender's callbacks. Words of the sender's are kept in small letters, without blanks around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The array whose items are one event each; without it, a callback is one event.
    pub each: Option<Pointer>,
    /// Whether a `GET` can be a callback.
    pub takes_get: bool,
    /// Where each field is found: the first place that has a value wins.
    pub places: BTreeMap<Field, Vec<Place>>,
    /// What the words of [`Field::Type`] mean.
    pub types: BTreeMap<String, Meaning>,
    /// What every other word of [`Field::Type`] means; without it, the event is unknown.
    pub other_types: Option<Meaning>,
    /// What the words of [`Field::Status`] mean.
    pub statuses: BTreeMap<String, State>,
    /// How [`Field::Time`] is written, in the letters of `strptime`; without it, as ISO 8601 or as Unix time.
    pub time_format: Option<String>,
    /// By what an event is known again; without it, by instance, id and status.
    pub duplicate_key: Option<DuplicateKey>,
}

impl Mapping {
    /// Where a field is found; nowhere, if the sender has no such thing.
    #[must_use]
    pub fn places(&self, field: Field) -> &[Place] {
        self.places.get(&field).map_or(&[], Vec::as_slice)
    }
}

/// A sender's word as it is compared: letter case and blanks around it do not matter.
#[must_use]
pub fn plain_word(word: &str) -> String {
    word.trim().to_lowercase()
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// What can be found in a callback.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $name,)+ }

        impl Field {
            /// Every field there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The field's key in the configuration.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

fields! {
    /// What happened, in the sender's word.
    Type = "type",
    /// The id of the message, or of what the event is about.
    Id = "id",
    /// What the event is about, where that is not a message and not `id`.
    Subject = "subject",
    /// When it happened.
    Time = "time",
    /// How far a message has come, in the sender's word.
    Status = "status",
    /// The closer word behind `status`.
    StatusDetail = "status_detail",
    /// The channel, in one of the usual words.
    Channel = "channel",
    /// Which way the message went.
    Direction = "direction",
    /// The group or chat.
    Conversation = "conversation",
    /// Our own id of the message, given when it was sent.
    ClientRef = "client_ref",
    /// The id of the batch it was sent in.
    BatchRef = "batch_ref",
    /// The message that this one answers.
    ReplyTo = "reply_to",
    /// The account at the sender.
    Account = "account",
    /// The part of the account.
    SubAccount = "sub_account",
    /// The instance, where ids are unique within one only.
    Instance = "instance",
    /// Who wrote, by the channel's id.
    FromId = "from_id",
    /// Who wrote, by phone number.
    FromPhone = "from_phone",
    /// The name of who wrote.
    FromName = "from_name",
    /// Whom it went to, by the channel's id.
    ToId = "to_id",
    /// Whom it went to, by phone number.
    ToPhone = "to_phone",
    /// The name of whom it went to.
    ToName = "to_name",
    /// The text.
    Text = "text",
    /// The type of the content: text, image, location …
    ContentType = "content_type",
    /// Where a medium can be fetched.
    MediaUrl = "media_url",
    /// The medium's media type.
    MediaMime = "media_mime",
    /// The medium's file name.
    MediaFilename = "media_filename",
    /// The code of an error.
    ErrorCode = "error_code",
    /// An error in words.
    ErrorReason = "error_reason",
}

impl Field {
    /// The field of a key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.as_str() == key)
    }
}

/// What a word of the sender's for what happened means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A receipt: its type is the one of its status.
    Receipt,
    /// This type of event.
    Event(EventType),
}

impl Meaning {
    /// The word for [`Meaning::Receipt`].
    pub const RECEIPT: &'static str = "message.status";

    /// The meaning of our own word for it; alarms are ours alone.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        if word == Self::RECEIPT {
            return Some(Self::Receipt);
        }
        let kind: EventType = word.parse().ok()?;
        (!kind.is_alarm()).then_some(Self::Event(kind))
    }

    /// Every word that has a meaning.
    pub fn words() -> impl Iterator<Item = &'static str> + Clone {
        let kinds = EventType::ALL.iter().filter(|kind| !kind.is_alarm());
        std::iter::once(Self::RECEIPT).chain(kinds.map(|kind| kind.as_str()))
    }

    /// Our own word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => Self::RECEIPT,
            Self::Event(kind) => kind.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_event_but_an_alarm_can_be_meant() {
        assert_eq!(Meaning::parse("message.status"), Some(Meaning::Receipt));
        assert_eq!(Meaning::parse("callbox.disk.low"), None);
        for word in Meaning::words() {
            assert_eq!(Meaning::parse(word).map(Meaning::as_str), Some(word));
        }
    }
}
