//! The configured destinations, and how each one stands: paused, behind an open breaker, held back, busy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::bell::Bell;
use parking_lot::{Mutex, RwLock};

use super::body::{self, Body, NothingToSend};
use super::latest::Latest;
use super::press::Press;
use super::sender::{Sender, SenderError, Verdict};
use crate::clock::Clock;
use crate::domain::breaker::BreakerState;
use crate::domain::delivery::Outcome;
use crate::domain::destination::Destination;
use crate::domain::event::Event;
use crate::domain::lane::{self, Fate, Manners, Room};
use crate::domain::name::Name;
use crate::domain::order::OnExhausted;
use crate::random::Random;
use crate::store::{Outbox, Questions, StoreError};

/// Every configured destination. The worker goes by it; operators look at it, and pause and resume through it.
pub struct Destinations {
    lanes: RwLock<Vec<Arc<Lane>>>,
    own_listeners: Vec<SocketAddr>,
    /// When the worker last began a round, on [`Clock::elapsed`]'s scale.
    round: Mutex<Duration>,
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    wake: Arc<Bell>,
}

/// How a destination stands, as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Why it is paused, if it is.
    pub paused: Option<String>,
    /// The breaker before it.
    pub breaker: BreakerState,
    /// Until when nothing is sent because it asked for that or its breaker is open, on [`Clock::elapsed`]'s scale.
    pub quiet_until: Option<Duration>,
    /// How many attempts are under way.
    pub in_flight: usize,
    /// The share of the latest attempts that succeeded, 0 to 1; `None` before the first one since the start.
    pub success_rate: Option<f64>,
    /// The median and the 99th percentile of how long the latest attempts took.
    pub latency: Option<(Duration, Duration)>,
}

impl Destinations {
    /// The destinations of a configuration; those that were paused before are so still. None of them is ever connected to one of
    /// `own_listeners`. `wake` rouses the worker.
    pub async fn load(
        configured: Vec<Destination>,
        own_listeners: &[SocketAddr],
        outbox: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        wake: Arc<Bell>,
    ) -> Result<Self, StoreError> {
        let paused = outbox.paused().await?;
        let lane = |destination: Destination| {
            let paused = paused.iter().find(|(name, _)| *name == destination.name);
            let reason = paused.map(|(_, reason)| reason.clone());
            Arc::new(Lane::new(destination, own_listeners, reason, None))
        };
        let lanes = RwLock::new(configured.into_iter().map(lane).collect());
        let (round, own_listeners) = (Mutex::new(clock.elapsed()), own_listeners.to_vec());
        Ok(Self { lanes, own_listeners, round, outbox, clock, wake })
    }

    /// Takes another configuration over. A destination that stays keeps how it stands, and its attempts under way count; one whose
    /// URL or concurrency is another begins with a closed breaker. If the store can't be asked, nothing changes.
    pub async fn renew(&self, configured: Vec<Destination>) -> Result<(), StoreError> {
        let paused = self.outbox.paused().await?;
        let lane = |destination: Destination, known: Option<&Lane>| {
            let paused = paused.iter().find(|(name, _)| *name == destination.name);
            let reason = paused.map(|(_, reason)| reason.clone());
            Arc::new(Lane::new(destination, &self.own_listeners, reason, known))
        };
        {
            let mut lanes = self.lanes.write();
            let renewed = configured.into_iter().map(|destination| {
                let known = lanes.iter().find(|lane| lane.destination.name == destination.name);
                lane(destination, known.map(|known| &**known))
            });
            *lanes = renewed.collect();
        }
        for lane in self.lanes().iter().filter(|lane| !lane.blocks()) {
            self.outbox.unblock(&lane.destination.name).await?;
        }
        self.wake.ring();
        Ok(())
    }

    /// The destinations as they are configured now, in order.
    #[must_use]
    pub fn configured(&self) -> Vec<Arc<Destination>> {
        self.lanes.read().iter().map(|lane| Arc::clone(&lane.destination)).collect()
    }

    /// How a destination stands; `None` if there is none of this name.
    #[must_use]
    pub fn standing(&self, name: &Name) -> Option<Standing> {
        let now = self.clock.elapsed();
        self.lane(name).map(|lane| lane.standing(now))
    }

    /// Pauses a destination: its backlog waits, attempts under way end. Returns whether there is one of this name. If it can't be
    /// written down, it is paused all the same, until a restart.
    pub async fn pause(&self, name: &Name, reason: &str) -> Result<bool, StoreError> {
        let Some(lane) = self.lane(name) else { return Ok(false) };
        lane.condition.lock().lane.pause(reason);
        self.outbox.set_paused(name, Some(reason.to_owned())).await?;
        Ok(true)
    }

    /// Resumes a destination at once, whatever it asked for earlier. Returns whether there is one of this name.
    pub async fn resume(&self, name: &Name) -> Result<bool, StoreError> {
        let Some(lane) = self.lane(name) else { return Ok(false) };
        self.outbox.set_paused(name, None).await?;
        lane.condition.lock().lane.resume();
        self.wake.ring();
        Ok(true)
    }

    /// What a destination would be sent of an event; `None` if there is none of this name.
    pub async fn body<Q: Questions + ?Sized>(
        &self,
        name: &Name,
        event: &Event,
        store: &Q,
    ) -> Option<Result<Body, NothingToSend>> {
        let lane = self.lane(name)?;
        Some(lane.body(event, store, &*self.clock).await)
    }

    /// How long ago the worker last began a round: seconds at the most, unless it stalls.
    #[must_use]
    pub fn since_last_round(&self) -> Duration {
        self.clock.elapsed().saturating_sub(*self.round.lock())
    }

