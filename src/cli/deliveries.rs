//! `callbox deliveries`: what was handed out and what waits; trying one again now, or no more.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{Asking, given, print};
use super::table::{self, Table, at, colour, harmless, id, local, plain, time};
use super::target::ApiArgs;
use crate::domain::query::LIMIT_DEFAULT;
use crate::replay::client::segment;

/// The arguments of `callbox deliveries`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DeliveriesArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one delivery with its attempts
    Show(OneArgs),
    /// Try it now, whatever its schedule says, even if it had ended
    Retry(OneArgs),
    /// Try it no more
    Cancel(OneArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// To this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// That stand so, such as pending or exhausted
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Of this event
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// Those that are exhausted and hold up the rest of their message or conversation
    #[arg(long)]
    blocking: bool,
    /// How many at the most, the newest first
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct OneArgs {
    /// The delivery's id, as the list shows it
    id: String,
    /// Print the API's answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Shows or does what was asked for.
pub async fn run(args: DeliveriesArgs) -> anyhow::Result<ExitCode> {
    let path = |id: &str| format!("/v1/deliveries/{}", segment(id));
    let (args, delivery) = match args.command {
        None => return list(args.list).await,
        Some(Command::Show(one)) => {
            let delivery = Asking::of(&one.api)?.get(&path(&one.id)).await?;
            (one, delivery)
        }
        Some(Command::Retry(one)) => {
            let delivery = Asking::of(&one.api)?.post(&format!("{}/retry", path(&one.id))).await?;
            (one, delivery)
        }
        Some(Command::Cancel(one)) => {
            let delivery = Asking::of(&one.api)?.post(&format!("{}/cancel", path(&one.id))).await?;
            (one, delivery)
        }
    };
    print(args.json, [&delivery], || {
        format!(
            "{} to {}\n{}",
            at(&delivery, "/id"),
            at(&delivery, "/destination"),
            account(&delivery)
        )
    })
}

async fn list(args: ListArgs) -> anyhow::Result<ExitCode> {
    let pairs = given([
        ("destination", args.destination),
        ("state", args.state),
        ("event_id", args.event_id),
        ("blocking", args.blocking.then(|| "true".to_owned())),
    ]);
    let deliveries = Asking::of(&args.api)?.list("/v1/deliveries", pairs, args.limit).await?;
    print(args.json, &deliveries, || {
        let mut table =
            Table::new(["id", "destination", "state", "due", "attempts", "latest", "event"]);
        for delivery in &deliveries {
            let attempts = delivery.get("attempts").and_then(Value::as_array);
            let latest = attempts.and_then(|attempts| attempts.last());
            table.row([
                id(&at(delivery, "/id")),
                plain(&at(delivery, "/destination")),
                table::state(&at(delivery, "/state")),
                time(&at(delivery, "/due_at")),
                plain(&attempts.map_or(0, Vec::len).to_string()),
                plain(&latest.map(outcome).unwrap_or_default()),
                id(&at(delivery, "/event_id")),
            ]);
        }
        table.or("no delivery fits")
    })
}

/// Where a delivery stands and how its attempts went, a line each.
pub(super) fn account(delivery: &Value) -> String {
    let state = at(delivery, "/state");
    let mut text = format!("  {}{state}{:#}", colour(&state), colour(&state));
    let blocking = delivery.get("blocking").and_then(Value::as_bool).unwrap_or_default();
    let blocking = if blocking { "those behind it wait" } else { "" };
    for (label, shown) in [
        (", due", local(&at(delivery, "/due_at"))),
        (", behind", harmless(&at(delivery, "/behind"))),
        (":", harmless(&at(delivery, "/reason"))),
        (";", blocking.to_owned()),
    ] {
        if !shown.is_empty() {
            text.extend([label, " ", &shown]);
        }
    }
    text.push('\n');
    for attempt in delivery.get("attempts").and_then(Value::as_array).into_iter().flatten() {
        // Writing to a text can't fail.
        let _ = writeln!(
            text,
            "  {}  attempt {}: {}",
            local(&at(attempt, "/started_at")),
            at(attempt, "/number"),
            outcome(attempt)
        );
    }
    text
}

/// How an attempt ended, in a few words.
pub(super) fn outcome(attempt: &Value) -> String {
    let mut text = at(attempt, "/outcome");
    for part in ["/status", "/reason"].map(|place| harmless(&at(attempt, place))) {
        if !part.is_empty() {
            text.extend([", ", &part]);
        }
    }
    text
}
