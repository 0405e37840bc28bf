//! A disk that fails at the n-th call: each callback is on it or refused, nobody waits long, and the program goes on or ends with 74.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::{amount, tell};
use crate::durable::{assert_bodies, assert_kept};
use crate::support::bodies::receipt;
use crate::support::http;
use crate::support::load::Acknowledged;
use crate::support::program::{Place, Program};

/// The calls at which each fault comes, unless `CALLBOX_EVIDENCE_CALLS` says how many of these.
const CALLS: [u32; 8] = [1, 3, 2, 7, 19, 53, 11, 30];

/// How many of them are tried usually.
const CALLS_USUAL: u64 = 2;

/// Callbacks that each of the pushers sends, one after the other.
const PUSHES: usize = 60;
const PUSHERS: usize = 4;

/// The longest that anybody may have to wait for an answer, and for recovery.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon it has to show that nothing is taken in.
const RED_WITHIN: Duration = Duration::from_secs(1);

/// How the program has to take a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// It goes on, and takes callbacks again by itself.
    GoesOn,
    /// It ends with 74.
    Ends,
    /// Red for as long as the fault lasts, then it goes on.
    Waits,
    /// Only the stop is not a clean one.
    Stops,
}

/// What fails: in words, which files, which call with which error, whether from then on for ever, and how that is taken.
type Fault = (&'static str, &'static [&'static str], &'static str, bool, Takes);

const BOTH: &[&str] = &["db", "db-wal"];

const FAULTS: [Fault; 11] = [
    ("a sync fails once", BOTH, "fsync:error=EIO", false, Takes::GoesOn),
    ("every sync fails", BOTH, "fsync:error=EIO", true, Takes::Ends),
    ("every sync finds the disk full", BOTH, "fsync:error=ENOSPC", true, Takes::Ends),
    ("a write fails once", &["db-wal"], "pwrite64:error=EIO", false, Takes::GoesOn),
    ("every write fails", BOTH, "pwrite64:error=EIO", true, Takes::Ends),
    ("a write finds the disk full once", BOTH, "pwrite64:error=ENOSPC", false, Takes::GoesOn),
    ("every write finds the disk full", BOTH, "pwrite64:error=ENOSPC", true, Takes::Waits),
    ("a sync of the database fails", &["db"], "fsync:error=EIO", true, Takes::Ends),
    ("a write of the database fails", &["db"], "pwrite64:error=EIO", true, Takes::Ends),
    ("a sync fails and nothing can be opened", BOTH, "fsync,openat:error=EIO", true, Takes::Ends),
    ("the log can't be cut at the stop", BOTH, "ftruncate:error=EIO", true, Takes::Stops),
];

/// What the pushers saw.
#[derive(Default)]
struct Seen {
    acknowledged: Vec<Acknowledged>,
    refused: u64,
    unanswered: u64,
    slowest: Duration,
    /// When somebody was refused, or got no answer, for the first time; and when `/readyz` was red for the first time.
    trouble: Option<Duration>,
    red: Option<Duration>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace; tests/evidence/run runs it"]
async fn a_failing_disk_is_never_acknowledged_and_nobody_waits_for_it() {
    let calls = usize::try_from(amount("CALLBOX_EVIDENCE_CALLS", CALLS_USUAL)).unwrap();
    let (mut all, mut faults) = (Seen::default(), 0);
    for (what, files, fault, for_ever, takes) in FAULTS {
        for call in CALLS.into_iter().take(calls) {
            let when = if for_ever { format!("{call}+") } else { call.to_string() };
            let seen = suffer(what, files, &format!("{fault}:when={when}"), takes).await;
            eprintln!(
                "{what}, from call {when}: {} acknowledged, {} refused, {} unanswered, slowest {:?}",
                seen.acknowledged.len(),
                seen.refused,
                seen.unanswered,
                seen.slowest
            );
            all.acknowledged.extend(seen.acknowledged);
            all.refused += seen.refused;
            all.slowest = all.slowest.max(seen.slowest);
            faults += 1;
        }
    }
    let amount = format!(
        "{faults} faults, {} acknowledged, {} answered 503",
        all.acknowledged.len(),
        all.refused
    );
    let found = format!("0 lost or altered; slowest answer {} ms", all.slowest.as_millis());
    tell("Errors of the disk, injected", &amount, &found);
}

/// One fault: the program runs, the disk fails under it, and what was acknowledged is compared.
async fn suffer(what: &str, files: &[&str], fault: &str, takes: Takes) -> Seen {
    let place = Place::new("");
    let mut program = place.start();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let tracer = Tracer::attach(&program, &place.database(), files, fault);
    let seen = push(&program, &clock).await;
    assert!(seen.slowest < PATIENCE, "{what}: somebody waited {:?}", seen.slowest);
    if let (Some(trouble), Takes::Ends | Takes::Waits) = (seen.trouble, takes) {
        let red = seen.red.map(|red| red.saturating_sub(trouble));
        assert!(red.is_some_and(|red| red < RED_WITHIN), "{what}: red after {red:?}");
    }
    match takes {
        // The load ended before the call came.
        Takes::Ends if seen.trouble.is_none() => drop(tracer),
        Takes::Ends => {
            assert_eq!(program.wait().code(), Some(74), "{what} ({fault})");
            drop(tracer);
            program = place.start();
        }
        Takes::Stops => {
            program.terminate();
            program.wait();
            drop(tracer);
            program = place.start();
        }
        Takes::GoesOn | Takes::Waits => {
            drop(tracer);
            let free = clock.elapsed();
            while push_once(&program).await != 200 {
                let waited = clock.elapsed().saturating_sub(free);
                assert!(waited < PATIENCE, "{what}: it did not go on");
            }
        }
    }
    assert_kept(program.api, &seen.acknowledged).await;
    assert_bodies(program.api, &seen.acknowledged).await;
    program.kill();
    let deep = place.run(&["check", "--deep"]);
    assert!(deep.status.success(), "{what}: {}", String::from_utf8_lossy(&deep.stdout));
    seen
}

/// Pushes something that nobody compares; what it was answered.
async fn push_once(program: &Program) -> u16 {
    http::send(program.vendors, "POST", "/in/shop", &[], b"").await.unwrap().status
}

/// Several push at the same time, whatever the answers, until they are through or nobody answers; one asks how ready it is.
async fn push(program: &Program, clock: &Arc<dyn Clock>) -> Seen {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut pushers = JoinSet::new();
    for pusher in 0..PUSHERS {
        let (seen, clock, vendors) = (Arc::clone(&seen), Arc::clone(clock), program.vendors);
        pushers.spawn(async move {
            for number in 0..PUSHES {
                let body = receipt(&format!("m-{pusher}-{number}"), "delivered");
                let began = clock.elapsed();
                let answer = http::send(vendors, "POST", "/in/shop", &[], body.as_bytes()).await;
                let mut seen = seen.lock();
                seen.slowest = seen.slowest.max(clock.elapsed().saturating_sub(began));
                match answer {
                    Ok(answer) if answer.status == 200 => seen.acknowledged.push(Acknowledged {
                        callback: answer.callback(),
                        events: answer.events(),
                        sha256: hex::encode(Sha256::digest(&body)),
                    }),
                    Ok(answer) => {
                        assert_eq!(answer.status, 503, "{}", answer.text());
                        assert!(answer.header("retry-after").is_some());
                        seen.refused += 1;
                        seen.trouble.get_or_insert(clock.elapsed());
                    }
                    Err(_) => {
                        seen.unanswered += 1;
                        seen.trouble.get_or_insert(clock.elapsed());
                        return;
                    }
                }
            }
        });
    }
    // How ready it is, is asked until it is red, or all is over and nothing was.
    let mut over = false;
    while !over {
        over = pushers.is_empty();
        let ready = http::send(program.vendors, "GET", "/readyz", &[], b"").await;
        if !ready.is_ok_and(|answer| answer.status == 200) {
            seen.lock().red.get_or_insert(clock.elapsed());
            over = true;
        }
        while let Some(ended) = pushers.try_join_next() {
            ended.unwrap();
        }
    }
    while let Some(ended) = pushers.join_next().await {
        ended.unwrap();
    }
    Arc::into_inner(seen).unwrap().into_inner()
}

/// What makes the calls of a running program fail; while it is there, they do.
struct Tracer(Child);

impl Tracer {
    fn attach(program: &Program, database: &Path, files: &[&str], fault: &str) -> Self {
        let mut command = Command::new("strace");
        let (call, _) = fault.split_once(':').unwrap();
        command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        for ending in files {
            command.arg("-P").arg(database.with_extension(ending));
        }
        command.args(["-e", &format!("inject={fault}"), "-p", &program.id().to_string()]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached =
            lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(" attached")));
        assert!(attached.is_some(), "strace did not attach");
        // It tells of every new thread there; nobody reads on, and it must not wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It has ended if the program has.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}
