//! What the delivery worker and operators ask of a store: what is due, what was tried, what is wanted done.

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Time;
use crate::domain::delivery::{Attempt, Trigger};
use crate::domain::event::Event;
use crate::domain::id::{DeliveryId, ReplayId};
use crate::domain::name::Name;

/// Handing events out.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// After a stop or crash: every delivery in flight is due again, its open attempt recorded as unknown and not counted.
    /// One that was cut off for the third time is exhausted. Returns how many were due again.
    async fn recover(&self, now: Time) -> Result<usize, StoreError>;

    /// Takes up to `limit` of the destination's due deliveries, longest due first: they are in flight from then on.
    async fn claim(
        &self,
        destination: &Name,
        limit: usize,
        now: Time,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Writes down an attempt and what follows from it.
    async fn record(&self, recorded: Recorded) -> Result<(), StoreError>;

    /// When the destination's next pending delivery is due; `None` if it has none.
    async fn next_due(&self, destination: &Name) -> Result<Option<Time>, StoreError>;

    /// Makes a delivery that has ended, or waits, due now, whatever its schedule says. One that had ended goes out of turn, unless
    /// it blocks its line. `None` if there is no such delivery; `Some(false)` if an attempt is under way, or if it stands behind
    /// another one in its line.
    async fn retry_now(
        &self,
        delivery: DeliveryId,
        trigger: Trigger,
        now: Time,
    ) -> Result<Option<bool>, StoreError>;

    /// Ends a delivery that waits or blocks its line. `None` if there is no such delivery; `Some(false)` if it has ended or an
    /// attempt is under way.
    async fn cancel(&self, delivery: DeliveryId, reason: &str) -> Result<Option<bool>, StoreError>;

    /// Lets the lines of a destination go on that an exhausted delivery blocks: for one that does not want them blocked, or does
    /// so no longer. Returns how many those were.
    async fn unblock(&self, destination: &Name) -> Result<usize, StoreError>;

    /// Pauses a destination, or resumes it; survives a restart. `reason` is shown to operators.
    async fn set_paused(
        &self,
        destination: &Name,
        paused: Option<String>,
    ) -> Result<(), StoreError>;

    /// The destinations that are paused, and why.
    async fn paused(&self) -> Result<Vec<(Name, String)>, StoreError>;
}

/// A delivery that an attempt is to be made at.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery.
    pub id: DeliveryId,
    /// The event, as it is sent.
    pub event: Event,
    /// The attempt's number, 1 for the first; cut-off ones have one too.
    pub number: u32,
    /// How many attempts were counted so far: what the retry schedule goes by.
    pub counted: u32,
    /// What made us try.
    pub trigger: Trigger,
    /// The replay that made the delivery, if one did.
    pub replay: Option<ReplayId>,
}

/// An attempt, and what follows from it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The attempt.
    pub attempt: Attempt,
    /// What follows.
    pub next: Next,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the destination took it.
    Succeeded,
    /// Another attempt, at this time.
    RetryAt(Time),
    /// Nothing: there are no attempts left. Those behind it in its line go on.
    Exhausted,
    /// Nothing: there are no attempts left. Those behind it in its line wait until an operator retries or cancels it.
    Blocks,
}
