//! Following the events: what comes next is read from the store; the news of a commit only wakes who waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::params::{Params, not_allowed};
use super::problem::{Code, Problem};
use super::room::Current;
use crate::domain::event::Event;
use crate::domain::query::{EventFilter, Order, Page, PageRequest, Place};
use crate::store::StoreError;

/// How many may wait for events at the same time; one more is told to come again. Each reads the store once for each group of
/// callbacks that is committed, so that this bounds what they take from the others who ask.
const SEATS: usize = 128;

/// The longest wait for a page of events.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The places for those who follow the events.
#[derive(Debug)]
pub(super) struct Gallery(Arc<Semaphore>);

impl Default for Gallery {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SEATS)))
    }
}

impl Gallery {
    /// A seat, for as long as it is held.
    pub(super) fn seat(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            Problem::new(Code::Unavailable, format!("{SEATS} others follow the events already"))
        })
    }
}

/// Reads `wait`: how long a page may wait for its first event.
pub(super) fn wait(params: &mut Params) -> Result<Option<Duration>, Problem> {
    let wait = params.duration("wait")?;
    match wait {
        Some(wait) if wait > WAIT_MAX => {
            Err(not_allowed("wait", &format!("{wait:?}"), "a length of time up to 60s"))
        }
        Some(_) | None => Ok(wait),
    }
}

/// Somebody who follows the events, and how far they have come.
pub(super) struct Follower {
    room: Current,
    filter: EventFilter,
    place: Option<Place>,
    news: watch::Receiver<()>,
    _seat: OwnedSemaphorePermit,
}

impl Follower {
    /// Begins behind `place`, or at the oldest event.
    pub(super) fn new(
        room: Current,
        filter: EventFilter,
        place: Option<Place>,
    ) -> Result<Self, Problem> {
        let seat = room.gallery.seat()?;
        let news = room.receiver.news.subscribe();
        Ok(Self { room, filter, place, news, _seat: seat })
    }

    /// The next events, oldest first, as soon as there are any; none once `patience` is over or callbox stops.
    pub(super) async fn next(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> Result<Page<Event>, StoreError> {
        let room = self.room.clone();
        let end = room.clock.elapsed().saturating_add(patience);
        let over = room.clock.sleep(patience);
        tokio::pin!(over);
        loop {
            // Before the look, so that what comes during it is not slept through.
            self.news.mark_unchanged();
            let request = PageRequest { limit, order: Order::Ascending, after: self.place };
            let page = room.store.events(self.filter.clone(), request).await?;
            self.place = page.place;
            let is_over = room.health.is_stopping() || room.clock.elapsed() >= end;
            if !page.items.is_empty() || is_over {
                return Ok(page);
            }
            if page.more {
                continue;
            }
            tokio::select! {
                // Its sender lives in the room, so this is never an error.
                _ = self.news.changed() => {}
                () = room.health.stopping() => {}
                () = &mut over => {}
            }
        }
    }
}
