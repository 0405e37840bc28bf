//! `callbox replay`: sends fixtures to a callbox or any other server, compares what comes of them, and says what differs.

mod embedded;
mod progress;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use super::WRONG;
use super::target::TargetArgs;
use crate::clock::{Clock, SystemClock};
use crate::random::Random;
use crate::replay::client::Client;
use crate::replay::collection::Collection;
use crate::replay::judge::Server;
use crate::replay::junit;
use crate::replay::order::Plan;
use crate::replay::report::Report;
use crate::replay::run::{Pace, Run, Traffic};
use progress::Bar;

/// What `callbox replay` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Fixtures: `.http` files, folders with them, or patterns such as 'fixtures/*/sent*.http'
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Start a callbox with an empty store inside this program, for each fixture anew; needs no configuration
    #[arg(long, conflicts_with_all = ["to", "api", "key", "config", "plain"])]
    embedded: bool,
    #[command(flatten)]
    target: TargetArgs,
    /// The server is no callbox: send to `--to` itself, where `{source}` and `{vendor}` stand for the fixture's, and judge
    /// nothing but the status of its answers
    #[arg(long, requires = "to")]
    plain: bool,
    #[command(flatten)]
    traffic: TrafficArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How fixtures become traffic.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Traffic")]
struct TrafficArgs {
    /// Send everything so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Send at most so many a second
    #[arg(long, value_name = "N", value_parser = positive)]
    rate: Option<f64>,
    /// Have so many requests under way at the same time [default: 4, each folder in the order of its names]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// Send in an order left to chance; what goes `after` something stays behind it
    #[arg(long)]
    shuffle: bool,
    /// Let chance be the same as in another run with this number, which is said at the end
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Send each request so many times more; every copy has to be answered with the first one's events
    #[arg(long, value_name = "N", default_value_t = 0)]
    duplicate: u32,
    /// Hold back so many percent of the fixtures until all others were sent
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "20", value_parser = percent)]
    late: Option<f64>,
    /// Give ids of messages and events other ones of the same shape in each round, in requests and expectations
    #[arg(long)]
    fresh_ids: bool,
}

/// Where the report goes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Report")]
struct OutputArgs {
    /// Report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as JSON into this file, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the report as `JUnit` XML into this file, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Replays, prints the report, and ends with 0 if nothing differs, 1 if something does.
pub async fn run(mut args: Args) -> anyhow::Result<ExitCode> {
    let collection = match Collection::load(&args.paths) {
        Ok(collection) => collection,
        Err(error) => {
            anstream::eprintln!("callbox: {error}");
            return Ok(ExitCode::from(WRONG));
        }
    };
    let traffic = args.traffic.traffic();
    let bar = Bar::new(collection.chosen().count(), args.traffic.repeat, !args.output.json);
    let mut report = if args.embedded {
        embedded::replay(&collection, &traffic, &bar).await
    } else {
        replay_to(&args, &collection, &traffic, &bar).await?
    };
    bar.end();
    if let Some(seed) = args.traffic.seed_of_chance() {
        report.note(format!("the order was left to chance: --seed {seed} gives the same again"));
    }
    args.output.write(&report)?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl TrafficArgs {
    fn traffic(&mut self) -> Traffic {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let plan = Plan {
            rounds: self.repeat,
            concurrency: self.concurrency.map(usize::from),
            shuffle: self.shuffle,
            late: self.late.unwrap_or_default(),
            duplicates: self.duplicate,
            fresh_ids: self.fresh_ids,
        };
        let drawn = || u64::from(u32::from_be_bytes(Random::from_system().bytes()));
        let seed = *self.seed.get_or_insert_with(drawn);
        let pace = Pace::new(Arc::clone(&clock), self.rate);
        Traffic::new(plan, clock, Random::from_seed(seed), pace)
    }

    /// The seed, where chance had a say.
    fn seed_of_chance(&self) -> Option<u64> {
        self.seed.filter(|_| self.shuffle || self.late.is_some())
    }
}

impl OutputArgs {
    fn write(&self, report: &Report) -> anyhow::Result<()> {
        if let Some(path) = &self.report {
            write(path, &format!("{:#}\n", report.to_json()))?;
        }
        if let Some(path) = &self.junit {
            write(path, &junit::document(report))?;
        }
        let mut output = anstream::stdout().lock();
        if self.json {
            writeln!(output, "{:#}", report.to_json())?;
        } else {
            writeln!(output, "{report}")?;
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
}

/// A number above nothing.
fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let fits = number.is_finite() && number > 0.0;
    fits.then_some(number).ok_or_else(|| "it has to be more than 0".to_owned())
}

/// A number of percent, as a share of one.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim_end_matches('%').parse().map_err(|_| "not a number".to_owned())?;
    let fits = (0.0..=100.0).contains(&number);
    fits.then_some(number / 100.0).ok_or_else(|| "it has to be 0 to 100".to_owned())
}

/// Sends to a server that is running.
async fn replay_to(
    args: &Args,
    collection: &Collection,
    traffic: &Traffic,
    bar: &Bar,
) -> anyhow::Result<Report> {
    let target = args.target.target(args.plain)?;
    let client = Client::new(target.addresses)?;
    let hint = "nothing answers there: start `callbox serve`, name another place with --to URL, or use --embedded";
    client.knock().await.context(hint)?;
    let is_callbox = !args.plain && (target.api_is_named || client.is_callbox().await);
    let server = if is_callbox { Server::Callbox(None) } else { Server::Plain };
    let run = Run { client: &client, routes: &target.routes, server, traffic };
    let mut report = run.send(collection, &|| bar.step()).await;
    if !is_callbox && !args.plain {
        let note = "no callbox answers questions there, so only the status of each answer was judged; \
                    if there is one, say where it is asked with --api URL";
        report.note(note.to_owned());
    }
    Ok(report)
}
