//! The only place that knows who needs whom: a configuration becomes a running callbox.

mod pulse;
mod reload;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::pulse::Pulse;
pub use self::reload::{NotReloaded, Reloading};
use self::upkeep::{Upkeep, all_ended};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Inherited, StoreSettings};
use crate::delivery::{DeliveryWorker, Destinations, Replaying, Tending, Watch};
use crate::domain::bell::Bell;
use crate::domain::id::IdMaker;
use crate::domain::source::Source;
use crate::http::{self, Ends, HandedOn, Health, Listeners, Room, Rooms};
use crate::random::Random;
use crate::receive::{DriftBook, Rates, Receiver};
use crate::store::sqlite::{DiskRoom, OpenError, SqliteStore};
use crate::store::{Indexing, Retention, Store};

/// How long attempts under way may take to end once we stop.
const ATTEMPTS_GRACE: Duration = Duration::from_secs(10);

/// How long we go on accepting once we stop, telling everybody who asks to come on another connection. A vendor that keeps
/// its connection for the next callback hears of it so, instead of finding the connection cut off under its request.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long attempts under way may take to end if the next callbox waits for us to make room; those cut off are `unknown`.
const HAND_ON_GRACE: Duration = Duration::from_secs(1);

/// Reloads that may be asked for at a time; who comes later waits.
const RELOADS_MAX: usize = 4;

/// Time and chance: the machine's, or a test's.
#[derive(Debug)]
pub struct Surroundings {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Random,
    /// Where jitter comes from.
    pub jitter: Random,
}

impl Surroundings {
    /// The machine's own.
    #[must_use]
    pub fn of_the_machine() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            ids: Random::from_system(),
            jitter: Random::from_system(),
        }
    }
}

/// A callbox that is bound to its addresses and has its store open, but takes nothing yet.
#[expect(
    missing_debug_implementations,
    reason = "it holds stores, clocks and secrets; nobody prints it"
)]
pub struct App {
    listeners: Listeners,
    rooms: Arc<Rooms>,
    reloading: Option<Reloading>,
    worker: DeliveryWorker,
    upkeep: Upkeep,
    store: Arc<dyn Store>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
}

/// Opens the store, binds the listeners and puts everything together.
pub async fn build(config: Config, surroundings: Surroundings) -> Result<App> {
    build_on(config, surroundings, Inherited::default()).await
}

/// The same on sockets that were handed over to us.
pub async fn build_on(
    config: Config,
    surroundings: Surroundings,
    inherited: Inherited,
) -> Result<App> {
    let Surroundings { clock, ids, jitter } = surroundings;
    let listeners = listen(&config, inherited)?;
    let opened = open_store(&config.store, &clock, &ids)
        .with_context(|| format!("can't open the store {}", config.store.path.display()))?;
    let store: Arc<dyn Store> = Arc::new(opened);
    let wake = Arc::new(Bell::default());
    let own = [listeners.vendors_address, listeners.api_address];
    let outbox = Arc::clone(&store) as Arc<dyn crate::store::Outbox>;
    let configured = config.destinations.clone();
    let names = configured.iter().map(|destination| (destination.name.clone(), destination.from));
    store.configured(names.collect(), clock.now()).await?;
    let board =
        Destinations::load(configured, &own, outbox, Arc::clone(&clock), Arc::clone(&wake)).await?;
    let board = Arc::new(board);
    let worker = DeliveryWorker::new(
        Arc::clone(&store),
        Arc::clone(&board),
        Arc::clone(&clock),
        Arc::new(jitter),
        Arc::clone(&wake),
    );
    let ids = Arc::new(IdMaker::new(ids));
    let (replays, news) = (Arc::new(Notify::new()), watch::Sender::new(()));
    let parts = Parts { store: &store, board: &board, ids: &ids, clock: &clock, wake: &wake };
    let (tending, replaying) = (parts.tending(), parts.replaying(&replays));
    let (watched, sources) = watch::channel(config.sources.clone());
    let watch = parts.watch(sources, &news);
    let receiver = Receiver {
        store: Arc::clone(&store),
        destinations: config.destinations.clone().into(),
        ids,
        key: store.key(),
        drift: Arc::new(DriftBook::remembered(store.drift().await?)),
        rates: Rates::of(&config.sources, &clock),
        wake,
        news,
    };
    let (texts, news) = (config.store.text_search, receiver.news.subscribe());
    let indexing = Indexing::new(Arc::clone(&store), Arc::clone(&clock), texts, news);
    let retention = Retention::new(
        Arc::clone(&store),
        Arc::clone(&clock),
        config.store.retention,
        config.store.max_size,
    );
    let health = Arc::new(Health::default());
    let (reloads, asked) = mpsc::channel(RELOADS_MAX);
    let room = Room::new(
        Arc::new(config),
        receiver,
        Arc::clone(&board),
        Arc::clone(&clock),
        Arc::clone(&health),
        replays,
        reloads,
    );
    let rooms = Arc::new(Rooms::new(room));
    let reloading = Some(Reloading {
        rooms: Arc::clone(&rooms),
        board,
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        watched,
        asked,
    });
    let upkeep = Upkeep { retention, indexing, tending, replaying, watch };
    Ok(App { listeners, rooms, reloading, worker, upkeep, store, health, clock })
}

