//! What a callbox takes that has nothing to do: how often it wakes up, how much of a processor, how much memory.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};

use super::{amount, tell};
use crate::support::program::{Place, Program};

/// What a start leaves behind is over by then.
const SETTLED: Duration = Duration::from_secs(10);

const DESTINATION: &str = "[sources.desk]\nvendor = \"wessaal\"\nauth = [{ type = \"none\" }]\n\
     [destinations.crm]\nurl = \"https://crm.example.com/hooks\"\nevents = [\"*\"]\n";

/// How often a thread waited for something so far, and its nanoseconds on a processor.
type Taken = BTreeMap<String, (u64, u64)>;

#[tokio::test]
#[ignore = "needs a quiet minute, and Linux; tests/evidence/run runs it"]
async fn what_an_idle_callbox_takes_of_the_machine() {
    let seconds = amount("CALLBOX_EVIDENCE_IDLE", 30);
    let place = Place::new(DESTINATION);
    let program = place.start();
    let clock = SystemClock::new();
    clock.sleep(SETTLED).await;
    let before = taken(&program);
    clock.sleep(Duration::from_secs(seconds)).await;
    let after = taken(&program);
    let (mut wakes, mut busy) = (0, 0);
    for (thread, (woken, nanos)) in &after {
        let (earlier, spent) = before.get(thread).copied().unwrap_or_default();
        eprintln!("{thread}: {} wake-ups, {} µs", woken - earlier, (nanos - spent) / 1_000);
        wakes += woken - earlier;
        busy += nanos - spent;
    }
    let each = Duration::from_nanos(busy / seconds).as_secs_f64() * 100.0;
    let rate =
        Duration::from_secs(wakes).as_secs_f64() / Duration::from_secs(seconds).as_secs_f64();
    let found = format!(
        "{rate:.1} wake-ups a second, {each:.3} % of a processor, {} of memory",
        memory(&program)
    );
    tell("Idle", &format!("{seconds} s"), &found);
}

/// By thread, for its number says nothing to anybody: its name stands with it.
fn taken(program: &Program) -> Taken {
    let tasks = fs::read_dir(format!("/proc/{}/task", program.id())).unwrap();
    tasks
        .map(|task| {
            let task = task.unwrap().path();
            let read = |name: &str| fs::read_to_string(task.join(name)).unwrap();
            let status = read("status");
            let woken =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let nanos: u64 = read("schedstat").split(' ').next().unwrap().parse().unwrap();
            let name = task.file_name().unwrap().to_string_lossy().into_owned();
            (
                format!("{name} {}", read("comm").trim()),
                (woken.unwrap().trim().parse().unwrap(), nanos),
            )
        })
        .collect()
}

fn memory(program: &Program) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    format!("{:.1} MiB", Duration::from_millis(kib * 1_000 / 1_024).as_secs_f64())
}
