//! `callbox serve`: take callbacks in, keep them, deliver their events, answer questions.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::{self, Reloading, Surroundings};
use crate::config::Config;
use crate::http::Reloaded;
use crate::store::sqlite::SqliteStore;

/// The arguments of `callbox serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration file
    #[arg(long, default_value = "config/callbox.toml", value_name = "FILE")]
    config: PathBuf,
}

/// Serves until SIGTERM or SIGINT; a second one skips the waiting.
pub async fn run(args: ServeArgs) -> Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let surroundings = Surroundings::of_the_machine();
    let clock = std::sync::Arc::clone(&surroundings.clock);
    let (public_url, path) = (config.server.public_url.clone(), config.store.path.clone());
    let sources: Vec<(String, String)> = config
        .sources
        .iter()
        .map(|source| (source.name.to_string(), source.push_path(false)))
        .collect();
    let mut app = app::build(config, surroundings).await?;
    SqliteStore::probe(&path, &*clock);
    let base = public_url
        .map_or_else(|| format!("http://{}", app.vendors_address()), |url| url.to_string());
    anstream::print!("{}", banner(&app, base.trim_end_matches('/'), &sources));
    let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    listen_for_signals(stop.clone(), hurry.clone())?;
    if let Some(reloading) = app.reloading() {
        let hangup = signal(SignalKind::hangup()).context("can't listen for SIGHUP")?;
        tokio::spawn(reload(reloading, hangup, args.config));
    }
    app.run_until(stop, hurry).await?;
    tracing::info!("stopped; everything that was acknowledged is on disk");
    Ok(ExitCode::SUCCESS)
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
        let file = path.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || Config::load(&file)).await else {
            tracing::error!("reading the configuration panicked; what ran so far runs on");
            continue;
        };
        let ended = reloading.take_over(read).await.map_err(|error| error.to_string());
        match &ended {
            Ok(Reloaded { sources, destinations, keys, needs_restart }) => {
                tracing::info!(sources, destinations, keys, "the configuration was taken over");
                for key in needs_restart {
                    tracing::warn!(
                        key,
                        "the configuration has another value, which waits for the next start"
                    );
                }
            }
            Err(why) => {
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
