//! Where transforms are made: one thread for each destination that has one, so that no other work waits for a slow template.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::domain::name::Name;
use crate::domain::transform::{Transform, TransformError};

/// The most events that wait for their turn; who comes then waits to be taken in.
const QUEUE_MAX: usize = 16;

/// The longest that an event waits for its turn and its body together.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes the bodies of one destination.
#[derive(Debug)]
pub(super) struct Press {
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    event: Value,
    answer: oneshot::Sender<Result<Vec<u8>, TransformError>>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum NotPressed {
    /// The template made none.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// It took too long.
    #[error("the transform had no time within {PATIENCE:?}")]
    TooSlow,
    /// The template's engine panicked.
    #[error("the transform panicked; please report it")]
    Panicked,
}

impl Press {
    /// Starts the thread, which ends with the last of its senders.
    pub(super) fn start(name: &Name, transform: Transform) -> std::io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUE_MAX);
        let work = move || {
            while let Some(Job { event, answer }) = waiting.blocking_recv() {
                if answer.is_closed() {
                    continue;
                }
                let made = catch_unwind(AssertUnwindSafe(|| transform.apply(event)));
                if let Ok(made) = made {
                    // Who asked may have stopped waiting.
                    let _ = answer.send(made);
                }
            }
        };
        thread::Builder::new().name(format!("transform-{name}")).spawn(work)?;
        Ok(Self { jobs })
    }

    /// The body for an event.
    pub(super) async fn make(
        &self,
        event: Value,
        clock: &dyn Clock,
    ) -> Result<Vec<u8>, NotPressed> {
        let (answer, made) = oneshot::channel();
        let making = async {
            let taken = self.jobs.send(Job { event, answer }).await;
            if taken.is_err() {
                return Err(NotPressed::Panicked);
            }
            made.await.map_err(|_| NotPressed::Panicked)?.map_err(NotPressed::from)
        };
        tokio::select! {
            made = making => made,
            () = clock.sleep(PATIENCE) => Err(NotPressed::TooSlow),
        }
    }
}
