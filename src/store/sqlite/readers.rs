//! The threads that read: each with a connection of its own, each question bounded in time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::log::Gate;
use super::open::reader;
use super::writer::{panicked, understand};
use crate::clock::Clock;
use crate::store::StoreError;

/// Threads that read.
const READERS: usize = 2;

/// Questions that may wait; one more is told that the store is busy.
const QUEUE_MAX: usize = 256;

/// How long one question may take, so that no reader holds the log back.
const READ_MAX: Duration = Duration::from_secs(2);

/// SQLite's own instructions between two looks at the clock.
const LOOK_EVERY: i32 = 10_000;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the reading threads.
#[derive(Debug)]
pub(super) struct Readers {
    questions: mpsc::Sender<Question>,
}

impl Readers {
    /// Starts the threads. They end once the handle is gone.
    pub(super) fn start(
        path: &Path,
        clock: &Arc<dyn Clock>,
        gate: &Arc<Gate>,
    ) -> Result<(Self, Vec<std::thread::JoinHandle<()>>), super::OpenError> {
        let (questions, queue) = mpsc::channel::<Question>(QUEUE_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(READERS);
        for number in 0..READERS {
            let (connection, queue) = (reader(path)?, Arc::clone(&queue));
            let (clock, gate) = (Arc::clone(clock), Arc::clone(gate));
            let thread = std::thread::Builder::new()
                .name(format!("callbox-reader-{number}"))
                .spawn(move || run(connection, &queue, &clock, &gate))
                .map_err(|error| super::OpenError::File { path: path.to_owned(), error })?;
            threads.push(thread);
        }
        Ok((Self { questions }, threads))
    }

    /// Asks a question of one consistent state of the store.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let boxed: Question = Box::new(move |connection| {
            let ask = || {
                connection.unchecked_transaction().and_then(|transaction| question(&transaction))
            };
            let answer = catch_unwind(AssertUnwindSafe(ask)).map_or_else(
                |_| Err(panicked()),
                |answer| answer.map_err(|error| understand(&error)),
            );
            // Whoever has gone does not want to know.
            let _ = tell.send(answer);
        });
        self.questions.try_send(boxed).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}

fn run(
    mut connection: Connection,
    queue: &Mutex<mpsc::Receiver<Question>>,
    clock: &Arc<dyn Clock>,
    gate: &Gate,
) {
    loop {
        // One thread waits at the queue, the others at the lock; whoever has a question lets the next one wait.
        let Some(question) = queue.lock().blocking_recv() else { return };
        gate.pass();
        let (clock, start) = (Arc::clone(clock), clock.elapsed());
        let late = move || clock.elapsed().saturating_sub(start) > READ_MAX;
        if let Err(error) = connection.progress_handler(LOOK_EVERY, Some(late)) {
            tracing::warn!(%error, "a question could not be bounded in time");
        }
        question(&connection);
    }
}
