//! Where everything is kept: small traits by task, each method one whole step of the work and one transaction.
//!
//! SQLite stands behind them today; a store for many machines can stand behind them tomorrow.

mod alarms;
mod backlog;
mod consumers;
mod extent;
mod indexing;
mod outbox;
mod replays;
mod reread;
mod retention;
pub mod sqlite;
mod story;

pub use alarms::{AlarmEvent, Alarms};
use async_trait::async_trait;
pub use backlog::{
    Backlog, Backlogs, Ended, ExpireStep, Expired, JoinStep, Joined, Joining, OrderedJoin,
};
use bytes::Bytes;
pub use consumers::{Consumers, Keeping, Moved, Start};
pub use extent::Extent;
pub use indexing::{Indexed, Indexing};
pub use outbox::{Claimed, Next, Outbox, Recorded};
pub use replays::{Counted, HandStep, Replays};
pub use reread::{NewReading, Reread, Revision, StoredCallback};
pub use retention::{Ages, Kind, Prune, Pruned, Retention, Round};
pub use story::{Happening, Story};

use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome};
use crate::domain::delivery::Delivery;
use crate::domain::drift::{Finding, Seen};
use crate::domain::event::{Draft, Event};
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::domain::order::OrderedBy;
use crate::domain::query::{
    CallbackFilter, DeliveryFilter, EventFilter, MessageFilter, Page, PageRequest,
};
use crate::domain::source::Quota;
use crate::domain::stats::{Counts, StatsFilter};

/// Everything a store does.
pub trait Store:
    Intake + Outbox + Backlogs + Replays + Alarms + Consumers + Questions + Upkeep
{
}

impl<S: Intake + Outbox + Backlogs + Replays + Alarms + Consumers + Questions + Upkeep> Store
    for S
{
}

/// Why a step did not happen. Whatever it says, nothing of the step is in the store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// More is waiting than the store takes on; try again in a moment.
    #[error("the store's queue is full")]
    Busy,
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
    /// The disk is full, or nearly so.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The store could not do it.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Keeping what comes in.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Keeps a callback with all that came of it. Returns once it is committed and synced, or not at all.
    async fn append(&self, callback: NewCallback) -> Result<Appended, StoreError>;

    /// Keeps what a callback that is here already means by today's reading; `None` if it is here no more. A dry run says what
    /// would become of it, and leaves everything as it is.
    async fn reread(&self, reading: NewReading) -> Result<Option<Reread>, StoreError>;

    /// Forgets what a source sent that its adapter did not know; how many findings that were.
    async fn forget_drift(&self, source: &Name) -> Result<usize, StoreError>;
}

/// A callback with what is to be kept of it.
#[derive(Clone, Debug)]
pub struct NewCallback {
    /// As it arrived; credentials in its head are sealed already.
    pub callback: Callback,
    /// The keyed hash of the token that was cut out of its path or query, if it is not authentic.
    pub token_hash: Option<[u8; 32]>,
    /// What came of it.
    pub kept: Kept,
    /// What of it the adapter did not know, where that is news.
    pub drift: Vec<(Finding, Seen)>,
}

/// What came of a callback.
#[derive(Clone, Debug)]
pub enum Kept {
    /// It was understood; there may be no events in it.
    Events(Vec<NewEvent>),
    /// It was not understood, and why.
    Quarantined(String),
    /// It is not authentic, and why; kept within the source's quota.
    Unauthentic(String, Quota),
}

/// An event that is to be kept, unless it is known already.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id, if it turns out to be new.
    pub id: EventId,
    /// What it says.
    pub draft: Draft,
    /// The draft's data as JSON, without `extra`: what `digest` was made of.
    pub data: String,
    /// The draft's `extra` as JSON, if there is any.
    pub extra: Option<String>,
    /// The hash of source, type and the vendor's key recipe.
    pub key: [u8; 16],
    /// The hash of what it says.
    pub digest: [u8; 16],
    /// Whom it is to be delivered to.
    pub deliveries: Vec<NewDelivery>,
}

/// Whom an event is to be delivered to.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// The delivery's id.
    pub id: DeliveryId,
    /// The destination's name.
    pub destination: Name,
    /// What the destination wants one after the other: it stands in line behind the open deliveries of the same key.
    pub order: Option<OrderedBy>,
}

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// What became of the callback.
    pub outcome: CallbackOutcome,
    /// Its events, new ones and known ones, in order.
    pub events: Vec<EventId>,
    /// How many deliveries are due because of it.
    pub deliveries: usize,
}

/// Answering questions. Each looks at one consistent state of the store.
#[async_trait]
pub trait Questions: Send + Sync {
    /// A page of events.
    async fn events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError>;

    /// An event with its deliveries and their attempts.
    async fn event(&self, id: EventId) -> Result<Option<(Event, Vec<Delivery>)>, StoreError>;

    /// A page of messages, in the order in which they were first heard of.
    async fn messages(
        &self,
        filter: MessageFilter,
        page: PageRequest,
    ) -> Result<Page<Message>, StoreError>;

