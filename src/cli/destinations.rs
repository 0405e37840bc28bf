//! `callbox destinations`: how each one stands; pausing and resuming one; trying an event out on one.

mod trial;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{self, Asking, print};
use super::table::{self, Table, at, plain, time};
use super::target::ApiArgs;
use crate::domain::name::Name;

/// The arguments of `callbox destinations`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DestinationsArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Let what is due wait
    Pause(OneArgs),
    /// Go on
    Resume(OneArgs),
    /// Show whether it wants an event, and why; sends nothing
    Test(TestArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct OneArgs {
    /// The destination's name
    name: Name,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
struct TestArgs {
    /// The destination's name
    name: Name,
    /// The event's id
    #[arg(long, value_name = "ID")]
    event: String,
    /// Print the API's answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Shows or does what was asked for.
pub async fn run(args: DestinationsArgs) -> anyhow::Result<ExitCode> {
    let path = |name: &Name, order: &str| format!("/v1/destinations/{name}/{order}");
    match args.command {
        None => {
            let answer = Asking::of(&args.list.api)?.get("/v1/destinations").await?;
            let all = answer.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            shown(&args.list, &all)
        }
        Some(Command::Pause(one)) => {
            let destination = Asking::of(&one.list.api)?.post(&path(&one.name, "pause")).await?;
            shown(&one.list, &[destination])
        }
        Some(Command::Resume(one)) => {
            let destination = Asking::of(&one.list.api)?.post(&path(&one.name, "resume")).await?;
            shown(&one.list, &[destination])
        }
        Some(Command::Test(args)) => {
            let path = asking::at(&path(&args.name, "test"), &vec![("event", args.event)], None);
            let answer = Asking::of(&args.api)?.get(&path).await?;
            print(args.json, [&answer], || trial::told(&answer))
        }
    }
}

fn shown(args: &ListArgs, destinations: &[Value]) -> anyhow::Result<ExitCode> {
    print(args.json, destinations, || {
        let mut table = Table::new([
            "name", "state", "breaker", "backlog", "oldest", "next", "succeeds", "p50", "p99",
            "url", "why",
        ]);
        for destination in destinations {
            let rate = destination.get("success_rate").and_then(Value::as_f64);
            let millis = |place: &str| {
                let millis = at(destination, place);
                if millis.is_empty() { millis } else { format!("{millis} ms") }
            };
            table.row([
                plain(&at(destination, "/name")),
                table::state(&at(destination, "/state")),
                table::state(&at(destination, "/breaker")),
                plain(&at(destination, "/backlog")),
                time(&at(destination, "/oldest_pending_at")),
                time(&at(destination, "/next_attempt_at")),
                plain(&rate.map(|rate| format!("{:.1} %", rate * 100.0)).unwrap_or_default()),
                plain(&millis("/latency_ms/p50")),
                plain(&millis("/latency_ms/p99")),
                plain(&at(destination, "/url")),
                plain(&at(destination, "/paused_reason")),
            ]);
        }
        table.or("no destination is configured")
    })
}
