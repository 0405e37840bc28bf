//! A small file system that fills up to its last byte: refused before it is full, nothing lost, taken again by itself.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use sha2::{Digest, Sha256};

use super::tell;
use crate::durable::{assert_bodies, assert_kept};
use crate::support::bodies::inbound;
use crate::support::http::{self, Answer};
use crate::support::load::Acknowledged;
use crate::support::program::{Place, Program};
use crate::support::receiver::Receiver;

const MIB: usize = 1024 * 1024;

/// The longest that recovery may take once there is room.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most callbacks that it takes to fill the disk.
const PUSHES_MAX: usize = 4_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root, mkfs.ext4 and a loop device; tests/evidence/run runs it"]
async fn a_disk_that_fills_up_refuses_loses_nothing_and_recovers_by_itself() {
    let mut crm = Receiver::start().await;
    let place = Place::with("store.min_free = \"48MiB\"\n", &crm.configured("crm", ""));
    let disk = SmallDisk::mount(place.path(), 256 * MIB);
    let ballast = disk.fill("ballast", 64 * MIB);
    let mut pushed = Pushed::default();

    // Refused before it is full: what is below the mark stays free.
    let mut program = place.start();
    let refused = pushed.until_refused(&program).await;
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert!(disk.free() > 8 * MIB, "{} are free", disk.free());
    let first = crm.next().await;
    assert_eq!(ready(&program).await, 503);
    // Even full to the last byte it answers questions and delivers: the reserve is there for that.
    let filler = disk.fill("filler", usize::MAX);
    assert!(disk.free() < MIB, "{} are free", disk.free());
    assert_eq!(pushed.push(&program).await.status, 503);
    let deliveries = ask(&program, "GET", "/v1/deliveries?order=asc&limit=1").await.json();
    let delivery = deliveries["data"][0]["id"].as_str().unwrap().to_owned();
    // The first write may be the one that finds out; the reserve is given up then.
    let retry = format!("/v1/deliveries/{delivery}/retry");
    let clock = SystemClock::new();
    while ask(&program, "POST", &retry).await.status != 200 {
        assert!(clock.elapsed() < PATIENCE, "nothing can be written on the full disk");
    }
    while crm.next().await.header("webhook-id") != first.header("webhook-id") {}
    std::fs::remove_file(filler).unwrap();
    std::fs::remove_file(ballast).unwrap();
    let by_mark = pushed.until_taken(&program).await;
    program.kill();

    // Without the mark, the disk is really full under the writer.
    std::fs::write(place.configuration(), place.text().replace("\"48MiB\"", "1")).unwrap();
    let filler = disk.fill("filler", disk.free() - 12 * MIB);
    let program = place.start();
    pushed.until_refused(&program).await;
    assert_eq!(ready(&program).await, 503);
    assert_eq!(ask(&program, "GET", "/v1/events").await.status, 200);
    std::fs::remove_file(filler).unwrap();
    let by_error = pushed.until_taken(&program).await;
    assert_kept(program.api, &pushed.acknowledged).await;
    drop(program);
    let program = place.start();
    assert_kept(program.api, &pushed.acknowledged).await;
    assert_bodies(program.api, &pushed.acknowledged).await;
    drop(program);

    let amount = format!("{} acknowledged, {} refused", pushed.acknowledged.len(), pushed.refused);
    let slowest = by_mark.max(by_error).as_secs_f64();
    tell("Disk full", &amount, &format!("0 lost or altered; taken again within {slowest:.1} s"));
}

#[derive(Default)]
struct Pushed {
    acknowledged: Vec<Acknowledged>,
    refused: usize,
    number: usize,
}

impl Pushed {
    async fn push(&mut self, program: &Program) -> Answer {
        self.number += 1;
        let body = inbound(&format!("m{}", self.number), &"tea ".repeat(20_000));
        let answer = http::send(program.vendors, "POST", "/in/shop", &[], body.as_bytes()).await;
        let answer = answer.unwrap();
        if answer.status == 200 {
            self.acknowledged.push(Acknowledged {
                callback: answer.callback(),
                events: answer.events(),
                sha256: hex::encode(Sha256::digest(&body)),
            });
        } else {
            assert_eq!(answer.status, 503, "{}", answer.text());
            self.refused += 1;
        }
        answer
    }

    async fn until_refused(&mut self, program: &Program) -> Answer {
        for _ in 0..PUSHES_MAX {
            let answer = self.push(program).await;
            if answer.status == 503 {
                return answer;
            }
        }
        unreachable!("the disk never filled up")
    }

    /// How long it took until something was taken in.
    async fn until_taken(&mut self, program: &Program) -> Duration {
        let clock = SystemClock::new();
        while self.push(program).await.status != 200 {
            assert!(clock.elapsed() < PATIENCE, "callbacks are not taken again");
        }
        clock.elapsed()
    }
}

async fn ready(program: &Program) -> u16 {
    ask(program, "GET", "/readyz").await.status
}

async fn ask(program: &Program, method: &str, target: &str) -> Answer {
    http::send(program.api, method, target, &[("host", "localhost")], b"").await.unwrap()
}

/// A file system of its own for the store, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path, size: usize) -> Self {
        let (image, at) = (place.join("disk"), place.join("data"));
        std::fs::create_dir(&at).unwrap();
        File::create(&image).unwrap().set_len(u64::try_from(size).unwrap()).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
        run(Command::new("mount").args(["-o", "loop"]).args([&image, &at]));
        Self(at)
    }

    fn free(&self) -> usize {
        let found = rustix::fs::statvfs(&self.0).unwrap();
        usize::try_from(found.f_bavail * found.f_frsize).unwrap()
    }

    /// Writes a file of this size, or of what is left.
    fn fill(&self, name: &str, size: usize) -> PathBuf {
        let path = self.0.join(name);
        let mut file = File::create(&path).unwrap();
        let mut written = 0;
        while written < size {
            match file.write(&vec![0x5a; 4_096.min(size - written)]) {
                Ok(more) => written += more,
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
                    break;
                }
            }
        }
        // What was only promised so far may fail now; the disk is as full as it gets either way.
        let _ = file.sync_all();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.0));
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
