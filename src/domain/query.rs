//! What can be asked of the store: filters, pages, and the places between them.

use serde::{Deserialize, Serialize};

use super::callback::CallbackOutcome;
use super::delivery::DeliveryState;
use super::event::{Channel, Direction};
use super::glob::Glob;
use super::id::EventId;
use super::message::State;
use super::name::Name;
use super::words::Search;
use crate::clock::Time;

/// How many items a page has unless told otherwise.
pub const LIMIT_DEFAULT: usize = 50;

/// The most items a page can have.
pub const LIMIT_MAX: usize = 200;

/// How many rows one page examines at most, so that a rare filter pages on instead of holding a reader.
pub const EXAMINED_MAX: usize = 20_000;

/// Which end a list begins at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Descending,
    /// The oldest first.
    Ascending,
}

/// A place in a list: behind the row with this number, in the list's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub i64);

/// Which page of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The most items, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Which end the list begins at.
    pub order: Order,
    /// Where the page begins; at the list's beginning if absent.
    pub after: Option<Place>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The place after the last item that was examined: always there, for polling. `None` only if the list is empty so far.
    pub place: Option<Place>,
    /// Whether there may be more behind it.
    pub more: bool,
}

/// Which events are wanted; what is absent is not asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// Globs over types; one must match.
    #[serde(rename = "type", skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<Glob>,
    /// The source; one must match.
    #[serde(rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Name>,
    /// The vendor's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The vendor's id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The sender's own id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// The conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// A phone number on either side; digits alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Words that it has to have.
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    pub words: Option<Search>,
    /// The rung that the event itself reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Received at or after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Received before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Happened at or after this, by the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_since: Option<Time>,
    /// Happened before this, by the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_until: Option<Time>,
}

/// Which messages are wanted; what is absent is not asked for.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Where it stands: its highest rung.
    pub state: Option<State>,
    /// Queued or sent, but never confirmed nor failed, and nothing was heard of it after this.
    pub stuck_since: Option<Time>,
    /// The source.
    pub source: Option<Name>,
    /// The vendor's code.
    pub vendor: Option<String>,
    /// The conversation.
    pub conversation: Option<String>,
    /// A phone number on either side; digits alone.
    pub phone: Option<String>,
    /// The sender's own id of the message.
    pub client_ref: Option<String>,
    /// The direction.
    pub direction: Option<Direction>,
    /// The channel of its first event.
    pub channel: Option<Channel>,
    /// Whether one of its legs was reported both failed and arrived.
    pub contradictory: Option<bool>,
    /// Last heard of at or after this.
    pub since: Option<Time>,
    /// Last heard of before this.
    pub until: Option<Time>,
}

/// Which callbacks are wanted; what is absent is not asked for.
#[derive(Clone, Debug, Default)]
pub struct CallbackFilter {
    /// The source.
    pub source: Option<Name>,
    /// What became of it.
    pub outcome: Option<CallbackOutcome>,
    /// Received at or after this.
    pub since: Option<Time>,
    /// Received before this.
    pub until: Option<Time>,
}

/// Which deliveries are wanted; what is absent is not asked for.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// The destination's name.
    pub destination: Option<Name>,
    /// Where it stands.
    pub state: Option<DeliveryState>,
    /// Its event.
    pub event: Option<EventId>,
    /// Made at or after this.
    pub since: Option<Time>,
    /// Made before this.
    pub until: Option<Time>,
}
