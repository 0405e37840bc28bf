//! What an event says about a message: its sides, content, status, error and price, and the channel it went over.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::message::State;
use crate::clock::Time;

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

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To us.
    Inbound,
    /// From us.
    Outbound,
}

impl Direction {
    /// The direction's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
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
