//! How fast events reach their destinations, each attempt recorded, beside a bare client of the same HTTP library in the same run.
//!
//! `cargo bench --bench fan_out`; `CALLBOX_BENCH_SECONDS` sets how long each case is loaded (3 by default), and `CALLBOX_BENCH_QUEUE`
//! how many events wait for a dead and a hung destination beside the healthy one (2000 by default; 1000000 for the large queue).
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "fan_out/house.rs"]
mod house;
mod load;
#[path = "fan_out/sink.rs"]
mod sink;
#[path = "fan_out/steady.rs"]
mod steady;
#[expect(dead_code, reason = "another bench measures what is used; this one only times")]
mod usage;

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use house::House;
use sink::{Behaviour, Sink};

/// The program's own allocator, so that the bench measures what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
const CONCURRENCY: usize = 256; // attempts at a time, of callbox and of the bare client
const STEADY_RATE: u32 = 500; // callbacks a second

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let numbers = Arc::new(AtomicU64::new(0));
    let seconds = Duration::from_secs_f64(option("CALLBOX_BENCH_SECONDS", 3.0)?);
    println!("deliveries from a backlog, {CONCURRENCY} at a time");
    let mut ratios = Vec::new();
    for round in 0..3 {
        let sink = Sink::start(Behaviour::Answers)?;
        let house = House::start(directory.path(), &format!("drain-{round}"), &[&sink])?;
        house.operate("sink0", "pause")?;
        let queued = load::run(house.vendors, "/in/bench", CONNECTIONS, seconds, &numbers)?;
        let queued = u64::try_from(queued.latencies.len())?;
        let drained = timed(|| {
            house.operate("sink0", "resume")?;
            sink.until(queued)
        })?;
        house.stop()?;
        let bare = steady::bare(&sink, queued, CONCURRENCY)?;
        let (ours, theirs) = (rate(queued, drained), rate(queued, bare));
        println!(
            "  callbox {ours:>8.0}/s   bare client {theirs:>8.0}/s   ratio {:.2}",
            ours / theirs
        );
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    println!("  median ratio {:.2}", ratios.get(1).copied().unwrap_or_default());

    println!(
        "\nend to end: callbacks in over {CONNECTIONS} connections, until the last delivery arrived"
    );
    for destinations in [1, 3, 10] {
        let sinks: Vec<Sink> =
            (0..destinations).map(|_| Sink::start(Behaviour::Answers)).collect::<Result<_, _>>()?;
        let all: Vec<&Sink> = sinks.iter().collect();
        let house = House::start(directory.path(), &format!("through-{destinations}"), &all)?;
        let (mut pushed, mut acks) = (0, load::Measured::default());
        let took = timed(|| {
            let sent = load::run(house.vendors, "/in/bench", CONNECTIONS, seconds, &numbers)?;
            pushed = u64::try_from(sent.latencies.len())?;
            acks.add(sent);
            sinks.iter().try_for_each(|sink| sink.until(pushed))
        })?;
        house.stop()?;
        let events = rate(pushed, took);
        println!(
            "  {destinations:>2} destinations  {events:>8.0} events/s  {:>8.0} deliveries/s   acks {:.0}/s, p99 {:.1} ms",
            events * f64::from(destinations),
            acks.rate(),
            acks.percentile(99).as_secs_f64() * 1_000.0
        );
    }

    println!("\nfrom acknowledgement to arrival, at a steady {STEADY_RATE} callbacks/s");
    steady_case(directory.path(), "alone", None, seconds, &numbers)?;
    let queue = option("CALLBOX_BENCH_QUEUE", 2_000)?;
    steady_case(directory.path(), "beside", Some(queue), seconds, &numbers)
}

/// The healthy destination alone, or beside a dead and a hung one for which so many events wait.
fn steady_case(
    folder: &std::path::Path,
    name: &str,
    queue: Option<u64>,
    seconds: Duration,
    numbers: &Arc<AtomicU64>,
) -> Outcome<()> {
    let healthy = Sink::start(Behaviour::Answers)?;
    let (dead, hung) = (Sink::start(Behaviour::Refuses)?, Sink::start(Behaviour::Hangs)?);
    let all = [&healthy, &dead, &hung];
    let house = House::start(folder, name, if queue.is_some() { &all } else { &all[..1] })?;
    let mut queued = 0;
    while queued < queue.unwrap_or_default() {
        let part = Duration::from_millis(200);
        let sent = load::run(house.vendors, "/in/bench", CONNECTIONS, part, numbers)?;
        queued += u64::try_from(sent.latencies.len())?;
    }
    healthy.until(queued)?;
    let mut times = steady::run(&house, &healthy, STEADY_RATE, seconds, numbers)?;
    house.stop()?;
    times.sort_unstable();
    let at = |percent: usize| {
        let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
    };
    let what = match queue {
        None => "alone".to_owned(),
        Some(_) => format!("beside a dead and a hung one with {queued} waiting each"),
    };
    println!("  {what}: p50 {:.2} ms  p99 {:.2} ms  ({} events)", at(50), at(99), times.len());
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "benches take their options from the environment")]
fn option<T: std::str::FromStr<Err: Error + 'static>>(name: &str, usual: T) -> Outcome<T> {
    Ok(env::var(name).ok().map(|text| text.parse()).transpose()?.unwrap_or(usual))
}

fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    let clock = SystemClock::new();
    let start = clock.elapsed();
    work()?;
    Ok(clock.elapsed().saturating_sub(start))
}

#[expect(clippy::cast_precision_loss, reason = "a count of events")]
fn rate(number: u64, time: Duration) -> f64 {
    number as f64 / time.as_secs_f64()
}

/// The next number of a callback.
fn next(numbers: &AtomicU64) -> u64 {
    numbers.fetch_add(1, Ordering::Relaxed)
}
