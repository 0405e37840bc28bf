//! One claimed delivery, from the bytes that are sent to the result that is written down.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::destinations::{Destinations, Lane};
use super::sender::{Parcel, Verdict};
use super::steady::SteadyTime;
use crate::clock::Clock;
use crate::domain::delivery::{Attempt, Outcome};
use crate::domain::hops;
use crate::domain::lane::Fate;
use crate::random::Random;
use crate::store::{Claimed, Next, Recorded, Store, StoreError};

/// How long to wait before a result that could not be written down is tried again. Until then it holds its slot, so what waits
/// in memory is bounded.
const RECORD_WAIT: Duration = Duration::from_secs(1);

/// What every attempt needs.
pub(super) struct Courier {
    pub(super) store: Arc<dyn Store>,
    pub(super) destinations: Arc<Destinations>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) steady: SteadyTime,
    pub(super) random: Arc<Random>,
}

impl Courier {
    /// Makes the attempt and writes down what came of it. Never gives up on writing, unless the store is closed: whoever stops
    /// this on the way gets the event sent once more, never lost.
    pub(super) async fn carry(&self, lane: &Lane, claimed: Claimed) {
        let (started_at, began) = (self.clock.now(), self.clock.elapsed());
        let verdict = AssertUnwindSafe(self.send(lane, &claimed)).catch_unwind().await;
        let mut verdict = verdict.unwrap_or_else(|_| {
            Verdict::failure(Outcome::Failed, "callbox panicked; please report it".to_owned())
        });
        let duration = self.clock.elapsed().saturating_sub(began);
        let (counted, now) = (claimed.counted, self.clock.elapsed());
        let (fate, gone) = lane.learn(&mut verdict, duration, counted, now, &self.random);
        if gone {
            self.pause(lane).await;
        }
        let next = match fate {
            Fate::Succeeded => Next::Succeeded,
            Fate::RetryIn(wait) => Next::RetryAt(self.steady.now().after(wait)),
            Fate::Exhausted => Next::Exhausted,
            Fate::Blocks => Next::Blocks,
        };
        match next {
            Next::Exhausted => {
                tracing::warn!(destination.name = %lane.destination.name, delivery.id = %claimed.id, event.id = %claimed.event.id, "a delivery has used up its attempts");
            }
            Next::Blocks => {
                tracing::warn!(destination.name = %lane.destination.name, delivery.id = %claimed.id, event.id = %claimed.event.id, "a delivery has used up its attempts, and those behind it wait until somebody retries or cancels it");
            }
            Next::Succeeded | Next::RetryAt(_) => {}
        }
        let attempt = Attempt {
            number: claimed.number,
            started_at,
            duration,
            outcome: verdict.outcome,
            status: verdict.status,
            reason: verdict.reason,
            trigger: claimed.trigger,
            response: verdict.response,
        };
        self.record(lane, Recorded { delivery: claimed.id, attempt, next }).await;
    }

    async fn send(&self, lane: &Lane, claimed: &Claimed) -> Verdict {
        let sender = match &lane.sender {
            Ok(sender) => sender,
            Err(error) => return Verdict::failure(Outcome::Failed, error.to_string()),
        };
        if hops::of(&claimed.event) >= hops::HOPS_MAX {
            let reason = format!(
                "a loop: it came through {} callboxes already (webhook-hops); look who delivers to whom",
                hops::of(&claimed.event)
            );
            return Verdict::failure(Outcome::Failed, reason);
        }
        match lane.body(&claimed.event, &*self.store, &*self.clock).await {
            Ok(body) => {
                let parcel = Parcel {
                    delivery: claimed.id,
                    event: claimed.event.id,
                    attempt: claimed.number,
                    replay: claimed.replay,
                    hops: hops::of(&claimed.event).saturating_add(1),
                    content_type: body.content_type,
                    body: body.bytes,
                };
                sender.send(&parcel, self.clock.now()).await
            }
            Err(error) => Verdict::failure(Outcome::Failed, error.to_string()),
        }
    }

    async fn pause(&self, lane: &Lane) {
        let name = &lane.destination.name;
        tracing::warn!(destination.name = %name, "a destination answered 410 Gone and is paused");
        if let Err(error) = self.destinations.pause(name, "it answered 410 Gone").await {
            tracing::warn!(destination.name = %name, %error, "the pause is not on disk: it ends with a restart");
        }
    }

    async fn record(&self, lane: &Lane, recorded: Recorded) {
        let (name, delivery) = (&lane.destination.name, recorded.delivery);
        let mut complained = false;
        while let Err(error) = self.store.record(recorded.clone()).await {
            if !complained {
                tracing::warn!(destination.name = %name, delivery.id = %delivery, %error, "the result of an attempt is not on disk yet");
                complained = true;
            }
            if let StoreError::Closed = error {
                return;
            }
            self.clock.sleep(RECORD_WAIT).await;
        }
        if complained {
            tracing::info!(destination.name = %name, delivery.id = %delivery, "the result of an attempt is on disk now");
        }
    }
}
