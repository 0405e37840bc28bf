//! Keeping backlogs bounded, and handing the past to new destinations: what is asked of the store for it.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Time;
use crate::domain::backlog::StartFrom;
use crate::domain::destination::Destination;
use crate::domain::id::DeliveryId;
use crate::domain::name::Name;

/// Bounding what waits, and beginning where a destination wants to begin. Every method is a small step.
#[async_trait]
pub trait Backlogs: Send + Sync {
    /// Learns which destinations are configured now. A new one that wants the past joins: see [`Backlogs::joining`]. One that
    /// is configured no more is remembered with the time since when.
    async fn configured(
        &self,
        destinations: Vec<(Name, StartFrom)>,
        now: Time,
    ) -> Result<(), StoreError>;

    /// Expires some of what exceeds a destination's bounds, the oldest first. Attempts under way end.
    async fn expire(&self, step: ExpireStep) -> Result<Expired, StoreError>;

    /// Cancels some of the deliveries of destinations that were not configured since `before`. How many that were; none once
    /// all are, and then the destinations are forgotten.
    async fn abandon(&self, before: Time) -> Result<usize, StoreError>;

    /// The destinations that are not through with the past yet.
    async fn joining(&self) -> Result<Vec<Joining>, StoreError>;

    /// Makes events of the past due for a destination that joins, and goes on to a new place, in one step. What the destination
    /// has already is left out. Nothing is done, and the answer is `false`, if it is not at `from` any more.
    async fn join(&self, step: JoinStep) -> Result<bool, StoreError>;

    /// Makes some of the past due for a destination that joins and wants its events in order: each in its line, behind those that
    /// came before it. Until it is through with the past, what comes is made due by these steps too, and by nothing else, so
    /// that it can't come before what is older.
    async fn join_in_order(&self, step: OrderedJoin) -> Result<Joined, StoreError>;
}

/// A step of expiring.
#[derive(Clone, Debug)]
pub struct ExpireStep {
    /// Whose backlog.
    pub destination: Name,
    /// What was made before this moment is too old.
    pub before: Time,
    /// How many deliveries may be open.
    pub most: u64,
    /// The place behind which to look; 0 for the beginning.
    pub after: i64,
}

/// What a step of expiring came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many had waited too long.
    pub too_old: u64,
    /// How many were too many.
    pub too_many: u64,
    /// The place from which to go on; `None` if nothing exceeds the bounds any more.
    pub next: Option<i64>,
}

/// How far a destination is with the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The destination.
    pub destination: Name,
    /// Up to here it has the past.
    pub place: i64,
    /// The last event that there was when the destination was configured first.
    pub last: i64,
    /// When that was.
    pub since: Time,
}

/// A step of handing the past to a destination.
#[derive(Clone, Debug)]
pub struct JoinStep {
    /// The destination.
    pub destination: Name,
    /// The place that it is at.
    pub from: i64,
    /// The place that it is at afterwards; `None` if it is through with the past.
    pub to: Option<i64>,
    /// The events that are made due, by their sequence.
    pub deliveries: Vec<(DeliveryId, i64)>,
    /// When.
    pub now: Time,
}

/// A step of handing the past to a destination that wants its events in order.
#[derive(Clone, Debug)]
pub struct OrderedJoin {
    /// The destination: what it wants is judged within the step, so that nothing comes in between.
    pub destination: Arc<Destination>,
    /// The place that it is at.
    pub from: i64,
    /// Ids for the deliveries; as many events are looked at.
    pub ids: Vec<DeliveryId>,
    /// Whether it can be through with the past; else it goes on looking for what comes.
    pub may_end: bool,
    /// When.
    pub now: Time,
}

/// What came of a step of an ordered join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// How many events were made due.
    pub due: usize,
    /// Whether there are more to look at.
    pub more: bool,
    /// Whether it is through with the past, and gets what comes as it comes.
    pub through: bool,
}

/// What waits for a destination, and how what does not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many deliveries are pending or in flight.
    pub waiting: u64,
    /// When the oldest of them was made.
    pub oldest_pending_at: Option<Time>,
    /// How many have ended.
    pub ended: Ended,
    /// How many lines are blocked by an exhausted delivery.
    pub blocked: u64,
}

/// How many deliveries of a destination have ended how, as long as it has had any. One that was made due again and ends again
/// counts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The destination took them.
    pub succeeded: u64,
    /// No attempt was left.
    pub exhausted: u64,
    /// They exceeded the backlog's bounds.
    pub expired: u64,
    /// They were cancelled.
    pub cancelled: u64,
}
