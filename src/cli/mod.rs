//! The command line: one file for each command.

mod asking;
pub mod backup;
pub mod callbacks;
pub mod capture;
pub mod check;
pub mod completions;
pub mod consumers;
pub mod deliveries;
pub mod demo;
pub mod destinations;
pub mod erase;
pub mod events;
pub mod export;
pub mod keys;
pub mod manual;
pub mod messages;
mod progress;
pub mod reload;
pub mod replay;
pub mod serve;
pub mod simulate;
pub mod sources;
mod table;
pub mod tail;
mod target;
mod whom;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app::DiskFailed;
use crate::config::ConfigError;
use crate::replay::client::ClientError;
use crate::telemetry::{self, LogFormat};

/// One inbox for every messaging vendor's callbacks.
#[derive(Debug, Parser)]
#[command(name = "callbox", version, about, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logs: Logs,
}

#[derive(Debug, Args)]
struct Logs {
    /// What is logged: error, warn, info, debug, trace, or by module as `info,callbox::delivery=debug`
    /// [default: info for serve, error for the others]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// How it is logged, to stderr
    #[arg(long, global = true, default_value = "human", value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take callbacks in, keep them, deliver their events, answer questions
    Serve(serve::ServeArgs),
    /// Show a whole callbox at work, with nothing to configure
    Demo(demo::Args),
    /// Read the configuration, say what would run, and warn of what should not meet the internet
    Check(check::CheckArgs),
    /// Copy the store into a file, beside a running server or without one
    Backup(backup::BackupArgs),
    /// Make API keys, or list those that a running callbox knows
    Keys(keys::KeysArgs),
    /// List events, or show one with its deliveries
    Events(Box<events::EventsArgs>),
    /// List messages by where they stand, or tell the story of one
    Messages(Box<messages::MessagesArgs>),
    /// List deliveries, try one again now, or end it
    Deliveries(deliveries::DeliveriesArgs),
    /// Show how destinations stand, pause or resume one
    Destinations(destinations::DestinationsArgs),
    /// Show what came from each source, and forget what one sent that is not known
    Sources(sources::SourcesArgs),
    /// Show how far those have come who follow the events by name, or set one's place
    Consumers(consumers::ConsumersArgs),
    /// Print events as they happen
    Tail(Box<tail::TailArgs>),
    /// List what vendors sent, show one as it came, or read stored ones again
    Callbacks(callbacks::CallbacksArgs),
    /// Have a running callbox read its configuration again
    Reload(reload::ReloadArgs),
    /// Erase a person: their events, messages, deliveries, and the bytes of the callbacks that name them
    Erase(erase::EraseArgs),
    /// Write down what is kept of a person
    Export(export::ExportArgs),
    /// Send fixtures to a callbox, compare what comes of them, and say what differs
    Replay(Box<replay::Args>),
    /// Make fixtures of what a running callbox kept, without anybody's numbers, names, texts and ids
    Capture(Box<capture::Args>),
    /// Send a vendor's traffic with its habits, and ask at the end whether everything is right
    Simulate(Box<simulate::Args>),
    /// Print what makes a shell complete callbox's commands and options
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(manual::ManArgs),
}

/// It went well.
pub const GOOD: u8 = 0;

/// It failed: the store, a port, a difference.
pub const FAILED: u8 = 1;

/// The disk failed under a running store.
pub const DISK_FAILED: u8 = 74;

/// The arguments or the configuration are wrong.
pub const WRONG: u8 = 2;

/// What `serve` logs unless told otherwise. The HTTP library's lines are of strangers who send what is not HTTP: nobody should be
/// paged for them, and nobody should fill the disk with them.
const SERVE_LOGS: &str = "info,actix_http=off";

/// Does what the command line says. Every refusal says what, where and what to do, on stderr.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(WRONG);
            // If neither stdout nor stderr can be written to, the exit code is all that is left to say.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let Arguments { command, logs } = arguments;
    let by_command = if matches!(command, Command::Serve(_)) { SERVE_LOGS } else { "error" };
    if let Err(error) = telemetry::start(logs.log.as_deref().unwrap_or(by_command), logs.log_format)
    {
        anstream::eprintln!("callbox: {error}");
        return ExitCode::from(WRONG);
    }
    let ended = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("callbox")
        .build()
    {
        Ok(runtime) => runtime.block_on(dispatch(command)),
        Err(error) => Err(error.into()),
    };
    ended.unwrap_or_else(|error| {
        anstream::eprintln!("callbox: {error:#}");
        ExitCode::from(code_of(&error))
    })
}

/// The exit code of a failure: whose affair it is.
fn code_of(error: &anyhow::Error) -> u8 {
    // The API refuses a filter that it can't read: that is a wrong argument, which the server alone could judge.
    let asked_wrong =
        matches!(error.downcast_ref(), Some(ClientError::Refused { status: 400, .. }));
    if error.is::<ConfigError>() || asked_wrong {
        WRONG
    } else if error.is::<DiskFailed>() {
        DISK_FAILED
    } else {
        FAILED
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Check(args) => check::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Demo(args) => demo::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Events(args) => events::run(*args).await,
        Command::Messages(args) => messages::run(*args).await,
        Command::Deliveries(args) => deliveries::run(args).await,
        Command::Destinations(args) => destinations::run(args).await,
        Command::Sources(args) => sources::run(args).await,
        Command::Consumers(args) => consumers::run(args).await,
        Command::Tail(args) => tail::run(*args).await,
        Command::Callbacks(args) => callbacks::run(args).await,
        Command::Reload(args) => reload::run(args).await,
        Command::Erase(args) => erase::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Replay(args) => replay::run(*args).await,
        Command::Capture(args) => capture::run(*args).await,
        Command::Simulate(args) => simulate::run(*args).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => manual::run(&args),
    }
}
