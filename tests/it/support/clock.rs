//! A clock that moves only when a test says so.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callbox::clock::{Clock, Time};
use tokio::sync::watch;

/// When every test begins.
const BEGIN: &str = "2026-08-12T09:15:57.000Z";

/// Stands still until it is advanced.
#[derive(Debug)]
pub(crate) struct ManualClock {
    elapsed: watch::Sender<Duration>,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { elapsed: watch::Sender::new(Duration::ZERO) })
    }

    /// Lets time pass; everybody who waited long enough wakes up.
    pub(crate) fn advance(&self, duration: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += duration);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Time {
        BEGIN.parse::<Time>().unwrap().after(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let moment = *elapsed.borrow_and_update() + duration;
        // The sender lives as long as `self`, so this can't end early.
        let _ = elapsed.wait_for(|elapsed| *elapsed >= moment).await;
    }
}
