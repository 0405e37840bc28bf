//! What goes on beside the requests and the deliveries: retention, the index of words, backlogs, replays, erasures, a look at the disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::delivery::{Replaying, Tending, Watch};
use crate::store::{Erasing, Indexing, Retention, Store};

/// How often the free space is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What goes on beside the requests and the deliveries.
pub(super) struct Upkeep {
    pub(super) retention: Retention,
    pub(super) indexing: Indexing,
    pub(super) tending: Tending,
    pub(super) replaying: Replaying,
    pub(super) erasing: Erasing,
    pub(super) watch: Watch,
}

impl Upkeep {
    /// Starts all of it, until `stop`.
    pub(super) fn start(
        self,
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        stop: &CancellationToken,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.retention.run(stop.clone()));
        tasks.spawn(self.indexing.run(stop.clone()));
        tasks.spawn(self.tending.run(stop.clone()));
        tasks.spawn(self.replaying.run(stop.clone()));
        tasks.spawn(self.erasing.run(stop.clone()));
        tasks.spawn(self.watch.run(stop.clone()));
        tasks.spawn(watch_disk(Arc::clone(store), Arc::clone(clock), stop.clone()));
        tasks
    }
}

/// Waits until every task has ended.
pub(super) async fn all_ended(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "something that goes on beside the requests has failed; please report it");
        }
    }
}

/// Looks every second how much of the disk is free.
async fn watch_disk(store: Arc<dyn Store>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = store.look_at_disk().await {
            tracing::debug!(%error, "nobody had time to look how much of the disk is free");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = clock.sleep(LOOK_EVERY) => {}
        }
    }
}
