//! The store in one SQLite file: one thread writes, a few read.

mod alarms;
mod append;
mod backlog;
mod backup;
mod check;
mod consumers;
mod counts;
mod deliver;
mod drift;
mod files;
mod filesystem;
mod floors;
mod index;
mod inspect;
mod joining;
mod line;
mod log;
mod open;
mod place;
mod read;
mod readers;
mod refusal;
mod replays;
mod reread;
mod retention;
mod rows;
mod schema;
mod space;
mod steps;
mod tally;
mod trouble;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;

pub use backup::{BackupError, backup};
use check::{Damage, Look};
use counts::Counting;
use floors::Floors;
pub use inspect::{Inspection, inspect};
use log::Gate;
use readers::Readers;
pub use refusal::OpenError;
use space::Space;
pub use space::{AskRoom, DiskRoom};
use trouble::GivenUp;
use writer::{House, Patience, Writer};

use crate::clock::{Clock, Time};
use crate::random::Random;
use crate::store::{Extent, Indexed, Prune, Pruned, StoreError, Upkeep};

/// The store in one SQLite file.
#[expect(missing_debug_implementations, reason = "it holds the store's key; nobody prints it")]
pub struct SqliteStore {
    ways: RwLock<Option<Ways>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    key: [u8; 32],
    floors: Arc<Floors>,
    counting: Arc<Counting>,
    lock: Mutex<Option<File>>,
    /// Whether the last stop was not a clean one.
    unclean: bool,
    damage: Damage,
    space: Arc<Space>,
    given_up: GivenUp,
}

/// The ways to the threads; gone once the store is closed.
#[derive(Clone, Debug)]
struct Ways {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Opens the database at `path`, or makes it. It does not care how much of the disk is free.
    pub fn open(path: &Path, clock: &Arc<dyn Clock>, random: &Random) -> Result<Self, OpenError> {
        Self::open_keeping(path, clock, random, Some(0), DiskRoom::of)
    }

    /// The same, for a store that takes no callbacks in while less than `least` bytes of its disk are free: without a number,
    /// a twentieth, but from 256 MiB to 2 GiB. `ask` tells how much is free.
    pub fn open_keeping(
        path: &Path,
        clock: &Arc<dyn Clock>,
        random: &Random,
        least: Option<u64>,
        ask: AskRoom,
    ) -> Result<Self, OpenError> {
        let opened = open::open(path, clock, random)?;
        let floors = Arc::new(Floors::load(&opened.writer)?);
        check::clock(&opened.writer, clock.now())?;
        let start = |error| OpenError::File { path: path.to_owned(), error };
        let gate = Arc::<Gate>::default();
        let (readers, mut threads) = Readers::start(path, clock, &gate)?;
        let space = Arc::new(Space::new(path, least, ask));
        space.look();
        let given_up = GivenUp::default();
        let counting = Arc::new(Counting::new(Arc::clone(clock)));
        let house = House {
            counting: Arc::clone(&counting),
            path: path.to_owned(),
            clock: Arc::clone(clock),
            space: Arc::clone(&space),
            gate: Arc::clone(&gate),
            given_up: given_up.clone(),
        };
        let (writer, thread) = Writer::start(opened.writer, house).map_err(start)?;
        threads.push(thread);
        let damage = match opened.look {
            Look::CutShort if opened.unclean => {
                check::beside_the_service(path, gate).map_err(start)?
            }
            Look::CutShort | Look::Whole => Damage::default(),
        };
        Ok(Self {
            ways: RwLock::new(Some(Ways { writer: Arc::new(writer), readers: Arc::new(readers) })),
            threads: Mutex::new(threads),
            key: opened.key,
            floors,
            counting,
            lock: Mutex::new(Some(opened.lock)),
            unclean: opened.unclean,
            damage,
            space,
            given_up,
        })
    }

    /// Times a sync, looks at the free space, and warns of what may break the promise.
    pub fn probe(path: &Path, clock: &dyn Clock) {
        filesystem::probe(open::directory_of(path), clock);
    }

    /// Whether there is room for what comes in.
    fn roomy(&self) -> Result<(), StoreError> {
        self.space.low().map_or(Ok(()), |low| Err(StoreError::Full(low)))
    }

    fn writer(&self) -> Result<Arc<Writer>, StoreError> {
        self.ways.read().as_ref().map(|ways| Arc::clone(&ways.writer)).ok_or(StoreError::Closed)
    }

    fn readers(&self) -> Result<Arc<Readers>, StoreError> {
        self.ways.read().as_ref().map(|ways| Arc::clone(&ways.readers)).ok_or(StoreError::Closed)
    }
}

#[async_trait]
impl Upkeep for SqliteStore {
    fn key(&self) -> [u8; 32] {
        self.key
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.roomy()?;
        self.writer()?
            .write(Patience::None, |connection| open::set_meta(connection, "probe", ""))
            .await
    }

    fn version(&self) -> String {
        format!("SQLite {}", rusqlite::version())
    }

    fn damage(&self) -> Option<String> {
        self.damage.lock().clone()
    }

    fn waiting(&self) -> usize {
        self.writer().map_or(0, |writer| writer.waiting())
    }

    fn has_room(&self) -> Result<(), StoreError> {
        self.roomy()
    }

    async fn look_at_disk(&self) -> Result<(), StoreError> {
        let space = Arc::clone(&self.space);
        // A disk that hangs would hold an async thread up; it is a reading thread that asks.
        self.readers()?
            .read(move |_| {
                space.look();
                Ok(())
            })
            .await
    }

    fn low_disk(&self) -> Option<String> {
        self.space.low()
    }

    async fn given_up(&self) -> String {
        self.given_up.wait().await
    }

    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError> {
        let step = move |connection: &Connection| retention::prune(connection, &prune);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn extent(&self) -> Result<Extent, StoreError> {
        let disk = self.space.disk();
        self.readers()?.read(move |connection| retention::extent(connection, disk)).await
    }

    async fn index(&self, with_words: bool, limit: usize) -> Result<Indexed, StoreError> {
        // Reading and cutting is most of the work, and no business of the thread that callbacks wait for.
        let read =
            move |connection: &rusqlite::Connection| index::read(connection, with_words, limit);
        let batch = self.readers()?.read(read).await?;
        self.writer()?
            .write(Patience::Full, move |connection| index::write(connection, &batch, with_words))
            .await
    }

    async fn thin_counts(&self, now: Time) -> Result<bool, StoreError> {
        self.writer()?.write(Patience::Full, move |connection| counts::thin(connection, now)).await
    }

    async fn shrink(&self) -> Result<bool, StoreError> {
        self.writer()?.write(Patience::Full, retention::shrink).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        drop(self.ways.write().take().ok_or(StoreError::Closed)?);
        let threads: Vec<_> = self.threads.lock().drain(..).collect();
        let (tell, told) = tokio::sync::oneshot::channel();
        // Joining blocks, so a thread does it; it ends when the others have.
        let joiner =
            std::thread::Builder::new().name("callbox-closer".to_owned()).spawn(move || {
                let panicked = threads
                    .into_iter()
                    .map(std::thread::JoinHandle::join)
                    .filter(Result::is_err)
                    .count();
                // Nobody listens any more if the close itself was given up.
                let _ = tell.send(panicked);
            });
        joiner.map_err(|error| StoreError::Failed(error.to_string()))?;
        let panicked = told.await.map_err(|_| StoreError::Closed)?;
        *self.lock.lock() = None;
        if panicked > 0 {
            return Err(StoreError::Failed(format!(
                "{panicked} of the store's threads had panicked"
            )));
        }
        Ok(())
    }
}
