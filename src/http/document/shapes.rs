//! The shapes of what writes its JSON by hand, so that the document can tell them: ids, names, times, events, deliveries.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::clock::Time;
use crate::domain::delivery::{Attempt, Delivery, DeliveryState};
use crate::domain::event::{
    Channel, Direction, Event, EventType, FoldedNote, MessagePart, TimeBasis,
};
use crate::domain::id::{CallbackId, DeliveryId, ErasureId, EventId, ReplayId};
use crate::domain::name::Name;
use crate::domain::replay::{Replay, ReplayState};

/// Schemas of texts: the type, its name in the document, and the schema.
macro_rules! texts {
    ($($of:ty as $name:literal = $schema:expr;)+) => {$(
        impl JsonSchema for $of {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

texts! {
    EventId as "EventId" = id(EventId::PREFIX, "The id of an event; also its `webhook-id`.");
    CallbackId as "CallbackId" = id(CallbackId::PREFIX, "The id of a callback.");
    DeliveryId as "DeliveryId" = id(DeliveryId::PREFIX, "The id of a delivery.");
    ReplayId as "ReplayId" = id(ReplayId::PREFIX, "The id of a replay.");
    ErasureId as "ErasureId" = id(ErasureId::PREFIX, "The id of an erasure.");
    Name as "Name" = json_schema!({
        "type": "string",
        "description": "The name of a source, destination or key.",
        "pattern": "^[a-z][a-z0-9_-]{0,63}$",
    });
    Time as "Time" = json_schema!({
        "type": "string",
        "format": "date-time",
        "description": "A moment, UTC, to the millisecond.",
        "examples": ["2026-08-12T09:15:57.000Z"],
    });
    EventType as "EventType" = json_schema!({
        "type": "string",
        "description": "What happened.",
        "enum": EventType::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
    });
}

/// The schema of an id with this prefix. A UUID has 128 bits, so the first of its 26 letters is 7 at the most.
pub(super) fn id(prefix: &str, what: &str) -> Schema {
    json_schema!({
        "type": "string",
        "description": what,
        "pattern": format!("^{prefix}[0-7][0-9A-HJKMNP-TV-Z]{{25}}$"),
    })
}

/// A type whose JSON looks like that of another one, which is there for the document alone.
macro_rules! like {
    ($($of:ty as $name:literal = $shape:ty;)+) => {$(
        impl JsonSchema for $of {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                <$shape>::json_schema(generator)
            }
        }
    )+};
}

like! {
    Event as "Event" = EventShape;
    Delivery as "Delivery" = DeliveryShape;
    Replay as "Replay" = ReplayShape;
}

/// Something that happened. Everywhere the same, and a valid `CloudEvents` 1.0 event in JSON.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema alone is used")]
struct EventShape {
    /// The version of `CloudEvents`.
    #[schemars(extend("const" = "1.0"))]
    specversion: String,
    /// Ours; the same on every retry and replay.
    id: EventId,
    /// What happened.
    #[schemars(rename = "type")]
    kind: EventType,
    /// The source's name.
    source: Name,
    /// The vendor's id of what the event is about, letter for letter.
    subject: Option<String>,
    /// When it happened, by the vendor; else when it was received.
    time: Time,
    /// What `data` is.
    #[schemars(extend("const" = "application/json"))]
    datacontenttype: String,
    /// What it says.
    data: DataShape,
}

/// What an event says. Which of `message`, `contact` … is there follows from its type.
#[derive(JsonSchema)]
#[schemars(rename = "EventData")]
#[expect(dead_code, reason = "its schema alone is used")]
struct DataShape {
    /// The vendor's code.
    vendor: String,
    /// What the adapter recognised, such as `chatapps.receipt.v9`.
    dialect: String,
    /// The channel, where the event is about one.
    channel: Option<Channel>,
    /// The direction; absent where neither fits.
    direction: Option<Direction>,
    /// When its callback was received, by our clock.
    received_at: Time,
    /// Where the event's time is from.
    time_basis: TimeBasis,
    /// Its callback; our own alarms have none.
    callback_id: Option<CallbackId>,
    /// The store's order of commit; rises, is never reused.
    sequence: i64,
    /// Whether an event with the same duplicate key but other content came before it.
    revised: Option<bool>,
    /// The event that a later reading of the same callback put in its place.
    replaced_by: Option<EventId>,
    /// The account at the vendor.
    account: Option<String>,
    /// The part of the account.
    sub_account: Option<String>,
    /// The instance: where a vendor runs several senders in one account.
    instance: Option<String>,
    /// For `message.*`.
    message: Option<MessageShape>,
    /// For `contact.*`.
    contact: Option<Map<String, Value>>,
    /// For `template.*`.
    template: Option<Map<String, Value>>,
    /// For `account.connected`, `.connecting`, `.disconnected`, `.pairing`.
    connection: Option<Map<String, Value>>,
    /// For `account.quality_changed`.
    quality: Option<Map<String, Value>>,
    /// For `account.updated`.
    account_update: Option<Map<String, Value>>,
    /// For `link.clicked`.
    link: Option<Map<String, Value>>,
    /// For `survey.submitted`.
    survey: Option<Map<String, Value>>,
    /// For `call.*`.
    call: Option<Map<String, Value>>,
    /// For `number.updated`.
    number: Option<Map<String, Value>>,
    /// For `group.*`.
    group: Option<Map<String, Value>>,
    /// For `chat.updated`.
    chat: Option<Map<String, Value>>,
    /// For `presence.updated`.
    presence: Option<Map<String, Value>>,
    /// For `label.updated`.
    label: Option<Map<String, Value>>,
    /// For `history.synced`.
    history: Option<Map<String, Value>>,
    /// For our own alarms.
    alarm: Option<Map<String, Value>>,
    /// What the adapter did not map: same nesting and names, redacted, at most 16 KiB.
    extra: Option<Map<String, Value>>,
}

/// What an event says about a message, and where the message stood once the event was committed.
#[derive(JsonSchema)]
#[schemars(rename = "EventMessage")]
#[expect(dead_code, reason = "its schema alone is used")]
struct MessageShape {
    #[schemars(flatten)]
    part: MessagePart,
    /// The message's state when this event was committed.
    folded: Option<FoldedNote>,
}

/// The duty to hand one event to one destination.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema alone is used")]
struct DeliveryShape {
    /// Its id.
    id: DeliveryId,
    /// The event.
    event_id: EventId,
    /// The destination's name.
    destination: Name,
    /// Where it stands.
    state: DeliveryState,
    /// When the next attempt is due, while it is pending.
    due_at: Option<Time>,
    /// Why it ended, where that is not plain from the attempts.
    reason: Option<String>,
    /// The delivery that has to end first, where order is asked for and it is not this one's turn.
    behind: Option<DeliveryId>,
    /// Whether those behind it wait until an operator retries or cancels it; absent where they do not.
    blocking: Option<bool>,
    /// The tries so far, oldest first.
    attempts: Vec<Attempt>,
}

/// A person's wish that stored events be handed out again, and how far that is.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "its schema alone is used")]
struct ReplayShape {
    /// Its id: what the header `webhook-replay` says.
    id: ReplayId,
    /// Where it stands.
    state: ReplayState,
    /// How many events the filter found when it was asked for.
    matched: u64,
    /// How many of them were handed out and have no delivery that waits.
    done: u64,
    /// How many of those that were handed out have a delivery that has not ended.
    waiting: u64,
    /// How many deliveries were made of them.
    deliveries: u64,
    /// Which events.
    filter: Map<String, Value>,
    /// To whom; without one, to those that had each event in the first place.
    to: Option<Name>,
    /// How many events a second at the most.
    rate: Option<f64>,
    /// Whether it only counted.
    dry_run: bool,
    /// When it was asked for.
    created_at: Time,
    /// When it ended.
    ended_at: Option<Time>,
}