/// Takes the sockets that were handed over, and binds those that were not.
fn listen(config: &Config, inherited: Inherited) -> Result<Listeners> {
    let listeners = Listeners::take(config.server.listen, config.api.listen, inherited)?;
    let asked_at = listeners.api_address;
    ensure!(
        !config.api.anonymous || asked_at.ip().is_loopback(),
        "`anonymous = \"loopback\"` is for a loopback listener only, and the socket that was handed over for [api] listens on \
         {asked_at}: leave `anonymous` out and use keys (`callbox keys new`)"
    );
    Ok(listeners)
}

/// What several of those need that go on beside the requests.
struct Parts<'a> {
    store: &'a Arc<dyn Store>,
    board: &'a Arc<Destinations>,
    ids: &'a Arc<IdMaker>,
    clock: &'a Arc<dyn Clock>,
    wake: &'a Arc<Bell>,
}

impl Parts<'_> {
    fn tending(&self) -> Tending {
        let Self { store, board, ids, clock, wake } = *self;
        Tending::new(
            Arc::clone(store),
            Arc::clone(board),
            Arc::clone(ids),
            Arc::clone(clock),
            Arc::clone(wake),
        )
    }

    fn replaying(&self, asked: &Arc<Notify>) -> Replaying {
        let Self { store, board, ids, clock, wake } = *self;
        let (store, board) = (Arc::clone(store), Arc::clone(board));
        let notified = (Arc::clone(wake), Arc::clone(asked));
        Replaying::new(store, board, Arc::clone(ids), Arc::clone(clock), notified)
    }

    fn watch(&self, sources: watch::Receiver<Vec<Source>>, news: &watch::Sender<()>) -> Watch {
        let Self { store, board, ids, clock, wake } = *self;
        let watched = (Arc::clone(board), sources);
        let (ids, clock, wake) = (Arc::clone(ids), Arc::clone(clock), Arc::clone(wake));
        Watch::new(Arc::clone(store), watched, ids, clock, wake, news.clone())
    }
}

fn open_store(
    settings: &StoreSettings,
    clock: &Arc<dyn Clock>,
    random: &Random,
) -> Result<SqliteStore, OpenError> {
    SqliteStore::open_keeping(&settings.path, clock, random, settings.min_free, DiskRoom::of)
}

/// The disk failed under the running store. What was acknowledged is there; the next start reads what is.
#[derive(Debug, thiserror::Error)]
#[error("the disk failed under the store ({0}): look at the disk, then start again")]
pub struct DiskFailed(String);

impl App {
    /// Where vendors push.
    #[must_use]
    pub fn vendors_address(&self) -> SocketAddr {
        self.listeners.vendors_address
    }

    /// Where questions are asked.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.listeners.api_address
    }

    /// What takes another configuration over while it runs; there is one.
    #[must_use]
    pub fn reloading(&mut self) -> Option<Reloading> {
        self.reloading.take()
    }

    /// What feels whether it still moves.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Pulse { store, board: Arc::clone(&self.rooms.now().board), clock }
    }

    /// Runs until `stop`. Then: ready no more, deliveries end, requests end, everything is written, the store is closed.
    /// `hurry` cuts the waiting short; nothing that was acknowledged depends on it.
    pub async fn run_until(self, stop: CancellationToken, hurry: CancellationToken) -> Result<()> {
        self.hand_on(Ends { stop, hurry, ..Ends::default() }).await.map(|_| ())
    }

    /// The same, and gives out the sockets for the next callbox. If that one is waiting (`ends.hand_on`), everything is done to let
    /// it begin soon: vendors who come meanwhile wait in the sockets' queues.
    pub async fn hand_on(self, ends: Ends) -> Result<HandedOn> {
        drop(self.reloading); // if nobody took it over, nobody reloads
        let Self { listeners, rooms, worker, upkeep, store, health, clock, .. } = self;
        let again = listeners.again()?;
        let Ends { stop, hand_on, hurry } = ends;
        let (stop_delivering, stop_accepting) =
            (CancellationToken::new(), CancellationToken::new());
        let mut worker = tokio::spawn(worker.run(stop_delivering.clone(), ATTEMPTS_GRACE));
        let mut upkeep = upkeep.start(&store, &clock, &stop_delivering);
        let ends =
            Ends { stop: stop_accepting.clone(), hand_on: hand_on.clone(), hurry: hurry.clone() };
        let serving = http::serve(listeners, rooms, ends);
        let ending = async {
            let failed = tokio::select! {
                () = stop.cancelled() => None,
                reason = store.given_up() => Some(DiskFailed(reason)),
            };
            health.stop();
            stop_delivering.cancel();
            let hands_on = hand_on.is_cancelled();
            if hands_on {
                stop_accepting.cancel();
            }
            let farewell = async {
                if !hands_on {
                    clock.sleep(FAREWELL).await;
                }
            };
            let in_order = async { tokio::join!(&mut worker, all_ended(&mut upkeep), farewell) };
            let ended = tokio::select! {
                _ = in_order, if failed.is_none() => true,
                () = clock.sleep(HAND_ON_GRACE), if hands_on => false,
                () = hurry.cancelled() => false,
                _ = store.given_up() => false,
            };
            if !ended {
                worker.abort();
                upkeep.abort_all();
            }
            stop_accepting.cancel();
            failed
        };
        tokio::pin!(serving, ending);
        let (served, failed) = tokio::select! {
            // If it ended by itself, something is wrong with the listeners.
            served = &mut serving => (served, if stop_accepting.is_cancelled() { ending.await } else { None }),
            failed = &mut ending => (serving.await, failed),
        };
        let closed = store.close().await;
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        closed.context("the store did not close cleanly")?;
        let connections = served.context("the listeners failed")?;
        Ok(HandedOn { listeners: again, connections })
    }
}
