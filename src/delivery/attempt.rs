//! One claimed delivery, from the bytes that are sent to the result that is written down.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;

use super::destinations::{Destinations, Lane};
use super::sender::{Parcel, Verdict};
use super::steady::SteadyTime;
use crate::clock::Clock;
use crate::domain::delivery::{Attempt, Outcome};
use crate::domain::destination::Format;
use crate::random::Random;
use crate::store::{Claimed, Next, Recorded, Store, StoreError};

/// How long to wait before a result that could not be written down is tried again. Until then it holds its slot, so what waits
/// in memory is bounded.
const RECORD_WAIT: Duration = Duration::from_secs(1);

/// The status that says that a destination wants nothing any more (Standard Webhooks).
const GONE: u16 = 410;

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
        let verdict = verdict.unwrap_or_else(|_| {
            Verdict::failure(Outcome::Failed, "callbox panicked; please report it".to_owned())
        });
        let duration = self.clock.elapsed().saturating_sub(began);
        lane.learn(&verdict, duration, self.clock.elapsed(), &self.random);
        if verdict.status == Some(GONE) {
            self.pause(lane).await;
        }
        let next = self.next(lane, &claimed, &verdict);
        if next == Next::Exhausted {
            tracing::warn!(destination.name = %lane.destination.name, delivery.id = %claimed.id, event.id = %claimed.event.id, "a delivery has used up its attempts");
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
        match self.parcel(lane.destination.format, claimed).await {
            Ok(parcel) => sender.send(&parcel, self.clock.now()).await,
            Err(error) => Verdict::failure(Outcome::Failed, error.to_string()),
        }
    }

    /// What is sent: made anew from what is stored, so that it is the same on every attempt.
    async fn parcel(&self, format: Format, claimed: &Claimed) -> Result<Parcel, NothingToSend> {
        let (content_type, body) = match format {
            Format::Event => (Some("application/json".to_owned()), json(claimed)?),
            Format::CloudEvents => {
                (Some("application/cloudevents+json".to_owned()), json(claimed)?)
            }
            Format::Raw => {
                let id = claimed.event.callback_id.ok_or(NothingToSend::Alarm)?;
                self.store.callback_body(id).await?.ok_or(NothingToSend::CallbackGone)?
            }
        };
        Ok(Parcel {
            delivery: claimed.id,
            event: claimed.event.id,
            attempt: claimed.number,
            replay: claimed.replay,
            content_type,
            body,
        })
    }

    fn next(&self, lane: &Lane, claimed: &Claimed, verdict: &Verdict) -> Next {
        if verdict.outcome == Outcome::Succeeded {
            return Next::Succeeded;
        }
        let retry = &lane.destination.retry;
        let wait = retry.next(claimed.counted, verdict.outcome, verdict.retry_after, &self.random);
        wait.map_or(Next::Exhausted, |wait| Next::RetryAt(self.steady.now().after(wait)))
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

/// There is nothing that could be sent.
#[derive(Debug, thiserror::Error)]
enum NothingToSend {
    #[error("an alarm of callbox's own has no vendor's bytes to send; use format = \"event\"")]
    Alarm,
    #[error("the callback is not kept any more")]
    CallbackGone,
    #[error("the callback can't be read: {0}")]
    Store(#[from] StoreError),
    #[error("the event can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn json(claimed: &Claimed) -> Result<Bytes, serde_json::Error> {
    serde_json::to_vec(&claimed.event).map(Bytes::from)
}
