//! What handlers ask for: the parts of a running callbox that its two servers share, with the configuration of the moment.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, dev, web};
use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc};

use super::body::InFlight;
use super::follow::Gallery;
use super::health::Health;
use super::key_uses::KeyUses;
use super::problem::{Code, Problem};
use super::reload::Reload;
use super::seats::Seats;
use super::strangers::Strangers;
use super::wrong_keys::WrongKeys;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Destinations;
use crate::domain::id::IdMaker;
use crate::receive::Receiver;
use crate::store::Store;

/// What handlers ask for. A request sees one configuration from its beginning to its end; [`Rooms`] says which.
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
    /// Where it is asked for that the configuration be read again.
    pub(super) reloads: mpsc::Sender<Reload>,
    /// Rouses what carries replays out.
    pub replays: Arc<Notify>,
    /// Rouses what carries erasures out.
    pub erasures: Arc<Notify>,
    /// Bytes of bodies in flight.
    pub(super) in_flight: InFlight,
    /// The connections.
    pub(super) seats: Arc<Seats>,
    /// Requests to no source.
    pub(super) strangers: Arc<Strangers>,
    /// Who follows the events.
    pub(super) gallery: Arc<Gallery>,
    /// Who sent wrong keys of late.
    pub(super) wrong_keys: Arc<WrongKeys>,
    /// When each key was used last.
    pub(super) key_uses: Arc<KeyUses>,
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
        (replays, erasures): (Arc<Notify>, Arc<Notify>),
        reloads: mpsc::Sender<Reload>,
    ) -> Self {
        let store = Arc::clone(&receiver.store);
        let (ids, key) = (Arc::clone(&receiver.ids), store.key());
        let in_flight = InFlight::default();
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
            reloads,
            replays,
            erasures,
            in_flight,
            seats,
            strangers: Arc::default(),
            gallery: Arc::default(),
            wrong_keys: Arc::default(),
            key_uses: Arc::default(),
        }
    }

    /// The same with another configuration, for the requests to come.
    #[must_use]
    pub fn with(&self, config: Arc<Config>) -> Self {
        let rates = self.receiver.rates.renewed(&config.sources, &self.clock);
        Self {
            receiver: self.receiver.with(config.destinations.clone().into(), rates),
            config,
            store: Arc::clone(&self.store),
            board: Arc::clone(&self.board),
            ids: Arc::clone(&self.ids),
            clock: Arc::clone(&self.clock),
            key: self.key,
            health: Arc::clone(&self.health),
            replays: Arc::clone(&self.replays),
            erasures: Arc::clone(&self.erasures),
            reloads: self.reloads.clone(),
            in_flight: self.in_flight.clone(),
            seats: Arc::clone(&self.seats),
            strangers: Arc::clone(&self.strangers),
            gallery: Arc::clone(&self.gallery),
            wrong_keys: Arc::clone(&self.wrong_keys),
            key_uses: Arc::clone(&self.key_uses),
        }
    }

    /// What vendors call, up to where a callback's path begins: what is configured, never what a header says.
    pub(super) fn public_url(&self) -> &str {
        self.config.server.public_url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'))
    }
}

/// The room of the moment. Who reads a new configuration puts another one in its place.
#[expect(missing_debug_implementations, reason = "it holds what a room holds")]
pub struct Rooms(ArcSwap<Room>);

impl Rooms {
    /// Begins with this one.
    #[must_use]
    pub fn new(room: Room) -> Self {
        Self(ArcSwap::from_pointee(room))
    }

    /// The room of this moment.
    #[must_use]
    pub fn now(&self) -> Arc<Room> {
        self.0.load_full()
    }

    /// From now on requests are answered from this one; those under way keep theirs.
    pub fn replace(&self, room: Room) {
        self.0.store(Arc::new(room));
    }
}

/// The room that a request began in.
#[derive(Clone)]
pub(super) struct Current(Arc<Room>);

impl Deref for Current {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.0
    }
}

impl FromRequest for Current {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let rooms = request.app_data::<web::Data<Rooms>>();
        ready(
            rooms
                .map(|rooms| Self(rooms.now()))
                .ok_or_else(|| Problem::new(Code::Unavailable, "callbox is not set up to answer")),
        )
    }
}
