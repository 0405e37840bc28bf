//! What a callback means: the draft an adapter makes of it, and the event as it is stored, delivered and answered.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

pub use super::event_type::EventType;
use super::id::{CallbackId, EventId};
use super::message::State;
use super::name::Name;
use crate::clock::Time;

/// An event as an adapter reads it out of a callback, before arrival adds ids, order and the fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What happened.
    pub kind: EventType,
    /// The vendor's id of what the event is about, letter for letter; never empty.
    pub subject: Option<String>,
    /// When it happened.
    pub when: When,
    /// The vendor's recipe for telling a repetition, without source and type: those are added to it.
    pub duplicate_key: String,
    /// Everything else.
    pub data: Data,
}

/// When an event happened, and how well that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// The moment.
    pub at: Time,
    /// Where the moment is from.
    pub basis: TimeBasis,
}

/// Where an event's time is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBasis {
    /// The vendor said it, with a zone.
    Vendor,
    /// The vendor said it without a zone; the source's configured zone was assumed.
    AssumedZone,
    /// The vendor said nothing: the moment the callback was received.
    Received,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To us.
    Inbound,
    /// From us.
    Outbound,
}

/// The channel a message went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Text messages.
    Sms,
    /// WhatsApp.
    Whatsapp,
    /// Viber.
    Viber,
    /// LINE.
    Line,
    /// LINE Official Notification.
    LineNotification,
    /// Zalo Notification Service.
    ZaloNotification,
    /// Zalo chat.
    Zalo,
    /// RCS.
    Rcs,
    /// Facebook Messenger.
    Messenger,
    /// Instagram.
    Instagram,
    /// Telegram.
    Telegram,
    /// WeChat.
    Wechat,
    /// KakaoTalk.
    Kakaotalk,
    /// A chat widget on a web page.
    Webchat,
    /// Phone calls.
    Voice,
    /// Another one; the vendor's word is in `extra`.
    Other,
}

impl Channel {
    /// Every channel there is.
    pub const ALL: &'static [Self] = &[
        Self::Sms,
        Self::Whatsapp,
        Self::Viber,
        Self::Line,
        Self::LineNotification,
        Self::ZaloNotification,
        Self::Zalo,
        Self::Rcs,
        Self::Messenger,
        Self::Instagram,
        Self::Telegram,
        Self::Wechat,
        Self::Kakaotalk,
        Self::Webchat,
        Self::Voice,
        Self::Other,
    ];

    /// The channel's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
            Self::Viber => "viber",
            Self::Line => "line",
            Self::LineNotification => "line_notification",
            Self::ZaloNotification => "zalo_notification",
            Self::Zalo => "zalo",
            Self::Rcs => "rcs",
            Self::Messenger => "messenger",
            Self::Instagram => "instagram",
            Self::Telegram => "telegram",
            Self::Wechat => "wechat",
            Self::Kakaotalk => "kakaotalk",
            Self::Webchat => "webchat",
            Self::Voice => "voice",
            Self::Other => "other",
        }
    }

    /// The channel of our own word for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|channel| channel.as_str() == word)
    }
}

/// What an event says, without what its arrival adds. Absent means absent: no nulls, no empty texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The vendor's code, such as `wavecell`.
    pub vendor: String,
    /// What the adapter recognised, such as `chatapps.receipt.v9`.
    pub dialect: String,
    /// The channel, where the event is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The direction; absent where neither fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The account at the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The part of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_account: Option<String>,
    /// The instance: where a vendor runs several senders in one account. Part of a message's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The message, for `message.*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessagePart>,
    /// What the other types are about: `contact`, `template`, `connection` …
    #[serde(flatten)]
    pub parts: BTreeMap<Part, Map<String, Value>>,
    /// What the adapter did not map: same nesting and names, redacted, at most 16 KiB. Not part of the digest.
    #[serde(skip)]
    pub extra: Map<String, Value>,
}

/// The names under which events say what they are about, beside `message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// For `contact.*`.
    Contact,
    /// For `template.*`.
    Template,
    /// For `account.connected`, `.connecting`, `.disconnected`, `.pairing`.
    Connection,
    /// For `account.quality_changed`.
    Quality,
    /// For `account.updated`; `account` itself is the account's id.
    AccountUpdate,
    /// For `link.clicked`.
    Link,
    /// For `survey.submitted`.
    Survey,
    /// For `call.*`.
    Call,
    /// For `number.updated`.
    Number,
    /// For `group.*`.
    Group,
    /// For `chat.updated`.
    Chat,
    /// For `presence.updated`.
    Presence,
    /// For `label.updated`.
    Label,
    /// For `history.synced`.
    History,
    /// For our own alarms.
    Alarm,
}

