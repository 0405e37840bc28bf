//! Taking a callback in: authenticate, read, choose destinations, append. No HTTP, no SQL.

mod drift;
mod rates;
mod reprocess;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::bell::Bell;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

pub use drift::DriftBook;
pub use rates::Rates;
pub use reprocess::Reprocessing;

use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome};
use crate::domain::destination::Destination;
use crate::domain::drift::{Finding, Seen, findings as drift_of};
use crate::domain::event::{Draft, Event, EventType, TimeBasis};
use crate::domain::hops;
use crate::domain::id::{CallbackId, DeliveryId, EventId, IdMaker};
use crate::domain::source::Source;
use crate::store::{Appended, Intake, Kept, NewCallback, NewDelivery, NewEvent, StoreError};
use crate::vendor::{self, Authentic, EVENTS_MAX, Reading, authenticity};

/// What takes callbacks in.
#[expect(missing_debug_implementations, reason = "it holds the store's key; nobody prints it")]
pub struct Receiver<S: ?Sized> {
    /// Where they are kept.
    pub store: Arc<S>,
    /// Who may want their events.
    pub destinations: Arc<[Destination]>,
    /// Where ids are from.
    pub ids: Arc<IdMaker>,
    /// The store's key, for sealing credentials.
    pub key: [u8; 32],
    /// What vendors send that their adapters do not know.
    pub drift: Arc<DriftBook>,
    /// How many callbacks a second sources may bring.
    pub rates: Rates,
    /// Wakes the delivery worker.
    pub wake: Arc<Bell>,
    /// Wakes those who follow the events, once there are more of them. It says nothing of which: the store does.
    pub news: watch::Sender<()>,
}

/// A callback that is on disk.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its id.
    pub callback: CallbackId,
    /// What became of it.
    pub outcome: CallbackOutcome,
    /// Its events, new ones and known ones.
    pub events: Vec<EventId>,
    /// The type of its first event: what a source's answer may depend on.
    pub kind: Option<EventType>,
    /// Why it is quarantined or unauthentic.
    pub reason: Option<String>,
}

/// Why a callback is not on disk.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotTaken {
    /// It is authentic, but one more than its source's rate allows; another may come after this time.
    #[error("the source brings more callbacks than its rate allows")]
    TooMany(Duration),
    /// It is not authentic, and the store could not keep it.
    #[error("it is not authentic, and could not be kept: {0}")]
    Unauthentic(#[source] StoreError),
    /// The store could not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<S: Intake + ?Sized> Receiver<S> {
    /// The same for other destinations and limits.
    #[must_use]
    pub fn with(&self, destinations: Arc<[Destination]>, rates: Rates) -> Self {
        Self {
            store: Arc::clone(&self.store),
            destinations,
            ids: Arc::clone(&self.ids),
            key: self.key,
            drift: Arc::clone(&self.drift),
            rates,
            wake: Arc::clone(&self.wake),
            news: self.news.clone(),
        }
    }

    /// Takes a callback in. Only `Ok` may be answered 2xx: then it is committed and synced. `public_url` is what vendors call,
    /// up to where the callback's path begins.
    ///
    /// # Errors
    /// Why it was not kept. What is not authentic is refused as that, whatever the store has to say.
    pub async fn accept(
        &self,
        source: &Source,
        callback: Callback,
        public_url: &str,
    ) -> Result<Accepted, NotTaken> {
        let kept = match authenticity::check(&source.auth, &callback, public_url) {
            Ok(authentic) => {
                self.rates.take(&source.name).map_err(NotTaken::TooMany)?;
                self.judge(source, authentic, callback.received_at)
            }
            Err(refusal) => Kept::Unauthentic(refusal.word().to_owned(), source.unauthentic_keep),
        };
        let (kind, reason) = match &kept {
            Kept::Events(events) => (events.first().map(|event| event.draft.kind), None),
            Kept::Quarantined(reason) | Kept::Unauthentic(reason, _) => {
                (None, Some(reason.clone()))
            }
        };
        let (id, received_at) = (callback.id, callback.received_at);
        let findings = findings(&kept);
        let drift = self.drift.worth_writing(&source.name, &findings, id, received_at);
        let is_authentic = !matches!(kept, Kept::Unauthentic(..));
        let appended = self.store.append(self.sealed(source, callback, kept, drift)).await;
        let appended = appended.map_err(|error| {
            if is_authentic { NotTaken::Store(error) } else { NotTaken::Unauthentic(error) }
        })?;
        self.drift.note(&source.name, &findings, id, received_at);
        if appended.outcome == CallbackOutcome::Events {
            self.news.send_replace(());
        }
        if appended.deliveries > 0 {
            self.wake.ring_for_new();
        }
        log(source, id, &appended, reason.as_deref());
        let Appended { outcome, events, .. } = appended;
        Ok(Accepted { callback: id, outcome, events, kind, reason })
    }

    /// Reads an authentic callback, and chooses who is to get what it means. Ids are those of the moment `at`.
    fn judge(&self, source: &Source, callback: Authentic<'_>, at: Time) -> Kept {
        let drafts = match read(source, callback) {
            Reading::Events(drafts) if drafts.len() <= EVENTS_MAX => drafts,
            Reading::Events(drafts) => {
                return Kept::Quarantined(format!(
                    "{} events in one callback; {EVENTS_MAX} are the most",
                    drafts.len()
                ));
            }
            Reading::Quarantine(reason) => return Kept::Quarantined(reason),
        };
        let callback = callback.callback();
        let events = drafts.into_iter().map(|mut draft| {
            hops::keep(&callback.head.headers, &mut draft.data.extra);
            let id = EventId::from_bits(self.ids.next(at));
            let deliveries = self.choose(source, callback, id, &draft, at);
            new_event(source, id, draft, deliveries)
        });
        match events.collect::<Result<_, serde_json::Error>>() {
            Ok(events) => Kept::Events(events),
            Err(error) => Kept::Quarantined(format!("its events could not be written: {error}")),
        }
    }

    /// Who is to get an event. What filters look at is made only where there is one, and once for all of them.
    fn choose(
        &self,
        source: &Source,
        callback: &Callback,
        id: EventId,
        draft: &Draft,
        at: Time,
    ) -> Vec<NewDelivery> {
        let mut filtered: Option<Value> = None;
        let mut deliveries = Vec::new();
        for destination in self.destinations.iter() {
            if !destination.wants(draft.kind, &source.name, draft.data.channel)
                || !destination.from.includes(at)
            {
                continue;
            }
            if let Some(filter) = &destination.filter {
                let event = filtered
                    .get_or_insert_with(|| before_commit(callback, id, draft).as_filtered());
                if !filter.matches(event) {
                    continue;
                }
            }
            deliveries.push(NewDelivery {
                id: DeliveryId::from_bits(self.ids.next(at)),
                destination: destination.name.clone(),
                order: destination.order,
            });
        }
        deliveries
    }

    /// The callback as it is kept: what vendors prove themselves with is there as keyed hashes alone.
    fn sealed(
        &self,
        source: &Source,
        callback: Callback,
        kept: Kept,
        drift: Vec<(Finding, Seen)>,
    ) -> NewCallback {
        let (head, token_hash) = authenticity::seal(callback.head, &source.auth, &self.key);
        let callback = Callback { head, ..callback };
        let token_hash = token_hash.filter(|_| matches!(kept, Kept::Unauthentic(..)));
        NewCallback { callback, token_hash, kept, drift }
    }
}

