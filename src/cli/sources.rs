//! `callbox sources`: what came from each one, what of it nobody knows, and forgetting that.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{Asking, print};
use super::table::{Table, at, plain, time};
use super::target::ApiArgs;
use crate::domain::name::Name;

/// The arguments of `callbox sources`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SourcesArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what one sends that its adapter does not know
    Drift(OneArgs),
    /// Forget that; what still comes is found anew
    ClearDrift(OneArgs),
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
    /// The source's name
    name: Name,
    #[command(flatten)]
    list: ListArgs,
}

/// Shows or does what was asked for.
pub async fn run(args: SourcesArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        None => {
            let answer = Asking::of(&args.list.api)?.get("/v1/sources").await?;
            shown(&args.list, &all(&answer, "data"))
        }
        Some(Command::Drift(one)) => {
            let path = format!("/v1/sources/{}", one.name);
            let answer = Asking::of(&one.list.api)?.get(&path).await?;
            findings(&one.list, &all(&answer, "drift"))
        }
        Some(Command::ClearDrift(one)) => {
            let path = format!("/v1/sources/{}/drift/clear", one.name);
            let source = Asking::of(&one.list.api)?.post(&path).await?;
            shown(&one.list, &[source])
        }
    }
}

/// The items of a list in an answer.
fn all(answer: &Value, list: &str) -> Vec<Value> {
    answer.get(list).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn shown(args: &ListArgs, sources: &[Value]) -> anyhow::Result<ExitCode> {
    print(args.json, sources, || {
        let mut table = Table::new([
            "name",
            "vendor",
            "last received",
            "received",
            "duplicates",
            "quarantined",
            "unauthentic",
            "drift",
            "push path",
        ]);
        for source in sources {
            let refused = source.get("unauthentic").and_then(Value::as_object);
            let refused: u64 = refused.into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
            table.row([
                plain(&at(source, "/name")),
                plain(&at(source, "/vendor")),
                time(&at(source, "/last_received_at")),
                plain(&at(source, "/received")),
                plain(&at(source, "/duplicates")),
                plain(&at(source, "/quarantined")),
                plain(&refused.to_string()),
                plain(&all(source, "drift").len().to_string()),
                plain(&at(source, "/push_path")),
            ]);
        }
        table.or("no source is configured")
    })
}

fn findings(args: &ListArgs, findings: &[Value]) -> anyhow::Result<ExitCode> {
    print(args.json, findings, || {
        let mut table =
            Table::new(["kind", "name", "dialect", "first seen", "callbacks", "for example"]);
        for finding in findings {
            table.row([
                plain(&at(finding, "/kind")),
                plain(&at(finding, "/name")),
                plain(&at(finding, "/dialect")),
                time(&at(finding, "/first_seen_at")),
                plain(&at(finding, "/count")),
                plain(&at(finding, "/example_callback")),
            ]);
        }
        table.or("it sends nothing that its adapter does not know")
    })
}
