//! The bell that rouses the delivery worker: always for an operator, for something new only while the worker could take it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Rouses the worker. A ring that nobody heard is heard by the next one who listens; more of them are one.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Notify,
    /// Whether every destination is paused, held back or busy, so that something new changes nothing.
    deaf: AtomicBool,
}

impl Bell {
    /// Rouses the worker.
    pub fn ring(&self) {
        self.rings.notify_one();
    }

    /// Rouses the worker if it could do something about a new delivery. To be called once that is committed.
    pub fn ring_for_new(&self) {
        if !self.deaf.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Says whether something new is worth a ring. Who listens again has to look what is due after this.
    pub fn listen(&self, listens: bool) {
        self.deaf.store(!listens, Ordering::SeqCst);
    }

    /// Waits for a ring.
    pub async fn heard(&self) {
        self.rings.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn something_new_rings_only_for_who_listens_and_an_operator_always() {
        let bell = Bell::default();
        let heard = || bell.heard().now_or_never().is_some();
        bell.ring_for_new();
        assert!(heard() && !heard());
        bell.listen(false);
        bell.ring_for_new();
        assert!(!heard());
        bell.ring();
        assert!(heard());
        bell.listen(true);
        bell.ring_for_new();
        assert!(heard());
    }
}
