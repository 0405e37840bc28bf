//! Logs: one line for each thing that the one who is paged should know, to stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Human,
    /// A JSON object a line, for programs.
    Json,
}

/// The filter could not be read, or logs are set up already.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Not a filter.
    #[error(
        "`{0}` is not a log filter: use error, warn, info, debug or trace, or `info,callbox::delivery=debug`"
    )]
    Filter(String),
    /// Set up already.
    #[error("logs are set up already")]
    Again(#[from] TryInitError),
}

/// Sets logs up for the whole process. `filter` is a level, or levels by module.
pub fn start(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let parsed =
        EnvFilter::builder().parse(filter).map_err(|_| LogError::Filter(filter.to_owned()))?;
    let registry = tracing_subscriber::registry().with(parsed);
    match format {
        LogFormat::Human => {
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_target(false);
            registry.with(layer).try_init()?;
        }
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .json()
                .flatten_event(true);
            registry.with(layer).try_init()?;
        }
    }
    Ok(())
}
