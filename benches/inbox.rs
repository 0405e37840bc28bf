//! The program under measure: a whole callbox on free ports of loopback, with a database of its own, in this process.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use callbox::app::{self, Surroundings};
use callbox::config::{Config, Environment};
use tokio_util::sync::CancellationToken;

use crate::load;

/// A running callbox, on threads of its own.
pub(crate) struct Inbox {
    /// Where vendors push.
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Inbox {
    /// Starts one that keeps its data in `folder`. With `has_destination` every event is due for a destination, which is paused.
    pub(crate) fn start(folder: &Path, has_destination: bool) -> Result<Self, Box<dyn Error>> {
        let text = configuration(folder, has_destination);
        let config = Config::parse(&text, "bench.toml", &Environment::default())?;
        let (ready, started) = sync_channel(1);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = thread::spawn(move || run(config, &ready, stopped));
        let Ok((address, api)) = started.recv() else {
            thread.join().map_err(|_| "callbox panicked at its start")??;
            return Err("callbox ended at its start".into());
        };
        if has_destination {
            load::post(api, "/v1/destinations/paused/pause")?;
        }
        Ok(Self { address, stop, thread })
    }

    /// Stops it in good order and waits until its store is closed.
    pub(crate) fn stop(self) -> Result<(), Box<dyn Error>> {
        self.stop.cancel();
        Ok(self.thread.join().map_err(|_| "callbox panicked")??)
    }
}

fn run(
    config: Config,
    ready: &SyncSender<(SocketAddr, SocketAddr)>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = app::build(config, Surroundings::of_the_machine()).await?;
        ready.send((app.vendors_address(), app.api_address()))?;
        app.run_until(stop, CancellationToken::new()).await
    })
}

fn configuration(folder: &Path, has_destination: bool) -> String {
    let path = folder.join(if has_destination { "one.db" } else { "none.db" });
    let destination = if has_destination {
        "[destinations.paused]\nurl = \"http://127.0.0.1:9/\"\nevents = [\"*\"]\nallow_subnets = [\"127.0.0.0/8\"]\n"
    } else {
        ""
    };
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\nanonymous = \"loopback\"\n\
         [store]\npath = '{}'\n[sources.bench]\nvendor = \"wavecell\"\nauth = [{{ type = \"none\" }}]\n{destination}",
        path.display()
    )
}
