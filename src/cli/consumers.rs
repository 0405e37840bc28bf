//! `callbox consumers`: who follows the events by name, and how far each has come; setting one's place.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{Asking, at as target, print};
use super::table::{Table, at, plain, time};
use super::target::ApiArgs;
use crate::domain::name::Name;

/// The arguments of `callbox consumers`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ConsumersArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set a consumer's place, forwards or back
    Seek(SeekArgs),
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
struct SeekArgs {
    /// The consumer's name
    name: Name,
    /// The new place: beginning, now, an RFC 3339 time of arrival, or a cursor
    to: String,
    #[command(flatten)]
    list: ListArgs,
}

/// Shows or does what was asked for.
pub async fn run(args: ConsumersArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        None => {
            let answer = Asking::of(&args.list.api)?.get("/v1/consumers").await?;
            let all = answer.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            shown(&args.list, &all)
        }
        Some(Command::Seek(SeekArgs { name, to, list })) => {
            let path = format!("/v1/consumers/{name}/seek");
            let consumer =
                Asking::of(&list.api)?.post(&target(&path, &vec![("to", to)], None)).await?;
            shown(&list, &[consumer])
        }
    }
}

fn shown(args: &ListArgs, consumers: &[Value]) -> anyhow::Result<ExitCode> {
    print(args.json, consumers, || {
        let mut table = Table::new(["name", "behind", "oldest", "moved", "wants"]);
        for consumer in consumers {
            table.row([
                plain(&at(consumer, "/name")),
                plain(&at(consumer, "/lag/events")),
                time(&at(consumer, "/lag/oldest_at")),
                time(&at(consumer, "/moved_at")),
                plain(&wants(consumer)),
            ]);
        }
        table.or("there are no consumers")
    })
}

/// The filter in one line.
fn wants(consumer: &Value) -> String {
    let filter = consumer.get("filter").and_then(Value::as_object).into_iter().flatten();
    let texts = filter.flat_map(|(name, values)| {
        let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        values.map(move |value| format!("{name}={value}"))
    });
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { "everything".to_owned() } else { texts.join(" ") }
}
