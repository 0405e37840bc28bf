//! `callbox replay --events`: has a running callbox hand stored events out again, and shows how far that is.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::cli::asking::{Asking, given, moment};
use crate::cli::events::FilterArgs;
use crate::cli::progress::Bar;
use crate::clock::{Clock, SystemClock, Time};
use crate::replay::client::segment;

/// How often it is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Which stored events are meant.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stored events")]
pub(super) struct StoredArgs {
    /// Hand stored events out again, to the destination that `--to` names, or without it to those that had each of them.
    /// It goes on in the server if this command is ended
    #[arg(long)]
    pub(super) events: bool,
    #[command(flatten)]
    filter: FilterArgs,
    /// Received at or after this: a time such as 2026-08-12T09:15:57Z, or how long ago, such as 2h
    #[arg(long, value_name = "WHEN", value_parser = moment, requires = "events")]
    since: Option<Time>,
    /// Received before this
    #[arg(long, value_name = "WHEN", value_parser = moment, requires = "events")]
    until: Option<Time>,
    /// Only count them
    #[arg(long, requires = "events")]
    dry_run: bool,
    /// Do not wait until it is through
    #[arg(long, requires = "events", conflicts_with = "dry_run")]
    no_wait: bool,
}

impl StoredArgs {
    /// Whether something was said that only stored events have.
    pub(super) fn has_filter(&self) -> bool {
        !self.filter.pairs().is_empty()
    }

    /// The filter, as the API takes it.
    fn wanted(&self) -> Value {
        let time = |time: &Time| time.to_string();
        let mut pairs = self.filter.pairs();
        pairs.extend(given([
            ("since", self.since.as_ref().map(time)),
            ("until", self.until.as_ref().map(time)),
        ]));
        let mut filter = Map::new();
        for (name, value) in pairs {
            if let Some(Value::Array(several)) = filter.get_mut(name) {
                several.push(json!(value));
                continue;
            }
            let listed = matches!(name, "type" | "source");
            let value = if listed { json!([value]) } else { json!(value) };
            filter.insert(name.to_owned(), value);
        }
        Value::Object(filter)
    }
}

/// Has the events handed out, and ends with 0 once every one of them was.
pub(super) async fn run(
    args: &StoredArgs,
    asking: &Asking,
    to: Option<&str>,
    (rate, as_json): (Option<f64>, bool),
) -> anyhow::Result<ExitCode> {
    let mut wish = json!({ "filter": args.wanted(), "dry_run": args.dry_run });
    if let (Some(to), Some(wish)) = (to, wish.as_object_mut()) {
        wish.insert("to".to_owned(), json!(to));
    }
    if let (Some(rate), Some(wish)) = (rate, wish.as_object_mut()) {
        wish.insert("rate".to_owned(), json!(rate));
    }
    let begun = asking.post_with("/v1/replays", &wish).await?;
    let replay = if args.dry_run || args.no_wait {
        begun
    } else {
        followed(asking, begun, !as_json).await?
    };
    let whom = to.map_or_else(|| "those that had them".to_owned(), str::to_owned);
    let mut out = anstream::stdout().lock();
    if as_json { writeln!(out, "{replay}") } else { writeln!(out, "{}", in_words(&replay, &whom)) }
        .context("can't write the result")?;
    let is_good = replay.get("state").is_none_or(|state| state != "cancelled");
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks how far it is until it is through.
async fn followed(asking: &Asking, begun: Value, shown: bool) -> anyhow::Result<Value> {
    let clock = SystemClock::new();
    let id = begun.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let total = usize::try_from(number(&begun, "matched")).unwrap_or(usize::MAX);
    let bar = Bar::new(total, 1, shown);
    let mut replay = begun;
    while replay.get("state").is_some_and(|state| state == "running") {
        bar.at(number(&replay, "done"));
        clock.sleep(ASK_EVERY).await;
        replay = asking.get(&format!("/v1/replays/{}", segment(&id))).await?;
    }
    bar.end();
    Ok(replay)
}

fn number(replay: &Value, name: &str) -> u64 {
    replay.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn in_words(replay: &Value, whom: &str) -> String {
    let text = |name| replay.get(name).and_then(Value::as_str).unwrap_or_default();
    let (matched, done) = (number(replay, "matched"), number(replay, "done"));
    let events = if matched == 1 { "event" } else { "events" };
    match text("state") {
        "dry_run" => {
            format!("{matched} {events} would go to {whom}; leave --dry-run out to send them")
        }
        "running" => format!(
            "{matched} {events} go to {whom}: GET /v1/replays/{} says how far it is",
            text("id")
        ),
        "cancelled" => {
            format!("cancelled: {done} of {matched} {events} went to {whom} ({})", text("id"))
        }
        _ => format!("{done} of {matched} {events} went to {whom} ({})", text("id")),
    }
}
