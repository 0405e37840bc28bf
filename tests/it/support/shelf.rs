//! A store of some kind on its own, with the steps that its contract speaks of in a word each.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use callbox::clock::{Clock, Time};
use callbox::domain::callback::{Callback, Head};
use callbox::domain::delivery::{Attempt, Delivery, DeliveryState, Outcome};
use callbox::domain::event::{Data, Draft, EventType, MessagePart, TimeBasis, When};
use callbox::domain::id::{CallbackId, DeliveryId, EventId, IdMaker};
use callbox::domain::name::Name;
use callbox::domain::order::OrderedBy;
use callbox::random::Random;
use callbox::store::sqlite::SqliteStore;
use callbox::store::{
    Appended, Claimed, Kept, NewCallback, NewDelivery, NewEvent, Next, Recorded, Store,
};

use super::clock::ManualClock;
use super::house::name_of;

/// Opens the store in a folder, or makes it.
pub(crate) type Open = fn(&Path, Arc<dyn Clock>) -> Arc<dyn Store>;

/// Every kind of store there is.
pub(crate) const STORES: [Open; 1] = [|folder, clock| {
    let path = folder.join("callbox.db");
    Arc::new(SqliteStore::open(&path, &clock, &Random::from_seed(1)).unwrap())
}];

/// A store in a folder of its own.
pub(crate) struct Shelf {
    open: Open,
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    ids: IdMaker,
    pub(crate) store: Arc<dyn Store>,
}

impl Shelf {
    pub(crate) fn new(open: Open) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let clock = ManualClock::new();
        let store = open(folder.path(), Arc::<ManualClock>::clone(&clock));
        Self { open, folder, clock, ids: IdMaker::new(Random::from_seed(2)), store }
    }

    /// Ends as a power cut would, and opens what is on disk then.
    pub(crate) async fn crash(self) -> Self {
        let Self { open, folder, clock, ids, store } = self;
        let left = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            // What is shared in memory does not outlive a power cut.
            if !file.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
            }
        }
        store.close().await.unwrap();
        let store = open(left.path(), Arc::<ManualClock>::clone(&clock));
        Self { open, folder: left, clock, ids, store }
    }

    /// Stops in good order, and opens what is there.
    pub(crate) async fn restart(self) -> Self {
        self.store.close().await.unwrap();
        let Self { open, folder, clock, ids, store } = self;
        drop(store);
        let store = open(folder.path(), Arc::<ManualClock>::clone(&clock));
        Self { open, folder, clock, ids, store }
    }

    /// The bytes that everything in the folder takes.
    pub(crate) fn size(&self) -> u64 {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    /// Everything in the folder.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// A callback with this body, and what is to be kept of it.
    pub(crate) fn callback(&self, body: &str, kept: Kept) -> NewCallback {
        let head = Head {
            method: "POST".to_owned(),
            path: "/in/shop".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            token: None,
            remote: None,
        };
        let callback = Callback {
            id: CallbackId::from_bits(self.ids.next(self.now())),
            source: name_of("shop"),
            received_at: self.now(),
            head,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        NewCallback { callback, token_hash: None, kept, drift: Vec::new() }
    }

    /// An event about a message, to be delivered to these destinations; `says` stands for all that it says.
    pub(crate) fn event(&self, message: &str, says: &str, to: &[&str]) -> NewEvent {
        let data = Data {
            vendor: "wavecell".to_owned(),
            dialect: says.to_owned(),
            message: Some(MessagePart { id: message.to_owned(), ..MessagePart::default() }),
            ..Data::default()
        };
        let short = |text: &str| {
            let mut bytes = [0; 16];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            bytes
        };
        let delivery = |name: &&str| NewDelivery {
            id: DeliveryId::from_bits(self.ids.next(self.now())),
            destination: name_of(name),
            order: None,
        };
        NewEvent {
            id: EventId::from_bits(self.ids.next(self.now())),
            data: serde_json::to_string(&data).unwrap(),
            extra: None,
            draft: Draft {
                kind: EventType::MessageDelivered,
                subject: Some(message.to_owned()),
                when: When { at: self.now(), basis: TimeBasis::Received },
                duplicate_key: message.to_owned(),
                data,
            },
            key: short(message),
            digest: short(says),
            deliveries: to.iter().map(delivery).collect(),
        }
    }

    /// Keeps a callback with these events.
    pub(crate) async fn append(&self, events: Vec<NewEvent>) -> Appended {
        self.store.append(self.callback("{}", Kept::Events(events))).await.unwrap()
    }

    /// Keeps one event for `crm`; its delivery.
    pub(crate) async fn due(&self, message: &str) -> DeliveryId {
        let event = self.event(message, "sent", &["crm"]);
        let id = event.deliveries[0].id;
        self.append(vec![event]).await;
        id
    }

    /// Keeps one more event about this message for `crm`, which wants the events about a message in order; its delivery.
    pub(crate) async fn in_line(&self, message: &str, says: &str) -> DeliveryId {
        let mut event = self.event(message, says, &["crm"]);
        let delivery = &mut event.deliveries[0];
        delivery.order = Some(OrderedBy::Message);
        let id = delivery.id;
        self.append(vec![event]).await;
        id
    }

    /// Takes what is due for `crm`.
    pub(crate) async fn claim(&self, limit: usize) -> Vec<Claimed> {
        self.store.claim(&crm(), limit, self.now()).await.unwrap()
    }

    /// Claims one delivery for `crm`, and writes down that the attempt at it ended so.
    pub(crate) async fn attempt(&self, outcome: Outcome, next: Next) -> Claimed {
        let claimed = self.claim(1).await.remove(0);
        self.end(&claimed, outcome, next).await;
        claimed
    }

    /// Writes down that the attempt at a claimed delivery ended so.
    pub(crate) async fn end(&self, claimed: &Claimed, outcome: Outcome, next: Next) {
        let attempt = Attempt {
            number: claimed.number,
            started_at: self.now(),
            duration: super::SECOND,
            outcome,
            status: None,
            reason: None,
            trigger: claimed.trigger,
            response: None,
        };
        let recorded = Recorded { delivery: claimed.id, attempt, next };
        self.store.record(recorded).await.unwrap();
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(id).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: DeliveryId) -> DeliveryState {
        self.delivery(id).await.state
    }

    pub(crate) async fn outcomes(&self, id: DeliveryId) -> Vec<Outcome> {
        self.delivery(id).await.attempts.iter().map(|attempt| attempt.outcome).collect()
    }
}

/// The name of the destination that most of the contract speaks of.
pub(crate) fn crm() -> Name {
    name_of("crm")
}
