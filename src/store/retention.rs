//! Retention: what is older than it is to be kept goes, and the oldest of a store that is too large; in small steps beside the load.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Store, StoreError};
use crate::clock::{Clock, Time};

/// How long a sweep rests once it is through, or has failed.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Writes that may wait before a step lets them go first.
const WAITING_MAX: usize = 16;

/// How long a step lets other writes go first. It comes after all, so that a store that is never quiet still shrinks.
const COURTESY: Duration = Duration::from_millis(50);

/// Steps of one kind in a sweep that may find nothing but what has to stay; the next sweep goes on from there.
const FRUITLESS_MAX: usize = 100;

/// How long each kind of thing is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Callbacks that were understood. One stays while a delivery of what it meant is open.
    pub callbacks: Duration,
    /// Callbacks that were not understood.
    pub quarantined: Duration,
    /// Callbacks that are not authentic.
    pub unauthentic: Duration,
    /// Events with their repetitions, their deliveries, and messages of which no event is left. One stays while a delivery of
    /// it is open.
    pub events: Duration,
    /// Attempts at deliveries that have ended.
    pub attempts: Duration,
}

/// A kind of thing that grows old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Attempts at deliveries that have ended.
    Attempts,
    /// Events with all that hangs on them.
    Events,
    /// Callbacks that were understood.
    Callbacks,
    /// Callbacks that were not understood.
    Quarantined,
    /// Callbacks that are not authentic.
    Unauthentic,
}

impl Kind {
    /// Every kind, in the order of a sweep.
    pub const ALL: [Self; 5] =
        [Self::Attempts, Self::Events, Self::Callbacks, Self::Quarantined, Self::Unauthentic];

    fn age(self, ages: &Ages) -> Duration {
        match self {
            Self::Attempts => ages.attempts,
            Self::Events => ages.events,
            Self::Callbacks => ages.callbacks,
            Self::Quarantined => ages.quarantined,
            Self::Unauthentic => ages.unauthentic,
        }
    }
}

/// One step of removing.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    /// What.
    pub kind: Kind,
    /// What is of this moment or later stays.
    pub before: Time,
    /// The place behind which to look; 0 for the beginning.
    pub after: i64,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// How many were removed.
    pub removed: usize,
    /// The place from which to go on; `None` if nothing older is left.
    pub next: Option<i64>,
}

/// Removes what is too old, and the oldest of what is too much.
#[expect(missing_debug_implementations, reason = "it holds a store; nobody prints it")]
pub struct Retention {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ages: Ages,
    /// The most bytes of the database file, if not by the rule.
    max_size: Option<u64>,
    /// Up to when everything goes that may, because the store is too large.
    pressed: Option<Time>,
    /// Steps that were taken since the store is too large.
    steps: u32,
    /// Whether what has to stay is too much; that is told once.
    stuck: bool,
    /// Where each kind's next step goes on.
    places: [i64; Kind::ALL.len()],
    /// How many of each kind this sweep has removed.
    removed: [usize; Kind::ALL.len()],
    /// The kind this sweep is at; past the last one, the file is made smaller.
    at: usize,
    /// Steps of this kind that removed nothing.
    fruitless: usize,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// How many things it removed.
    pub removed: usize,
    /// How long nothing more is to be done; nothing at all while a sweep is not through.
    pub rest: Duration,
}

