//! `callbox capture`: makes fixtures of callbacks that a running callbox kept, without what is anybody's.

mod kept;
mod settings;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::asking::{Asking, Pairs, given, moment};
use super::target::ApiArgs;
use crate::clock::{Clock, SystemClock, Time};
use crate::domain::glob::Glob;
use crate::random::Random;
use crate::replay::captured::{Capture, Captured, Kept};
use crate::replay::client::ClientError;
use crate::replay::scrub::Scrubber;
use settings::Origin;

/// How often a server is asked for what is new.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What `callbox capture` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The source; may be repeated. Without it, all of them
    #[arg(long, value_name = "NAME")]
    source: Vec<String>,
    /// Received at or after: an RFC 3339 time, or how long ago, such as `2h`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
    /// Received before: an RFC 3339 time, or how long ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Time>,
    /// Only callbacks with an event of this type, a pattern such as 'message.*'; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<Glob>,
    /// Only callbacks that became this: events, duplicate or quarantined
    #[arg(long, value_name = "OUTCOME", value_parser = ["events", "duplicate", "quarantined"])]
    outcome: Option<String>,
    /// At most so many callbacks, the oldest first
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    /// The folder that fixtures are written into, one folder for each vendor
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with what comes from now on, until it is interrupted
    #[arg(long, conflicts_with = "until")]
    follow: bool,
    /// Leave this field as it is, by its name or its path with dots; may be repeated
    #[arg(long, value_name = "FIELD", conflicts_with = "raw")]
    keep: Vec<String>,
    /// Leave everything as it is, phone numbers, names and texts included
    #[arg(long)]
    raw: bool,
    /// Let the fictional values be those of another run with this number. Who knows it can find out what stood there
    #[arg(long, value_name = "N", conflicts_with = "raw")]
    seed: Option<u64>,
    #[command(flatten)]
    api: ApiArgs,
}

/// What was done.
#[derive(Debug, Default)]
struct Account {
    written: usize,
    unauthentic: usize,
    other_type: usize,
    unlike: Vec<PathBuf>,
}

/// Captures, and says what was written.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let asking = Asking::of(&args.api)?;
    let seed = match args.seed {
        Some(seed) => Random::from_seed(seed).bytes(),
        None => Random::from_system().bytes(),
    };
    let scrubber = (!args.raw).then(|| Scrubber::new(seed, &args.keep));
    let origins = settings::origins(&asking, &args.source, seed).await?;
    let mut session = Session {
        args: &args,
        asking: &asking,
        origins,
        capture: Capture::new(scrubber),
        numbers: BTreeMap::new(),
        account: Account::default(),
    };
    let mut cursors = session.capture_kept().await?;
    if args.follow {
        session.tell()?;
        session.follow(&mut cursors).await?;
        return Ok(ExitCode::SUCCESS);
    }
    session.tell()?;
    Ok(ExitCode::SUCCESS)
}

/// A capture under way.
struct Session<'a> {
    args: &'a Args,
    asking: &'a Asking,
    origins: BTreeMap<String, Origin>,
    capture: Capture,
    /// By source, the number of its last fixture.
    numbers: BTreeMap<String, usize>,
    account: Account,
}

/// Where to go on, by source.
type Cursors = BTreeMap<String, Option<String>>;

