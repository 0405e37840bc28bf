//! `callbox backup`: copies the store into a file, beside a running server or without one.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::Config;
use crate::store::sqlite;

/// The arguments of `callbox backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write; the store's key is written beside it, with the ending .key. Neither may exist
    file: PathBuf,
    /// The configuration file that names the store
    #[arg(long, default_value = "config/callbox.toml", value_name = "FILE")]
    config: PathBuf,
}

/// Copies everything that was acknowledged before it began. A server that runs goes on.
pub fn run(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let key = sqlite::backup(&config.store.path, &args.file)?;
    let (store, file) = (config.store.path.display(), args.file.display());
    let mut output = anstream::stdout().lock();
    writeln!(output, "{store} was copied to {file} and checked; its key to {}", key.display())?;
    Ok(ExitCode::SUCCESS)
}