impl Retention {
    /// Retention for this store.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ages: Ages,
        max_size: Option<u64>,
    ) -> Self {
        let (places, removed) = ([0; Kind::ALL.len()], [0; Kind::ALL.len()]);
        let (pressed, steps, stuck) = (None, 0, false);
        Self {
            store,
            clock,
            ages,
            max_size,
            pressed,
            steps,
            stuck,
            places,
            removed,
            at: 0,
            fruitless: 0,
        }
    }

    /// Removes until told to stop. A step that has begun is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let clock = Arc::clone(&self.clock);
        while !stop.is_cancelled() {
            let mut rest = match self.tick().await {
                Ok(round) => round.rest,
                Err(error) => {
                    tracing::warn!(%error, "what is too old could not be removed; it is tried again");
                    SWEEP_EVERY
                }
            };
            if rest.is_zero() && self.store.waiting() > WAITING_MAX {
                rest = COURTESY;
            }
            if !rest.is_zero() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = clock.sleep(rest) => {}
                }
            }
        }
    }

    /// One step: removes a bounded number of things, or gives some of the room that they took back to the disk.
    pub async fn tick(&mut self) -> Result<Round, StoreError> {
        let mut places = Kind::ALL.iter().zip(&mut self.places).zip(&mut self.removed);
        let Some(((kind, place), removed)) = places.nth(self.at) else {
            return self.shrink().await;
        };
        let by_age = self.clock.now().before(kind.age(&self.ages));
        let before = self.pressed.map_or(by_age, |pressed| by_age.max(pressed));
        let pruned = self.store.prune(Prune { kind: *kind, before, after: *place }).await?;
        *place = pruned.next.unwrap_or_default();
        *removed += pruned.removed;
        self.fruitless += usize::from(pruned.removed == 0);
        if pruned.next.is_none() || self.fruitless > FRUITLESS_MAX {
            self.at += 1;
            self.fruitless = 0;
        }
        Ok(Round { removed: pruned.removed, rest: Duration::ZERO })
    }

    /// The last part of a sweep: the file gets smaller, a little at a time.
    async fn shrink(&mut self) -> Result<Round, StoreError> {
        if self.store.thin_counts(self.clock.now()).await? {
            return Ok(Round { removed: 0, rest: Duration::ZERO });
        }
        if self.store.shrink().await? {
            return Ok(Round { removed: 0, rest: Duration::ZERO });
        }
        self.at = 0;
        if self.press().await? {
            return Ok(Round { removed: 0, rest: Duration::ZERO });
        }
        let [attempts, events, callbacks, quarantined, unauthentic] = self.removed;
        if self.removed.iter().any(|removed| *removed > 0) {
            tracing::info!(
                attempts,
                events,
                callbacks,
                quarantined,
                unauthentic,
                "what was older than [store.retention] says, or too much, was removed"
            );
        }
        self.removed = [0; Kind::ALL.len()];
        Ok(Round { removed: 0, rest: SWEEP_EVERY })
    }

    /// Sees whether the store is too large; if so, says up to when things go in the next sweep, which begins at once.
    async fn press(&mut self) -> Result<bool, StoreError> {
        let (extent, now) = (self.store.extent().await?, self.clock.now());
        let limit = extent.limit(self.max_size);
        let (bytes, reached) = (extent.file, self.pressed);
        self.pressed = extent.step(limit, reached, self.steps, now);
        self.steps += 1;
        match (reached, self.pressed) {
            (None, Some(_)) => {
                tracing::warn!(
                    store.bytes = bytes,
                    store.bytes_max = limit,
                    "the store is too large: the oldest of it goes before its age"
                );
            }
            (Some(reached), Some(_)) if now.since(reached) < SWEEP_EVERY => {
                self.pressed = Some(now);
                self.stay(bytes, limit);
                return Ok(false);
            }
            (Some(_), None) => tracing::info!(store.bytes = bytes, "the store is small enough"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if self.pressed.is_none() {
            (self.steps, self.stuck) = (0, false);
        }
        Ok(self.pressed.is_some())
    }

    /// All that may go has gone, and it was not enough: nothing is to be done but to look again later.
    fn stay(&mut self, bytes: u64, limit: u64) {
        if !std::mem::replace(&mut self.stuck, true) {
            tracing::warn!(
                store.bytes = bytes,
                store.bytes_max = limit,
                "the store is too large, and all that is left has open deliveries or is new: raise max_size, or lower the backlogs"
            );
        }
    }
}
