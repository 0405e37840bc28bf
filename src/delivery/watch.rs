//! The watch: looks at destinations, sources and the disk every few seconds, and tells of each change of state with an event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::bell::Bell;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::destinations::Destinations;
use super::look::Look;
use crate::clock::{Clock, Time};
use crate::domain::alarm::{Alarm, Change, Condition, Counted, Sign, Tally, Trouble, change};
use crate::domain::event::{Data, EventType, Part};
use crate::domain::id::{DeliveryId, EventId, IdMaker};
use crate::domain::source::Source;
use crate::store::{AlarmEvent, Store, StoreError};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Whose events alarms are.
const OURS: &str = "callbox";

/// An alarm's name: what can be wrong, with what.
pub(super) type Key = (Condition, String);

/// Watches, and raises alarms.
#[expect(missing_debug_implementations, reason = "it holds a store; nobody prints it")]
pub struct Watch {
    pub(super) store: Arc<dyn Store>,
    pub(super) destinations: Arc<Destinations>,
    /// The sources as they are configured now.
    pub(super) sources: watch::Receiver<Vec<Source>>,
    ids: Arc<IdMaker>,
    pub(super) clock: Arc<dyn Clock>,
    wake: Arc<Bell>,
    news: watch::Sender<()>,
    /// When it began to watch.
    pub(super) started: Time,
    /// Where each alarm stands; read at the first look.
    pub(super) known: Option<BTreeMap<Key, Alarm>>,
    pub(super) tallies: BTreeMap<Key, Tally>,
}