/// What of the events the adapter did not know.
fn findings(kept: &Kept) -> BTreeSet<Finding> {
    match kept {
        Kept::Events(events) => drift_of(events.iter().map(|event| &event.draft)),
        Kept::Quarantined(_) | Kept::Unauthentic(..) => BTreeSet::new(),
    }
}

/// What the vendor's adapter makes of it. One that panics is our bug, not a lost callback.
fn read(source: &Source, callback: Authentic<'_>) -> Reading {
    let Some(vendor) = vendor::find(source.vendor) else {
        return Reading::Quarantine(format!("there is no vendor `{}`", source.vendor));
    };
    catch_unwind(AssertUnwindSafe(|| vendor.read(&callback, &source.reading))).unwrap_or_else(|_| {
        let id = callback.callback().id;
        tracing::error!(source.name = %source.name, callback.id = %id, "the adapter panicked; please report this callback");
        Reading::Quarantine("the adapter panicked: a bug of callbox's".to_owned())
    })
}

/// The event as far as it is known before its commit.
fn before_commit(callback: &Callback, id: EventId, draft: &Draft) -> Event {
    Event {
        id,
        sequence: 0,
        kind: draft.kind,
        source: callback.source.clone(),
        subject: draft.subject.clone(),
        when: draft.when,
        received_at: callback.received_at,
        callback_id: Some(callback.id),
        revised: false,
        replaced_by: None,
        folded: None,
        data: draft.data.clone(),
    }
}

/// An event with the two hashes that tell a repetition: of the vendor's key, and of what it says.
fn new_event(
    source: &Source,
    id: EventId,
    draft: Draft,
    deliveries: Vec<NewDelivery>,
) -> Result<NewEvent, serde_json::Error> {
    let data = serde_json::to_string(&draft.data)?;
    let extra = if draft.data.extra.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&draft.data.extra)?)
    };
    let kind = draft.kind.as_str();
    let key = hash(&[source.name.as_str(), kind, &draft.duplicate_key]);
    // A time that arrival gave is not what the event says.
    let time = match draft.when.basis {
        TimeBasis::Vendor | TimeBasis::AssumedZone => draft.when.at.to_string(),
        TimeBasis::Received => String::new(),
    };
    let digest = hash(&[kind, draft.subject.as_deref().unwrap_or_default(), &time, &data]);
    Ok(NewEvent { id, draft, data, extra, key, digest, deliveries })
}

/// The first 16 bytes of the SHA-256 over the parts, each with its length before it.
fn hash(parts: &[&str]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(short, long)| *short = long);
    short
}

fn log(source: &Source, id: CallbackId, appended: &Appended, reason: Option<&str>) {
    let name = &source.name;
    match appended.outcome {
        CallbackOutcome::Events | CallbackOutcome::Duplicate => {
            tracing::debug!(source.name = %name, callback.id = %id, events = appended.events.len(), "a callback was kept");
        }
        CallbackOutcome::Quarantined => {
            tracing::warn!(source.name = %name, callback.id = %id, reason, "a callback was kept, but not understood");
        }
        CallbackOutcome::Unauthentic => {
            tracing::warn!(source.name = %name, callback.id = %id, reason, "a callback was kept, but is not authentic");
        }
    }
}
