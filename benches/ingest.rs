//! How many callbacks a second are acknowledged, each one synced to disk first, beside a server that keeps nothing; and at what cost.
//!
//! `cargo bench --bench ingest`. At the end the same on a disk whose syncs take 2 ms longer, beside one commit for each request.
//! `CALLBOX_BENCH_SECONDS` is how long each case runs in all (3 by default); `CALLBOX_BENCH_FILL=1000000` measures once more when the
//! table has so many events; `CALLBOX_BENCH_CONNECTIONS=256` and `CALLBOX_BENCH_ONLY='1 destination'` leave the other cases out. The
//! last columns are for each callback: time of all processors without the clients', system calls that write, and bytes written by
//! the store's thread, to its log and to its file.
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod inbox;
mod load;
mod restart;
mod slow_sync;
mod target;
mod usage;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bare::Bare;
use callbox::clock::{Clock, SystemClock};
use inbox::Inbox;
use load::Measured;
use target::{Target, compare, number, print_head};

/// The program's own allocator, so that the bench measures what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: &str = "1,64,256,1000";
const FILLERS: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let duration = Duration::try_from_secs_f64(option("CALLBOX_BENCH_SECONDS", "3").parse()?)?;
    if slow_sync::is_on() {
        return slow_sync::measure(directory.path(), duration);
    }
    let (bare, sink) = (Bare::start()?, Bare::start()?);
    let baseline = Target {
        name: "bare, keeps nothing",
        address: bare.address,
        path: "/in",
        writer: BTreeSet::new(),
        kept: Cell::default(),
    };
    let cases = [
        ("callbox", 0, None),
        ("callbox, 1 destination", 1, None),
        ("callbox, 3 destinations", 3, None),
        ("callbox, 1 live", 0, Some(sink.address)),
    ];
    let only = option("CALLBOX_BENCH_ONLY", "");
    let mut inboxes = Vec::new();
    for (name, paused, sink) in cases.into_iter().filter(|(name, ..)| name.contains(&only)) {
        let inbox = Inbox::start(directory.path(), paused, sink)?;
        let (address, writer) = (inbox.address, inbox.writer.clone());
        let target = Target { name, address, path: "/in/bench", writer, kept: Cell::default() };
        inboxes.push((target, inbox));
    }
    let all: Vec<&Target> =
        [&baseline].into_iter().chain(inboxes.iter().map(|(target, _)| target)).collect();
    print_sync_cost(directory.path())?;
    print_head();
    let numbers = Arc::new(AtomicU64::new(0));
    for connections in option("CALLBOX_BENCH_CONNECTIONS", CONNECTIONS).split(',') {
        compare(&all, connections.trim().parse()?, duration, &numbers)?;
    }
    let events: usize = option("CALLBOX_BENCH_FILL", "0").parse()?;
    if let ([bare, alone, ..], true) = (all.as_slice(), events > 0) {
        while alone.kept.get() < events {
            alone.run(FILLERS, Duration::from_secs(1), &numbers)?;
        }
        println!("\nwith {} events in the table:", alone.kept.get());
        compare(&[bare, alone], FILLERS, duration, &numbers)?;
    }
    println!();
    for (target, inbox) in inboxes {
        let database = inbox.database.clone();
        let (bytes, kept) = (inbox.stop()?, u64::try_from(target.kept.get())?);
        let each = number(bytes) / number(kept.max(1));
        println!("{:<24} {each:>6.0} bytes of database for each of {kept} callbacks", target.name);
        if events > 0 && target.kept.get() >= events {
            restart::print(&database, duration, &numbers)?;
        }
    }
    bare.stop()?;
    sink.stop()?;
    slow_sync::run_again(directory.path())
}

#[expect(clippy::disallowed_methods, reason = "benches take their options from the environment")]
fn option(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
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
