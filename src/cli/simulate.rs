//! `callbox simulate`: a vendor's traffic with its real habits, and at the end the question whether everything is right.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::WRONG;
use super::progress::Bar;
use super::replay::{percent, positive};
use super::target::TargetArgs;
use crate::clock::{Clock, SystemClock};
use crate::embedded::{Embedded, stage::written, throw_away_folder};
use crate::random::Random;
use crate::replay::client::Client;
use crate::replay::route::Routes;
use crate::replay::run::Pace;
use crate::replay::simulate::sending::{Tally, Vendor};
use crate::replay::simulate::story::{Disturbance, Script, script};
use crate::replay::simulate::verdict::{Verdict, ask};
use crate::vendor::{self, VENDORS};

/// How far the server's clock may be behind ours.
const SKEW: Duration = Duration::from_mins(2);

/// What `callbox simulate` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The vendor
    #[arg(value_name = "VENDOR")]
    vendor: String,
    /// How many messages, each with several callbacks
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    messages: u32,
    /// Send at most so many callbacks a second
    #[arg(long, value_name = "N", value_parser = positive)]
    rate: Option<f64>,
    /// Have so many callbacks under way at the same time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Let chance be the same as in another run with this number. Ids are new ones in every run
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// So many percent of the callbacks leave their place in the order
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_value = "20", default_missing_value = "20", value_parser = percent)]
    disorder: f64,
    /// So many percent of the callbacks are sent twice
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_value = "10", default_missing_value = "10", value_parser = percent)]
    duplicates: f64,
    /// So many percent of the callbacks come when all others were sent
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_value = "5", default_missing_value = "5", value_parser = percent)]
    late: f64,
    /// Make the vendor's waits between two tries so many times shorter
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = positive)]
    hurry: f64,
    /// The source [default: the first of the vendor's that is configured, else one of its name]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Start a callbox with an empty store inside this program; needs no configuration
    #[arg(long, conflicts_with_all = ["to", "api", "key", "config"])]
    embedded: bool,
    /// Report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Simulates, asks, and ends with 0 if the server knows everything as it must, 1 if not.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let found = vendor::find(&args.vendor);
    let Some((code, habits)) = found.and_then(|found| Some((found.code(), found.habits()?))) else {
        let known = VENDORS.iter().filter(|vendor| vendor.habits().is_some());
        let known: Vec<&str> = known.map(|vendor| vendor.code()).collect();
        let reason = if found.is_some() { "has no habits of its own" } else { "is no vendor" };
        anstream::eprintln!("callbox: `{}` {reason}; there are: {}", args.vendor, known.join(", "));
        return Ok(ExitCode::from(WRONG));
    };
    let folder = throw_away_folder().context("no folder for the store")?;
    let (addresses, routes, embedded) = if args.embedded {
        let source = json!({ "vendor": code, "auth": [{ "type": "none" }] });
        let name = args.source.clone().unwrap_or_else(|| code.to_owned());
        let sources = Map::from_iter([(name, source)]);
        let config =
            written(folder.path(), &sources, &Map::new(), "the simulation's configuration")?;
        let embedded = Embedded::start(config).await?;
        (embedded.addresses(), Routes::AsRecorded { called: String::new() }, Some(embedded))
    } else {
        let target = args.target.target(false)?;
        (target.addresses, target.routes, None)
    };
    let client = Client::new(addresses)?;
    let hint = "nothing answers there: start `callbox serve`, name another place with --to URL, or use --embedded";
    client.knock().await.context(hint)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let drawn = || u64::from(u32::from_be_bytes(Random::from_system().bytes()));
    let seed = args.seed.unwrap_or_else(drawn);
    let random = Random::from_seed(seed);
    let disturbance =
        Disturbance { disorder: args.disorder, duplicates: args.duplicates, late: args.late };
    let script = script(args.messages, &habits, &disturbance, &random);
    let source = routes.name_of(code, args.source.as_deref())?;
    let vendor = Vendor {
        habits,
        client: &client,
        routes: &routes,
        source: &source,
        run: u32::from_be_bytes(Random::from_system().bytes()),
        begun: clock.now(),
        hurry: args.hurry,
        concurrency: usize::from(args.concurrency),
        pace: Pace::new(Arc::clone(&clock), args.rate),
        clock: Arc::clone(&clock),
        random,
        tally: Tally::default(),
    };
    let bar = Bar::new(script.sendings.len(), 1, !args.json);
    let begun = clock.elapsed();
    vendor.push_all(&script, &|| bar.step()).await;
    bar.end();
    let took = clock.elapsed().saturating_sub(begun);
    let verdict = verdict(&vendor, &client, &source).await?;
    if let Some(embedded) = embedded {
        embedded.discard().await?;
    }
    tell(&args, &Outcome { source: &source, seed, script, took, tally: &vendor.tally, verdict })
}

