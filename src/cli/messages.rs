//! `callbox messages`: where messages stand, as a table; and the whole story of one.

mod story;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{Asking, Format, given, moment, print};
use super::table::{self, Table, at, id, plain, time};
use super::target::ApiArgs;
use crate::clock::Time;
use crate::domain::name::Name;
use crate::domain::query::LIMIT_DEFAULT;
use crate::replay::client::segment;

/// The arguments of `callbox messages`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct MessagesArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell the whole story of one message
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// That stand so: queued, sent, failed, delivered or read
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// That were sent, and of which nothing was heard for so long, such as 10m
    #[arg(long, value_name = "LENGTH")]
    stuck_for: Option<String>,
    /// Of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Of this vendor
    #[arg(long, value_name = "CODE")]
    vendor: Option<String>,
    /// Of this conversation: a phone number as +12025550188, or the id of a group or chat
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// To or from this number
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// With this id of your own
    #[arg(long, value_name = "ID")]
    client_ref: Option<String>,
    /// inbound or outbound
    #[arg(long, value_name = "DIRECTION")]
    direction: Option<String>,
    /// Over this channel, such as whatsapp or sms
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// That were reported both failed and arrived
    #[arg(long)]
    contradictory: bool,
    /// Last heard of at or after this: a time such as 2026-08-12T09:15:57Z, or how long ago, such as 2h
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Time>,
    /// Last heard of before this
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Time>,
    /// How many at the most, those that are new beginning [default: 50; with --format all of them]
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
    /// The source's name
    source: Name,
    /// The vendor's id of the message
    id: String,
    /// The instance, where several share the id
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Print the API's answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Shows what was asked for.
pub async fn run(args: MessagesArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        None => list(args.list).await,
        Some(Command::Show(args)) => show(args).await,
    }
}

async fn list(args: ListArgs) -> anyhow::Result<ExitCode> {
    let pairs = given([
        ("state", args.state),
        ("stuck_for", args.stuck_for),
        ("source", args.source),
        ("vendor", args.vendor),
        ("conversation", args.conversation),
        ("phone", args.phone),
        ("client_ref", args.client_ref),
        ("direction", args.direction),
        ("channel", args.channel),
        ("contradictory", args.contradictory.then(|| "true".to_owned())),
        ("since", args.since.map(|time| time.to_string())),
        ("until", args.until.map(|time| time.to_string())),
    ]);
    let asking = Asking::of(&args.api)?;
    if let Some(format) = args.format {
        return asking.pour(&format.of("/v1/messages", pairs, args.limit)).await;
    }
    let limit = args.limit.unwrap_or(LIMIT_DEFAULT);
    let messages = asking.list("/v1/messages", pairs, limit).await?;
    print(args.json, &messages, || {
        let mut table = Table::new([
            "updated",
            "state",
            "source",
            "channel",
            "direction",
            "conversation",
            "error",
            "id",
        ]);
        for message in &messages {
            table.row([
                time(&at(message, "/updated_at")),
                table::state(&standing(message)),
                plain(&at(message, "/source")),
                plain(&at(message, "/channel")),
                plain(&at(message, "/direction")),
                plain(&at(message, "/conversation")),
                plain(&error(message)),
                id(&at(message, "/id")),
            ]);
        }
        table.or("no message fits")
    })
}

/// A message's state; `contradictory` stands with it where the vendor said both that it failed and that it arrived.
fn standing(message: &Value) -> String {
    let state = at(message, "/state");
    if message.get("contradictory") == Some(&Value::Bool(true)) {
        return format!("{state}, contradictory");
    }
    state
}

/// Why it failed, in a few words.
fn error(message: &Value) -> String {
    let parts = ["/error/code", "/error/reason"].map(|place| at(message, place));
    parts.join(" ").trim().to_owned()
}

async fn show(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let mut path = format!("/v1/messages/{}/{}", args.source, segment(&args.id));
    if let Some(instance) = &args.instance {
        path.extend(["?instance=", &segment(instance)]);
    }
    let message = Asking::of(&args.api)?.get(&path).await?;
    print(args.json, [&message], || story::drawn(&message))
}
