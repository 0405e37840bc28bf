//! The one thread that writes: everything that waits goes into one transaction and shares one sync; then everyone hears of it.
//!
//! There is no timer: a group is what gathered while the last one synced, so a lone write waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::open::set_meta;
use crate::store::StoreError;

/// Writes that may wait; one more callback is answered 503.
const QUEUE_MAX: usize = 4_096;

/// Writes that share one transaction at most.
const GROUP_MAX: usize = 512;

/// Pages in the log from which it is folded into the database after a group: 4 KiB each.
const CHECKPOINT_PAGES: i32 = 4_000;

/// What a step does in the transaction; gives back what tells the caller.
type Step = Box<dyn FnOnce(&Connection) -> (Result<(), StoreError>, Tell) + Send>;

/// Tells a caller how its step ended, once its group is on disk or is not.
type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The way to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    steps: mpsc::Sender<Step>,
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
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (steps, queue) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("callbox-writer".to_owned())
            .spawn(move || Thread::new(connection).run(queue))?;
        Ok((Self { steps }, thread))
    }

    /// Does one step of work; returns once it is committed and synced, or not done at all.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        patience: Patience,
        step: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel::<Result<T, StoreError>>();
        let boxed: Step = Box::new(move |connection| match step(connection) {
            Ok(value) => {
                let tell: Tell = Box::new(move |commit| drop(tell.send(commit.map(|()| value))));
                (Ok(()), tell)
            }
            Err(error) => {
                let error = understand(&error);
                let own = error.clone();
                let tell: Tell = Box::new(move |_| drop(tell.send(Err(own))));
                (Err(error), tell)
            }
        });
        match patience {
            Patience::Full => self.steps.send(boxed).await.map_err(|_| StoreError::Closed)?,
            Patience::None => self.steps.try_send(boxed).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            })?,
        }
        // A group that failed drops what it did not get to.
        let dropped =
            || StoreError::Failed("the write was given up with others of its group".to_owned());
        told.await.unwrap_or_else(|_| Err(dropped()))
    }

    /// Steps that wait for their turn.
    #[must_use]
    pub(super) fn waiting(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.steps.capacity())
    }
}

/// What a `rusqlite` error means to callers.
pub(super) fn understand(error: &rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return StoreError::Full(error.to_string());
    }
    StoreError::Failed(error.to_string())
}

/// The thread's own side.
struct Thread {
    connection: Connection,
    log_pages: Arc<AtomicI32>,
}

impl Thread {
    fn new(mut connection: Connection) -> Self {
        let log_pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&log_pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        };
        if let Err(error) = connection.wal_hook(Some(hook)) {
            tracing::warn!(%error, "could not watch the log's size; it is folded in at the stop only");
        }
        Self { connection, log_pages }
    }

    fn run(mut self, mut queue: mpsc::Receiver<Step>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            self.commit(&mut group);
            self.fold_log_in();
        }
        self.finish();
    }

    /// Does a group of steps in one transaction, and tells every caller.
    fn commit(&mut self, group: &mut Vec<Step>) {
        let mut tells = Vec::with_capacity(group.len());
        let result = self.connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            for step in group.drain(..) {
                tells.push(one(&self.connection, step)?);
            }
            self.connection.execute_batch("COMMIT")
        });
        let result = result.map_err(|error| {
            self.roll_back();
            tracing::error!(%error, store.writes = tells.len(), "a group of writes failed; none of it is kept");
            understand(&error)
        });
        // A group that failed as a whole may have left steps untouched: dropping them tells their callers too.
        group.clear();
        for tell in tells {
            tell(result.clone());
        }
    }

    /// Leaves no transaction open; after most errors SQLite has rolled back already.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "could not roll a failed group of writes back");
        }
    }

    /// Folds the log into the database once it has grown, here and nowhere else, so that no checkpoint races a writer.
    fn fold_log_in(&self) {
        if self.log_pages.load(Ordering::Relaxed) < CHECKPOINT_PAGES {
            return;
        }
        self.log_pages.store(0, Ordering::Relaxed);
        if let Err(error) =
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        {
            tracing::error!(%error, "could not fold the log into the database");
        }
    }

    /// The clean end: everything is in the database file, and the file says so.
    fn finish(self) {
        let stopped = set_meta(&self.connection, "stopped", "cleanly").and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.connection.close().map_err(|(_, error)| error)
        });
        if let Err(error) = stopped {
            tracing::error!(%error, "the store did not close cleanly; the next start will look closer");
        }
    }
}

/// One step in a savepoint of its own, so that its failure is its caller's alone.
fn one(connection: &Connection, step: Step) -> Result<Tell, rusqlite::Error> {
    connection.prepare_cached("SAVEPOINT step")?.execute([])?;
    let (done, tell) = step(connection);
    if done.is_err() {
        connection.prepare_cached("ROLLBACK TO step")?.execute([])?;
    }
    connection.prepare_cached("RELEASE step")?.execute([])?;
    Ok(tell)
}
