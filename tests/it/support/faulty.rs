//! A store that fails when a test says so, and is the real one otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use callbox::clock::Time;
use callbox::domain::alarm::Alarm;
use callbox::domain::backlog::StartFrom;
use callbox::domain::consumer::{Consumer, Lag};
use callbox::domain::delivery::{Delivery, Trigger};
use callbox::domain::drift::{Finding, Seen};
use callbox::domain::event::Event;
use callbox::domain::id::{CallbackId, DeliveryId, EventId, ReplayId};
use callbox::domain::message::Message;
use callbox::domain::name::Name;
use callbox::domain::query::{
    CallbackFilter, DeliveryFilter, EventFilter, MessageFilter, Page, PageRequest, Place,
};
use callbox::domain::replay::Replay;
use callbox::domain::stats::{Counts, StatsFilter};
use callbox::store::sqlite::SqliteStore;
use callbox::store::{
    AlarmEvent, Alarms, Appended, Backlog, Backlogs, CallbackRecord, Claimed, Consumers, Counted,
    ExpireStep, Expired, Extent, HandStep, Indexed, Intake, JoinStep, Joined, Joining, Keeping,
    Moved, NewCallback, NewReading, OrderedJoin, Outbox, Prune, Pruned, Questions, Recorded,
    Replays, Reread, SourceCounts, Start, StoreError, StoredCallback, Story, Upkeep,
};

/// The real store, until it is told to fail.
pub(crate) struct FaultyStore {
    pub(super) inner: SqliteStore,
    failing_records: AtomicUsize,
    panicking_bodies: AtomicUsize,
}

impl FaultyStore {
    pub(crate) fn new(inner: SqliteStore) -> Self {
        Self { inner, failing_records: AtomicUsize::new(0), panicking_bodies: AtomicUsize::new(0) }
    }

    /// The next results of attempts can't be written down.
    pub(crate) fn fail_next_records(&self, times: usize) {
        self.failing_records.store(times, Ordering::SeqCst);
    }

    /// The next look at a callback's body panics.
    pub(crate) fn panic_at_next_body(&self) {
        self.panicking_bodies.store(1, Ordering::SeqCst);
    }
}

/// Whether there was one left.
fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Intake for FaultyStore {
    async fn append(&self, callback: NewCallback) -> Result<Appended, StoreError> {
        self.inner.append(callback).await
    }

    async fn forget_drift(&self, source: &Name) -> Result<usize, StoreError> {
        self.inner.forget_drift(source).await
    }

    async fn reread(&self, reading: NewReading) -> Result<Option<Reread>, StoreError> {
        self.inner.reread(reading).await
    }
}

#[async_trait]
impl Outbox for FaultyStore {
    async fn recover(&self, now: Time) -> Result<usize, StoreError> {
        self.inner.recover(now).await
    }

    async fn claim(
        &self,
        destination: &Name,
        limit: usize,
        now: Time,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.inner.claim(destination, limit, now).await
    }

    async fn record(&self, recorded: Recorded) -> Result<(), StoreError> {
        if take_one(&self.failing_records) {
            return Err(StoreError::Failed("the test says so".to_owned()));
        }
        self.inner.record(recorded).await
    }

    async fn next_due(&self, destination: &Name) -> Result<Option<Time>, StoreError> {
        self.inner.next_due(destination).await
    }

    async fn retry_now(
        &self,
        delivery: DeliveryId,
        trigger: Trigger,
        now: Time,
    ) -> Result<Option<bool>, StoreError> {
        self.inner.retry_now(delivery, trigger, now).await
    }

    async fn cancel(&self, delivery: DeliveryId, reason: &str) -> Result<Option<bool>, StoreError> {
        self.inner.cancel(delivery, reason).await
    }

    async fn unblock(&self, destination: &Name) -> Result<usize, StoreError> {
        self.inner.unblock(destination).await
    }

    async fn set_paused(
        &self,
        destination: &Name,
        paused: Option<String>,
    ) -> Result<(), StoreError> {
        self.inner.set_paused(destination, paused).await
    }

    async fn paused(&self) -> Result<Vec<(Name, String)>, StoreError> {
        self.inner.paused().await
    }
}

#[async_trait]
impl Backlogs for FaultyStore {
    async fn configured(
        &self,
        destinations: Vec<(Name, StartFrom)>,
        now: Time,
    ) -> Result<(), StoreError> {
        self.inner.configured(destinations, now).await
    }

    async fn expire(&self, step: ExpireStep) -> Result<Expired, StoreError> {
        self.inner.expire(step).await
    }

    async fn abandon(&self, before: Time) -> Result<usize, StoreError> {
        self.inner.abandon(before).await
    }

    async fn joining(&self) -> Result<Vec<Joining>, StoreError> {
        self.inner.joining().await
    }

    async fn join_in_order(&self, step: OrderedJoin) -> Result<Joined, StoreError> {
        self.inner.join_in_order(step).await
    }

    async fn join(&self, step: JoinStep) -> Result<bool, StoreError> {
        self.inner.join(step).await
    }
}

#[async_trait]
impl Replays for FaultyStore {
    async fn count(&self, filter: EventFilter) -> Result<Counted, StoreError> {
        self.inner.count(filter).await
    }

    async fn begin_replay(&self, replay: Replay) -> Result<(), StoreError> {
        self.inner.begin_replay(replay).await
    }

    async fn replay(&self, id: ReplayId) -> Result<Option<Replay>, StoreError> {
        self.inner.replay(id).await
    }

