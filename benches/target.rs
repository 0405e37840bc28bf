//! A server under load, and the row of the table that it gets.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use crate::load::{self, Measured};
use crate::usage::{self, Cost, Written};

/// How often at most, and for how long each time, it is looked whether the servers rest.
const LOOKS_MAX: usize = 200;
const LOOK: Duration = Duration::from_millis(50);

const ROUNDS: u32 = 3; // each case's time is cut in so many parts, so that a slow moment of the machine hits all alike

/// A server under load.
pub(crate) struct Target {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where callbacks go.
    pub(crate) path: &'static str,
    /// The thread that writes its store, if it has one.
    pub(crate) writer: BTreeSet<String>,
    /// Callbacks that it has acknowledged so far.
    pub(crate) kept: Cell<usize>,
}

/// What a case took.
#[derive(Clone, Default)]
struct Taken {
    measured: Measured,
    cost: Cost,
}

impl Target {
    /// Sends callbacks over so many connections for `duration`.
    pub(crate) fn run(
        &self,
        connections: usize,
        duration: Duration,
        numbers: &Arc<AtomicU64>,
    ) -> Result<Measured, Box<dyn Error>> {
        let measured = load::run(self.address, self.path, connections, duration, numbers)?;
        self.kept.set(self.kept.get() + measured.latencies.len());
        Ok(measured)
    }

    fn take(
        &self,
        connections: usize,
        duration: Duration,
        numbers: &Arc<AtomicU64>,
    ) -> Result<Taken, Box<dyn Error>> {
        settle();
        let before = (usage::of_process(), Written::by(&self.writer));
        let measured = self.run(connections, duration, numbers)?;
        let after = (usage::of_process(), Written::by(&self.writer));
        let time = after.0.saturating_sub(before.0).saturating_sub(measured.client_time);
        Ok(Taken { measured, cost: Cost { time, written: after.1.since(before.1) } })
    }

    fn print(&self, connections: usize, taken: &Taken, bare: f64) {
        let Taken { measured, cost } = taken;
        let millis = |percent| measured.percentile(percent).as_secs_f64() * 1_000.0;
        print!("{connections:>11}  {:<24} {:>8.0}", self.name, measured.rate());
        print!(" {:>8.3} {:>8.3}", millis(50), millis(99));
        print!(" {:>7.1} %", 100.0 * measured.rate() / bare);
        let each =
            1.0 / f64::from(u32::try_from(measured.latencies.len().max(1)).unwrap_or(u32::MAX));
        print!(" {:>8.1}", cost.time.as_secs_f64() * 1e6 * each);
        if !self.writer.is_empty() {
            print!(
                " {:>8.1} {:>8.0}",
                number(cost.written.calls) * each,
                number(cost.written.bytes) * each
            );
        }
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

/// Waits until the servers have done what they do beside the load, so that no case pays for the one before it.
fn settle() {
    for _ in 0..LOOKS_MAX {
        let before = usage::of_process();
        thread::park_timeout(LOOK);
        if usage::of_process().saturating_sub(before) < LOOK / 10 {
            return;
        }
    }
}

/// Large numbers as a mean needs them.
#[expect(clippy::cast_precision_loss, reason = "a mean of many")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// The line above the rows.
pub(crate) fn print_head() {
    println!(
        "\n{:>11}  {:<24} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8}",
        "connections",
        "server",
        "acks/s",
        "p50 ms",
        "p99 ms",
        "of bare",
        "CPU µs",
        "writes",
        "bytes"
    );
}

/// Measures every target in turn, several times over, and prints a row for each. The first one is the baseline.
pub(crate) fn compare(
    targets: &[&Target],
    connections: usize,
    duration: Duration,
    numbers: &Arc<AtomicU64>,
) -> Result<(), Box<dyn Error>> {
    let mut taken = vec![Taken::default(); targets.len()];
    for _ in 0..ROUNDS {
        for (target, sum) in targets.iter().zip(&mut taken) {
            let part = target.take(connections, duration / ROUNDS, numbers)?;
            sum.measured.add(part.measured);
            sum.cost.add(part.cost);
        }
    }
    let bare = taken.first().map_or(f64::NAN, |taken| taken.measured.rate());
    targets.iter().zip(&taken).for_each(|(target, taken)| target.print(connections, taken, bare));
    Ok(())
}