/// What an event says about a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessagePart {
    /// The vendor's id of the message, letter for letter.
    pub id: String,
    /// The sender's own id of the message, given when it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// The vendor's or, where there is none, the sender's id of the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_ref: Option<String>,
    /// The message that this one answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The group or chat; else the other side's phone; else its channel user id. The same in both directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// Whom it went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What a receipt says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<MessageError>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// One side of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Party {
    /// The channel's id of the person, group or account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// E.164 with `+`, only where the vendor says that the value is a phone number and it is a possible one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Party {
    /// The party, or nothing if nothing is known of it.
    #[must_use]
    pub fn known(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// `text`, `image`, `audio`, `video`, `document`, `sticker`, `location`, `contacts`, `interactive`, `template`, `reaction`,
    /// `poll`, or the vendor's word in small letters.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text, or the caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Pictures, sounds, files.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub media: Vec<Media>,
    /// What else this type of content has, under the type's name: `location`, `interactive`, `contacts`, `reaction`, `poll`, `template` …
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// One medium of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Where it can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where its base64 stands in the callback's body, as a JSON Pointer, if it came inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_pointer: Option<String>,
    /// Its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Its file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The text that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// When `url` stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// What a receipt says of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The rung of the ladder; absent where the vendor's word says nothing to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// The vendor's word, letter for letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_state: Option<String>,
    /// The vendor's closer word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_detail: Option<String>,
}

/// Why a message failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageError {
    /// The vendor's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The code of whoever stands behind the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a message cost. Numbers are text, so that nothing is rounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// In all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// For one part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_unit: Option<String>,
    /// How many parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<u64>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// The message's state when an event was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedNote {
    /// The state.
    pub state: State,
    /// Whether this event moved it.
    pub changed: bool,
}

/// An event as it is stored. Its JSON form is a valid CloudEvents 1.0 event, and the same wherever it is shown or sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Ours; the same on every retry and replay.
    pub id: EventId,
    /// The store's order of commit; rises, is never reused.
    pub sequence: i64,
    /// What happened.
    pub kind: EventType,
    /// The source's name.
    pub source: Name,
    /// The vendor's id of what the event is about.
    pub subject: Option<String>,
    /// When it happened.
    pub when: When,
    /// When its callback was received.
    pub received_at: Time,
    /// Its callback; our own alarms have none.
    pub callback_id: Option<CallbackId>,
    /// Whether an event with the same duplicate key but other content came before it.
    pub revised: bool,
    /// The message's state when this event was committed.
    pub folded: Option<FoldedNote>,
    /// Everything else, `extra` included.
    pub data: Data,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("source", &self.source)?;
        if let Some(subject) = &self.subject {
            map.serialize_entry("subject", subject)?;
        }
        map.serialize_entry("time", &self.when.at)?;
        map.serialize_entry("datacontenttype", "application/json")?;
        map.serialize_entry("data", &Dated(self))?;
        map.end()
    }
}

/// An event's `data` with what arrival added.
struct Dated<'a>(&'a Event);

impl Serialize for Dated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(event) = self;
        let data = &event.data;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("vendor", &data.vendor)?;
        map.serialize_entry("dialect", &data.dialect)?;
        entry(&mut map, "channel", data.channel.as_ref())?;
        entry(&mut map, "direction", data.direction.as_ref())?;
        map.serialize_entry("received_at", &event.received_at)?;
        map.serialize_entry("time_basis", &event.when.basis)?;
        entry(&mut map, "callback_id", event.callback_id.as_ref())?;
        map.serialize_entry("sequence", &event.sequence)?;
        if event.revised {
            map.serialize_entry("revised", &true)?;
        }
        entry(&mut map, "account", data.account.as_ref())?;
        entry(&mut map, "sub_account", data.sub_account.as_ref())?;
        entry(&mut map, "instance", data.instance.as_ref())?;
        if let Some(message) = &data.message {
            map.serialize_entry("message", &FoldedPart { message, folded: event.folded })?;
        }
        for (part, fields) in &data.parts {
            map.serialize_entry(part, fields)?;
        }
        if !data.extra.is_empty() {
            map.serialize_entry("extra", &data.extra)?;
        }
        map.end()
    }
}

fn entry<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

/// A message part with the fold's note.
#[derive(Serialize)]
struct FoldedPart<'a> {
    #[serde(flatten)]
    message: &'a MessagePart,
    #[serde(skip_serializing_if = "Option::is_none")]
    folded: Option<FoldedNote>,
}
