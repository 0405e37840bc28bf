//! A disk that fails while the store is opened: the start is refused with what, where and what to do, or goes well; nothing is lost.

use std::fs;
use std::path::Path;

use super::{amount, tell};
use crate::durable::{assert_bodies, assert_kept};
use crate::support::load::{Acknowledged, Load};
use crate::support::program::Place;

/// The calls of a start that fail, each at its first, second … time, for once and from then on.
const CALLS: [&str; 6] = ["openat", "pread64", "pwrite64", "fsync", "ftruncate", "unlink"];

/// The files at which they fail.
const FILES: [&str; 4] = ["db", "db-wal", "key", "lock"];

/// Up to which time, unless `CALLBOX_EVIDENCE_STARTS` says otherwise.
const TIMES: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace; tests/evidence/run runs it"]
async fn a_disk_that_fails_at_the_start_is_told_and_takes_nothing() {
    let times = amount("CALLBOX_EVIDENCE_STARTS", TIMES);
    let (place, acknowledged) = unclean().await;
    let data = place.database().parent().unwrap().to_owned();
    let aside = place.path().join("aside");
    copy(&data, &aside);
    let (mut refused, mut started) = (0, 0);
    for call in CALLS {
        for time in 1..=times {
            for when in [time.to_string(), format!("{time}+")] {
                copy(&aside, &data);
                let fault = format!("inject={call}:error=EIO:when={when}");
                let trace = format!("trace={call}");
                let mut arguments = vec!["-f", "-e", trace.as_str(), "-e", fault.as_str()];
                let files = FILES.map(|ending| place.database().with_extension(ending));
                for file in &files {
                    arguments.extend(["-P", file.to_str().unwrap()]);
                }
                match place.try_traced(Path::new("/dev/null"), &arguments) {
                    Ok(program) => {
                        started += 1;
                        drop(program);
                    }
                    Err(output) => {
                        let said = String::from_utf8_lossy(&output.stderr);
                        eprintln!("{call}, {when}: {}", said.trim());
                        assert!(
                            matches!(output.status.code(), Some(1 | 74)),
                            "{call}, {when}: {output:?}"
                        );
                        assert!(said.contains("callbox.") && said.contains(';'), "{said}");
                        refused += 1;
                    }
                }
                let program = place.start();
                assert_kept(program.api, &acknowledged).await;
                assert_bodies(program.api, &acknowledged).await;
            }
        }
    }
    let amount =
        format!("{} starts, {} acknowledged before", refused + started, acknowledged.len());
    let found =
        format!("{refused} refused with the file and what to do, {started} went well; 0 lost");
    tell("Errors of the disk at the start", &amount, &found);
}

/// A place whose program was killed under load, and what it had acknowledged.
async fn unclean() -> (Place, Vec<Acknowledged>) {
    let place = Place::new("");
    let mut program = place.start();
    let mut load = Load::start(program.vendors, 4);
    load.reach(100).await;
    program.kill();
    (place, load.end().await.acknowledged)
}

/// Makes `to` a folder with the same files, and no others.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to); // the first time it is not there
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // What is shared in memory is made anew, and the reserve is large and says nothing.
        let name = file.file_name().into_string().unwrap();
        if !name.ends_with("-shm") && !name.ends_with(".reserve") {
            fs::copy(file.path(), to.join(name)).unwrap();
        }
    }
}
