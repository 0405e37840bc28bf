//! Keeping up the finding aids: what came in is made findable by words, phones and references, a little at a time and beside the load.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Store, StoreError};
use crate::clock::Clock;

/// Events in one step: some milliseconds of the writing thread.
const STEP_EVENTS: usize = 200;

/// How long one waits after something came in, so that a step is worth its sync. What is newer is found all the same, by looking
/// through it.
const GATHER: Duration = Duration::from_millis(500);

/// How long one rests after a step that failed.
const RECOVER: Duration = Duration::from_secs(10);

/// Writes that may wait before a step lets them go first, and how long it does. It comes after all, so that a store that is
/// never quiet keeps up too.
const WAITING_MAX: usize = 16;
const COURTESY: Duration = Duration::from_millis(50);

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// How many events it made findable.
    pub events: usize,
    /// Whether there are more.
    pub more: bool,
}

/// Keeps the finding aids up.
#[expect(missing_debug_implementations, reason = "it holds a store; nobody prints it")]
pub struct Indexing {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    with_words: bool,
    news: watch::Receiver<()>,
}

impl Indexing {
    /// For this store; `news` tells that something came in. Without `with_words` nothing is found by words, and what was is let go.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        with_words: bool,
        news: watch::Receiver<()>,
    ) -> Self {
        Self { store, clock, with_words, news }
    }

    /// Goes on until told to stop. A step that has begun is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.news.mark_unchanged();
            let rest = match self.store.index(self.with_words, STEP_EVENTS).await {
                Ok(Indexed { more: true, .. }) if self.store.waiting() > WAITING_MAX => COURTESY,
                Ok(Indexed { more: true, .. }) => continue,
                Ok(Indexed { more: false, .. }) => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        // The sender lives for as long as callbacks are taken.
                        changed = self.news.changed() => if changed.is_err() { return },
                    }
                    GATHER
                }
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "the latest events could not be indexed; it is tried again");
                    RECOVER
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(rest) => {}
            }
        }
    }
}
