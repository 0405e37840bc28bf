//! A callbox inside this program, for as long as a command or a test needs one.

pub mod stage;

use anyhow::Context;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::{self, Surroundings};
use crate::config::Config;
use crate::replay::client::Addresses;

/// Where Linux keeps files in memory: what is thrown away anyway need not wait for a disk.
const IN_MEMORY: &str = "/dev/shm";

/// A folder for a store that is thrown away; it goes when it is dropped.
///
/// # Errors
/// When no folder can be made.
pub fn throw_away_folder() -> std::io::Result<TempDir> {
    let named = |folder: &str| tempfile::Builder::new().prefix("callbox-").tempdir_in(folder);
    named(IN_MEMORY).or_else(|_| tempfile::tempdir())
}

/// A running callbox; it keeps its data where its configuration says.
#[derive(Debug)]
pub struct Embedded {
    addresses: Addresses,
    stop: CancellationToken,
    hurry: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Embedded {
    /// Starts a callbox with this configuration. It takes callbacks once this returns.
    ///
    /// # Errors
    /// When an address is taken or the store can't be opened.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let app = app::build(config, Surroundings::of_the_machine()).await?;
        let url = |address| Url::parse(&format!("http://{address}"));
        let (push, api) = (url(app.vendors_address())?, url(app.api_address())?);
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        let running = tokio::spawn(app.run_until(stop.clone(), hurry.clone()));
        Ok(Self { addresses: Addresses { push, api, key: None }, stop, hurry, running })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses.clone()
    }

    /// Stops it in good order, and waits until its store is closed.
    ///
    /// # Errors
    /// When it did not stop cleanly.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.running.await.context("callbox stopped in an unforeseen way")?
    }

    /// Stops it without waiting for deliveries or for vendors to go: for a store that is thrown away.
    ///
    /// # Errors
    /// When it did not stop cleanly.
    pub async fn discard(self) -> anyhow::Result<()> {
        self.hurry.cancel();
        self.stop().await
    }
}
