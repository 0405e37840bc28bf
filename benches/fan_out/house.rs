//! The program under measure: a whole callbox on free ports of loopback, with a destination for each sink, in this process.

use std::error::Error;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use callbox::app::{self, Surroundings};
use callbox::config::{Config, Environment};
use tokio_util::sync::CancellationToken;

use crate::sink::Sink;
use crate::{CONCURRENCY, load};

/// A running callbox, on threads of its own.
pub(crate) struct House {
    /// Where vendors push.
    pub(crate) vendors: SocketAddr,
    api: SocketAddr,
    stop: CancellationToken,
    hurry: CancellationToken,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl House {
    /// Starts one with a store of this name, which delivers everything to each sink: `sink0`, `sink1` and so on.
    pub(crate) fn start(
        folder: &Path,
        name: &str,
        sinks: &[&Sink],
    ) -> Result<Self, Box<dyn Error>> {
        let mut text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\nanonymous = \"loopback\"\n\
             [store]\npath = '{}'\n[sources.bench]\nvendor = \"wavecell\"\nauth = [{{ type = \"none\" }}]\n",
            folder.join(format!("{name}.db")).display()
        );
        for (number, sink) in sinks.iter().enumerate() {
            write!(
                text,
                "[destinations.sink{number}]\nurl = \"http://{}/\"\nallow_subnets = [\"127.0.0.0/8\"]\n\
                 secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]\nmax_concurrency = {CONCURRENCY}\n",
                sink.address
            )?;
        }
        let config = Config::parse(&text, "bench.toml", &Environment::default())?;
        let (ready, started) = sync_channel(1);
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        let (stopped, hurried) = (stop.clone(), hurry.clone());
        let thread = thread::spawn(move || run(config, &ready, stopped, hurried));
        let Ok((vendors, api)) = started.recv() else {
            thread.join().map_err(|_| "callbox panicked at its start")??;
            return Err("callbox ended at its start".into());
        };
        Ok(Self { vendors, api, stop, hurry, thread })
    }

    /// Pauses or resumes a destination.
    pub(crate) fn operate(&self, destination: &str, what: &str) -> Result<(), Box<dyn Error>> {
        Ok(load::post(self.api, &format!("/v1/destinations/{destination}/{what}"))?)
    }

    /// Stops it and waits until its store is closed; attempts under way are cut off.
    pub(crate) fn stop(self) -> Result<(), Box<dyn Error>> {
        self.hurry.cancel();
        self.stop.cancel();
        Ok(self.thread.join().map_err(|_| "callbox panicked")??)
    }
}

fn run(
    config: Config,
    ready: &SyncSender<(SocketAddr, SocketAddr)>,
    stop: CancellationToken,
    hurry: CancellationToken,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = app::build(config, Surroundings::of_the_machine()).await?;
        ready.send((app.vendors_address(), app.api_address()))?;
        app.run_until(stop, hurry).await
    })
}