impl Watch {
    /// Watches these. `wake` rouses the delivery worker, `news` those who follow the events.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        (destinations, sources): (Arc<Destinations>, watch::Receiver<Vec<Source>>),
        ids: Arc<IdMaker>,
        clock: Arc<dyn Clock>,
        wake: Arc<Bell>,
        news: watch::Sender<()>,
    ) -> Self {
        let (known, tallies, started) = (None, BTreeMap::new(), clock.now());
        Self { store, destinations, sources, ids, clock, wake, news, started, known, tallies }
    }

    /// Watches until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let clock = Arc::clone(&self.clock);
        while !stop.is_cancelled() {
            if let Err(error) = self.tick().await {
                tracing::warn!(%error, "the watch could not look, or not tell what it saw; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = clock.sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// One look at everything.
    pub async fn tick(&mut self) -> Result<(), StoreError> {
        if self.known.is_none() {
            let alarms = self.store.alarms().await?;
            let keyed =
                alarms.into_iter().map(|alarm| ((alarm.condition, alarm.subject.clone()), alarm));
            self.known = Some(keyed.collect());
        }
        let looks = self.looks().await?;
        for look in &looks {
            self.judge(look, &looks).await?;
        }
        Ok(())
    }

    /// What one look says, in the light of where the alarm stands.
    async fn judge(&mut self, look: &Look, all: &[Look]) -> Result<(), StoreError> {
        let Some(alarm) = self.alarm(look).await? else { return Ok(()) };
        match change(alarm.raised, &look.sign) {
            None => Ok(()),
            Some(Change::Raised) => self.raise(look).await,
            // A destination is well again once nothing is wrong with it any more, and says so once.
            Some(Change::Recovered)
                if look.condition.recovered() == EventType::CallboxDestinationRecovered =>
            {
                let of_it = all.iter().filter(|other| other.subject == look.subject);
                let of_it =
                    of_it.filter(|other| other.condition.recovered() == look.condition.recovered());
                let raised: Vec<&Look> =
                    of_it.filter(|other| self.is_raised(&other.key())).collect();
                if raised.iter().all(|other| other.sign == Sign::Well) {
                    self.recover(&raised).await
                } else {
                    Ok(())
                }
            }
            Some(Change::Recovered) => self.recover(&[look]).await,
        }
    }

    fn is_raised(&self, key: &Key) -> bool {
        self.known.as_ref().and_then(|known| known.get(key)).is_some_and(|alarm| alarm.raised)
    }

    /// Where the alarm stands. What is looked at for the first time is written down as it is: what was before is not news.
    async fn alarm(&mut self, look: &Look) -> Result<Option<Alarm>, StoreError> {
        if let Some(alarm) = self.known.as_ref().and_then(|known| known.get(&look.key())) {
            return Ok(Some(alarm.clone()));
        }
        let alarm = Alarm {
            condition: look.condition,
            subject: look.subject.clone(),
            raised: false,
            since: self.clock.now(),
            reason: String::new(),
            seen: 0,
        };
        self.store.note_alarms(vec![alarm.clone()], None).await?;
        self.remember(alarm.clone());
        Ok(Some(alarm))
    }

    fn remember(&mut self, alarm: Alarm) {
        let key = (alarm.condition, alarm.subject.clone());
        self.known.get_or_insert_default().insert(key, alarm);
    }

    async fn raise(&mut self, look: &Look) -> Result<(), StoreError> {
        let Sign::Ill(Trouble { reason, counts }) = &look.sign else { return Ok(()) };
        let now = self.clock.now();
        let alarm = Alarm {
            condition: look.condition,
            subject: look.subject.clone(),
            raised: true,
            since: now,
            reason: reason.clone(),
            seen: look.seen,
        };
        let kind = look.condition.raised();
        tracing::warn!(alarm = kind.as_str(), alarm.subject = %look.subject, reason, "an alarm is raised");
        let mut told = Map::from_iter([
            ("state".to_owned(), json!("raised")),
            ("reason".to_owned(), json!(reason)),
            ("since".to_owned(), json!(now)),
            ("action".to_owned(), json!(look.condition.action())),
        ]);
        if !counts.is_empty() {
            told.insert("counts".to_owned(), Value::Object(counts.clone()));
        }
        self.tell(kind, &look.subject, told, vec![alarm]).await
    }

    async fn recover(&mut self, looks: &[&Look]) -> Result<(), StoreError> {
        let Some(first) = looks.first() else { return Ok(()) };
        let now = self.clock.now();
        let known = self.known.get_or_insert_default();
        let before: Vec<Alarm> =
            looks.iter().filter_map(|look| known.get(&look.key()).cloned()).collect();
        let since = before.iter().map(|alarm| alarm.since).min().unwrap_or(now);
        let recovers: Vec<&str> =
            before.iter().map(|alarm| alarm.condition.raised().as_str()).collect();
        let reasons: Vec<&str> = before.iter().map(|alarm| alarm.reason.as_str()).collect();
        let kind = first.condition.recovered();
        let lasted = now.since(since).as_secs();
        tracing::info!(alarm = kind.as_str(), alarm.subject = %first.subject, recovers = ?recovers, lasted.seconds = lasted, "an alarm is over");
        let told = Map::from_iter([
            ("state".to_owned(), json!("recovered")),
            ("recovers".to_owned(), json!(recovers)),
            ("reason".to_owned(), json!(reasons.join("; "))),
            ("since".to_owned(), json!(since)),
            ("lasted_seconds".to_owned(), json!(lasted)),
        ]);
        let after = looks.iter().map(|look| Alarm {
            condition: look.condition,
            subject: look.subject.clone(),
            raised: false,
            since: now,
            reason: String::new(),
            seen: look.seen,
        });
        let subject = first.subject.clone();
        self.tell(kind, &subject, told, after.collect()).await
    }

    /// Keeps the event with the alarms' new state, and rouses who waits for it.
    async fn tell(
        &mut self,
        kind: EventType,
        subject: &str,
        told: Map<String, Value>,
        alarms: Vec<Alarm>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let data = Data {
            vendor: OURS.to_owned(),
            dialect: "callbox.alarm".to_owned(),
            parts: BTreeMap::from([(Part::Alarm, told)]),
            ..Data::default()
        };
        let data = serde_json::to_string(&data)
            .map_err(|error| StoreError::Failed(format!("an alarm can't be written: {error}")))?;
        let source = OURS.parse().map_err(|_| StoreError::Failed("no source".to_owned()))?;
        let configured = self.destinations.configured();
        let wanted = configured.into_iter().filter(|destination| {
            destination.wants(kind, &source, None)
                && !destination.is_subject_of(kind, Some(subject))
        });
        let deliveries = wanted.map(|destination| {
            (DeliveryId::from_bits(self.ids.next(now)), destination.name.clone())
        });
        let event = AlarmEvent {
            deliveries: deliveries.collect(),
            id: EventId::from_bits(self.ids.next(now)),
            kind,
            subject: subject.to_owned(),
            at: now,
            data,
        };
        self.store.note_alarms(alarms.clone(), Some(event)).await?;
        for alarm in alarms {
            self.remember(alarm);
        }
        self.wake.ring();
        self.news.send_replace(());
        Ok(())
    }

    /// What counts of bad and good things say about an alarm.
    pub(super) fn tally(&mut self, key: &Key, counts: (u64, u64)) -> Counted {
        let now = self.clock.elapsed();
        let alarm = self.known.as_mut().and_then(|known| known.get_mut(key));
        // What was counted can be taken back, by reading a callback again: what comes then is new all the same.
        let stands = alarm.map_or((0, false), |alarm| {
            alarm.seen = alarm.seen.min(counts.0);
            (alarm.seen, alarm.raised)
        });
        let beginning = Tally::beginning(counts.0, counts.1, now);
        let tally = self.tallies.entry(key.clone()).or_insert(beginning);
        tally.look(counts, stands, now)
    }
}
