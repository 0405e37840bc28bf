//! Whether the program still moves: its writing thread and its delivery worker.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::delivery::Destinations;
use crate::store::Store;

/// A worker that has not begun a round for so long has stalled: it rests 5 s at the most.
const STALLED_AFTER: Duration = Duration::from_mins(1);

/// What feels it.
#[expect(
    missing_debug_implementations,
    reason = "it holds stores, clocks and secrets; nobody prints it"
)]
pub struct Pulse {
    pub(super) store: Arc<dyn Store>,
    pub(super) board: Arc<Destinations>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Pulse {
    /// Whether both move. A store that says no, because its disk is full say, moves; one that has not answered after `patience`
    /// does not.
    ///
    /// # Errors
    /// What stands still.
    pub async fn felt(&self, patience: Duration) -> Result<(), String> {
        let quiet = self.board.since_last_round();
        if quiet > STALLED_AFTER {
            return Err(format!("the delivery worker has not moved for {} s", quiet.as_secs()));
        }
        tokio::select! {
            _ = self.store.ready() => Ok(()),
            () = self.clock.sleep(patience) => {
                Err(format!("the store has not answered for {} s", patience.as_secs()))
            }
        }
    }
}
