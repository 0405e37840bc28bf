//! How long questions take in a full store while callbacks arrive, beside the bare SQL, what they cost the callbacks, and how soon followers hear.
//!
//! `cargo bench --bench query -- EVENTS` (1,000,000 by default; three messages for every ten events).
//! `CALLBOX_BENCH_FOLDER` keeps the store there for the next run; without it, it is made anew and removed.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "query/ask.rs"]
mod ask;
#[path = "query/fill.rs"]
mod fill;
#[path = "query/follow.rs"]
mod follow;
#[path = "query/questions.rs"]
mod questions;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};

/// The program's own allocator, so that the bench measures what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events in the store unless told otherwise.
const EVENTS: u64 = 1_000_000;

/// Callbacks a second while questions are asked.
const RATE: u32 = 500;

/// How long callbacks arrive without any question, for comparison.
const ALONE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let events = env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(EVENTS);
    let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = kept_folder().unwrap_or_else(|| made.path().to_owned());
    let path = folder.join("query.db");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    if path.exists() {
        println!("the store in {} is used as it is", folder.display());
    } else {
        fill::fill(&path, &clock, events)?;
    }
    println!("{:.1} GB on disk", gigabytes(&folder)?);
    let questions = questions::of(&path)?;
    let inbox = ask::Inbox::start(&path)?;
    follow::measure(inbox.vendors, inbox.api, RATE)?;
    let alone = ask::push(inbox.vendors, RATE, ALONE, || {})?;
    println!(
        "\n{:<34} {:>9} {:>9}  {:>9} {:>9}  of bare",
        "question", "p50 ms", "p99 ms", "bare p50", "bare p99"
    );
    let mut failed = None;
    let beside = ask::push(inbox.vendors, RATE, Duration::MAX, || {
        failed = questions.iter().try_for_each(|question| question.measure(inbox.api, &path)).err();
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    println!(
        "\n{RATE} callbacks a second, acknowledged in        p50 {:>8}   p99 {:>8}",
        alone.millis(50),
        alone.millis(99)
    );
    println!(
        "the same while questions are asked          p50 {:>8}   p99 {:>8}",
        beside.millis(50),
        beside.millis(99)
    );
    inbox.stop()
}

fn kept_folder() -> Option<PathBuf> {
    env::var_os("CALLBOX_BENCH_FOLDER").map(PathBuf::from)
}

fn gigabytes(folder: &Path) -> std::io::Result<f64> {
    let mut bytes = 0_u64;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "it is printed with one digit")]
    Ok(bytes as f64 / 1e9)
}
