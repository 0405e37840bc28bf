//! Handing events out: the worker against real destinations and a real store, with time in the test's hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbox::clock::Clock;
use callbox::delivery::{DeliveryWorker, Destinations};
use callbox::domain::callback::{Callback, Head};
use callbox::domain::delivery::{Delivery, DeliveryState, Outcome};
use callbox::domain::destination::{Destination, Format};
use callbox::domain::event::{Data, Draft, EventType, MessagePart, TimeBasis, When};
use callbox::domain::id::{CallbackId, DeliveryId, EventId, IdMaker};
use callbox::domain::name::Name;
use callbox::domain::retry::RetrySchedule;
use callbox::domain::secret::Secret;
use callbox::random::Random;
use callbox::store::sqlite::SqliteStore;
use callbox::store::{Intake, Kept, NewCallback, NewEvent, Outbox, Questions, Store, Upkeep};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::clock::ManualClock;
use crate::support::receiver::Receiver;

const SECOND: Duration = Duration::from_secs(1);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a vendor sent, to the byte.
const BODY: &[u8] = b"umid=4f29&status=delivered&odd=%zz";

/// A worker with its store; what is on disk outlives a restart.
struct House {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    ids: IdMaker,
    wake: Arc<Notify>,
    configured: Vec<Destination>,
    store: Arc<SqliteStore>,
    destinations: Arc<Destinations>,
    worker: DeliveryWorker,
}

impl House {
    async fn start(configured: Vec<Destination>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let wake = Arc::new(Notify::new());
        let store = open(directory.path(), &clock);
        let (destinations, worker) = work(&configured, &store, &clock, &wake).await;
        let ids = IdMaker::new(Random::from_seed(1));
        Self { directory, clock, ids, wake, configured, store, destinations, worker }
    }

    /// Stops where it is, attempts under way and all, and starts again from what is on disk.
    async fn restart(self) -> Self {
        let Self { directory, clock, ids, wake, configured, store, destinations, worker } = self;
        drop((worker, destinations));
        store.close().await.unwrap();
        drop(store);
        let store = open(directory.path(), &clock);
        let (destinations, worker) = work(&configured, &store, &clock, &wake).await;
        worker.recover().await.unwrap();
        Self { directory, clock, ids, wake, configured, store, destinations, worker }
    }

    /// Keeps a callback with one event for each of these destinations.
    async fn receive(&self, to: &[&str]) -> Vec<DeliveryId> {
        let now = self.clock.now();
        let id = self.ids.next(now);
        let ours: Vec<DeliveryId> =
            to.iter().map(|_| DeliveryId::from_bits(self.ids.next(now))).collect();
        let data = Data {
            vendor: "generic".to_owned(),
            dialect: "generic.json".to_owned(),
            message: Some(MessagePart { id: id.to_string(), ..MessagePart::default() }),
            ..Data::default()
        };
        let event = NewEvent {
            id: EventId::from_bits(id),
            data: serde_json::to_string(&data).unwrap(),
            extra: None,
            draft: Draft {
                kind: EventType::MessageDelivered,
                subject: Some(id.to_string()),
                when: When { at: now, basis: TimeBasis::Received },
                duplicate_key: id.to_string(),
                data,
            },
            key: id.to_be_bytes(),
            digest: [0; 16],
            deliveries: ours.iter().copied().zip(to.iter().map(|name| name_of(name))).collect(),
        };
        let head = Head {
            method: "POST".to_owned(),
            path: "/in/generic".to_owned(),
            query: String::new(),
            headers: vec![(
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            )],
            token: None,
            remote: None,
        };
        let callback = Callback {
            id: CallbackId::from_bits(id),
            source: name_of("generic"),
            received_at: now,
            head,
            body: Bytes::from_static(BODY),
        };
        let kept = Kept::Events(vec![event]);
        self.store.append(NewCallback { callback, token_hash: None, kept }).await.unwrap();
        ours
    }

    /// Works until nothing is due.
    async fn work(&mut self) {
        while self.worker.tick().await.started > 0 {
            self.worker.settle().await;
        }
    }

