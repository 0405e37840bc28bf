//! What a full store is like for the program itself: how long it takes to start on it, and how much memory it takes under load.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

use crate::inbox::configuration;
use crate::load;

const CONNECTIONS: usize = 256;

/// Starts the program on the database, which was closed in good order, and pushes to it.
pub(crate) fn print(
    database: &Path,
    duration: Duration,
    numbers: &Arc<AtomicU64>,
) -> Result<(), Box<dyn Error>> {
    let file = database.with_extension("toml");
    fs::write(&file, configuration(database, 0, None))?;
    let clock = SystemClock::new();
    let before = clock.elapsed();
    let mut program = Command::new(env!("CARGO_BIN_EXE_callbox"));
    program.args(["--log", "off", "serve", "--config"]).arg(&file).stdout(Stdio::piped());
    let mut child = program.spawn()?;
    let vendors = listening(&mut child)?;
    let took = clock.elapsed().saturating_sub(before);
    let fresh = memory(&child, "VmRSS:");
    let pushed = load::run(vendors, "/in/bench", CONNECTIONS, duration, numbers)?;
    let loaded = memory(&child, "VmHWM:");
    kill_process(Pid::from_child(&child), Signal::TERM)?;
    if !child.wait()?.success() {
        return Err("the program did not stop in good order".into());
    }
    println!(
        "{:<24} {:>6.0} ms from its start to listening on this store; memory {fresh} then, {loaded} at most under {:.0} callbacks/s",
        "callbox",
        took.as_secs_f64() * 1e3,
        pushed.rate()
    );
    Ok(())
}

/// Where vendors push, once the program listens.
fn listening(child: &mut Child) -> Result<SocketAddr, Box<dyn Error>> {
    let output = child.stdout.take().ok_or("the program has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut find = |label: &str| {
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(label)));
        line.ok_or("the program did not start on this store")
    };
    let line = find("vendors push to")?;
    find("ask at")?;
    Ok(line.rsplit_once("http://").ok_or("it said no address")?.1.parse()?)
}

/// What the system says of the program's memory.
fn memory(child: &Child, label: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default().trim().to_owned()
}