    async fn replays(&self, page: PageRequest) -> Result<Page<Replay>, StoreError> {
        self.inner.replays(page).await
    }

    async fn running(&self) -> Result<Vec<Replay>, StoreError> {
        self.inner.running().await
    }

    async fn hand(&self, step: HandStep) -> Result<bool, StoreError> {
        self.inner.hand(step).await
    }

    async fn end_replay(&self, id: ReplayId, now: Time) -> Result<(), StoreError> {
        self.inner.end_replay(id, now).await
    }

    async fn cancel_replay(&self, id: ReplayId, now: Time) -> Result<Option<bool>, StoreError> {
        self.inner.cancel_replay(id, now).await
    }
}

#[async_trait]
impl Alarms for FaultyStore {
    async fn alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        self.inner.alarms().await
    }

    async fn note_alarms(
        &self,
        alarms: Vec<Alarm>,
        event: Option<AlarmEvent>,
    ) -> Result<(), StoreError> {
        self.inner.note_alarms(alarms, event).await
    }
}

#[async_trait]
impl Questions for FaultyStore {
    async fn events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        self.inner.events(filter, page).await
    }

    async fn event(&self, id: EventId) -> Result<Option<(Event, Vec<Delivery>)>, StoreError> {
        self.inner.event(id).await
    }

    async fn messages(
        &self,
        filter: MessageFilter,
        page: PageRequest,
    ) -> Result<Page<Message>, StoreError> {
        self.inner.messages(filter, page).await
    }

    async fn conversation(
        &self,
        source: &Name,
        conversation: &str,
        page: PageRequest,
    ) -> Result<Option<Page<Event>>, StoreError> {
        self.inner.conversation(source, conversation, page).await
    }

    async fn message(
        &self,
        source: &Name,
        id: &str,
        instance: Option<&str>,
    ) -> Result<Option<Story>, StoreError> {
        self.inner.message(source, id, instance).await
    }

    async fn callback(&self, id: CallbackId) -> Result<Option<CallbackRecord>, StoreError> {
        self.inner.callback(id).await
    }

    async fn callback_body(
        &self,
        id: CallbackId,
    ) -> Result<Option<(Option<String>, Bytes)>, StoreError> {
        assert!(!take_one(&self.panicking_bodies), "the test says so");
        self.inner.callback_body(id).await
    }

    async fn stored_callback(&self, id: CallbackId) -> Result<Option<StoredCallback>, StoreError> {
        self.inner.stored_callback(id).await
    }

    async fn callbacks(
        &self,
        filter: CallbackFilter,
        page: PageRequest,
    ) -> Result<Page<CallbackRecord>, StoreError> {
        self.inner.callbacks(filter, page).await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        self.inner.deliveries(filter, page).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.inner.delivery(id).await
    }

    async fn backlog(&self, destination: &Name) -> Result<Backlog, StoreError> {
        self.inner.backlog(destination).await
    }

    async fn intake_of(&self, source: &Name) -> Result<SourceCounts, StoreError> {
        self.inner.intake_of(source).await
    }

    async fn counts(&self, filter: StatsFilter) -> Result<Counts, StoreError> {
        self.inner.counts(filter).await
    }

    async fn drift(&self) -> Result<Vec<(Name, Finding, Seen)>, StoreError> {
        self.inner.drift().await
    }
}

#[async_trait]
impl Consumers for FaultyStore {
    async fn keep_consumer(
        &self,
        name: &Name,
        filter: &str,
        from: Option<Start>,
        now: Time,
    ) -> Result<Keeping, StoreError> {
        self.inner.keep_consumer(name, filter, from, now).await
    }

    async fn commit(&self, name: &Name, to: Place, now: Time) -> Result<Moved, StoreError> {
        self.inner.commit(name, to, now).await
    }

    async fn seek(&self, name: &Name, to: Start, now: Time) -> Result<bool, StoreError> {
        self.inner.seek(name, to, now).await
    }

    async fn remove_consumer(&self, name: &Name) -> Result<bool, StoreError> {
        self.inner.remove_consumer(name).await
    }

    async fn consumer(&self, name: &Name) -> Result<Option<(Consumer, Lag)>, StoreError> {
        self.inner.consumer(name).await
    }

    async fn consumers(&self) -> Result<Vec<(Consumer, Lag)>, StoreError> {
        self.inner.consumers().await
    }
}

#[async_trait]
impl Upkeep for FaultyStore {
    fn version(&self) -> String {
        self.inner.version()
    }

    fn key(&self) -> [u8; 32] {
        self.inner.key()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }

    fn damage(&self) -> Option<String> {
        self.inner.damage()
    }

    fn waiting(&self) -> usize {
        self.inner.waiting()
    }

    fn has_room(&self) -> Result<(), StoreError> {
        self.inner.has_room()
    }

    async fn look_at_disk(&self) -> Result<(), StoreError> {
        self.inner.look_at_disk().await
    }

    fn low_disk(&self) -> Option<String> {
        self.inner.low_disk()
    }

    async fn given_up(&self) -> String {
        self.inner.given_up().await
    }

    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError> {
        self.inner.prune(prune).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        self.inner.extent().await
    }

    async fn index(&self, with_words: bool, limit: usize) -> Result<Indexed, StoreError> {
        self.inner.index(with_words, limit).await
    }

    async fn thin_counts(&self, now: Time) -> Result<bool, StoreError> {
        self.inner.thin_counts(now).await
    }

    async fn shrink(&self) -> Result<bool, StoreError> {
        self.inner.shrink().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
