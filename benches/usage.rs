//! What a case cost besides time: processors, and what went to the disk.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What the calling thread took of the processors so far.
pub(crate) fn of_thread() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// What the process took of the processors so far.
pub(crate) fn of_process() -> Duration {
    time(ClockId::ProcessCPUTime)
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The threads that write a store, by their numbers; none where the system does not tell.
pub(crate) fn writers() -> BTreeSet<String> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let named = tasks.filter(|task| {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        name.trim() == "callbox-writer"
    });
    named.map(|task| task.file_name().to_string_lossy().into_owned()).collect()
}

/// What threads wrote so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    /// System calls that write; the few that wake other threads are among them.
    pub(crate) calls: u64,
    /// Bytes.
    pub(crate) bytes: u64,
}

impl Written {
    /// What these threads wrote so far.
    pub(crate) fn by(threads: &BTreeSet<String>) -> Self {
        let mut written = Self::default();
        for thread in threads {
            let path = format!("/proc/self/task/{thread}/io");
            for line in fs::read_to_string(path).unwrap_or_default().lines() {
                let number =
                    |name| line.strip_prefix(name).and_then(|rest| rest.trim().parse().ok());
                written.calls += number("syscw:").unwrap_or(0);
                written.bytes += number("wchar:").unwrap_or(0);
            }
        }
        written
    }
}

impl Written {
    /// What came since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

/// What one case cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Of the processors, without the clients.
    pub(crate) time: Duration,
    /// Written by the store's thread.
    pub(crate) written: Written,
}

impl Cost {
    /// Takes another run of the same case in.
    pub(crate) fn add(&mut self, other: Self) {
        self.time += other.time;
        self.written.calls += other.written.calls;
        self.written.bytes += other.written.bytes;
    }
}
