//! What it costs to read a callback of each vendor, beside a bare parse of the same bytes, and all that is done before the store.
//!
//! `cargo bench --bench read`; `CALLBOX_BENCH_READS` sets how often each callback is read in a round (100 by default).
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "read/cases.rs"]
mod cases;

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callbox::clock::{Clock, SystemClock};
use callbox::domain::bell::Bell;
use callbox::domain::callback::CallbackOutcome;
use callbox::domain::id::IdMaker;
use callbox::domain::name::Name;
use callbox::random::Random;
use callbox::receive::{DriftBook, Rates, Receiver};
use callbox::store::{Appended, Intake, Kept, NewCallback, NewReading, Reread, StoreError};
use callbox::vendor::{self, Reading, authenticity};
use cases::Case;
use futures_util::FutureExt;
use tokio::sync::watch;

/// The program's own allocator, so that the bench measures what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Many short rounds, of which the quickest counts: what comes on top of it is not ours, but other work of the machine.
const ROUNDS: usize = 200;

/// What one round of a case took for each callback, by what was done with it.
#[derive(Default)]
struct Measured {
    parse: Vec<Duration>,
    read: Vec<Duration>,
    accept: Vec<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let reads = reads()?;
    let receiver = Receiver {
        store: Arc::new(Nowhere),
        destinations: Arc::from([]),
        ids: Arc::new(IdMaker::new(Random::from_system())),
        key: [7; 32],
        drift: Arc::new(DriftBook::default()),
        rates: Rates::default(),
        wake: Arc::new(Bell::default()),
        news: watch::Sender::new(()),
    };
    let cases = cases::all()?;
    let mut measured: Vec<Measured> = cases.iter().map(|_| Measured::default()).collect();
    let clock = SystemClock::new();
    for _ in 0..ROUNDS {
        for (case, sum) in cases.iter().zip(&mut measured) {
            sum.parse.push(each(&clock, reads, || parse(case))?);
            sum.read.push(each(&clock, reads, || read(case))?);
            sum.accept.push(each(&clock, reads, || accept(&receiver, case))?);
        }
    }
    print_table(&cases, &measured);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "benches take their options from the environment")]
fn reads() -> Result<u32, Box<dyn Error>> {
    Ok(env::var("CALLBOX_BENCH_READS").unwrap_or_else(|_| "100".to_owned()).parse()?)
}

/// What `step` takes, on average over `reads` of them.
fn each(
    clock: &SystemClock,
    reads: u32,
    step: impl Fn() -> Result<(), Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let start = clock.elapsed();
    for _ in 0..reads {
        step()?;
    }
    Ok(clock.elapsed().saturating_sub(start) / reads.max(1))
}

/// The baseline: the body as a value, or as a form's pairs, and nothing made of it.
fn parse(case: &Case) -> Result<(), Box<dyn Error>> {
    if case.is_form {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(&case.callback.body)?;
        black_box(pairs);
    } else {
        let value: serde_json::Value = serde_json::from_slice(&case.callback.body)?;
        black_box(value);
    }
    Ok(())
}

/// The vendor's adapter alone.
fn read(case: &Case) -> Result<(), Box<dyn Error>> {
    let vendor = vendor::find(case.source.vendor).ok_or("there is no such vendor")?;
    let authentic = authenticity::check(&case.source.auth, &case.callback, "")
        .map_err(|refusal| format!("it is not authentic: {refusal}"))?;
    match black_box(vendor.read(&authentic, &case.source.reading)) {
        Reading::Events(events) if events.len() == 1 => Ok(()),
        reading @ (Reading::Events(_) | Reading::Quarantine(_)) => {
            Err(format!("{} was read as {reading:?}", case.name).into())
        }
    }
}

/// All that is done before the store: judged, read, hashed, serialised and sealed. The callback's copy is part of it.
fn accept(receiver: &Receiver<Nowhere>, case: &Case) -> Result<(), Box<dyn Error>> {
    let accepted = receiver.accept(&case.source, case.callback.clone(), "").now_or_never();
    let accepted = accepted.ok_or("it was waited for")??;
    if black_box(accepted).outcome == CallbackOutcome::Events {
        return Ok(());
    }
    Err(format!("{} was not accepted", case.name).into())
}

/// A store that keeps nothing, so that the bench measures what comes before one.
struct Nowhere;

#[async_trait]
impl Intake for Nowhere {
    async fn append(&self, callback: NewCallback) -> Result<Appended, StoreError> {
        let (outcome, events) = match black_box(&callback.kept) {
            Kept::Events(events) => {
                (CallbackOutcome::Events, events.iter().map(|event| event.id).collect())
            }
            Kept::Quarantined(_) => (CallbackOutcome::Quarantined, Vec::new()),
            Kept::Unauthentic(..) => (CallbackOutcome::Unauthentic, Vec::new()),
        };
        Ok(Appended { outcome, events, deliveries: 0 })
    }

    async fn reread(&self, _reading: NewReading) -> Result<Option<Reread>, StoreError> {
        Ok(None)
    }

    async fn forget_drift(&self, _source: &Name) -> Result<usize, StoreError> {
        Ok(0)
    }
}

fn print_table(cases: &[Case], measured: &[Measured]) {
    println!(
        "{:<20} {:>6} {:>12} {:>12} {:>10} {:>20}",
        "callback", "bytes", "parse µs", "read µs", "ratio", "all before store µs"
    );
    for (case, measured) in cases.iter().zip(measured) {
        let [parse, read, accept] =
            [&measured.parse, &measured.read, &measured.accept].map(|rounds| quickest(rounds));
        println!(
            "{:<20} {:>6} {parse:>12.2} {read:>12.2} {:>10.2} {accept:>20.2}",
            case.name,
            case.callback.body.len(),
            read / parse,
        );
    }
}

/// The quickest of the rounds, in microseconds.
fn quickest(rounds: &[Duration]) -> f64 {
    rounds.iter().min().map_or(f64::NAN, |round| round.as_secs_f64() * 1e6)
}
