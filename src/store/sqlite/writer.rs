//! The one thread that writes: everything that waits goes into one transaction and shares one sync; then everyone hears of it.
//!
//! There is no timer: a group is what gathered while the last one synced, so a lone write waits for nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::{mpsc, oneshot};

use super::cleaning::Cleaning;
use super::counts::Counting;
use super::log::{self, Gate};
use super::open::{self, set_meta};
use super::space::Space;
use super::trouble::{Failures, GivenUp, Trouble};
use crate::clock::Clock;
use crate::store::StoreError;

/// Writes that may wait; one more callback is answered 503.
const QUEUE_MAX: usize = 4_096;

/// Writes that share one transaction at most.
const GROUP_MAX: usize = 512;

/// One caller's write: what it does in the transaction, and whom to tell.
trait Write: Send {
    /// Does it. May be called again, after a rollback.
    fn run(&mut self, connection: &Connection) -> Result<(), Failure>;

    /// Tells the caller how it ended, once its group is on disk or is not.
    fn tell(self: Box<Self>, commit: Result<(), StoreError>);
}

/// Why a write failed, and what that says of the disk.
struct Failure {
    error: StoreError,
    trouble: Trouble,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self { error: understand(&error), trouble: Trouble::of(&error) }
    }
}

struct Step<F, T> {
    work: F,
    done: Option<Result<T, StoreError>>,
    /// What the step held goes back with the answer: to drop it is the caller's work, not that of the one thread that writes.
    tell: oneshot::Sender<(Result<T, StoreError>, F)>,
}

impl<F, T> Write for Step<F, T>
where
    F: FnMut(&Connection) -> Result<T, rusqlite::Error> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), Failure> {
        let worked = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        let bug = |_| Err(Failure { error: panicked(), trouble: Trouble::Own });
        let done = worked.map_or_else(bug, |worked| worked.map_err(Failure::from));
        match done {
            Ok(value) => {
                self.done = Some(Ok(value));
                Ok(())
            }
            Err(failure) => {
                self.done = Some(Err(failure.error.clone()));
                Err(failure)
            }
        }
    }

    fn tell(self: Box<Self>, commit: Result<(), StoreError>) {
        // A step that failed by itself has its own reason; one that was not reached has the group's.
        let ended = match (self.done, commit) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Ok(_)), Err(group)) => Err(group),
            (None, commit) => Err(commit.err().unwrap_or(StoreError::Closed)),
        };
        // A caller that has gone does not want to know.
        let _ = self.tell.send((ended, self.work));
    }
}

/// The way to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    steps: mpsc::Sender<Box<dyn Write>>,
}

/// Whether a caller waits for a place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It would rather be told at once that there is none: the vendor can be answered 503.
    None,
    /// It waits: its work is bounded elsewhere.
    Full,
}

impl Writer {
    /// Starts the thread. It ends once every handle is gone or [`Writer::close`] was called.
    pub(super) fn start(
        connection: Connection,
        house: House,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (steps, queue) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("callbox-writer".to_owned())
            .spawn(move || Thread::new(connection, house).run(queue))?;
        Ok((Self { steps }, thread))
    }

    /// Does one step of work; returns once it is committed and synced, or not done at all. A step is done again if its group
    /// has to be, so it changes nothing but the database.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        patience: Patience,
        step: impl FnMut(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let boxed = Box::new(Step { work: step, done: None, tell });
        match patience {
            Patience::Full => self.steps.send(boxed).await.map_err(|_| StoreError::Closed)?,
            Patience::None => self.steps.try_send(boxed).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            })?,
        }
        told.await.map_or(Err(StoreError::Closed), |(ended, _)| ended)
    }

    /// Steps that wait for their turn.
    #[must_use]
    pub(super) fn waiting(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.steps.capacity())
    }
}

