//! The types an event can have: one list, from which reading, printing and the documentation come.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::message::State;

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// What an event says happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType { $($(#[$doc])* $name,)+ }

        impl EventType {
            /// Every type there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The type's word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

event_types! {
    /// Someone wrote to us.
    MessageReceived = "message.received",
    /// We wrote, from elsewhere: a phone, an agent, another tool.
    MessageEchoed = "message.echoed",
    /// An API send was taken by the vendor's tool.
    MessageAccepted = "message.accepted",
    /// A receipt: waiting at the vendor.
    MessageQueued = "message.queued",
    /// A receipt: handed to the operator or channel.
    MessageSent = "message.sent",
    /// A receipt: on the recipient's device.
    MessageDelivered = "message.delivered",
    /// A receipt: seen by the recipient.
    MessageRead = "message.read",
    /// A receipt: will not arrive.
    MessageFailed = "message.failed",
    /// A receipt whose word says nothing to the ladder.
    MessageStatusUnknown = "message.status_unknown",
    /// A message's text was changed.
    MessageEdited = "message.edited",
    /// A message was taken back.
    MessageDeleted = "message.deleted",
    /// Someone reacted to a message, or took the reaction back.
    MessageReaction = "message.reaction",
    /// A template was approved, rejected, paused …
    TemplateStatusChanged = "template.status_changed",
    /// A template's quality score moved.
    TemplateQualityChanged = "template.quality_changed",
    /// A template's category was changed, or a change is advised.
    TemplateCategoryChanged = "template.category_changed",
    /// An instance has its connection.
    AccountConnected = "account.connected",
    /// An instance is getting its connection.
    AccountConnecting = "account.connecting",
    /// An instance lost its connection.
    AccountDisconnected = "account.disconnected",
    /// An instance wants to be paired.
    AccountPairing = "account.pairing",
    /// A number's quality or limit moved.
    AccountQualityChanged = "account.quality_changed",
    /// Something else about an account changed.
    AccountUpdated = "account.updated",
    /// A contact is new.
    ContactCreated = "contact.created",
    /// A contact changed.
    ContactUpdated = "contact.updated",
    /// A contact got a tag.
    ContactTagAdded = "contact.tag_added",
    /// A contact lost a tag.
    ContactTagRemoved = "contact.tag_removed",
    /// A contact is now known by another id.
    ContactIdentityChanged = "contact.identity_changed",
    /// A contact opted in or out.
    ContactPreferenceChanged = "contact.preference_changed",
    /// Someone followed a short link.
    LinkClicked = "link.clicked",
    /// Someone answered a survey.
    SurveySubmitted = "survey.submitted",
    /// A call waits for instructions.
    CallAction = "call.action",
    /// A call's state moved.
    CallStatus = "call.status",
    /// A call session has ended.
    CallSummary = "call.summary",
    /// A recording is ready, or failed.
    CallRecording = "call.recording",
    /// The pool of numbers changed.
    NumberUpdated = "number.updated",
    /// A group changed.
    GroupUpdated = "group.updated",
    /// Somebody joined, left or was promoted.
    GroupParticipants = "group.participants",
    /// A chat changed.
    ChatUpdated = "chat.updated",
    /// Somebody is online, typing or gone.
    PresenceUpdated = "presence.updated",
    /// A label changed.
    LabelUpdated = "label.updated",
    /// Old messages were handed over.
    HistorySynced = "history.synced",
    /// Authentic and well-formed, but not known to the adapter.
    Unknown = "unknown",
    /// Our alarm: a destination no longer gets anything.
    CallboxDestinationPaused = "callbox.destination.paused",
    /// Our alarm: a destination takes deliveries again.
    CallboxDestinationRecovered = "callbox.destination.recovered",
    /// Our alarm: a delivery ran out of attempts.
    CallboxDestinationExhausted = "callbox.destination.exhausted",
    /// Our alarm: a backlog outgrew its bounds.
    CallboxDestinationExpired = "callbox.destination.expired",
    /// Our alarm: nothing came from a source for too long.
    CallboxSourceSilent = "callbox.source.silent",
    /// Our alarm: a source sends what is not authentic.
    CallboxSourceUnauthentic = "callbox.source.unauthentic",
    /// Our alarm: a source sends what the adapter does not know.
    CallboxSourceDrift = "callbox.source.drift",
    /// Our alarm: messages of a source wait for their receipts for too long.
    CallboxSourceStuck = "callbox.source.stuck",
    /// What was wrong with a source is over.
    CallboxSourceRecovered = "callbox.source.recovered",
    /// Our alarm: the disk fills up.
    CallboxDiskLow = "callbox.disk.low",
    /// The disk has room again.
    CallboxDiskRecovered = "callbox.disk.recovered",
}

impl EventType {
    /// The rung of the ladder that an event of this type reaches by itself, if any.
    #[must_use]
    pub fn state(self) -> Option<State> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "only these types are rungs of the ladder"
        )]
        match self {
            Self::MessageAccepted | Self::MessageQueued => Some(State::Queued),
            Self::MessageEchoed | Self::MessageSent => Some(State::Sent),
            Self::MessageDelivered => Some(State::Delivered),
            Self::MessageRead => Some(State::Read),
            Self::MessageFailed => Some(State::Failed),
            _ => None,
        }
    }

    /// Whether the event is about one message, so that its subject is that message's id.
    #[must_use]
    pub fn is_about_a_message(self) -> bool {
        self.as_str().starts_with("message.")
    }

    /// Whether this is an alarm of our own.
    #[must_use]
    pub fn is_alarm(self) -> bool {
        self.as_str().starts_with("callbox.")
    }
}

impl From<State> for EventType {
    /// The type of a receipt that reports `state`.
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::MessageQueued,
            State::Sent => Self::MessageSent,
            State::Failed => Self::MessageFailed,
            State::Delivered => Self::MessageDelivered,
            State::Read => Self::MessageRead,
        }
    }
}

/// The text was not a type of event.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a type of event")]
pub struct NotAnEventType(String);

impl FromStr for EventType {
    type Err = NotAnEventType;

    fn from_str(text: &str) -> Result<Self, NotAnEventType> {
        let found = Self::ALL.iter().find(|kind| kind.as_str() == text);
        found.copied().ok_or_else(|| NotAnEventType(text.to_owned()))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
