//! A named consumer: somebody who follows the events, what they want of them, and how far they have come.

use super::name::Name;
use super::query::Place;
use crate::clock::Time;

/// Consumers that there can be.
pub const CONSUMERS_MAX: i64 = 100;

/// Somebody who follows the events, and whose place is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Name,
    /// Which events it wants, as the query of a list of them.
    pub filter: String,
    /// The place behind the last event that it has committed.
    pub place: Place,
    /// When it was made.
    pub made_at: Time,
    /// When its place was last set.
    pub moved_at: Time,
}

/// What is behind a consumer's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many events were committed behind it, whether it wants them or not.
    pub events: u64,
    /// When the first of them was received.
    pub oldest_at: Option<Time>,
}
