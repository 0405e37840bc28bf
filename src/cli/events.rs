//! `callbox events`: what happened, as a table; and one event with its deliveries.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{Asking, Format, Pairs, given, moment, print};
use super::table::{self, BOLD, Cell, Table, at, id, plain, time};
use super::target::ApiArgs;
use crate::clock::Time;
use crate::domain::query::LIMIT_DEFAULT;
use crate::replay::client::segment;

/// The arguments of `callbox events`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct EventsArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one event whole, with its deliveries
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Received at or after this: a time such as 2026-08-12T09:15:57Z, or how long ago, such as 2h
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Time>,
    /// Received before this
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Time>,
    /// How many at the most, the newest first [default: 50; with --format all of them]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Print all that fit, as they come: without a limit, and without room needed for them
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The event's id, as the list shows it
    id: String,
    /// Print the API's answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Which events are meant.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Of these types, such as message.failed or 'message.*'
    #[arg(long = "type", value_name = "PATTERN")]
    types: Vec<String>,
    /// Of these sources
    #[arg(long, value_name = "NAME")]
    source: Vec<String>,
    /// Of this vendor
    #[arg(long, value_name = "CODE")]
    vendor: Option<String>,
    /// Over this channel, such as whatsapp or sms
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// inbound or outbound
    #[arg(long, value_name = "DIRECTION")]
    direction: Option<String>,
    /// About the message with this id of the vendor's
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    /// About the message with this id of your own
    #[arg(long, value_name = "ID")]
    client_ref: Option<String>,
    /// Of this conversation: a phone number as +12025550188, or the id of a group or chat
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// To or from this number
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// With these words in texts, captions, names or reasons, or a part of a number
    #[arg(long = "q", short = 'q', value_name = "WORDS")]
    words: Option<String>,
    /// That reported this state: queued, sent, failed, delivered or read
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

impl FilterArgs {
    /// The filter as parameters of the API's.
    pub(super) fn pairs(&self) -> Pairs {
        let mut pairs = given([
            ("vendor", self.vendor.clone()),
            ("channel", self.channel.clone()),
            ("direction", self.direction.clone()),
            ("message_id", self.message_id.clone()),
            ("client_ref", self.client_ref.clone()),
            ("conversation", self.conversation.clone()),
            ("phone", self.phone.clone()),
            ("q", self.words.clone()),
            ("state", self.state.clone()),
        ]);
        pairs.extend(self.types.iter().map(|pattern| ("type", pattern.clone())));
        pairs.extend(self.source.iter().map(|name| ("source", name.clone())));
        pairs
    }
}

/// Shows what was asked for.
pub async fn run(args: EventsArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        None => list(args.list).await,
        Some(Command::Show(args)) => show(args).await,
    }
}

async fn list(args: ListArgs) -> anyhow::Result<ExitCode> {
    let mut pairs = args.filter.pairs();
    let times = [("since", args.since), ("until", args.until)];
    pairs.extend(given(times.map(|(name, time)| (name, time.map(|time| time.to_string())))));
    let asking = Asking::of(&args.api)?;
    if let Some(format) = args.format {
        return asking.pour(&format.of("/v1/events", pairs, args.limit)).await;
    }
    let limit = args.limit.unwrap_or(LIMIT_DEFAULT);
    let events = asking.list("/v1/events", pairs, limit).await?;
    print(args.json, &events, || {
        let mut table =
            Table::new(["received", "type", "source", "conversation", "subject", "says", "id"]);
        for event in &events {
            table.row(row(event));
        }
        table.or("no event fits")
    })
}

/// An event in a line.
pub(super) fn row(event: &Value) -> [Cell; 7] {
    [
        time(&at(event, "/data/received_at")),
        table::state(&at(event, "/type")),
        plain(&at(event, "/source")),
        plain(&at(event, "/data/message/conversation")),
        plain(&at(event, "/subject")),
        plain(&gist(event)),
        id(&at(event, "/id")),
    ]
}

/// What an event says, in a few words: why it failed, what was written, or the vendor's word for it.
pub(super) fn gist(event: &Value) -> String {
    let message = "/data/message";
    let error = ["code", "reason"].map(|part| at(event, &format!("{message}/error/{part}")));
    let error = error.join(" ").trim().to_owned();
    let places = ["content/text", "content/type", "status/vendor_detail", "status/vendor_state"];
    let others = places.iter().map(|place| at(event, &format!("{message}/{place}")));
    std::iter::once(error).chain(others).find(|text| !text.is_empty()).unwrap_or_default()
}

async fn show(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/events/{}", segment(&args.id));
    let answer = Asking::of(&args.api)?.get(&path).await?;
    print(args.json, [&answer], || {
        let event = answer.get("event").unwrap_or(&Value::Null);
        let mut text = String::new();
        // JSON leaves some characters that terminals obey as they are.
        for line in format!("{event:#}").lines() {
            text.extend([&table::harmless(line), "\n"]);
        }
        for delivery in answer.get("deliveries").and_then(Value::as_array).into_iter().flatten() {
            // Writing to a text can't fail.
            let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", at(delivery, "/destination"));
            text.push_str(&super::deliveries::account(delivery));
        }
        text
    })
}
