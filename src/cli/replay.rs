//! `callbox replay`: sends fixtures to a callbox, compares what comes of them, and says what differs.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use futures_util::{StreamExt, stream};

use super::WRONG;
use super::embedded::Embedded;
use super::stage::stage;
use super::target::TargetArgs;
use crate::clock::{Clock, SystemClock};
use crate::replay::client::Client;
use crate::replay::collection::Collection;
use crate::replay::fixture::Fixture;
use crate::replay::judge::Verdict;
use crate::replay::report::Report;
use crate::replay::run::{Pace, Run, send_chain};

/// How many fixtures have a callbox of their own at the same time.
const EMBEDDED_MAX: usize = 4;

/// What `callbox replay` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Fixtures: `.http` files, or folders with them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Start a callbox with an empty store inside this program, for each fixture anew; needs no configuration
    #[arg(long, conflicts_with_all = ["to", "api", "key", "config", "repeat", "rate"])]
    embedded: bool,
    #[command(flatten)]
    target: TargetArgs,
    /// Send everything so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Send at most so many a second
    #[arg(long, value_name = "N", value_parser = positive)]
    rate: Option<f64>,
    /// Report as JSON
    #[arg(long)]
    json: bool,
}

/// Replays, prints the report, and ends with 0 if nothing differs, 1 if something does.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let collection = match Collection::load(&args.paths) {
        Ok(collection) => collection,
        Err(error) => {
            anstream::eprintln!("callbox: {error}");
            return Ok(ExitCode::from(WRONG));
        }
    };
    let report = if args.embedded {
        replay_embedded(&collection).await
    } else {
        replay_to(&args, &collection).await?
    };
    let mut output = anstream::stdout().lock();
    if args.json {
        writeln!(output, "{:#}", report.to_json())?;
    } else {
        writeln!(output, "{report}")?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A number above nothing.
fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let fits = number.is_finite() && number > 0.0;
    fits.then_some(number).ok_or_else(|| "it has to be more than 0".to_owned())
}

/// Sends to a callbox that is running.
async fn replay_to(args: &Args, collection: &Collection) -> anyhow::Result<Report> {
    let (addresses, routes) = args.target.target()?;
    let client = Client::new(addresses)?;
    let hint = "nothing answers there: start `callbox serve`, name another place with --to URL, or use --embedded";
    client.knock().await.context(hint)?;
    let clock = Arc::new(SystemClock::new());
    let pace = Pace::new(Arc::clone(&clock) as Arc<dyn Clock>, args.rate);
    let run = Run { client: &client, routes: &routes, rounds: args.repeat, clock: &*clock, pace };
    Ok(run.send(collection).await)
}

/// Gives each fixture a callbox of its own, in which nothing has happened but what goes before it.
async fn replay_embedded(collection: &Collection) -> Report {
    let mut report = Report::default();
    report.add_broken(collection);
    let fixtures: Vec<Arc<Fixture>> = collection.chosen().cloned().collect();
    let mut verdicts = stream::iter(fixtures)
        .map(|fixture| async move {
            let verdict = judge_embedded(collection, &fixture).await;
            (fixture, verdict.unwrap_or_else(|error| Verdict::Failed(format!("{error:#}"))))
        })
        .buffer_unordered(EMBEDDED_MAX);
    while let Some((fixture, verdict)) = verdicts.next().await {
        report.add(fixture.path.clone(), verdict);
    }
    report
}

async fn judge_embedded(
    collection: &Collection,
    fixture: &Arc<Fixture>,
) -> anyhow::Result<Verdict> {
    let chain = collection.chain(fixture)?;
    let folder = tempfile::tempdir().context("no folder for the store")?;
    let embedded = Embedded::start(stage(&chain, folder.path())?).await?;
    let client = Client::new(embedded.addresses())?;
    let verdict = send_chain(&client, &chain).await;
    embedded.stop().await?;
    Ok(verdict)
}
