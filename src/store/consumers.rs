//! What the rest may ask of a store about named consumers.

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Time;
use crate::domain::consumer::{Consumer, Lag};
use crate::domain::name::Name;
use crate::domain::query::Place;

/// Remembering how far named consumers have come in the events.
#[async_trait]
pub trait Consumers: Send + Sync {
    /// Makes a consumer that begins at `from`, or now; or gives one that is there another filter, and another place if `from` says so.
    async fn keep_consumer(
        &self,
        name: &Name,
        filter: &str,
        from: Option<Start>,
        now: Time,
    ) -> Result<Keeping, StoreError>;

    /// Moves a consumer on to a place that it has come to; never back.
    async fn commit(&self, name: &Name, to: Place, now: Time) -> Result<Moved, StoreError>;

    /// Sets a consumer's place, forwards or back; `false` if there is no such consumer.
    async fn seek(&self, name: &Name, to: Start, now: Time) -> Result<bool, StoreError>;

    /// Forgets a consumer; `false` if there is no such one.
    async fn remove_consumer(&self, name: &Name) -> Result<bool, StoreError>;

    /// A consumer, and what is behind its place.
    async fn consumer(&self, name: &Name) -> Result<Option<(Consumer, Lag)>, StoreError>;

    /// All consumers by name, and what is behind their places.
    async fn consumers(&self) -> Result<Vec<(Consumer, Lag)>, StoreError>;
}

/// Where a consumer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Before everything that is kept.
    Beginning,
    /// Behind everything that there is.
    Now,
    /// Before the first event that was received at or after this.
    At(Time),
    /// Behind the event that this place is of.
    Behind(Place),
}

/// What became of keeping a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It is new.
    Made,
    /// It was there, and is as was asked for now.
    Changed,
    /// There are as many as there can be.
    TooMany,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The consumer is at the place.
    There,
    /// It is further on already.
    Behind,
    /// There is no such consumer.
    Missing,
}