/// A panic is a bug of ours, and its caller's affair alone: the thread goes on, for without it nothing could be kept any more.
pub(super) fn panicked() -> StoreError {
    tracing::error!("a step of the store panicked and was undone; please report it");
    StoreError::Failed("callbox panicked; please report it".to_owned())
}

/// What a `rusqlite` error means to callers.
pub(super) fn understand(error: &rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return StoreError::Full(error.to_string());
    }
    StoreError::Failed(error.to_string())
}

/// What the thread needs besides its connection.
#[derive(Debug)]
pub(super) struct House {
    /// The database.
    pub(super) path: PathBuf,
    /// What each group counts.
    pub(super) counting: Arc<Counting>,
    /// Tells how long ago the disk failed the last time.
    pub(super) clock: Arc<dyn Clock>,
    /// Told when the disk is full.
    pub(super) space: Arc<Space>,
    /// Where readers wait for the log to be emptied.
    pub(super) gate: Arc<Gate>,
    /// Told when there is no going on.
    pub(super) given_up: GivenUp,
    /// What is to be done to the whole file.
    pub(super) cleaning: Arc<Cleaning>,
}

/// The thread's own side.
struct Thread {
    connection: Connection,
    log_pages: Arc<AtomicI32>,
    house: House,
    failures: Failures,
}

/// That the thread must not go on.
struct GiveUp(String);

impl Thread {
    fn new(connection: Connection, house: House) -> Self {
        let log_pages = Arc::new(AtomicI32::new(0));
        let mut thread = Self { connection, log_pages, house, failures: Failures::default() };
        thread.watch_log();
        thread
    }