    /// A page of the events about a conversation's messages, in the order of commit; `None` if it has no message.
    async fn conversation(
        &self,
        source: &Name,
        conversation: &str,
        page: PageRequest,
    ) -> Result<Option<Page<Event>>, StoreError>;

    /// A message with all that is known of it; without `instance` the most recently updated of those that share the id.
    async fn message(
        &self,
        source: &Name,
        id: &str,
        instance: Option<&str>,
    ) -> Result<Option<Story>, StoreError>;

    /// A callback without its body.
    async fn callback(&self, id: CallbackId) -> Result<Option<CallbackRecord>, StoreError>;

    /// A callback's content type and body, byte for byte; an error if the body is not what it was.
    async fn callback_body(
        &self,
        id: CallbackId,
    ) -> Result<Option<(Option<String>, Bytes)>, StoreError>;

    /// A callback with all that is needed to read it again; an error if its body is not what it was.
    async fn stored_callback(&self, id: CallbackId) -> Result<Option<StoredCallback>, StoreError>;

    /// A page of callbacks.
    async fn callbacks(
        &self,
        filter: CallbackFilter,
        page: PageRequest,
    ) -> Result<Page<CallbackRecord>, StoreError>;

    /// A page of deliveries with their attempts.
    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError>;

    /// A delivery with its attempts.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// What waits for a destination.
    async fn backlog(&self, destination: &Name) -> Result<Backlog, StoreError>;

    /// What came in from a source so far.
    async fn intake_of(&self, source: &Name) -> Result<SourceCounts, StoreError>;

    /// The counts of each bucket that has any.
    async fn counts(&self, filter: StatsFilter) -> Result<Counts, StoreError>;

    /// All drift that is remembered, with the source that it is of.
    async fn drift(&self) -> Result<Vec<(Name, Finding, Seen)>, StoreError>;
}

/// A callback as it is shown, without its body.
#[derive(Clone, Debug)]
pub struct CallbackRecord {
    /// The callback's head and its place; the body is empty here.
    pub callback: Callback,
    /// The body's length in bytes.
    pub body_size: u64,
    /// SHA-256 of the body.
    pub body_sha256: [u8; 32],
    /// What became of it.
    pub outcome: CallbackOutcome,
    /// Why, for a quarantined or unauthentic one.
    pub reason: Option<String>,
    /// Its events, new ones and known ones.
    pub events: Vec<EventId>,
}

/// What came in from a source so far, as long as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// When the last callback was received.
    pub last_received_at: Option<Time>,
    /// When the last authentic one was.
    pub last_authentic_at: Option<Time>,
    /// All callbacks.
    pub received: u64,
    /// Those that made nothing new.
    pub duplicates: u64,
    /// Those that were not understood.
    pub quarantined: u64,
    /// Those that were not authentic, by reason.
    pub unauthentic: Vec<(String, u64)>,
}

/// Looking after the store itself.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// The key of this store: for hashing credentials and sealing cursors. It stands in a file beside the database.
    fn key(&self) -> [u8; 32];

    /// Whether the store takes writes, found out by one.
    async fn ready(&self) -> Result<(), StoreError>;

    /// The version of what keeps the data, such as `SQLite 3.54.1`.
    fn version(&self) -> String;

    /// What is known to be damaged, found by the check that runs beside the service.
    fn damage(&self) -> Option<String>;

    /// How many writes wait for their turn.
    fn waiting(&self) -> usize;

    /// Whether there is room on the disk for what comes in, as of the last look. [`Intake::append`] is refused with the same error.
    fn has_room(&self) -> Result<(), StoreError>;

    /// Looks how much of the disk is free. While that is too little, [`Intake::append`] is refused with [`StoreError::Full`];
    /// everything else goes on.
    async fn look_at_disk(&self) -> Result<(), StoreError>;

    /// Why callbacks are refused for want of room, if they are.
    fn low_disk(&self) -> Option<String>;

    /// Returns, with the reason, once the store has given up because its disk fails. The process should end then: what is really
    /// on the disk is known after the next start.
    async fn given_up(&self) -> String;

    /// Removes some of what is too old: a bounded step. Nothing that an open delivery needs, and no event that has one.
    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError>;

    /// How much room the store takes, and since when it holds something.
    async fn extent(&self) -> Result<Extent, StoreError>;

    /// Makes the next events findable by phone and reference and, unless nobody wants that, by their words: a bounded step. What it has
    /// not come to yet is found all the same.
    async fn index(&self, with_words: bool, limit: usize) -> Result<Indexed, StoreError>;

    /// Moves some of the counts that are old into longer buckets, and removes those that are older than all of them; whether there
    /// are more.
    async fn thin_counts(&self, now: Time) -> Result<bool, StoreError>;

    /// Gives some of the room that removed things took back to the disk. Whether there is more to give.
    async fn shrink(&self) -> Result<bool, StoreError>;

    /// Writes down what waits, folds the log into the database and closes it. Later calls are [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}
