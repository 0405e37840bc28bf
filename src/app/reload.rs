//! Taking over another configuration while everything runs: all of it, or nothing.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::delivery::Destinations;
use crate::domain::source::Source;
use crate::http::{Reload, Reloaded, Rooms};
use crate::store::{Store, StoreError};

/// What takes another configuration over.
#[expect(
    missing_debug_implementations,
    reason = "it holds stores, clocks and secrets; nobody prints it"
)]
pub struct Reloading {
    pub(super) rooms: Arc<Rooms>,
    pub(super) board: Arc<Destinations>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    /// Tells the watch of the sources.
    pub(super) watched: watch::Sender<Vec<Source>>,
    pub(super) asked: mpsc::Receiver<Reload>,
}

/// Why a configuration was not taken over. What ran so far runs on.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    /// It is wrong.
    #[error(transparent)]
    Mistaken(#[from] ConfigError),
    /// The store could not take its part of it down.
    #[error("the store could not note the destinations: {0}")]
    Store(#[from] StoreError),
}

impl Reloading {
    /// Waits until somebody asks for it over the API; `None` once nobody can any more.
    pub async fn asked(&mut self) -> Option<Reload> {
        self.asked.recv().await
    }

    /// Takes over what was read: sources, destinations, keys and what else requests go by. Requests and attempts under way end as
    /// they began. Listeners and the store stay as they are; what of them is another now is named in the result.
    ///
    /// # Errors
    /// If it could not be read, or the store fails; then nothing has changed.
    pub async fn take_over(
        &self,
        read: Result<Config, ConfigError>,
    ) -> Result<Reloaded, NotReloaded> {
        let mut config = read?;
        let room = self.rooms.now();
        let needs_restart = keep_what_is_fixed(&mut config, &room.config);
        let names = config.destinations.iter();
        let names = names.map(|destination| (destination.name.clone(), destination.from)).collect();
        self.store.configured(names, self.clock.now()).await?;
        self.board.renew(config.destinations.clone()).await?;
        self.watched.send_replace(config.sources.clone());
        let reloaded = Reloaded {
            sources: config.sources.len(),
            destinations: config.destinations.len(),
            keys: config.api.keys.len(),
            needs_restart,
        };
        self.rooms.replace(room.with(Arc::new(config)));
        Ok(reloaded)
    }
}

/// Leaves in place what is bound to the running process; the keys whose values in the file are others now.
fn keep_what_is_fixed(new: &mut Config, old: &Config) -> Vec<&'static str> {
    let fixed = [
        ("server.listen", new.server.listen == old.server.listen),
        ("api.listen", new.api.listen == old.api.listen),
        ("store", new.store == old.store),
    ];
    new.server.listen = old.server.listen;
    new.api.listen = old.api.listen;
    new.store = old.store.clone();
    fixed.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}