    /// Has SQLite tell how long the log is.
    fn watch_log(&mut self) {
        let seen = Arc::clone(&self.log_pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        };
        if let Err(error) = self.connection.wal_hook(Some(hook)) {
            tracing::warn!(%error, "could not watch the log's size; it is folded in at the stop only");
        }
    }

    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Write>>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let went = self
                .commit(&mut group)
                .and_then(|()| self.fold_log_in())
                .and_then(|()| self.clean());
            if let Err(GiveUp(reason)) = went {
                // Whoever waits is told that the store is closed; nothing more is written, not even a clean end.
                self.house.given_up.because(&reason);
                return;
            }
        }
        self.finish();
    }

    /// Does a group of writes in one transaction, and tells every caller.
    fn commit(&mut self, group: &mut Vec<Box<dyn Write>>) -> Result<(), GiveUp> {
        let mut ended = self.together(group);
        if let Err(Failure { trouble: Trouble::Own, .. }) = ended {
            // One of them failed, which is its caller's affair alone: the others are done again without it.
            self.roll_back();
            ended = self.one_by_one(group);
        }
        let Err(Failure { error, trouble }) = ended else {
            group.drain(..).for_each(|write| write.tell(Ok(())));
            return Ok(());
        };
        self.roll_back();
        tracing::error!(%error, store.writes = group.len(), "a group of writes failed; none of it is kept");
        group.drain(..).for_each(|write| write.tell(Err(error.clone())));
        match trouble {
            Trouble::Own => Ok(()),
            Trouble::Full => {
                self.house.space.full();
                Ok(())
            }
            Trouble::Disk => self.begin_anew(&error),
            Trouble::Ruin => Err(GiveUp(error.to_string())),
        }
    }

    /// The usual way, without a savepoint for each: that would copy every page it touches.
    fn together(&self, group: &mut [Box<dyn Write>]) -> Result<(), Failure> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        group.iter_mut().try_for_each(|write| write.run(&self.connection))?;
        self.house.counting.write(&self.connection)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// Each in a savepoint of its own, so that its failure is its caller's alone. A failure of the disk is everybody's.
    fn one_by_one(&self, group: &mut [Box<dyn Write>]) -> Result<(), Failure> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for write in group {
            self.connection.prepare_cached("SAVEPOINT step")?.execute([])?;
            match write.run(&self.connection) {
                Ok(()) => self.house.counting.write(&self.connection)?,
                Err(Failure { trouble: Trouble::Own, .. }) => {
                    self.house.counting.forget();
                    self.connection.prepare_cached("ROLLBACK TO step")?.execute([])?;
                }
                Err(failure) => return Err(failure),
            }
            self.connection.prepare_cached("RELEASE step")?.execute([])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    /// The disk failed: a new connection reads what is really there, and writes once to see whether it goes on.
    fn begin_anew(&mut self, error: &StoreError) -> Result<(), GiveUp> {
        if !self.failures.note(self.house.clock.elapsed()) {
            return Err(GiveUp(format!("{error}, for the second time within a minute")));
        }
        let fresh = open::writer(&self.house.path, true)
            .map_err(|error| GiveUp(format!("the store can't be opened again: {error}")))?;
        self.connection = fresh;
        self.watch_log();
        set_meta(&self.connection, "probe", "").map_err(|error| {
            GiveUp(format!("the store was opened again, but takes no writes: {error}"))
        })?;
        tracing::warn!("the disk failed once; the store was opened again and takes writes");
        Ok(())
    }

    /// Leaves no transaction open; after most errors SQLite has rolled back already.
    fn roll_back(&self) {
        self.house.counting.forget();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "could not roll a failed group of writes back");
        }
    }

    /// Folds the log into the database once it has grown, here and nowhere else, so that no checkpoint races a writer.
    fn fold_log_in(&self) -> Result<(), GiveUp> {
        let pages = self.log_pages.swap(0, Ordering::Relaxed);
        let folded = log::fold_in(&self.connection, pages, &self.house.gate);
        let Err(error) = folded else { return Ok(()) };
        tracing::error!(%error, "could not fold the log into the database");
        match Trouble::of(&error) {
            Trouble::Own => Ok(()),
            Trouble::Full => {
                self.house.space.full();
                Ok(())
            }
            // What the database file has of it is unknown, and its log may be the only whole copy.
            Trouble::Disk | Trouble::Ruin => {
                Err(GiveUp(format!("the log could not be folded into the database: {error}")))
            }
        }
    }

    /// Does to the whole file what somebody asked for, if anybody did.
    fn clean(&self) -> Result<(), GiveUp> {
        let House { cleaning, gate, space, .. } = &self.house;
        cleaning.carry_out(&self.connection, gate, space).map_err(GiveUp)
    }

    /// The clean end: everything is in the database file, and the file says so.
    fn finish(self) {
        self.house.gate.end();
        let stopped = set_meta(&self.connection, "stopped", "cleanly").and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
            self.connection.close().map_err(|(_, error)| error)
        });
        if let Err(error) = stopped {
            tracing::error!(%error, "the store did not close cleanly; the next start will look closer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DiskRoom, steps};
    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn a_step_that_panics_fails_alone_and_the_next_one_is_kept() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE kept (number INTEGER)").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("callbox.db");
        connection.execute_batch(steps::COUNTS).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let house = House {
            counting: Arc::new(Counting::new(Arc::clone(&clock))),
            space: Arc::new(Space::new(&path, Some(0), DiskRoom::of)),
            gate: Arc::default(),
            path,
            clock,
            given_up: GivenUp::default(),
            cleaning: Arc::default(),
        };
        let (writer, thread) = Writer::start(connection, house).unwrap();
        let insert = |connection: &Connection| {
            connection.execute("INSERT INTO kept VALUES (1)", []).map(|_| ())
        };
        let broken = writer.write(Patience::Full, move |connection| -> Result<(), _> {
            insert(connection)?;
            panic!("a bug")
        });
        let (broken, sound) = tokio::join!(broken, writer.write(Patience::Full, insert));
        assert!(matches!(broken, Err(StoreError::Failed(_))), "{broken:?}");
        assert!(sound.is_ok(), "{sound:?}");
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM kept", [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(writer.write(Patience::Full, count).await.unwrap(), 1);
        drop(writer);
        thread.join().unwrap();
    }
}
