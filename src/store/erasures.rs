//! Erasing a person, and giving out what is theirs: bounded steps through all that is kept, and a look into the file at the end.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Time;
use crate::domain::delivery::Delivery;
use crate::domain::erasure::{Erasure, Phase};
use crate::domain::event::Event;
use crate::domain::id::{CallbackId, ErasureId};
use crate::domain::name::Name;
use crate::domain::person::{Found, Marks, Wanted};
use crate::domain::query::{Page, PageRequest};

/// Erasures of people.
#[async_trait]
pub trait Erasures: Send + Sync {
    /// Writes an erasure down. It goes on from its place whatever happens, until it is through.
    async fn begin_erasure(&self, erasure: Erasure, plan: Plan) -> Result<(), StoreError>;

    /// An erasure.
    async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError>;

    /// A page of erasures.
    async fn erasures(&self, page: PageRequest) -> Result<Page<Erasure>, StoreError>;

    /// The oldest erasure that is not through.
    async fn erasing(&self) -> Result<Option<Standing>, StoreError>;

    /// Looks through the next events for what belongs to what is sought.
    async fn learn(&self, sought: Arc<Marks>, after: i64) -> Result<Learned, StoreError>;

    /// Writes down by what the person is found, and goes on to the next phase.
    async fn keep_marks(&self, id: ErasureId, marks: Marks) -> Result<(), StoreError>;

    /// Does the next step of a phase, and moves the place with it.
    async fn erase(&self, step: EraseStep) -> Result<EraseDone, StoreError>;

    /// Folds the log into the database and empties it; `false` if somebody who reads is in the way.
    async fn empty_log(&self) -> Result<bool, StoreError>;

    /// Looks through a part of the database's file, free room and all, for marks and texts.
    async fn look_into_file(
        &self,
        marks: Arc<Marks>,
        texts: Arc<[String]>,
        from: u64,
    ) -> Result<Seen, StoreError>;

    /// Writes the whole file anew, so that nothing is left between what is kept. Nothing else is written meanwhile; a file larger
    /// than `largest` bytes is left as it is, and the answer is `false`.
    async fn rewrite(&self, largest: u64) -> Result<bool, StoreError>;

    /// Notes that an erasure is through, or was refused, and forgets of whom it was.
    async fn end_erasure(&self, end: End) -> Result<(), StoreError>;

    /// The next events that are theirs, with their deliveries.
    async fn theirs(
        &self,
        marks: Arc<Marks>,
        after: i64,
    ) -> Result<Theirs<(Event, Vec<Delivery>)>, StoreError>;

    /// The next callbacks that name them.
    async fn naming(&self, marks: Arc<Marks>, after: i64)
    -> Result<Theirs<CallbackId>, StoreError>;
}

/// What an erasure needs to know, and what is forgotten with its end.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of whom.
    pub wanted: Wanted,
    /// Whether a number of our own is meant all the same.
    pub own_number: bool,
    /// By what they are found, once that is known.
    pub marks: Option<Marks>,
}

/// An erasure that is not through.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The erasure.
    pub erasure: Erasure,
    /// Of whom.
    pub plan: Plan,
    /// Behind which row its phase goes on.
    pub place: i64,
}

/// What a look through some events showed.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Numbers and ids that stand side by side.
    pub found: Vec<Found>,
    /// A source whose own side has what is sought.
    pub own_of: Option<Name>,
    /// Where to go on; `None` at the end.
    pub next: Option<i64>,
}

/// A step of an erasure.
#[derive(Clone, Debug)]
pub struct EraseStep {
    /// The erasure.
    pub id: ErasureId,
    /// What it is at.
    pub phase: Phase,
    /// Behind which row.
    pub after: i64,
    /// By what the person is found.
    pub marks: Arc<Marks>,
    /// Whether it only counts.
    pub dry_run: bool,
    /// When.
    pub now: Time,
}

/// What a step did.
#[derive(Clone, Debug, Default)]
pub struct EraseDone {
    /// Whether the phase goes on.
    pub more: bool,
    /// Texts of theirs that were removed.
    pub texts: Vec<String>,
}

/// What a look into the file showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether a number or an id of theirs is there.
    pub marks: bool,
    /// Whether one of the texts is; somebody else may have the same.
    pub texts: bool,
    /// Where to go on; `None` at the end.
    pub next: Option<u64>,
}

/// How an erasure ends.
#[derive(Clone, Debug)]
pub struct End {
    /// The erasure.
    pub id: ErasureId,
    /// Whether it was refused.
    pub refused: bool,
    /// What there is to say.
    pub note: Option<String>,
    /// When.
    pub now: Time,
}

/// Some of what is theirs.
#[derive(Clone, Debug)]
pub struct Theirs<T> {
    /// The things.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<i64>,
}
