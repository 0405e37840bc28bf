//! How the callbacks of a sender without an adapter are read: where each thing is found in them, and what its words mean.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::event_type::EventType;
use super::message::State;

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

/// Where a field is found in a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the JSON of the event, `/data/id`: the body, or the item of [`Mapping::each`].
    Event(Pointer),
    /// In the JSON of the whole body, `body:/account/id`.
    Body(Pointer),
    /// In a field of the form, `form:id`.
    Form(String),
    /// In a header, in small letters, `header:x-event`.
    Header(String),
    /// In a parameter of the query, `query:id`.
    Query(String),
    /// Always this, `text:sms`.
    Text(String),
}

/// The text was not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a place such as \"/data/id\", \"body:/account/id\", \"form:id\", \"query:id\", \"header:x-event\" or \"text:sms\""
)]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        if text.starts_with('/') {
            return text.parse().map(Self::Event);
        }
        let (kind, name) = text.split_once(':').ok_or(NotAPlace)?;
        if name.is_empty() {
            return Err(NotAPlace);
        }
        match kind {
            "body" => name.parse().map(Self::Body),
            "form" => Ok(Self::Form(name.to_owned())),
            "header" => Ok(Self::Header(name.to_ascii_lowercase())),
            "query" => Ok(Self::Query(name.to_owned())),
            "text" => Ok(Self::Text(name.to_owned())),
            _ => Err(NotAPlace),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(pointer) => formatter.write_str(pointer.as_str()),
            Self::Body(pointer) => write!(formatter, "body:{}", pointer.as_str()),
            Self::Form(name) => write!(formatter, "form:{name}"),
            Self::Header(name) => write!(formatter, "header:{name}"),
            Self::Query(name) => write!(formatter, "query:{name}"),
            Self::Text(text) => write!(formatter, "text:{text}"),
        }
    }
}

/// A JSON Pointer (RFC 6901); the empty one is the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// The pointer as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pointer {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let begins = text.is_empty() || text.starts_with('/');
        let mut tildes = text.split('~').skip(1);
        let escaped = tildes.all(|behind| behind.starts_with(['0', '1']));
        if begins && escaped { Ok(Self(text.to_owned())) } else { Err(NotAPlace) }
    }
}

/// A recipe for telling a repetition, such as `{id}:{status}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey(Vec<KeyPart>);

/// One part of a [`DuplicateKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// A text as it stands.
    Text(String),
    /// The value of a field, `{id}`; nothing if it has none.
    Field(Field),
}

impl DuplicateKey {
    /// Its parts, in order; at least one of them is a field.
    #[must_use]
    pub fn parts(&self) -> &[KeyPart] {
        &self.0
    }

    /// The fields in it.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.0.iter().filter_map(|part| match part {
            KeyPart::Field(field) => Some(*field),
            KeyPart::Text(_) => None,
        })
    }
}

/// Why a text is not a recipe for telling a repetition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// A brace is open or closed alone.
    #[error("a `{{` or `}}` stands alone; fields are written {{id}}")]
    Braces,
    /// There is no field in it.
    #[error("without a field, such as {{id}}, every event would be the same")]
    Constant,
    /// It names a field that there is not.
    #[error("there is no field `{0}`")]
    Field(String),
}

impl FromStr for DuplicateKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or(NotAKey::Braces)?;
            if !before.is_empty() {
                parts.push(KeyPart::Text(plain(before)?));
            }
            let field = Field::parse(name).ok_or_else(|| NotAKey::Field(name.to_owned()))?;
            parts.push(KeyPart::Field(field));
            rest = after;
        }
        if parts.is_empty() {
            return Err(NotAKey::Constant);
        }
        if !rest.is_empty() {
            parts.push(KeyPart::Text(plain(rest)?));
        }
        Ok(Self(parts))
    }
}

fn plain(text: &str) -> Result<String, NotAKey> {
    if text.contains('}') { Err(NotAKey::Braces) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written_and_anything_else_is_refused() {
        for text in ["/data/id", "/a~1b/0", "body:/x", "form:a:b", "query:id", "text:a b"] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("header:X-Event".parse(), Ok(Place::Header("x-event".to_owned())));
        for text in ["", "id", "form:", "cookie:id", "/a~2", "/a~", "body:id"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }

    #[test]
    fn a_duplicate_key_has_at_least_one_field_and_only_known_ones() {
        let key: DuplicateKey = "sms-{id}:{status}!".parse().unwrap();
        assert_eq!(key.fields().collect::<Vec<_>>(), [Field::Id, Field::Status]);
        assert_eq!(key.parts().len(), 5);
        let table = [
            ("", NotAKey::Constant),
            ("id", NotAKey::Constant),
            ("{id", NotAKey::Braces),
            ("id}{id}", NotAKey::Braces),
            ("{id}}", NotAKey::Braces),
            ("{state}", NotAKey::Field("state".to_owned())),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<DuplicateKey>(), Err(error), "{text}");
        }
    }

    #[test]
    fn every_type_of_event_but_an_alarm_can_be_meant() {
        assert_eq!(Meaning::parse("message.status"), Some(Meaning::Receipt));
        assert_eq!(Meaning::parse("callbox.disk.low"), None);
        for word in Meaning::words() {
            assert_eq!(Meaning::parse(word).map(Meaning::as_str), Some(word));
        }
    }
}
