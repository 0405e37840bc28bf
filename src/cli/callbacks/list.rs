//! `callbox callbacks` and `callbox callbacks show`: what vendors sent, and what became of it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use crate::cli::asking::{Asking, given, moment, print};
use crate::cli::table::{self, Table, at, id, plain, state, time};
use crate::cli::target::ApiArgs;
use crate::clock::Time;
use crate::domain::query::LIMIT_DEFAULT;
use crate::replay::client::segment;

/// Which callbacks are listed.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// From this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// That became this: events, duplicate, quarantined or unauthentic
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Received at or after this: a time such as 2026-08-12T09:15:57Z, or how long ago, such as 2h
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Time>,
    /// Received before this
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Time>,
    /// How many at the most, the newest first
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Which callback is shown.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The callback's id, as the list shows it
    id: String,
    /// Print its body alone, byte for byte; needs a key with the scope `raw`
    #[arg(long, conflicts_with = "json")]
    body: bool,
    /// Print the API's answer on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Lists.
pub(super) async fn run(args: ListArgs) -> anyhow::Result<ExitCode> {
    let pairs = given([
        ("source", args.source),
        ("outcome", args.outcome),
        ("since", args.since.map(|time| time.to_string())),
        ("until", args.until.map(|time| time.to_string())),
    ]);
    let callbacks = Asking::of(&args.api)?.list("/v1/callbacks", pairs, args.limit).await?;
    print(args.json, &callbacks, || {
        let mut table = Table::new([
            "received",
            "source",
            "outcome",
            "method",
            "bytes",
            "what came of it",
            "id",
        ]);
        for callback in &callbacks {
            table.row([
                time(&at(callback, "/received_at")),
                plain(&at(callback, "/source")),
                state(&at(callback, "/outcome")),
                plain(&at(callback, "/method")),
                plain(&at(callback, "/body_size")),
                plain(&what_came(callback)),
                id(&at(callback, "/id")),
            ]);
        }
        table.or("no callback fits")
    })
}

/// The reason, where there is one; else how many events.
fn what_came(callback: &Value) -> String {
    let reason = at(callback, "/reason");
    if !reason.is_empty() {
        return reason;
    }
    match callback.get("events").and_then(Value::as_array).map_or(0, Vec::len) {
        1 => "1 event".to_owned(),
        count => format!("{count} events"),
    }
}

/// Shows one.
pub(super) async fn show(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let asking = Asking::of(&args.api)?;
    let path = format!("/v1/callbacks/{}", segment(&args.id));
    if args.body {
        let body = asking.bytes(&format!("{path}/body")).await?;
        std::io::stdout().lock().write_all(&body).context("can't write the body")?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = asking.get(&path).await?;
    print(args.json, [&answer], || {
        // JSON leaves some characters that terminals obey as they are.
        let text = format!("{answer:#}");
        text.lines().flat_map(|line| [table::harmless(line), "\n".to_owned()]).collect()
    })
}
