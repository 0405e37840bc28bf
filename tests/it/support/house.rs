//! A worker with its store and its clock, which a test can stop and start again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callbox::clock::Clock;
use callbox::delivery::{DeliveryWorker, Destinations};
use callbox::domain::backlog::{BacklogBounds, StartFrom};
use callbox::domain::bell::Bell;
use callbox::domain::callback::{Callback, Head};
use callbox::domain::delivery::{Delivery, Outcome};
use callbox::domain::destination::{Destination, Format, Tls};
use callbox::domain::event::{Data, Draft, EventType, MessagePart, TimeBasis, When};
use callbox::domain::id::{CallbackId, DeliveryId, EventId, IdMaker};
use callbox::domain::lane::FailFast;
use callbox::domain::name::Name;
use callbox::domain::order::OnExhausted;
use callbox::domain::retry::RetrySchedule;
use callbox::domain::secret::Secret;
use callbox::random::Random;
use callbox::store::sqlite::{OpenError, SqliteStore};
use callbox::store::{
    Intake, Kept, NewCallback, NewDelivery, NewEvent, Outbox, Questions, Store, Upkeep,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clock::ManualClock;
use super::faulty::FaultyStore;

/// A second.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the vendor sent in every callback, to the byte.
pub(crate) const BODY: &[u8] = b"umid=4f29&status=delivered&odd=%zz";

/// A worker with its store; what is on disk outlives a restart.
pub(crate) struct House {
    directory: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    ids: IdMaker,
    pub(crate) wake: Arc<Bell>,
    configured: Vec<Destination>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) worker: DeliveryWorker,
}

impl House {
    pub(crate) async fn start(configured: Vec<Destination>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let wake = Arc::new(Bell::default());
        let store = open(directory.path(), &clock);
        let (destinations, worker) = work(&configured, &store, &clock, &wake).await;
        let ids = IdMaker::new(Random::from_seed(1));
        Self { directory, clock, ids, wake, configured, store, destinations, worker }
    }

    /// Stops where it is, attempts under way and all, and starts again from what is on disk.
    pub(crate) async fn restart(self) -> Self {
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
    pub(crate) async fn receive(&self, to: &[&str]) -> Vec<DeliveryId> {
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
            deliveries: ours.iter().zip(to).map(|(id, name)| self.duty(*id, name)).collect(),
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
        self.store
            .append(NewCallback { callback, token_hash: None, kept, drift: Vec::new() })
            .await
            .unwrap();
        ours
    }

    /// The duty to hand an event to this destination, as it is configured.
    fn duty(&self, id: DeliveryId, name: &str) -> NewDelivery {
        let configured = self.configured.iter().find(|known| known.name.as_str() == name);
        let order = configured.and_then(|destination| destination.order);
        NewDelivery { id, destination: name_of(name), order }
    }

    /// Works until nothing is due.
    pub(crate) async fn work(&mut self) {
        while self.worker.tick().await.started > 0 {
            self.worker.settle().await;
        }
    }

    /// Lets the worker run by itself.
    pub(crate) async fn run(&mut self) -> (JoinHandle<()>, CancellationToken) {
        let (_, spare) = work(&self.configured, &self.store, &self.clock, &self.wake).await;
        let worker = std::mem::replace(&mut self.worker, spare);
        let shutdown = CancellationToken::new();
        (tokio::spawn(worker.run(shutdown.clone(), 10 * SECOND)), shutdown)
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(id).await.unwrap().unwrap()
    }

    pub(crate) async fn outcomes(&self, id: DeliveryId) -> Vec<Outcome> {
        self.delivery(id).await.attempts.iter().map(|attempt| attempt.outcome).collect()
    }
}

fn open(directory: &Path, clock: &Arc<ManualClock>) -> Arc<FaultyStore> {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let path = directory.join("callbox.db");
    // Another test may be starting a program: until that is its own, it holds a copy of the lock that was just given back.
    let store = loop {
        match SqliteStore::open(&path, &clock, &Random::from_seed(2)) {
            Err(OpenError::InUse(_)) => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    Arc::new(FaultyStore::new(store))
}

async fn work(
    configured: &[Destination],
    store: &Arc<FaultyStore>,
    clock: &Arc<ManualClock>,
    wake: &Arc<Bell>,
) -> (Arc<Destinations>, DeliveryWorker) {
    let store: Arc<dyn Store> = Arc::<FaultyStore>::clone(store);
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

pub(crate) fn name_of(text: &str) -> Name {
    text.parse().unwrap()
}

/// A destination on this machine with two waits.
pub(crate) fn destination(name: &str, url: &str) -> Destination {
    Destination {
        name: name_of(name),
        url: url.parse().unwrap(),
        events: Vec::new(),
        sources: Vec::new(),
        channels: Vec::new(),
        filter: None,
        secrets: vec![Secret::new(SECRET.to_owned())],
        headers: Vec::new(),
        format: Format::Event,
        transform: None,
        tls: Tls::default(),
        timeout: 30 * SECOND,
        max_concurrency: 4,
        order: None,
        rate: None,
        fail_fast: FailFast::default(),
        on_exhausted: OnExhausted::Block,
        retry: RetrySchedule(vec![10 * SECOND, 100 * SECOND]),
        from: StartFrom::Now,
        backlog: BacklogBounds::default(),
        enabled: true,
        allow_subnets: vec!["127.0.0.0/8".parse().unwrap()],
    }
}
