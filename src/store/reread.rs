//! Reading stored callbacks again: what goes in, and what came of it.

use super::Kept;
use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome};
use crate::domain::drift::{Finding, Seen};
use crate::domain::event::Event;
use crate::domain::id::EventId;

/// A callback from the store, as it can be judged and read again.
#[derive(Clone, Debug)]
pub struct StoredCallback {
    /// The callback, body and all; credentials in its head are sealed.
    pub callback: Callback,
    /// The keyed hash of the token that was cut out of its URL, if it was not authentic.
    pub token_hash: Option<[u8; 32]>,
    /// What became of it so far.
    pub outcome: CallbackOutcome,
    /// When its bytes were removed because a person was erased; then there is nothing to read.
    pub erased_at: Option<Time>,
}

/// Today's reading of a callback that is in the store.
#[derive(Clone, Debug)]
pub struct NewReading {
    /// The callback.
    pub callback: Callback,
    /// What comes of it today.
    pub kept: Kept,
    /// What of it the adapter does not know, where that is news; kept only if the callback is released.
    pub drift: Vec<(Finding, Seen)>,
    /// The moment at which its events enter the stream.
    pub at: Time,
    /// Whether everything is to be left as it is.
    pub dry_run: bool,
}

/// What came of reading a callback again.
#[derive(Clone, Debug)]
pub struct Reread {
    /// What the callback counted as before.
    pub was: CallbackOutcome,
    /// What it counts as from now on.
    pub outcome: CallbackOutcome,
    /// Why it is not understood or not authentic today.
    pub reason: Option<String>,
    /// Whether anything is other than before.
    pub changed: bool,
    /// Its events, new ones and known ones, in order; those that were replaced are not among them.
    pub events: Vec<EventId>,
    /// Those that are new.
    pub new: Vec<Event>,
    /// Those that took the place of another one.
    pub revised: Vec<Revision>,
    /// How many deliveries are due because of it.
    pub deliveries: usize,
}

/// An event that reads differently today.
#[derive(Clone, Debug)]
pub struct Revision {
    /// What it said; it stays, marked as replaced.
    pub before: Event,
    /// What stands in for it.
    pub after: Event,
}
