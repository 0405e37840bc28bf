//! The demo's downstream service: a small HTTP server that checks signatures, fails at first, and recovers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::callback::{Callback, Head};
use crate::domain::id::CallbackId;
use crate::domain::name::Name;
use crate::domain::secret::Secret;
use crate::domain::source::Scheme;
use crate::replay::sink::serve;
use crate::vendor::authenticity;

/// The path that is answered 503 at first; all others are taken at once.
pub(super) const UNSTEADY: &str = "/warehouse";

/// How many events the unsteady path refuses at first. So few that the breaker before it stays closed.
const REFUSED_EVENTS: usize = 4;

/// How often it refuses each of them.
const REFUSALS: u32 = 2;

/// What the sink has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Deliveries it took.
    pub(super) taken: usize,
    /// Attempts it answered 503.
    pub(super) refused: usize,
    /// Attempts whose signature was not right.
    pub(super) forged: usize,
}

/// The demo's downstream service.
#[derive(Debug)]
pub(super) struct Sink {
    secret: Secret,
    source: Name,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    /// The attempts on the unsteady path, by `webhook-id`.
    attempts: BTreeMap<String, u32>,
}

impl Sink {
    /// A sink that takes what is signed with `secret`.
    #[must_use]
    pub(super) fn new(secret: Secret, source: Name, clock: Arc<dyn Clock>) -> Self {
        Self { secret, source, clock, state: Mutex::default() }
    }

    /// What it has seen until now.
    #[must_use]
    pub(super) fn tally(&self) -> Tally {
        self.state.lock().tally
    }

    /// Takes connections until `shutdown`.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        serve(listener, shutdown, Arc::new(move |head, body| self.judge(head, body))).await;
    }

    /// The status for a delivery.
    fn judge(&self, head: Head, body: Bytes) -> u16 {
        let id = head.header("webhook-id").unwrap_or_default().to_owned();
        let unsteady = head.path == UNSTEADY;
        let callback = Callback {
            id: CallbackId::from_bits(0),
            source: self.source.clone(),
            received_at: self.clock.now(),
            head,
            body,
        };
        let scheme = Scheme::StandardWebhooks { secrets: vec![self.secret.clone()] };
        let authentic = authenticity::check(&[scheme], &callback, "").is_ok();
        let mut state = self.state.lock();
        if !authentic {
            state.tally.forged += 1;
            return 401;
        }
        if unsteady && state.refuses(id) {
            state.tally.refused += 1;
            return 503;
        }
        state.tally.taken += 1;
        204
    }
}

impl State {
    /// Whether this attempt comes too early.
    fn refuses(&mut self, id: String) -> bool {
        if !self.attempts.contains_key(&id) && self.attempts.len() >= REFUSED_EVENTS {
            return false;
        }
        let attempts = self.attempts.entry(id).or_default();
        *attempts += 1;
        *attempts <= REFUSALS
    }
}