impl Session<'_> {
    /// Everything that the server has: first what occurs is noted, then all of it is written.
    async fn capture_kept(&mut self) -> anyhow::Result<Cursors> {
        let mut cursors = Cursors::new();
        let mut found = Vec::new();
        let names: Vec<String> = self.origins.keys().cloned().collect();
        for source in names {
            let mut cursor = None;
            loop {
                let limit = self.args.limit.saturating_sub(found.len()).min(200);
                if limit == 0 {
                    break;
                }
                let (kept, next, more) = self.page(&source, cursor.as_deref(), limit).await?;
                found.extend(kept.into_iter().map(|kept| (source.clone(), kept)));
                cursor = next.or(cursor);
                if !more {
                    break;
                }
            }
            cursors.insert(source, cursor);
        }
        self.write_all(found)?;
        Ok(cursors)
    }

    /// Goes on with what comes, until it is interrupted. A server that can't be reached is asked again.
    async fn follow(&mut self, cursors: &mut Cursors) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
        let clock = SystemClock::new();
        let mut is_away = false;
        loop {
            tokio::select! {
                () = clock.sleep(LOOK_EVERY) => {}
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
            }
            match self.capture_new(cursors).await {
                Ok(()) => is_away = false,
                Err(error) if is_unreachable(&error) => {
                    if !is_away {
                        anstream::eprintln!("callbox: {error:#}; asking again");
                    }
                    is_away = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What came since.
    async fn capture_new(&mut self, cursors: &mut Cursors) -> anyhow::Result<()> {
        for (source, cursor) in cursors {
            loop {
                let (kept, next, more) = self.page(source, cursor.as_deref(), 200).await?;
                let found: Vec<_> = kept.into_iter().map(|kept| (source.clone(), kept)).collect();
                let any = !found.is_empty();
                self.write_all(found)?;
                if any {
                    self.tell()?;
                }
                *cursor = next.or(cursor.take());
                if !more {
                    break;
                }
            }
        }
        Ok(())
    }

    /// A page of callbacks with their bytes and events, the place behind it, and whether there is more.
    async fn page(
        &mut self,
        source: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> anyhow::Result<(Vec<(Time, Kept)>, Option<String>, bool)> {
        let mut pairs: Pairs = given([
            ("since", self.args.since.map(|time| time.to_string())),
            ("until", self.args.until.map(|time| time.to_string())),
            ("outcome", self.args.outcome.clone()),
        ]);
        pairs.extend([
            ("source", source.to_owned()),
            ("order", "asc".to_owned()),
            ("limit", limit.to_string()),
        ]);
        let page = self.asking.get(&super::asking::at("/v1/callbacks", &pairs, cursor)).await?;
        let mut found = Vec::new();
        for callback in page.get("data").and_then(Value::as_array).into_iter().flatten() {
            if callback.get("outcome").and_then(Value::as_str) == Some("unauthentic") {
                self.account.unauthentic += 1;
                continue;
            }
            if callback.get("erased_at").is_some() {
                continue; // there is nothing left of it
            }
            let mut one = kept::of(self.asking, callback).await?;
            if let Some(origin) = self.origins.get(source) {
                origin.without_credentials(&mut one.1.request);
            }
            if self.is_wanted(&one.1) { found.push(one) } else { self.account.other_type += 1 }
        }
        let text = |name: &str| page.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok((found, text("cursor"), text("next_cursor").is_some()))
    }

    fn is_wanted(&self, kept: &Kept) -> bool {
        let types = kept.events.iter().filter_map(|event| event.get("type")?.as_str());
        let mut fits = types.map(|kind| self.args.types.iter().any(|glob| glob.matches(kind)));
        self.args.types.is_empty() || fits.any(|fits| fits)
    }

    fn write_all(&mut self, found: Vec<(String, (Time, Kept))>) -> anyhow::Result<()> {
        for (_, (_, kept)) in &found {
            self.capture.note(kept);
        }
        for (source, (received_at, kept)) in found {
            let Some(origin) = self.origins.get(&source) else { continue };
            let reader = origin.reader(received_at);
            let folder = self.args.out.join(origin.vendor());
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("can't make the folder {}", folder.display()))?;
            let number = self.numbers.entry(source.clone()).or_default();
            let free = |number: usize, what: &str| format!("{source}_{number:04}_{what}");
            let (name, mut captured) =
                self.capture.capture(&kept, &reader, origin.source(), |what| {
                    *number += 1;
                    while is_taken(&folder, &format!("{source}_{number:04}_")) {
                        *number += 1;
                    }
                    free(*number, what)
                });
            origin.complete(&mut captured.request);
            let path = folder.join(format!("{name}.http"));
            write(&path, &captured)?;
            self.account.written += 1;
            if !captured.is_faithful {
                self.account.unlike.push(path);
            }
        }
        Ok(())
    }

    /// What was done since this was last said.
    fn tell(&mut self) -> anyhow::Result<()> {
        let Account { written, unauthentic, other_type, unlike } =
            std::mem::take(&mut self.account);
        let mut out = anstream::stdout().lock();
        let fixtures = if written == 1 { "fixture" } else { "fixtures" };
        write!(out, "{written} {fixtures} written to {}", self.args.out.display())?;
        if unauthentic > 0 {
            write!(out, "; {unauthentic} left out: not authentic")?;
        }
        if other_type > 0 {
            write!(out, "; {other_type} left out: of another type")?;
        }
        writeln!(out)?;
        for path in unlike {
            let path = path.display();
            writeln!(
                out,
                "    {path}: reads differently without what is anybody's; --keep FIELD leaves a field as it is"
            )?;
        }
        if written >= self.args.limit && !self.args.follow {
            writeln!(out, "    there may be more: --limit N takes more than {written}")?;
        }
        Ok(out.flush()?)
    }
}

/// Whether nobody answered, so that it is worth while to ask again.
fn is_unreachable(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<ClientError>());
    causes.any(|cause| matches!(cause, ClientError::Unreachable { .. }))
}

/// Whether a fixture in the folder has a name that begins so.
fn is_taken(folder: &std::path::Path, begin: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(begin))
}

fn write(path: &std::path::Path, captured: &Captured) -> anyhow::Result<()> {
    let expected = serde_json::to_string_pretty(&captured.expectation)? + "\n";
    let to = |path: &std::path::Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))
    };
    to(path, &captured.request.to_bytes())?;
    to(&path.with_extension("json"), expected.as_bytes())
}
