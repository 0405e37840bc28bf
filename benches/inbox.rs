//! The program under measure: a whole callbox on free ports of loopback, with a database of its own, in this process.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use callbox::app::{self, Surroundings};
use callbox::config::{Config, Environment};
use tokio_util::sync::CancellationToken;

use crate::{load, usage};

/// A running callbox, on threads of its own.
pub(crate) struct Inbox {
    /// Where vendors push.
    pub(crate) address: SocketAddr,
    /// The thread that writes its store.
    pub(crate) writer: BTreeSet<String>,
    /// Where its data are.
    pub(crate) database: PathBuf,
    stop: CancellationToken,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Inbox {
    /// Starts one that keeps its data in `folder`. Every event is due for so many destinations: paused ones, or one at `sink`.
    pub(crate) fn start(
        folder: &Path,
        paused: usize,
        sink: Option<SocketAddr>,
    ) -> Result<Self, Box<dyn Error>> {
        let name = format!("{paused}-{}.db", if sink.is_some() { "live" } else { "paused" });
        let database = folder.join(name);
        let config = Config::parse(
            &configuration(&database, paused, sink),
            "bench.toml",
            &Environment::default(),
        )?;
        let before = usage::writers();
        let (ready, started) = sync_channel(1);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = thread::spawn(move || run(config, &ready, stopped));
        let Ok((address, api)) = started.recv() else {
            thread.join().map_err(|_| "callbox panicked at its start")??;
            return Err("callbox ended at its start".into());
        };
        for number in 0..paused {
            load::post(api, &format!("/v1/destinations/paused-{number}/pause"))?;
        }
        let writer = usage::writers().difference(&before).cloned().collect();
        Ok(Self { address, writer, database, stop, thread })
    }

    /// Stops it in good order and waits until its store is closed; how many bytes its database then has.
    pub(crate) fn stop(self) -> Result<u64, Box<dyn Error>> {
        self.stop.cancel();
        self.thread.join().map_err(|_| "callbox panicked")??;
        Ok(fs::metadata(self.database)?.len())
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

/// The configuration of one with its data there, by which the program runs as well.
pub(crate) fn configuration(database: &Path, paused: usize, sink: Option<SocketAddr>) -> String {
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\nanonymous = \"loopback\"\n\
         [store]\npath = '{}'\n[sources.bench]\nvendor = \"wavecell\"\nauth = [{{ type = \"none\" }}]\n",
        database.display()
    );
    let dead = (0..paused).map(|number| (format!("paused-{number}"), "127.0.0.1:9".to_owned()));
    let live = sink.map(|address| ("live".to_owned(), address.to_string()));
    for (name, address) in dead.chain(live) {
        // Writing to a text can't fail.
        let _ = write!(
            text,
            "[destinations.{name}]\nurl = \"http://{address}/in\"\nevents = [\"*\"]\n\
             allow_subnets = [\"127.0.0.0/8\"]\n"
        );
    }
    text
}
