//! The duty to hand one event to one destination, and the tries at it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::id::{DeliveryId, EventId};
use super::name::Name;
use crate::clock::Time;

/// The duty to hand one event to one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event.
    pub event_id: EventId,
    /// The destination's name.
    pub destination: Name,
    /// Where it stands.
    pub state: DeliveryState,
    /// When the next attempt is due, while it is pending.
    pub due_at: Option<Time>,
    /// Why it ended, where that is not plain from the attempts.
    pub reason: Option<String>,
    /// The delivery that has to end first, where order is asked for and it is not this one's turn.
    pub behind: Option<DeliveryId>,
    /// Whether those behind it wait until an operator retries or cancels it.
    pub blocks: bool,
    /// The tries so far, oldest first.
    pub attempts: Vec<Attempt>,
}

impl Serialize for Delivery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            id: DeliveryId,
            event_id: EventId,
            destination: &'a Name,
            state: DeliveryState,
            #[serde(skip_serializing_if = "Option::is_none")]
            due_at: Option<Time>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            behind: Option<DeliveryId>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            blocking: bool,
            attempts: &'a [Attempt],
        }
        let Self { id, event_id, destination, state, due_at, reason, behind, blocks, attempts } =
            self;
        let wire = Wire {
            id: *id,
            event_id: *event_id,
            destination,
            state: *state,
            due_at: *due_at,
            reason: reason.as_deref(),
            behind: *behind,
            blocking: *blocks,
            attempts,
        };
        wire.serialize(serializer)
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits until it is due.
    Pending,
    /// An attempt is under way.
    InFlight,
    /// The destination took it.
    Succeeded,
    /// Every attempt failed, or it crashed us three times.
    Exhausted,
    /// Its backlog outgrew its bounds.
    Expired,
    /// An operator ended it, or its destination left the configuration.
    Cancelled,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::InFlight,
        Self::Succeeded,
        Self::Exhausted,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The state's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Succeeded => "succeeded",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One try at a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub started_at: Time,
    /// How long it took, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    #[schemars(with = "u64")]
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What made us try.
    pub trigger: Trigger,
    /// The beginning of the response's body, at most 4 KiB, untrusted; only where it says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

fn as_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AttemptOutcome")]
pub enum Outcome {
    /// 2xx.
    Succeeded,
    /// Another HTTP status.
    Rejected,
    /// No whole response within the deadline.
    TimedOut,
    /// DNS, connection, TLS, or an answer that is not HTTP.
    Unreachable,
    /// Our address guard said no.
    Refused,
    /// Our own trouble: there was nothing we could send.
    Failed,
    /// Cut off by a stop or crash of ours. Does not count.
    Unknown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::Rejected,
        Self::TimedOut,
        Self::Unreachable,
        Self::Refused,
        Self::Failed,
        Self::Unknown,
    ];

    /// The outcome's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What made us try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AttemptTrigger")]
pub enum Trigger {
    /// The schedule.
    Schedule,
    /// An operator.
    Manual,
    /// A replay.
    Replay,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 3] = [Self::Schedule, Self::Manual, Self::Replay];

    /// The trigger's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Replay => "replay",
        }
    }
}