    /// Lets the worker run by itself.
    async fn run(&mut self) -> (JoinHandle<()>, CancellationToken) {
        let (_, spare) = work(&self.configured, &self.store, &self.clock, &self.wake).await;
        let worker = std::mem::replace(&mut self.worker, spare);
        let shutdown = CancellationToken::new();
        (tokio::spawn(worker.run(shutdown.clone(), 10 * SECOND)), shutdown)
    }

    async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(id).await.unwrap().unwrap()
    }

    async fn outcomes(&self, id: DeliveryId) -> Vec<Outcome> {
        self.delivery(id).await.attempts.iter().map(|attempt| attempt.outcome).collect()
    }
}

fn open(directory: &Path, clock: &Arc<ManualClock>) -> Arc<SqliteStore> {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let path = directory.join("callbox.db");
    Arc::new(SqliteStore::open(&path, &clock, &Random::from_seed(2)).unwrap())
}

async fn work(
    configured: &[Destination],
    store: &Arc<SqliteStore>,
    clock: &Arc<ManualClock>,
    wake: &Arc<Notify>,
) -> (Arc<Destinations>, DeliveryWorker) {
    let store: Arc<dyn Store> = Arc::<SqliteStore>::clone(store);
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let outbox: Arc<dyn Outbox> = Arc::<dyn Store>::clone(&store);
    let (configured, wake) = (configured.to_vec(), Arc::clone(wake));
    let destinations =
        Destinations::load(configured, &[], outbox, Arc::clone(&clock), Arc::clone(&wake));
    let destinations = Arc::new(destinations.await.unwrap());
    let random = Arc::new(Random::from_seed(3));
    let worker = DeliveryWorker::new(store, Arc::clone(&destinations), clock, random, wake);
    (destinations, worker)
}

fn name_of(text: &str) -> Name {
    text.parse().unwrap()
}

fn destination(name: &str, url: &str) -> Destination {
    Destination {
        name: name_of(name),
        url: url.parse().unwrap(),
        events: Vec::new(),
        sources: Vec::new(),
        channels: Vec::new(),
        secrets: vec![Secret::new(SECRET.to_owned())],
        headers: Vec::new(),
        format: Format::Event,
        timeout: 30 * SECOND,
        max_concurrency: 4,
        retry: RetrySchedule(vec![10 * SECOND, 100 * SECOND]),
        enabled: true,
        allow_subnets: vec!["127.0.0.0/8".parse().unwrap()],
    }
}

#[tokio::test]
async fn two_failures_and_a_success_are_three_attempts_of_the_same_bytes() {
    let mut crm = Receiver::start().await;
    crm.then(503).then(500);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let ids = house.receive(&["crm"]).await;

    house.work().await;
    house.work().await; // not due yet
    assert_eq!(house.outcomes(ids[0]).await, [Outcome::Rejected]);
    let waiting = house.delivery(ids[0]).await;
    assert_eq!(waiting.state, DeliveryState::Pending);
    let wait = waiting.due_at.unwrap().since(house.clock.now());
    assert!((8 * SECOND..=12 * SECOND).contains(&wait), "{wait:?}");

    house.clock.advance(12 * SECOND);
    house.work().await;
    house.clock.advance(120 * SECOND);
    house.work().await;
    house.clock.advance(1_000 * SECOND);
    house.work().await;

    let done = house.delivery(ids[0]).await;
    assert_eq!(done.state, DeliveryState::Succeeded);
    let attempts: Vec<_> =
        done.attempts.iter().map(|attempt| (attempt.number, attempt.status)).collect();
    assert_eq!(attempts, [(1, Some(503)), (2, Some(500)), (3, Some(200))]);

    let requests = crm.requests();
    assert_eq!(requests.len(), 3);
    for (request, number) in requests.iter().zip(["1", "2", "3"]) {
        assert_eq!(request.body, requests[0].body);
        assert_eq!(request.header("webhook-id"), Some(&*done.event_id.to_string()));
        assert_eq!(request.header("webhook-attempt"), Some(number));
        assert_eq!(request.header("callbox-delivery"), Some(&*done.id.to_string()));
    }
    let (event, _) = house.store.event(done.event_id).await.unwrap().unwrap();
    assert_eq!(requests[0].body, serde_json::to_vec(&event).unwrap());
}

