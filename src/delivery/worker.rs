//! The worker that hands events out: it looks what is due, claims it fairly for each destination, and has it sent.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::bell::Bell;
use futures_util::future::join_all;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::attempt::Courier;
use super::destinations::{Destinations, Lane};
use super::steady::SteadyTime;
use crate::clock::Clock;
use crate::domain::rounds::{Due, POLL, Rounds, STORE_REST, survey};
use crate::random::Random;
use crate::store::{Claimed, Store, StoreError};

/// Hands events out.
pub struct DeliveryWorker {
    courier: Arc<Courier>,
    wake: Arc<Bell>,
    attempts: JoinSet<()>,
    rounds: Rounds,
}

/// What a round found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// How many attempts it started.
    pub started: usize,
    /// How many are under way now.
    pub in_flight: usize,
    /// How long nothing more can be done, unless something happens.
    pub rest: Duration,
}

impl DeliveryWorker {
    /// A worker for these destinations. `wake` rouses it when something new may be due.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        destinations: Arc<Destinations>,
        clock: Arc<dyn Clock>,
        random: Arc<Random>,
        wake: Arc<Bell>,
    ) -> Self {
        let steady = SteadyTime::new(Arc::clone(&clock));
        let courier = Arc::new(Courier { store, destinations, clock, steady, random });
        Self { courier, wake, attempts: JoinSet::new(), rounds: Rounds::default() }
    }

    /// Works until told to stop. Then it claims nothing more, and attempts under way have `grace` to end; those cut off are due
    /// again at the next start.
    pub async fn run(mut self, shutdown: CancellationToken, grace: Duration) {
        let clock = Arc::clone(&self.courier.clock);
        while !shutdown.is_cancelled() {
            match self.recover().await {
                Ok(0) => break,
                Ok(due) => {
                    tracing::info!(
                        deliveries = due,
                        "deliveries cut off by the last stop are due again"
                    );
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "can't look for deliveries that the last stop cut off");
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = clock.sleep(STORE_REST) => {}
                    }
                }
            }
        }
        while !shutdown.is_cancelled() {
            let rest = self.tick().await.rest;
            if rest.is_zero() {
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.wake.heard() => {}
                () = clock.sleep(rest) => {}
                Some(ended) = self.attempts.join_next() => report(ended),
            }
        }
        self.finish(grace).await;
    }

    /// Makes what the last stop cut off due again, and lets lines go on that their destination does not want blocked. Has to come
    /// before the first round. Returns how many deliveries that were.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        let due = self.courier.store.recover(self.courier.steady.now()).await?;
        for lane in self.courier.destinations.lanes().iter().filter(|lane| !lane.blocks()) {
            self.courier.store.unblock(&lane.destination.name).await?;
        }
        Ok(due)
    }

    /// One round: claims what is due, as far as slots reach, and starts the attempts.
    pub async fn tick(&mut self) -> Round {
        self.courier.destinations.note_round();
        while let Some(ended) = self.attempts.try_join_next() {
            report(ended);
        }
        let lanes = self.courier.destinations.lanes();
        let elapsed = self.courier.clock.elapsed();
        let survey = survey(lanes.iter().map(|lane| lane.room(elapsed)), elapsed);
        // Before anything is looked up: what is committed after that, rings.
        self.wake.listen(!survey.open.is_empty());
        let asked = survey.open.iter().filter_map(|(number, _)| lanes.get(*number));
        let due = join_all(asked.map(async |lane| self.due(lane).await)).await;
        let now = self.courier.steady.now();
        let plan = self.rounds.plan(&survey, &due, self.attempts.len(), now);
        let mut rest = plan.rest.min(POLL);
        let claims =
            plan.claims.iter().filter_map(|(number, share)| Some((lanes.get(*number)?, share)));
        let claims = claims.map(async |(lane, share)| {
            let claimed = self.courier.store.claim(&lane.destination.name, *share, now).await;
            (Arc::clone(lane), claimed)
        });
        let claims: Vec<_> = join_all(claims).await;
        let mut started = 0;
        for (lane, claimed) in claims {
            match claimed {
                Ok(claimed) => {
                    started += claimed.len();
                    for claimed in claimed {
                        self.start(&lane, claimed);
                    }
                }
                Err(error) => {
                    complain(&lane, &error);
                    rest = rest.min(STORE_REST);
                }
            }
        }
        if started > 0 {
            rest = Duration::ZERO; // there may be more behind what was claimed
        }
        Round { started, in_flight: self.attempts.len(), rest }
    }

    /// Waits until every attempt under way has ended and is written down.
    pub async fn settle(&mut self) {
        while let Some(ended) = self.attempts.join_next().await {
            report(ended);
        }
    }

    async fn due(&self, lane: &Lane) -> Due {
        match self.courier.store.next_due(&lane.destination.name).await {
            Ok(due) => due.map_or(Due::Never, Due::At),
            Err(error) => {
                complain(lane, &error);
                Due::Unknown
            }
        }
    }

    fn start(&mut self, lane: &Arc<Lane>, claimed: Claimed) {
        let slot = lane.take(self.courier.clock.elapsed());
        let (courier, lane) = (Arc::clone(&self.courier), Arc::clone(lane));
        self.attempts.spawn(async move {
            courier.carry(&lane, claimed).await;
            drop(slot);
        });
    }

    async fn finish(&mut self, grace: Duration) {
        let clock = Arc::clone(&self.courier.clock);
        let ended = tokio::select! {
            () = self.settle() => true,
            () = clock.sleep(grace) => false,
        };
        if !ended {
            let cut_off = self.attempts.len();
            tracing::warn!(
                attempts = cut_off,
                "attempts are cut off; they are made again at the next start"
            );
            self.attempts.shutdown().await;
        }
    }
}

/// A send that panics is caught and written down; what arrives here is the writing itself. Its delivery is due again at the next
/// start.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the result of an attempt could not be written down");
    }
}

fn complain(lane: &Lane, error: &StoreError) {
    tracing::warn!(destination.name = %lane.destination.name, %error, "can't look what is due");
}
