//! Carrying replays out: a few stored events at a time become due again, at the rate that was asked for, and none twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::bell::Bell;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::destinations::Destinations;
use crate::clock::Clock;
use crate::domain::destination::Destination;
use crate::domain::event::Event;
use crate::domain::id::{DeliveryId, IdMaker, ReplayId};
use crate::domain::query::{LIMIT_MAX, Order, PageRequest, Place};
use crate::domain::replay::{Allowance, Replay};
use crate::store::{HandStep, Store, StoreError};

/// Events of one replay that may wait at a time: a destination that is away is not buried, and what comes waits behind no more
/// than these. With a rate it is what a second brings.
const AHEAD_MAX: usize = 2_000;

/// How long it waits for a destination to take what it was handed, or for the next event that the rate lets through.
const AHEAD_REST: Duration = Duration::from_millis(20);

/// How long it rests while nothing is to be replayed.
const IDLE: Duration = Duration::from_secs(5);

/// Writes that may wait before a step lets them go first, and how long it does.
const WAITING_MAX: usize = 64;
const COURTESY: Duration = Duration::from_millis(20);

/// Carries replays out.
#[expect(missing_debug_implementations, reason = "it holds a store; nobody prints it")]
pub struct Replaying {
    store: Arc<dyn Store>,
    destinations: Arc<Destinations>,
    ids: Arc<IdMaker>,
    clock: Arc<dyn Clock>,
    wake: Arc<Bell>,
    asked: Arc<Notify>,
    allowances: BTreeMap<ReplayId, Allowance>,
}

impl Replaying {
    /// Replays to these destinations. `wake` rouses the worker; `asked` rouses this one when there is a new replay.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        destinations: Arc<Destinations>,
        ids: Arc<IdMaker>,
        clock: Arc<dyn Clock>,
        (wake, asked): (Arc<Bell>, Arc<Notify>),
    ) -> Self {
        Self { store, destinations, ids, clock, wake, asked, allowances: BTreeMap::new() }
    }

    /// Carries replays out until told to stop. A step that has begun is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let (clock, asked) = (Arc::clone(&self.clock), Arc::clone(&self.asked));
        while !stop.is_cancelled() {
            let mut rest = self.tick().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "replays could not go on; it is tried again");
                IDLE
            });
            if rest.is_zero() && self.store.waiting() > WAITING_MAX {
                rest = COURTESY;
            }
            if !rest.is_zero() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = asked.notified() => {}
                    () = clock.sleep(rest) => {}
                }
            }
        }
    }

    /// One step of each replay. How long nothing more is to be done.
    pub async fn tick(&mut self) -> Result<Duration, StoreError> {
        let running = self.store.running().await?;
        self.allowances.retain(|id, _| running.iter().any(|replay| replay.id == *id));
        let mut rest = IDLE;
        for replay in running {
            rest = rest.min(self.step(&replay).await?);
        }
        Ok(rest)
    }

    async fn step(&mut self, replay: &Replay) -> Result<Duration, StoreError> {
        let progress = replay.progress;
        if progress.is_through() {
            self.store.end_replay(replay.id, self.clock.now()).await?;
            tracing::info!(replay.id = %replay.id, events = progress.events, deliveries = progress.deliveries, "a replay is through");
            return Ok(IDLE);
        }
        let room = self.room(replay);
        if progress.place >= progress.last || room == 0 {
            return Ok(AHEAD_REST);
        }
        let left = usize::try_from(progress.last - progress.place).unwrap_or(LIMIT_MAX);
        let page = PageRequest {
            limit: room.min(LIMIT_MAX).min(left),
            order: Order::Ascending,
            after: Some(Place(progress.place)),
        };
        let page = self.store.events(replay.filter.clone(), page).await?;
        let place = page.place.map_or(progress.last, |place| place.0);
        let to = if page.more { place.min(progress.last) } else { progress.last };
        let asked = page.items.iter().filter(|event| event.sequence <= progress.last);
        let events: Vec<_> =
            asked.map(|event| (event.sequence, self.receivers(replay, event))).collect();
        let handed = events.len();
        let (as_before, now) = (replay.to.is_none(), self.clock.now());
        let step = HandStep { replay: replay.id, from: progress.place, to, events, as_before, now };
        if self.store.hand(step).await? {
            if let Some(allowance) = self.allowances.get_mut(&replay.id) {
                allowance.take(handed);
            }
            self.wake.ring();
        }
        Ok(Duration::ZERO)
    }

    /// How many events may be handed out now.
    fn room(&mut self, replay: &Replay) -> usize {
        let now = self.clock.elapsed();
        let waiting = usize::try_from(replay.progress.waiting).unwrap_or(usize::MAX);
        let Some(rate) = replay.rate else { return AHEAD_MAX.saturating_sub(waiting) };
        let allowance =
            self.allowances.entry(replay.id).or_insert_with(|| Allowance::beginning(now));
        allowance.at(now, rate).min(ahead(rate).saturating_sub(waiting))
    }

    /// Who may get an event: the destination that was asked for, or all; never the one that an alarm is about.
    fn receivers(
        &self,
        replay: &Replay,
        event: &Event,
    ) -> Vec<(DeliveryId, crate::domain::name::Name)> {
        let now = self.clock.now();
        let meant = |destination: &Arc<Destination>| {
            destination.enabled
                && replay.to.as_ref().is_none_or(|to| destination.name == *to)
                && !destination.is_subject_of(event.kind, event.subject.as_deref())
        };
        let meant = self.destinations.configured().into_iter().filter(meant);
        meant
            .map(|destination| {
                (DeliveryId::from_bits(self.ids.next(now)), destination.name.clone())
            })
            .collect()
    }
}

/// How many events may wait at a rate: those of a second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 1 and AHEAD_MAX"
)]
fn ahead(rate: f64) -> usize {
    (rate.ceil() as usize).clamp(1, AHEAD_MAX)
}
