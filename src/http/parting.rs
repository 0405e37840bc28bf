//! How connections part from a callbox that stops: those that rest go at once, politely, or into the hands of the one that comes next.

use std::future::Future;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Connections that are handed on at most; those beyond are closed, as at a plain stop.
const HANDED_ON_MAX: usize = 4_096;

/// How far the parting has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Everybody stays.
    #[default]
    Staying,
    /// Who rests goes; who has not said anything yet may still begin.
    Leaving,
    /// Who has not said anything by now goes, too.
    Late,
}

/// The parting of all connections of one listener.
#[derive(Clone, Debug, Default)]
pub(super) struct Parting(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stage: AtomicU8,
    bell: Arc<Notify>,
    /// Those that are handed on, if any are.
    handed_on: Mutex<Option<Vec<OwnedFd>>>,
}

impl Parting {
    /// From now on who rests goes; into the next one's hands if somebody comes next.
    pub(super) fn begin(&self, hand_on: bool) {
        *self.0.handed_on.lock() = hand_on.then(Vec::new);
        self.set(Stage::Leaving);
    }

    /// Nobody waits any longer for those who have not said anything.
    pub(super) fn grow_late(&self) {
        self.set(Stage::Late);
    }

    fn set(&self, stage: Stage) {
        self.0.stage.store(stage as u8, Ordering::Release);
        self.0.bell.notify_waiters();
    }

    pub(super) fn stage(&self) -> Stage {
        match self.0.stage.load(Ordering::Acquire) {
            0 => Stage::Staying,
            1 => Stage::Leaving,
            _ => Stage::Late,
        }
    }

    /// Puts a connection that rests into the next one's hands, with what its client may have sent meanwhile. `false` if nobody comes
    /// next.
    pub(super) fn hand_on(&self, connection: &impl AsFd) -> bool {
        let mut handed_on = self.0.handed_on.lock();
        let Some(handed_on) = handed_on.as_mut().filter(|all| all.len() < HANDED_ON_MAX) else {
            return false;
        };
        let Ok(connection) = connection.as_fd().try_clone_to_owned() else { return false };
        handed_on.push(connection);
        true
    }

    /// Those that were handed on.
    pub(super) fn handed_on(&self) -> Vec<OwnedFd> {
        self.0.handed_on.lock().take().unwrap_or_default()
    }
}

/// One connection's ear for the parting. It costs a look at a number as long as everybody stays.
pub(super) struct Ear {
    parting: Parting,
    heard: Stage,
    bell: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Ear {
    pub(super) fn new(parting: Parting) -> Self {
        Self { parting, heard: Stage::Staying, bell: None }
    }

    pub(super) fn parting(&self) -> &Parting {
        &self.parting
    }

    /// How far it is. The task is woken when it goes on.
    pub(super) fn listen(&mut self, context: &mut Context<'_>) -> Stage {
        let stage = self.parting.stage();
        if self.bell.is_none() || stage != self.heard {
            self.heard = stage;
            let mut bell = Box::pin(Arc::clone(&self.parting.0.bell).notified_owned());
            if bell.as_mut().poll(context) == Poll::Ready(()) {
                context.waker().wake_by_ref();
            }
            self.bell = Some(bell);
        }
        // It may have gone on before the bell was heard.
        self.parting.stage()
    }
}
