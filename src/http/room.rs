//! What handlers ask for: the parts of a running callbox that its two servers share.

use std::sync::Arc;

use tokio::sync::Notify;

use super::body::InFlight;
use super::follow::Gallery;
use super::health::Health;
use super::seats::Seats;
use super::strangers::Strangers;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Destinations;
use crate::domain::id::IdMaker;
use crate::receive::Receiver;
use crate::store::Store;

/// What handlers ask for. The configuration is fixed for as long as the servers run.
#[expect(
    missing_debug_implementations,
    reason = "it holds stores, clocks and secrets; nobody prints it"
)]
pub struct Room {
    /// The configuration.
    pub config: Arc<Config>,
    /// Takes callbacks in.
    pub receiver: Receiver<dyn Store>,
    /// Answers questions.
    pub store: Arc<dyn Store>,
    /// Where destinations stand.
    pub board: Arc<Destinations>,
    /// Makes ids of callbacks.
    pub ids: Arc<IdMaker>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The store's key, for cursors.
    pub key: [u8; 32],
    /// Whether callbox is stopping.
    pub health: Arc<Health>,
    /// Rouses what carries replays out.
    pub replays: Arc<Notify>,
    /// Bytes of bodies in flight.
    pub(super) in_flight: InFlight,
    /// The connections.
    pub(super) seats: Arc<Seats>,
    /// Requests to no source.
    pub(super) strangers: Strangers,
    /// Who follows the events.
    pub(super) gallery: Gallery,
}

impl Room {
    /// Sets the room up.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        receiver: Receiver<dyn Store>,
        board: Arc<Destinations>,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
        replays: Arc<Notify>,
    ) -> Self {
        let store = Arc::clone(&receiver.store);
        let (ids, key) = (Arc::clone(&receiver.ids), store.key());
        let (in_flight, strangers) = (InFlight::default(), Strangers::default());
        let gallery = Gallery::default();
        let seats = Arc::new(Seats::trusting(&config.server.trusted_proxies));
        Self {
            config,
            receiver,
            store,
            board,
            ids,
            clock,
            key,
            health,
            replays,
            in_flight,
            seats,
            strangers,
            gallery,
        }
    }

    /// What vendors call, up to where a callback's path begins: what is configured, never what a header says.
    pub(super) fn public_url(&self) -> &str {
        self.config.server.public_url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'))
    }
}
