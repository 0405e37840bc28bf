//! Tending the backlogs: what exceeds its bounds expires, what nobody is configured for ends, and new destinations get the past.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::bell::Bell;
use tokio_util::sync::CancellationToken;

use super::destinations::Destinations;
use crate::clock::Clock;
use crate::domain::destination::Destination;
use crate::domain::id::{DeliveryId, IdMaker};
use crate::domain::name::Name;
use crate::domain::query::{EventFilter, LIMIT_MAX, Order, PageRequest, Place};
use crate::store::{ExpireStep, JoinStep, Joined, Joining, OrderedJoin, Store, StoreError};

/// How long it rests once nothing is left to do: what exceeds a bound does so no longer than this.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long deliveries of a destination that left the configuration wait for it to come back.
const GONE_FOR: Duration = Duration::from_hours(24);

/// Deliveries that may wait for a destination while it is handed the past: what comes meanwhile waits behind no more than these.
const AHEAD_MAX: u64 = 1_000;

/// How long it waits for a destination to take what it was handed of the past.
const AHEAD_REST: Duration = Duration::from_millis(100);

/// Requests that began before a destination was there may end as late as this: until then its past is looked at again, so that
/// there is no gap where it meets the present.
const LATE_MAX: Duration = Duration::from_mins(1);

/// Events that one step of an ordered join looks at, while others wait for their turn to write.
const ORDERED_MAX: usize = 100;

/// Writes that may wait before a step lets them go first, and how long it does.
const WAITING_MAX: usize = 16;
const COURTESY: Duration = Duration::from_millis(50);

/// Tends the backlogs, a small step at a time.
#[expect(missing_debug_implementations, reason = "it holds a store; nobody prints it")]
pub struct Tending {
    store: Arc<dyn Store>,
    destinations: Arc<Destinations>,
    ids: Arc<IdMaker>,
    clock: Arc<dyn Clock>,
    wake: Arc<Bell>,
    /// Where expiring goes on.
    places: BTreeMap<Name, i64>,
}

impl Tending {
    /// Tends the backlogs of these destinations. `wake` rouses the worker when something of the past is due.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        destinations: Arc<Destinations>,
        ids: Arc<IdMaker>,
        clock: Arc<dyn Clock>,
        wake: Arc<Bell>,
    ) -> Self {
        Self { store, destinations, ids, clock, wake, places: BTreeMap::new() }
    }

    /// Tends until told to stop. A step that has begun is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let clock = Arc::clone(&self.clock);
        while !stop.is_cancelled() {
            let mut rest = self.tick().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the backlogs could not be tended; it is tried again");
                LOOK_EVERY
            });
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

    /// One step for each destination. How long nothing more is to be done.
    pub async fn tick(&mut self) -> Result<Duration, StoreError> {
        let destinations = Arc::clone(&self.destinations);
        let mut rest = LOOK_EVERY;
        for destination in destinations.configured() {
            if self.expire(&destination).await? {
                rest = Duration::ZERO;
            }
        }
        let gone = self.clock.now().before(GONE_FOR);
        let cancelled = self.store.abandon(gone).await?;
        if cancelled > 0 {
            tracing::info!(
                deliveries = cancelled,
                "deliveries were cancelled: their destination left the configuration a day ago"
            );
            rest = Duration::ZERO;
        }
        for joining in self.store.joining().await? {
            let configured = destinations.configured();
            let mut named = configured.iter().filter(|known| known.name == joining.destination);
            if let Some(destination) = named.next().filter(|destination| destination.enabled) {
                rest = rest.min(self.join(destination, &joining).await?);
            }
        }
        Ok(rest)
    }

    /// Expires some of what exceeds the destination's bounds; whether there may be more.
    async fn expire(&mut self, destination: &Destination) -> Result<bool, StoreError> {
        let name = &destination.name;
        let step = ExpireStep {
            destination: name.clone(),
            before: self.clock.now().before(destination.backlog.max_age),
            most: destination.backlog.max_events,
            after: self.places.remove(name).unwrap_or_default(),
        };
        let expired = self.store.expire(step).await?;
        let (too_old, too_many) = (expired.too_old, expired.too_many);
        if too_old + too_many > 0 {
            tracing::warn!(destination.name = %name, too_old, too_many, "deliveries expired: the backlog exceeded its bounds");
        }
        if let Some(place) = expired.next {
            self.places.insert(name.clone(), place);
        }
        Ok(expired.next.is_some())
    }

    /// Hands some of the past to a destination; how long it can be left alone then.
    async fn join(
        &self,
        destination: &Arc<Destination>,
        joining: &Joining,
    ) -> Result<Duration, StoreError> {
        let name = &destination.name;
        let room = AHEAD_MAX.min(destination.backlog.max_events);
        let may_end = self.clock.now().since(joining.since) >= LATE_MAX;
        let in_the_past = joining.place < joining.last;
        if in_the_past && self.store.backlog(name).await?.waiting >= room {
            return Ok(AHEAD_REST);
        }
        if destination.order.is_some() {
            return self.join_in_order(destination, joining.place, may_end).await;
        }
        let filter = EventFilter {
            types: destination.events.clone(),
            sources: destination.sources.clone(),
            since: destination.from.oldest(),
            ..EventFilter::default()
        };
        let limit = LIMIT_MAX.min(usize::try_from(room).unwrap_or(LIMIT_MAX));
        let after = Some(Place(joining.place));
        let page = PageRequest { limit, order: Order::Ascending, after };
        let page = self.store.events(filter, page).await?;
        let place = page.place.map_or(joining.place, |place| place.0);
        let now = self.clock.now();
        let wanted = page.items.iter().filter(|event| {
            !destination.is_subject_of(event.kind, event.subject.as_deref())
                && destination.wants_event(event)
        });
        let deliveries = wanted
            .map(|event| (DeliveryId::from_bits(self.ids.next(now)), event.sequence))
            .collect::<Vec<_>>();
        let through = !page.more && may_end;
        let (some, to) = (!deliveries.is_empty(), (!through).then_some(place));
        let destination = name.clone();
        let step = JoinStep { destination, from: joining.place, to, deliveries, now };
        if self.store.join(step).await? && through {
            tracing::info!(destination.name = %name, "a new destination was handed all of the past that it wants");
        }
        if some {
            self.wake.ring();
        }
        Ok(if page.more { Duration::ZERO } else { LOOK_EVERY })
    }

    /// Hands some of the past, and of what came since, to a destination in order; how long it can be left alone then.
    async fn join_in_order(
        &self,
        destination: &Arc<Destination>,
        from: i64,
        may_end: bool,
    ) -> Result<Duration, StoreError> {
        let (name, now) = (&destination.name, self.clock.now());
        let ids = (0..ORDERED_MAX).map(|_| DeliveryId::from_bits(self.ids.next(now))).collect();
        let destination = Arc::clone(destination);
        let step = OrderedJoin { destination, from, ids, may_end, now };
        let joined = self.store.join_in_order(step).await?;
        if joined.through {
            tracing::info!(destination.name = %name, "a new destination was handed all of the past that it wants, in order");
        }
        if joined.due > 0 {
            self.wake.ring();
        }
        Ok(match joined {
            Joined { more: true, .. } => Duration::ZERO,
            Joined { through: true, .. } => LOOK_EVERY,
            Joined { .. } => AHEAD_REST,
        })
    }
}