/// Asks the server what it knows, and judges it.
async fn verdict(vendor: &Vendor<'_>, client: &Client, source: &str) -> anyhow::Result<Verdict> {
    let accounts = vendor.tally.accounts(|message| vendor.id(message));
    let since = vendor.begun.before(SKEW);
    let known = ask(client, source, since, |id| accounts.contains_key(id)).await;
    let known = known.context("everything was sent, but what became of it can't be asked")?;
    Ok(Verdict::of(&accounts, &known))
}

/// What a simulation came to.
struct Outcome<'a> {
    source: &'a str,
    seed: u64,
    script: Script,
    took: Duration,
    tally: &'a Tally,
    verdict: Verdict,
}

fn tell(args: &Args, outcome: &Outcome<'_>) -> anyhow::Result<ExitCode> {
    let Outcome { source, seed, script, took, tally, verdict } = outcome;
    let count = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::Relaxed);
    let (taken, retries, given_up) =
        (count(&tally.taken), count(&tally.retries), count(&tally.given_up));
    let clean = verdict.is_clean();
    let seconds = took.as_secs_f64();
    let mut out = anstream::stdout().lock();
    if args.json {
        let report: Value = json!({
            "vendor": args.vendor, "source": source, "seed": seed, "clean": clean,
            "callbacks": script.sendings.len(), "taken": taken, "seconds": seconds,
            "disordered": script.disordered, "duplicates": script.copies, "late": script.late,
            "retries": retries, "given_up": given_up, "reasons": tally.reasons(),
            "verdict": verdict,
        });
        writeln!(out, "{report:#}")?;
        return Ok(code(clean));
    }
    let callbacks = script.sendings.len();
    let rate = f64::from(u32::try_from(callbacks).unwrap_or(u32::MAX)) / seconds.max(0.001);
    writeln!(
        out,
        "{} messages, {callbacks} callbacks to /in/{source} in {seconds:.1} s ({rate:.0} a second), seed {seed}",
        args.messages
    )?;
    writeln!(
        out,
        "    {} out of order, {} twice, {} late; {retries} further tries, {given_up} given up by the vendor",
        script.disordered, script.copies, script.late
    )?;
    for reason in tally.reasons() {
        writeln!(out, "    given up: {reason}")?;
    }
    writeln!(out, "    the server knows {} events of them", verdict.events)?;
    if clean {
        writeln!(
            out,
            "clean: every message's state is right, nothing is missing, nothing is there twice"
        )?;
        return Ok(code(clean));
    }
    let Verdict { missing, wrong_state, wrongly_marked, events_missing, doubled, .. } = verdict;
    writeln!(
        out,
        "NOT CLEAN: {missing} messages missing, {wrong_state} in a wrong state, {wrongly_marked} wrongly marked, \
         {events_missing} with events missing, {doubled} with something twice"
    )?;
    for example in &verdict.examples {
        writeln!(out, "    {example}")?;
    }
    Ok(code(clean))
}

fn code(clean: bool) -> ExitCode {
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