#[tokio::test]
async fn a_delivery_is_exhausted_when_its_schedule_is_and_can_still_be_retried_by_hand() {
    let mut crm = Receiver::start().await;
    crm.then(500).then(500).then(500);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let ids = house.receive(&["crm"]).await;
    for _ in 0..5 {
        house.work().await;
        house.clock.advance(1_000 * SECOND);
    }
    assert_eq!(crm.requests().len(), 3);
    assert_eq!(house.delivery(ids[0]).await.state, DeliveryState::Exhausted);

    let trigger = callbox::domain::delivery::Trigger::Manual;
    house.store.retry_now(ids[0], trigger, house.clock.now()).await.unwrap();
    house.work().await;
    let done = house.delivery(ids[0]).await;
    assert_eq!(done.state, DeliveryState::Succeeded);
    assert_eq!(done.attempts.last().unwrap().trigger, trigger);
}

#[tokio::test]
async fn what_waits_and_what_was_cut_off_is_due_again_after_a_restart() {
    let mut crm = Receiver::start().await;
    crm.then(500).then_silence(1);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let failed = house.receive(&["crm"]).await;
    house.work().await;
    let cut_off = house.receive(&["crm"]).await;
    assert_eq!(house.worker.tick().await.in_flight, 1);
    crm.next().await;
    crm.next().await;

    let mut house = house.restart().await;
    house.work().await;
    assert_eq!(house.outcomes(cut_off[0]).await, [Outcome::Unknown, Outcome::Succeeded]);
    assert_eq!(house.outcomes(failed[0]).await, [Outcome::Rejected]);
    house.clock.advance(12 * SECOND);
    house.work().await;
    assert_eq!(house.outcomes(failed[0]).await, [Outcome::Rejected, Outcome::Succeeded]);
}

#[tokio::test]
async fn a_hung_destination_holds_only_its_own_slots() {
    let (mut hung, mut crm) = (Receiver::start().await, Receiver::start().await);
    hung.then_silence(100);
    let configured = vec![destination("hung", &hung.url), destination("crm", &crm.url)];
    let mut house = House::start(configured).await;
    for _ in 0..10 {
        house.receive(&["hung", "crm"]).await;
    }
    let mut arrived = 0;
    while arrived < 10 {
        let round = house.worker.tick().await;
        for _ in 0..round.started.min(4) {
            crm.next().await;
            arrived += 1;
        }
        assert!(round.in_flight <= 8);
    }
    assert_eq!(house.destinations.standing(&name_of("hung")).unwrap().in_flight, 4);
    assert_eq!(house.store.backlog(&name_of("hung")).await.unwrap().waiting, 10);
    assert!(hung.requests().len() <= 4);
}

#[tokio::test]
async fn a_destination_that_answers_410_is_paused_until_it_is_resumed() {
    let mut crm = Receiver::start().await;
    crm.then(410);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let ids = house.receive(&["crm"]).await;
    house.work().await;
    house.receive(&["crm"]).await;
    house.clock.advance(1_000 * SECOND);
    house.work().await;
    assert_eq!(crm.requests().len(), 1);

    let mut house = house.restart().await;
    house.work().await;
    let standing = house.destinations.standing(&name_of("crm")).unwrap();
    assert_eq!(standing.paused.as_deref(), Some("it answered 410 Gone"));
    assert_eq!(crm.requests().len(), 0);

    assert!(house.destinations.resume(&name_of("crm")).await.unwrap());
    house.work().await;
    assert_eq!(crm.requests().len(), 2);
    assert_eq!(house.outcomes(ids[0]).await, [Outcome::Rejected, Outcome::Succeeded]);
    assert!(!house.destinations.resume(&name_of("nobody")).await.unwrap());
}

#[tokio::test]
async fn retry_after_holds_the_whole_destination() {
    let mut crm = Receiver::start().await;
    crm.then_with(429, "retry-after: 600\r\n");
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    house.receive(&["crm"]).await;
    house.work().await;
    house.receive(&["crm"]).await;
    house.clock.advance(599 * SECOND);
    house.work().await;
    assert_eq!(crm.requests().len(), 1);
    house.clock.advance(SECOND);
    house.work().await;
    assert_eq!(crm.requests().len(), 2);
}

