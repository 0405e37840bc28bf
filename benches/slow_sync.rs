//! The same once more on a slower disk: this program runs again under a library that makes every sync take longer, where a group's
//! shared sync shows. Beside callbox stands a server that syncs once for each request.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::bare::Bare;
use crate::inbox::Inbox;
use crate::target::{Target, compare, print_head};
use crate::{option, print_sync_cost};

/// The library, in C: what a program calls of the system can be stood in for by nothing else.
const LIBRARY: &str = include_str!("slow_sync.c");

/// How many milliseconds longer a sync takes, in the run under the library.
const MILLIS: &str = "CALLBOX_BENCH_SYNC_MS";

const CONNECTIONS: &[usize] = &[1, 64, 256];

/// Whether this is the run under the library.
pub(crate) fn is_on() -> bool {
    !option(MILLIS, "").is_empty()
}

/// Runs this program again with syncs that take two milliseconds longer.
pub(crate) fn run_again(folder: &Path) -> Result<(), Box<dyn Error>> {
    let (source, library) = (folder.join("slow_sync.c"), folder.join("slow_sync.so"));
    fs::write(&source, LIBRARY)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    if !compiler.status().is_ok_and(|status| status.success()) {
        println!("\nwithout a C compiler there is no slower disk to measure on");
        return Ok(());
    }
    println!("\nthe same with a sync that takes 2 ms longer:");
    let mut again = Command::new(std::env::current_exe()?);
    let status = again.env("LD_PRELOAD", &library).env(MILLIS, "2").status()?;
    if status.success() { Ok(()) } else { Err("the run on the slower disk failed".into()) }
}

/// What is measured in the run under the library.
pub(crate) fn measure(folder: &Path, duration: Duration) -> Result<(), Box<dyn Error>> {
    print_sync_cost(folder)?;
    let bare = Bare::start_syncing(&folder.join("each.db"))?;
    let each = Target {
        name: "bare, a commit each",
        address: bare.address,
        path: "/in",
        writer: BTreeSet::new(),
        kept: Cell::default(),
    };
    let inbox = Inbox::start(folder, 0, None)?;
    let callbox = Target {
        name: "callbox",
        address: inbox.address,
        path: "/in/bench",
        writer: inbox.writer.clone(),
        kept: Cell::default(),
    };
    print_head();
    let numbers = Arc::new(AtomicU64::new(0));
    for connections in CONNECTIONS {
        compare(&[&each, &callbox], *connections, duration, &numbers)?;
    }
    inbox.stop()?;
    Ok(bare.stop()?)
}
