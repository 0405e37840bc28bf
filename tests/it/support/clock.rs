//! A clock that moves only when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
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
    /// Whether whoever sleeps goes on sleeping, however much time passes.
    numb: watch::Sender<bool>,
    /// How far the wall clock was put forward, in seconds.
    ahead: AtomicI64,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            elapsed: watch::Sender::new(Duration::ZERO),
            numb: watch::Sender::new(false),
            ahead: AtomicI64::new(0),
        })
    }

    /// Lets time pass; everybody who waited long enough wakes up.
    pub(crate) fn advance(&self, duration: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += duration);
    }

    /// Lets nobody wake up by time any more, or again.
    pub(crate) fn set_numb(&self, numb: bool) {
        self.numb.send_replace(numb);
    }

    /// Puts the wall clock forward by so many seconds, or back; no time passes.
    pub(crate) fn jump(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Time {
        let now = BEGIN.parse::<Time>().unwrap().after(self.elapsed());
        Time::from_millis(now.as_millis() + 1_000 * self.ahead.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let moment = *elapsed.borrow_and_update() + duration;
        // The sender lives as long as `self`, so this can't end early.
        let _ = elapsed.wait_for(|elapsed| *elapsed >= moment).await;
        let _ = self.numb.subscribe().wait_for(|numb| !numb).await;
    }
}
