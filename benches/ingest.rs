//! How many callbacks a second are acknowledged, each one synced to disk first, beside a server that keeps nothing.
//!
//! `cargo bench --bench ingest`; `CALLBOX_BENCH_SECONDS` sets how long each case runs in all (3 by default).
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod inbox;
mod load;

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bare::Bare;
use callbox::clock::{Clock, SystemClock};
use inbox::Inbox;
use load::Measured;

/// The program's own allocator, so that the bench measures what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: &[usize] = &[1, 64, 256];
const ROUNDS: u32 = 3; // each case's time is cut in so many parts, so that a slow moment of the machine hits all alike

/// A server under load.
struct Target {
    name: &'static str,
    address: SocketAddr,
    path: &'static str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let bare = Bare::start()?;
    let alone = Inbox::start(directory.path(), false)?;
    let fanned = Inbox::start(directory.path(), true)?;
    let targets = [
        Target { name: "bare, keeps nothing", address: bare.address, path: "/in" },
        Target { name: "callbox", address: alone.address, path: "/in/bench" },
        Target { name: "callbox, 1 destination", address: fanned.address, path: "/in/bench" },
    ];
    print_sync_cost(directory.path())?;
    println!(
        "\n{:>11}  {:<22} {:>10} {:>10} {:>10}  {:>7}",
        "connections", "server", "acks/s", "p50 ms", "p99 ms", "of bare"
    );
    let numbers = Arc::new(AtomicU64::new(0));
    for connections in CONNECTIONS {
        let measured = interleaved(&targets, *connections, part()?, &numbers)?;
        print_rows(*connections, &targets, &measured);
    }
    alone.stop()?;
    fanned.stop()?;
    bare.stop()?;
    Ok(())
}

/// How long a case runs without a break.
#[expect(clippy::disallowed_methods, reason = "benches take their options from the environment")]
fn part() -> Result<Duration, Box<dyn Error>> {
    let seconds = env::var("CALLBOX_BENCH_SECONDS").unwrap_or_else(|_| "3".to_owned());
    Ok(Duration::try_from_secs_f64(seconds.parse()?)? / ROUNDS)
}

/// Every target in turn, several times over; one measurement a target.
fn interleaved(
    targets: &[Target],
    connections: usize,
    duration: Duration,
    numbers: &Arc<AtomicU64>,
) -> Result<Vec<Measured>, Box<dyn Error>> {
    let mut measured = vec![Measured::default(); targets.len()];
    for _ in 0..ROUNDS {
        for (target, sum) in targets.iter().zip(&mut measured) {
            sum.add(load::run(target.address, target.path, connections, duration, numbers)?);
        }
    }
    Ok(measured)
}

fn print_rows(connections: usize, targets: &[Target], measured: &[Measured]) {
    let bare = measured.first().map_or(f64::NAN, Measured::rate);
    for (target, measured) in targets.iter().zip(measured) {
        let millis = |percent| measured.percentile(percent).as_secs_f64() * 1_000.0;
        print!("{connections:>11}  {:<22} {:>10.0}", target.name, measured.rate());
        print!(" {:>10.3} {:>10.3}", millis(50), millis(99));
        print!("  {:>6.1} %", 100.0 * measured.rate() / bare);
        println!(
            "{}",
            if measured.refused > 0 {
                format!("  ({} refused)", measured.refused)
            } else {
                String::new()
            }
        );
    }
}

/// What one synced write costs on this disk: without a group, no acknowledgement can be quicker.
fn print_sync_cost(directory: &Path) -> Result<(), Box<dyn Error>> {
    const WRITES: usize = 200;
    let mut file = File::create(directory.join("sync"))?;
    let clock = SystemClock::new();
    let mut syncs = Measured::default();
    for _ in 0..WRITES {
        let start = clock.elapsed();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        syncs.latencies.push(clock.elapsed().saturating_sub(start));
    }
    fs::remove_file(directory.join("sync"))?;
    let millis = |percent| syncs.percentile(percent).as_secs_f64() * 1_000.0;
    println!("one write of 4 KiB, synced: p50 {:.3} ms, p99 {:.3} ms", millis(50), millis(99));
    Ok(())
}
