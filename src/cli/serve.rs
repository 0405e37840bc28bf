//! `callbox serve`: take callbacks in, keep them, deliver their events, answer questions.

mod supervisor;
mod upgrade;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::upgrade::Next;
use crate::app::{self, Reloading, Surroundings};
use crate::config::{Config, Inherited, Started};
use crate::http::{Ends, Reloaded};
use crate::store::sqlite::SqliteStore;

/// The arguments of `callbox serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration file
    #[arg(long, default_value = "config/callbox.toml", value_name = "FILE")]
    config: PathBuf,
}

/// Serves until SIGTERM or SIGINT; a second one skips the waiting. At SIGUSR2 the program that is on the disk by then goes on.
pub async fn run(args: ServeArgs) -> Result<ExitCode> {
    let (ends, upgrading) = (Ends::default(), CancellationToken::new());
    // Before anything else: a signal that comes while the store is opened must not end us without a word.
    listen_for_signals(ends.stop.clone(), ends.hurry.clone())?;
    let upgrade = signal(SignalKind::user_defined2()).context("can't listen for SIGUSR2")?;
    let hangup = signal(SignalKind::hangup()).context("can't listen for SIGHUP")?;
    let inherited = Inherited::take().context("the sockets that were handed over")?;
    let was_handed = !inherited.is_empty();
    let next = Next::of(Started::of_the_process(), &args.config);
    let config = Config::load(&args.config)?;
    let surroundings = Surroundings::of_the_machine();
    let clock = Arc::clone(&surroundings.clock);
    let (public_url, path) = (config.server.public_url.clone(), config.store.path.clone());
    let sources: Vec<(String, String)> = config
        .sources
        .iter()
        .map(|source| (source.name.to_string(), source.push_path(false)))
        .collect();
    let status = status(config.sources.len(), config.destinations.len());
    let mut app = app::build_on(config, surroundings, inherited).await?;
    SqliteStore::probe(&path, &*clock);
    let base = public_url
        .map_or_else(|| format!("http://{}", app.vendors_address()), |url| url.to_string());
    // Nobody may read it any more, if we took the place of one that was started long ago.
    let _ = write!(anstream::stdout(), "{}", banner(&app, base.trim_end_matches('/'), &sources));
    tokio::spawn(make_room(upgrade, next.clone(), status.clone(), ends.clone(), upgrading.clone()));
    if let Some(reloading) = app.reloading() {
        tokio::spawn(reload(reloading, hangup, args.config));
    }
    tokio::spawn(supervisor::watch(app.pulse(), clock));
    // Sockets that are not ours stay when we go: whoever handed them to us hands them to the next one, which is waited for.
    if was_handed && supervisor::keeps_connections() {
        ends.hand_on.cancel();
    }
    supervisor::ready(&status);
    let stop = ends.stop.clone();
    let told = upgrading.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        if !told.is_cancelled() {
            supervisor::stopping();
        }
    });
    let handed_on = app.hand_on(ends).await?;
    tracing::info!("stopped; everything that was acknowledged is on disk");
    if upgrading.is_cancelled() {
        return Err(next.begin(handed_on));
    }
    supervisor::keep(&handed_on.connections);
    Ok(ExitCode::SUCCESS)
}

/// What systemd shows of a service that is well.
fn status(sources: usize, destinations: usize) -> String {
    format!("taking callbacks of {sources} sources for {destinations} destinations")
}

/// At SIGUSR2 the program that is on the disk by now is asked whether it takes the configuration, and if so takes our place.
async fn make_room(
    mut asked: Signal,
    next: Next,
    status: String,
    ends: Ends,
    upgrading: CancellationToken,
) {
    while asked.recv().await.is_some() {
        supervisor::reloading("making room for the next release");
        match next.rehearse().await {
            Ok(()) => {
                tracing::info!("the program on the disk takes over, with all sockets");
                upgrading.cancel();
                ends.hand_on.cancel();
                ends.stop.cancel();
                return;
            }
            Err(error) => {
                tracing::error!("nothing took over, what ran so far runs on: {error:#}");
                supervisor::ready(&status);
            }
        }
    }
}

/// Reads the configuration again whenever it is asked for, by SIGHUP or over the API. One that is wrong changes nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "the files of secrets may stand on a disk that hangs"
)]
async fn reload(mut reloading: Reloading, mut hangup: Signal, path: PathBuf) {
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => None,
            Some(asked) = reloading.asked() => Some(asked),
        };
        supervisor::reloading("reading the configuration again");
        let file = path.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || Config::load(&file)).await else {
            tracing::error!("reading the configuration panicked; what ran so far runs on");
            supervisor::ready("the configuration could not be read again; the old one holds");
            continue;
        };
        let ended = reloading.take_over(read).await.map_err(|error| error.to_string());
        match &ended {
            Ok(Reloaded { sources, destinations, keys, needs_restart }) => {
                supervisor::ready(&status(*sources, *destinations));
                tracing::info!(sources, destinations, keys, "the configuration was taken over");
                for key in needs_restart {
                    tracing::warn!(
                        key,
                        "the configuration has another value, which waits for the next start"
                    );
                }
            }
            Err(why) => {
                supervisor::ready("the configuration was not taken over; the old one holds");
                tracing::error!(
                    "the configuration was not taken over, what ran so far runs on: {why}"
                );
            }
        }
        if let Some(asked) = asked {
            // Who asked may have gone.
            let _ = asked.send(ended);
        }
    }
}

/// What it listens on, and the push URL of each source, tokens masked.
fn banner(app: &app::App, base: &str, sources: &[(String, String)]) -> String {
    let mut text = format!(
        "callbox {}\n  vendors push to  http://{}\n  ask at           http://{}\n",
        env!("CARGO_PKG_VERSION"),
        app.vendors_address(),
        app.api_address()
    );
    let width = sources.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, path) in sources {
        // Writing to a text can't fail.
        let _ = writeln!(text, "  {name:width$}  {base}{path}");
    }
    text
}

/// The first SIGTERM or SIGINT stops in good order, the second at once.
pub(super) fn listen_for_signals(stop: CancellationToken, hurry: CancellationToken) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    tokio::spawn(async move {
        for token in [stop, hurry] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(())
}
