//! `callbox tail`: events as they happen, a line each, until it is interrupted.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::asking::{Asking, at};
use super::events::{FilterArgs, gist};
use super::table::{self, DIM, colour, harmless, local};
use super::target::ApiArgs;

/// How long the server holds a question to which there is no answer yet; well below the client's own patience.
const WAIT: &str = "30s";

/// The arguments of `callbox tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Prints what happens from now on. It ends when its reader goes, when it is interrupted, and when callbox stops.
pub async fn run(args: TailArgs) -> anyhow::Result<ExitCode> {
    let asking = Asking::of(&args.api)?;
    // The place behind the newest event of all, whatever is looked for, our own alarms included.
    let newest = asking.get("/v1/events?limit=1&type=*&type=callbox.*").await?;
    let is_empty = newest.get("data").and_then(Value::as_array).is_none_or(Vec::is_empty);
    let mut cursor = if is_empty { None } else { Some(table::at(&newest, "/cursor")) };
    let mut pairs = args.filter.pairs();
    pairs.extend([("order", "asc".to_owned()), ("wait", WAIT.to_owned())]);
    loop {
        let page = asking.get(&at("/v1/events", &pairs, cursor.as_deref())).await?;
        cursor = Some(table::at(&page, "/cursor"));
        let mut out = anstream::stdout().lock();
        for event in page.get("data").and_then(Value::as_array).into_iter().flatten() {
            let written =
                if args.json { writeln!(out, "{event}") } else { writeln!(out, "{}", line(event)) };
            match written {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    return Ok(ExitCode::SUCCESS);
                }
                other => other?,
            }
        }
        out.flush()?;
    }
}

fn line(event: &Value) -> String {
    let kind = table::at(event, "/type");
    let colour = colour(&kind);
    format!(
        "{DIM}{}{DIM:#}  {colour}{kind:26}{colour:#}  {:12}  {}  {}",
        local(&table::at(event, "/data/received_at")),
        table::at(event, "/source"),
        harmless(&table::at(event, "/subject")),
        harmless(&gist(event)),
    )
    .trim_end()
    .to_owned()
}
