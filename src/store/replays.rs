//! Replays: counting what a filter finds, writing down the wish, and handing events out again step by step.

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Time;
use crate::domain::id::{DeliveryId, ReplayId};
use crate::domain::name::Name;
use crate::domain::query::{EventFilter, Page, PageRequest};
use crate::domain::replay::Replay;

/// Replays of stored events.
#[async_trait]
pub trait Replays: Send + Sync {
    /// How many events a filter finds among all that there are now.
    async fn count(&self, filter: EventFilter) -> Result<Counted, StoreError>;

    /// Writes a replay down. It goes on from its place whatever happens, until it is through or cancelled.
    async fn begin_replay(&self, replay: Replay) -> Result<(), StoreError>;

    /// A replay.
    async fn replay(&self, id: ReplayId) -> Result<Option<Replay>, StoreError>;

    /// A page of replays, dry runs too.
    async fn replays(&self, page: PageRequest) -> Result<Page<Replay>, StoreError>;

    /// The replays that are not through, oldest first.
    async fn running(&self) -> Result<Vec<Replay>, StoreError>;

    /// Makes events due again and goes on to a new place, in one step. Nothing is done, and the answer is `false`, if the replay
    /// is not running, or not at `from` any more.
    async fn hand(&self, step: HandStep) -> Result<bool, StoreError>;

    /// Notes that a replay is through.
    async fn end_replay(&self, id: ReplayId, now: Time) -> Result<(), StoreError>;

    /// Ends a replay, and what of it waits. `None` if there is none; `Some(false)` if it has ended already.
    async fn cancel_replay(&self, id: ReplayId, now: Time) -> Result<Option<bool>, StoreError>;
}

/// What a filter finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many events.
    pub matched: u64,
    /// The last event that there was, wanted or not: its sequence.
    pub last: i64,
}

/// A step of a replay.
#[derive(Clone, Debug)]
pub struct HandStep {
    /// The replay.
    pub replay: ReplayId,
    /// The place that it is at.
    pub from: i64,
    /// The place that it is at afterwards.
    pub to: i64,
    /// The events that are handed out, by their sequence, each with to whom.
    pub events: Vec<(i64, Vec<(DeliveryId, Name)>)>,
    /// Whether only those get an event that had it in the first place.
    pub as_before: bool,
    /// When.
    pub now: Time,
}