    pub(super) fn note_round(&self) {
        *self.round.lock() = self.clock.elapsed();
    }

    fn lane(&self, name: &Name) -> Option<Arc<Lane>> {
        self.lanes.read().iter().find(|lane| lane.destination.name == *name).cloned()
    }

    pub(super) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.read().clone()
    }
}

/// One destination with its own slots, breaker and client, so that it can only harm itself.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) destination: Arc<Destination>,
    /// If there is none, every attempt fails with the reason, and everybody else is served.
    pub(super) sender: Result<Sender, SenderError>,
    /// What makes its bodies, if it has a transform.
    press: Option<Press>,
    /// Shared with the lane that this one replaced: its attempts may still be under way.
    condition: Arc<Mutex<Condition>>,
}

/// What changes with every attempt.
#[derive(Debug)]
struct Condition {
    /// What decides.
    lane: lane::Lane,
    latest: Latest,
}

impl Condition {
    /// How a destination stands when it is configured: as before, if it is known. Another URL begins with a closed breaker.
    fn of(
        destination: &Destination,
        paused: Option<String>,
        known: Option<&Lane>,
    ) -> Arc<Mutex<Self>> {
        let manners = manners(destination);
        let Some(known) = known else {
            let lane = lane::Lane::new(manners, paused);
            return Arc::new(Mutex::new(Self { lane, latest: Latest::default() }));
        };
        let mut condition = known.condition.lock();
        condition.lane.rearrange(manners);
        if known.destination.url != destination.url {
            condition.lane.forget();
        }
        drop(condition);
        Arc::clone(&known.condition)
    }
}

/// How a destination wants to be treated.
fn manners(destination: &Destination) -> Manners {
    Manners {
        max_concurrency: destination.max_concurrency,
        rate: destination.rate,
        retry: destination.retry.clone(),
        fail_fast: destination.fail_fast.clone(),
        blocks: blocks(destination),
    }
}

/// Whether an exhausted delivery holds up those behind it.
fn blocks(destination: &Destination) -> bool {
    destination.order.is_some() && destination.on_exhausted == OnExhausted::Block
}

impl Lane {
    fn new(
        destination: Destination,
        own_listeners: &[SocketAddr],
        paused: Option<String>,
        known: Option<&Self>,
    ) -> Self {
        let sender = Sender::new(&destination, own_listeners.to_vec());
        let name = &destination.name;
        let mut press = None;
        let mut sender = sender;
        if let Some(transform) = &destination.transform {
            match Press::start(name, transform.clone()) {
                Ok(started) => press = Some(started),
                Err(error) => sender = Err(SenderError::Transform(error)),
            }
        }
        if let Err(error) = &sender {
            tracing::error!(destination.name = %name, %error, "nothing can be sent to a destination: every attempt will fail");
        }
        if !destination.allow_subnets.is_empty() {
            tracing::info!(destination.name = %name, destination.allow_subnets = ?destination.allow_subnets, "a destination may be in networks that are not public");
        }
        let condition = Condition::of(&destination, paused, known);
        Self { destination: Arc::new(destination), sender, press, condition }
    }

    /// What is sent of an event.
    pub(super) async fn body<Q: Questions + ?Sized>(
        &self,
        event: &Event,
        store: &Q,
        clock: &dyn Clock,
    ) -> Result<Body, NothingToSend> {
        body::make(&self.destination, self.press.as_ref(), event, store, clock).await
    }

    /// Whether an exhausted delivery holds up those behind it.
    pub(super) fn blocks(&self) -> bool {
        blocks(&self.destination)
    }

    /// What may start at `now`.
    pub(super) fn room(&self, now: Duration) -> Room {
        if self.destination.enabled { self.condition.lock().lane.room(now) } else { Room::None }
    }

    /// Takes a slot until the returned value is dropped, whatever becomes of the attempt.
    pub(super) fn take(self: &Arc<Self>, now: Duration) -> Slot {
        self.condition.lock().lane.started(now);
        Slot(Arc::clone(self))
    }

    /// Learns from an attempt that took so long and ended at `now`: what it means to its delivery, of which `counted` attempts were
    /// counted before it, and whether the destination is to be paused.
    pub(super) fn learn(
        &self,
        verdict: &mut Verdict,
        took: Duration,
        counted: u32,
        now: Duration,
        random: &Random,
    ) -> (Fate, bool) {
        let name = &self.destination.name;
        let ending = verdict.ending();
        let mut condition = self.condition.lock();
        condition.latest.note(verdict.outcome == Outcome::Succeeded, took);
        let lesson = condition.lane.learn(ending, now, random);
        if lesson.recovered {
            tracing::info!(destination.name = %name, "a destination takes events again");
        }
        if let Some(rest) = lesson.rests {
            let reason = verdict.reason.as_deref();
            tracing::warn!(destination.name = %name, reason, rest.seconds = rest.as_secs(), "a destination keeps failing: nothing is sent to it for a while");
        }
        if condition.lane.fails_fast(ending) {
            let reason = verdict.reason.get_or_insert_default();
            reason.push_str("; not tried again, by fail_fast");
        }
        (condition.lane.fate(ending, counted, random), lesson.gone)
    }

    fn standing(&self, now: Duration) -> Standing {
        let Condition { lane, latest } = &*self.condition.lock();
        Standing {
            paused: lane.paused().map(str::to_owned),
            breaker: lane.breaker(now),
            quiet_until: lane.quiet_until(now),
            in_flight: lane.in_flight(),
            success_rate: latest.success_rate(),
            latency: latest.percentiles(),
        }
    }
}

/// One of a lane's attempts under way.
#[derive(Debug)]
pub(super) struct Slot(Arc<Lane>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.condition.lock().lane.over();
    }
}