#[tokio::test]
async fn behind_an_open_breaker_deliveries_wait_without_being_tried() {
    let mut crm = Receiver::start().await;
    for _ in 0..10 {
        crm.then(500);
    }
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    for _ in 0..10 {
        house.receive(&["crm"]).await;
    }
    house.work().await;
    let untried = house.receive(&["crm"]).await;
    house.work().await;
    assert_eq!(crm.requests().len(), 10);
    assert_eq!(house.outcomes(untried[0]).await, []);
    let breaker = |house: &House| house.destinations.standing(&name_of("crm")).unwrap().breaker;
    assert_eq!(breaker(&house).as_str(), "open");

    house.clock.advance(36 * SECOND);
    assert_eq!(breaker(&house).as_str(), "half_open");
    assert_eq!(house.worker.tick().await.started, 1);
    house.worker.settle().await;
    assert_eq!(breaker(&house).as_str(), "closed");
    assert_eq!(house.worker.tick().await.started, 2);
    house.work().await;
    assert_eq!(house.outcomes(untried[0]).await, [Outcome::Succeeded]);
}

#[tokio::test]
async fn formats_decide_what_is_posted() {
    let mut crm = Receiver::start().await;
    let table = [
        (Format::Event, "application/json"),
        (Format::CloudEvents, "application/cloudevents+json"),
        (Format::Raw, "application/x-www-form-urlencoded"),
    ];
    for (format, content_type) in table {
        let configured = vec![Destination { format, ..destination("crm", &crm.url) }];
        let mut house = House::start(configured).await;
        house.receive(&["crm"]).await;
        house.work().await;
        let request = crm.next().await;
        assert_eq!(request.header("content-type"), Some(content_type));
        assert_eq!(request.body == BODY, format == Format::Raw);
    }
}

#[tokio::test]
async fn a_destination_that_can_not_be_sent_to_fails_alone() {
    let mut crm = Receiver::start().await;
    let broken = Destination {
        secrets: vec![Secret::new("not base64!".to_owned())],
        ..destination("broken", &crm.url)
    };
    let mut house = House::start(vec![broken, destination("crm", &crm.url)]).await;
    let ids = house.receive(&["broken", "crm"]).await;
    house.work().await;
    let attempt = house.delivery(ids[0]).await.attempts.remove(0);
    assert_eq!(attempt.outcome, Outcome::Failed);
    assert!(attempt.reason.unwrap().contains("whsec_"));
    assert_eq!(house.outcomes(ids[1]).await, [Outcome::Succeeded]);
    assert_eq!(crm.requests().len(), 1);
}

#[tokio::test]
async fn a_running_worker_is_woken_by_news_and_by_the_clock() {
    let mut crm = Receiver::start().await;
    crm.then(500);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let (running, shutdown) = house.run().await;
    let delivery = house.receive(&["crm"]).await[0];
    house.wake.notify_one();
    crm.next().await;
    // The result is written down after the answer: once it is, the next attempt is planned.
    while house.delivery(delivery).await.state != DeliveryState::Pending {
        tokio::task::yield_now().await;
    }
    while crm.requests().is_empty() {
        house.clock.advance(SECOND);
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(house.outcomes(delivery).await, [Outcome::Rejected, Outcome::Succeeded]);
}

#[tokio::test]
async fn a_stopping_worker_waits_its_grace_and_then_cuts_off() {
    let mut crm = Receiver::start().await;
    crm.then_silence(1);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let delivery = house.receive(&["crm"]).await[0];
    let (running, shutdown) = house.run().await;
    crm.next().await;
    shutdown.cancel();
    while !running.is_finished() {
        house.clock.advance(SECOND);
        tokio::task::yield_now().await;
    }
    assert_eq!(house.delivery(delivery).await.state, DeliveryState::InFlight);

    let mut house = house.restart().await;
    house.work().await;
    assert_eq!(house.outcomes(delivery).await, [Outcome::Unknown, Outcome::Succeeded]);
}
