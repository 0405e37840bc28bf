//! `callbox callbacks`: what vendors sent, as a table; one of them as it came; and reading them again.

mod account;
mod list;
mod reprocess;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// The arguments of `callbox callbacks`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CallbacksArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: list::ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one callback as it came, or its bytes alone
    Show(list::ShowArgs),
    /// Read callbacks again with today's adapters, configuration and secrets
    ///
    /// A quarantined callback that is understood now, and an unauthentic one that is authentic now, are released: their events
    /// enter the stream and are delivered. Of a callback that had events, what reads differently replaces the old event in the
    /// state of its message, and is not delivered. The callbox that is asked does it, so restart it first with what you put right.
    ///
    /// Name callbacks, or say which ones by at least one of --source, --since, --until and --outcome; those are read again oldest
    /// first. Ends with 0 if each one could be read again, whatever it says now, and with 1 if not.
    Reprocess(reprocess::ReprocessArgs),
}

/// Does what was asked for.
pub async fn run(args: CallbacksArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        None => list::run(args.list).await,
        Some(Command::Show(args)) => list::show(args).await,
        Some(Command::Reprocess(args)) => reprocess::run(args).await,
    }
}
